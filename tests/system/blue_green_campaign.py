"""Swap the collection behind an alias again and again while readers count and search, and kill what swaps it.

On a real Airflow, the task group of ``airflow_provider_milvus.task_groups.blue_green`` imports a new version in each
run: with a number of rows and a mark in every row that no other version has. Readers send 50 requests a second through
the alias. Every response must be that of one whole version, and never of an older one than the one before; an
error is as bad.

Tasks are killed with SIGKILL at different places; an import fails, is fixed and goes on. Golden queries and a person
judge some of the versions, of which one is rejected at first. At last an import straight into what is served shows that
the readers notice it. ``make crash-test`` runs all of it, ``make test`` a short one.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import httpx
import pyarrow as pa
import pyarrow.parquet as pq

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "scripts")]

from airflow_client import Airflow, Run  # noqa: E402
from airflow_standalone import HOST, Service, free_port, local_milvus, standalone_airflow  # noqa: E402

ALIAS = "served"
ROWS = 1000
HITS = 20
PARTS = 3
READS_A_SECOND = 50
SECONDS_FOR_A_SIGNATURE = 1500
# Where the process of a swap is killed, and how many seconds after it began.
KILLS = {
    2: ("import_files", 1.5),
    3: ("swap_alias", 0.0),
    5: ("create_version", 0.05),
    6: ("load", 0.0),
    8: ("swap_alias", 0.05),
    9: ("drop_old_versions", 0.0),
}
BROKEN = 7
# The first build of an index and the first load are not seen to be ready for longer than the operators wait themselves.
FAULTS = ["code:indexes/describe:count=4", "code:collections/get_load_state:after=1,count=4"]
DEFERRED_AT_FIRST = {"build_index", "load"}
SWAPS = 10
# Of the swaps that golden queries and a person judge: which task is killed (the last one while it moves the alias, once
# that is approved), and which swap is rejected before it is approved.
JUDGED_KILLS = {2: ("check_recall", 1), 3: ("swap_alias", 1), 5: ("swap_alias", 2)}
REJECTED = 4
JUDGED_SWAPS = 5
ENDED = ("success", "failed")
SWAP = "blue_green_import.swap_alias"
# Airflow fails a task that is answered before the executor has noticed that its process has ended; people are slower.
SECONDS_TO_PARK = 8


class Reader:
    """Counts or searches through the alias at a steady pace, and keeps the responses.

    :param request: ``query`` or ``search``.
    """

    def __init__(self, pipeline: Pipeline, request: str, reads_a_second: int = READS_A_SECOND) -> None:
        self.wrong: list[str] = []
        self.versions: list[int] = []
        self.slowest = 0.0
        self._pipeline = pipeline
        self._url = f"{pipeline.milvus.url}/v2/vectordb/entities/{request}"
        self._request = request
        self._reads_a_second = reads_a_second
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        self._thread.join()

    def _read(self) -> None:
        body = {
            "query": {"collectionName": ALIAS, "filter": "", "outputFields": ["count(*)"]},
            "search": {
                "collectionName": ALIAS,
                "data": [[0.5] * 8],
                "annsField": "vector",
                "limit": HITS,
                "outputFields": ["version"],
            },
        }[self._request]
        began, reads = time.monotonic(), 0
        with httpx.Client(trust_env=False, timeout=10) as client:
            while not self._stop.wait(max(0.0, began + reads / self._reads_a_second - time.monotonic())):
                reads += 1
                sent_at = time.monotonic()
                try:
                    self._check(client.post(self._url, json=body).json())
                except (httpx.HTTPError, ValueError) as error:
                    self.wrong.append(f"{self._request}: {error!r}")
                self.slowest = max(self.slowest, time.monotonic() - sent_at)

    def _check(self, response: dict[str, Any]) -> None:
        version = self._version(response.get("data") or [])
        if response.get("code") != 0 or version is None or version < max(self.versions[-1:], default=0):
            self.wrong.append(f"{self._request} after version {self.versions[-1:]}: {str(response)[:300]}")
        else:
            self.versions.append(version)

    def _version(self, data: list[dict[str, Any]]) -> int | None:
        """The version that a response is of, or ``None`` for a mixture or nothing."""
        if self._request == "query":
            version = data[0]["count(*)"] - ROWS if data else None
            return version if version in self._pipeline.written else None
        marks = {hit["version"] for hit in data}
        return marks.pop() if len(marks) == 1 and len(data) == HITS else None


class Pipeline:
    """The DAG, its files and the server that it swaps on."""

    def __init__(self, airflow: Airflow, milvus: Service, bucket: Path) -> None:
        self.airflow = airflow
        self.milvus = milvus
        self.bucket = bucket
        self.written: set[int] = set()

    def write(self, version: int, *, dimension: int = 8) -> None:
        """The files of a version: 1,000 rows and one more for each version, all with its number."""
        self.written.add(version)
        # No two versions have a key in common, or one could hide the other's rows.
        rows, first_id = ROWS + version, version * 10 * ROWS
        vectors = [[(row % 97) / 97] * dimension for row in range(rows)]
        table = pa.table(
            {
                "id": pa.array(range(first_id, first_id + rows), pa.int64()),
                "vector": pa.array(vectors, pa.list_(pa.float32())),
                "version": pa.array([version] * rows, pa.int64()),
            }
        )
        folder = self.bucket / f"version-{version}"
        folder.mkdir(exist_ok=True)
        for part in range(PARTS):
            start = rows * part // PARTS
            pq.write_table(table.slice(start, rows * (part + 1) // PARTS - start), folder / f"{part}.parquet")

    def start(self, version: int, dag_id: str = "blue_green") -> Run:
        return self.airflow.trigger(dag_id, {"folder": f"version-{version}"})

    def kill(self, version: int, task: str, delay: float, process: int = 1) -> None:
        """Kill a process of a task, the first or a later one, so many seconds after it began."""
        signed = self.bucket / f"version-{version}" / "processes"
        deadline = time.monotonic() + SECONDS_FOR_A_SIGNATURE
        while time.monotonic() < deadline:
            lines = signed.read_text().splitlines() if signed.exists() else []
            pids = [int(line.split()[1]) for line in lines if line.startswith(f"{task} ")]
            if len(pids) >= process:
                time.sleep(delay)
                os.kill(pids[process - 1], signal.SIGKILL)
                return
            time.sleep(0.01)
        raise TimeoutError(f"{task} of version {version} did not begin")

    @property
    def served(self) -> int:
        """The version that the alias points to."""
        data = self._call("entities/query", collectionName=ALIAS, filter="", outputFields=["count(*)"])
        return int(data[0]["count(*)"]) - ROWS

    @property
    def kept(self) -> int:
        """How many versions there are."""
        return sum(name.startswith(f"{ALIAS}_") for name in self._call("collections/list"))

    def serve(self, version: int) -> None:
        """Let a version serve as an earlier run would have left it."""
        name = f"{ALIAS}_20000101T000000_000000"
        fields = [
            {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
            {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": 8}},
            {"fieldName": "version", "dataType": "Int64"},
        ]
        index = [{"fieldName": "vector", "metricType": "L2"}]
        self._call("collections/create", collectionName=name, schema={"fields": fields}, indexParams=index)
        self._import(version, name)
        self._call("aliases/create", collectionName=name, aliasName=ALIAS)

    def import_into_what_is_served(self, version: int) -> None:
        """What the task group is there to avoid."""
        self._import(version, ALIAS)

    def _import(self, version: int, collection: str) -> None:
        self.write(version)
        files = [[f"version-{version}/{part}.parquet"] for part in range(PARTS)]
        job_id = self._call("jobs/import/create", collectionName=collection, files=files)["jobId"]
        while self._call("jobs/import/describe", jobId=job_id)["state"] != "Completed":
            time.sleep(0.1)
        self._call("collections/refresh_load", collectionName=collection)

    def _call(self, route: str, **body: Any) -> Any:
        response = httpx.post(
            f"{self.milvus.url}/v2/vectordb/{route}", json=body, trust_env=False, verify=False, timeout=30
        ).json()
        assert response["code"] == 0, response
        return response["data"]


def main() -> int:
    """Run the campaign and print what the readers found; the exit code is 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--swaps", type=int, default=SWAPS, help="how often the alias is moved (%(default)s)")
    parser.add_argument(
        "--judged", type=int, default=JUDGED_SWAPS, help="swaps after those that a person approves (%(default)s)"
    )
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="blue-green-campaign-")))
        pipeline = _pipeline(folder, stack)
        readers = []
        wrong = []
        for version in range(1, options.swaps + 2):
            began = time.monotonic()
            wrong += _swap(pipeline, version)
            print(f"version {version} serves after {time.monotonic() - began:.0f} s", flush=True)
            if version == 1:
                readers = [stack.enter_context(Reader(pipeline, request)) for request in ("query", "search")]
                reading_since = time.monotonic()
        last = options.swaps + 1
        for number in range(1, options.judged + 1):
            began = time.monotonic()
            wrong += _judged_swap(pipeline, last + number, number)
            print(f"judged version {last + number} serves after {time.monotonic() - began:.0f} s", flush=True)
        seconds = time.monotonic() - reading_since
        if pipeline.kept != 2:
            wrong.append(f"{pipeline.kept} versions are there instead of 2")
        for name, reader in zip(("count", "search"), readers, strict=True):
            seen = len(set(reader.versions))
            print(
                f"{name}: {len(reader.versions):,} responses in {seconds:.0f} s ({len(reader.versions) / seconds:.1f} "
                f"a second), of {seen} versions, {len(reader.wrong)} wrong, the slowest took {reader.slowest:.2f} s"
            )
            wrong += reader.wrong
            reader.wrong = []
        pipeline.import_into_what_is_served(last + options.judged + 1)
        time.sleep(1)
        if any(len(reader.wrong) == 0 for reader in readers):
            wrong.append("The readers did not see an import into what is served: the campaign proves nothing.")
        print("\n".join(wrong[:20]) or "Every response was that of one whole version.")
        return 1 if wrong else 0


def _swap(pipeline: Pipeline, version: int) -> list[str]:
    """Let a version serve, whatever is done to it; what went wrong."""
    pipeline.write(version, dimension=7 if version == BROKEN else 8)
    run = pipeline.start(version)
    if version in KILLS:
        pipeline.kill(version, *KILLS[version])
    if version == BROKEN:
        if run.wait().state != "failed" or pipeline.served != version - 1:
            return [f"the broken version {version} made a run {run.state}, and version {pipeline.served} serves"]
        pipeline.write(version)
        run.clear(only_failed=True)
    if run.wait().state != "success" or pipeline.served != version:
        return [f"version {version}: run {run.state}, and version {pipeline.served} serves\n{run.report()}"]
    deferred = {task.id.rpartition(".")[2] for task in run.tasks if "Pausing task as DEFERRED" in task.log}
    if version == 1 and deferred != DEFERRED_AT_FIRST:
        return [f"the waits of {sorted(deferred)} went on in the triggerer, and not those of {DEFERRED_AT_FIRST}"]
    tries = [task.id for task in run.tasks if task.tries > 1]
    print(f"more than one try: {', '.join(tries)}" if tries else "one try each", flush=True)
    return []


def _judged_swap(pipeline: Pipeline, version: int, number: int) -> list[str]:
    """Let a version serve once a person has approved it; what went wrong."""
    pipeline.write(version)
    run = pipeline.start(version, "blue_green_judged")
    kill = JUDGED_KILLS.get(number)
    if kill and kill[1] == 1:
        pipeline.kill(version, kill[0], 0.05)
    if number == REJECTED:
        _decide(run, "Reject")
        if run.wait().state != "failed" or pipeline.served != version - 1:
            return [f"the rejected version {version} made a run {run.state}, and version {pipeline.served} serves"]
        run.clear(only_failed=True)
    served = _decide(run, "Approve", lambda: pipeline.served)
    if kill and kill[1] == 2:
        pipeline.kill(version, kill[0], 0.0, process=2)
        # It asks again unless it had recorded the approval.
        _decide(run, "Approve")
    wrong = [f"version {served} served before the approval"] if served != version - 1 else []
    if run.wait().state != "success" or pipeline.served != version:
        wrong.append(f"version {version}: run {run.state}, and version {pipeline.served} serves\n{run.report()}")
    recall = run.task("blue_green_import.check_recall").xcom("recall")
    tries = [f"{task.id} {task.tries}" for task in run.tasks if task.tries > 1]
    print(f"recall {recall['recall']} over {recall['rows']:,} rows; more than one try: {', '.join(tries) or 'none'}")
    return wrong


def _decide(run: Run, option: str, observe: Callable[[], Any] = lambda: None) -> Any:
    """Respond as a person would, once the task waits for one; what there was to see right before."""
    run.wait_until(lambda: run.task(SWAP).state == "awaiting_input" or run.state in ENDED, "wait for a person")
    if run.state in ENDED:
        return None
    time.sleep(SECONDS_TO_PARK)
    seen = observe()
    run.respond(SWAP, option)
    return seen


def _pipeline(folder: Path, stack: ExitStack) -> Pipeline:
    bucket = folder / "bucket"
    bucket.mkdir()
    milvus = local_milvus(folder / "milvus", bucket=bucket, port=free_port(), min_job_seconds=3, fault=FAULTS).start()
    stack.callback(milvus.kill)
    service = standalone_airflow(
        folder / "airflow",
        port=free_port(),
        dag_folders={"blue_green": Path(__file__).parent / "dags"},
        variables={
            "MILVUS_BUCKET": str(bucket),
            "AIRFLOW_CONN_MILVUS_DEFAULT": f"milvus://{HOST}:{milvus.port}",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
        },
    )
    stack.callback(service.kill)
    return Pipeline(Airflow(service.start(), service.url), milvus, bucket)


if __name__ == "__main__":
    sys.exit(main())
