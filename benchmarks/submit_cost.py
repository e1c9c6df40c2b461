"""What one submit costs beside a bare create, where the server lists ten thousand import jobs of the collection.

The server is a process of its own. Submits of the package and bare creates alternate; each result is the median of all.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from simulated_milvus import COLLECTION, Jobs, serve

ROUNDS = 30
COUNTS = (10, 1_000, 10_000)
FILES = ["2026/books.parquet"]
MAX_CPU_SECONDS = 0.05
MAX_LISTS = 1


class Store(dict[str, Any]):
    """A task state store in memory."""

    def set(self, key: str, value: Any) -> None:
        self[key] = value


def measure(count: int) -> tuple[float, float, Counter[str]]:
    """Median CPU seconds of a bare create and of a submit, and the requests of one submit."""
    from airflow_provider_milvus.hooks.milvus import MilvusHook
    from airflow_provider_milvus.rest.import_jobs import ImportJob, ImportProgress
    from airflow_provider_milvus.submission.load import Load
    from airflow_provider_milvus.submission.submitter import Submitter

    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs, Jobs(count, 0.0, 600.0)), daemon=True)
    server.start()
    port = ours.recv()
    ours.send(time.time())
    os.environ["AIRFLOW_CONN_MILVUS_BENCH"] = json.dumps({"conn_type": "milvus", "host": "127.0.0.1", "port": port})
    hook = MilvusHook("milvus_bench")

    class Requests:
        def create(self, idempotency_key: str | None) -> str:
            return hook.bulk_import(COLLECTION, FILES, idempotency_key=idempotency_key)

        def describe(self, job_id: str) -> ImportProgress:
            return hook.get_import_progress(job_id)

        def list_job_ids(self) -> Sequence[str]:
            return hook.list_import_job_ids(COLLECTION, retries=0)

        def list_jobs(self) -> Sequence[ImportJob]:
            return hook.list_import_jobs(COLLECTION, retries=0)

    def submit() -> None:
        load = Load(("dag", "task", "run", "-1"), 0, "request", "target", tuple(FILES), "none", time.time())
        Submitter(Requests(), Store(), load, log=logging.getLogger()).submit()

    def create() -> None:
        hook.bulk_import(COLLECTION, FILES, idempotency_key="benchmark")

    try:
        submit()
        times: dict[str, list[float]] = {"create": [], "submit": []}
        for _ in range(ROUNDS):
            for name, call in (("create", create), ("submit", submit)):
                began = time.process_time()
                call()
                times[name].append(time.process_time() - began)
        ours.send("stop")
        requests = Counter(route for _, route in ours.recv())
    finally:
        server.terminate()
    submits = ROUNDS + 1
    per_submit = Counter({"list": requests["list"] // submits, "describe": requests["describe"] // submits})
    return statistics.median(times["create"]), statistics.median(times["submit"]), per_submit


def main() -> None:
    print(f"{'jobs listed':>12}{'bare create':>14}{'submit':>12}{'added CPU':>12}{'lists':>8}{'describes':>11}")
    for count in COUNTS:
        create, submit, requests = measure(count)
        print(
            f"{count:12,}{1000 * create:11.1f} ms{1000 * submit:9.1f} ms{1000 * (submit - create):9.1f} ms"
            f"{requests['list']:8}{requests['describe']:11}"
        )
    kept = submit - create <= MAX_CPU_SECONDS and requests["list"] <= MAX_LISTS and not requests["describe"]
    print(f"{'within' if kept else 'beyond'} the limits: {MAX_LISTS} list, {1000 * MAX_CPU_SECONDS:.0f} ms of CPU")


if __name__ == "__main__":
    main()
