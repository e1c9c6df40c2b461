"""Kill everything of an Airflow on Celery, and its Milvus servers, at random moments, and count the rows afterwards.

Imports run in every way to wait, on a server that knows idempotency keys and on one that does not. Meanwhile tasks,
workers, triggerers, the scheduler, the api-server, Redis, PostgreSQL and the servers are killed, one every few seconds,
and started again as soon as somebody notices. Each collection must hold the rows of its files exactly once at the end,
loaded by as many completed jobs as there were imports; every run must succeed. The same with ``durable=False`` shows
that the campaign can fail.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[2] / "scripts")]

from airflow_celery import REDIS, TRIGGERERS, WORKERS, CeleryAirflow, celery_airflow  # noqa: E402
from airflow_client import Airflow, Run  # noqa: E402
from airflow_standalone import HOST, Service, free_port, local_milvus  # noqa: E402
from counted import ROWS, SCHEMA, write_files  # noqa: E402

JOB_SECONDS = 20
TASKS = ("synchronous", "deferrable", "two_phase", "submit")
# How many imports a run of each DAG has.
IMPORTS = {"outages": 4, "outages_2_6": 3}
CONTROL = "outages_not_durable"
SERVER_OF = {"outages": "milvus_patient", "outages_2_6": "milvus_old", CONTROL: "milvus_old"}
# How often each is killed, in proportion: a start of a component takes a core for some seconds.
WEIGHTS = {
    "task": 8,
    "child of a worker": 5,
    "milvus": 4,
    "worker": 3,
    "triggerer": 3,
    "scheduler": 2,
    "redis": 2,
    "api-server": 1,
    "postgres": 1,
}
# A task that is lost from the queue more often than twice fails, whatever its retries are.
SETTINGS = {"AIRFLOW__SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES": "100"}


class Killer:
    """Kills one thing after the other, and starts again what is gone.

    :param number: how many kills.
    :param seconds: between two kills, at the most.
    """

    def __init__(
        self, service: CeleryAirflow, milvus: dict[str, Service], seed: int, number: int, seconds: float
    ) -> None:
        self.service = service
        self.milvus = milvus
        self.kills: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._number = number
        self._seconds = seconds

    @property
    def is_done(self) -> bool:
        return self.kills.total() >= self._number

    def work(self, stop: threading.Event) -> None:
        """Kill until it is done, and start what is gone until it shall stop."""
        try:
            while not stop.wait(self._random.uniform(0, self._seconds)):
                if not self.is_done:
                    (what,) = self._random.choices(list(WEIGHTS), WEIGHTS.values())
                    self.kills[what] += self._kill(what)
                    print(f"kill {self.kills.total()}: {what}", flush=True)
                self.revive()
        finally:
            # Nobody waits for kills that never come.
            self._number = 0

    def revive(self) -> None:
        """Start again what is gone, whether it was killed or has given up."""
        self.ended.update(self.service.start_what_ended())
        for server in self.milvus.values():
            if not server.is_running:
                server.start()

    def _kill(self, what: str) -> int:
        components = self.service.components
        if what in ("task", "child of a worker"):
            return self._kill_process(of_task=what == "task")
        if what == "postgres":
            self.service.restart_database(seconds=1)
            return 1
        named = {
            "milvus": self.milvus,
            "worker": {name: components[name] for name in WORKERS},
            "triggerer": {name: components[name] for name in TRIGGERERS},
            "scheduler": {"": components["scheduler"]},
            "api-server": {"": components["api_server"]},
            "redis": {"": components[REDIS]},
        }[what]
        self._random.choice(list(named.values())).kill()
        time.sleep(self._random.uniform(0, 3))
        return 1

    def _kill_process(self, of_task: bool) -> int:
        """Kill a process of a worker: one with a process group of its own is that of a task."""
        worker = self.service.components[self._random.choice(WORKERS)]
        with suppress(psutil.Error, OSError):
            children = [p for p in worker.processes if p.pid != worker.pid]
            fitting = [p for p in children if (os.getpgid(p.pid) != worker.pid) == of_task]
            if fitting:
                self._random.choice(fitting).kill()
                return 1
        return 0


class Campaign:
    """The servers, the Airflow, and the runs on them."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.wrong: list[str] = []
        self.runs = 0
        bucket = folder / "bucket"
        bucket.mkdir()
        write_files(bucket, TASKS)
        how = {"bucket": bucket, "min_job_seconds": JOB_SECONDS, "parallel_jobs": 100}
        versions = {"milvus_patient": {}, "milvus_old": {"milvus_version": "2.6"}}
        self.milvus = {
            name: local_milvus(folder / name, port=free_port(), **how, **version) for name, version in versions.items()
        }
        for server in self.milvus.values():
            stack.callback(server.start().kill)
        connections = {f"AIRFLOW_CONN_{name.upper()}": f"milvus://{HOST}:{m.port}" for name, m in self.milvus.items()}
        self.service = celery_airflow(
            folder / "airflow",
            port=free_port(),
            dag_folders={"celery": HERE / "dags"},
            variables={**connections, **SETTINGS},
            workers=16,
            database=folder / "postgres",
        )
        stack.callback(self.service.kill)
        self.airflow = Airflow(self.service.start(), self.service.url)
        # The api-server is killed as well, at times when it has just begun to start.
        self.airflow.retries = 300

    def load(self, dag_id: str, killer: Killer) -> None:
        """One run into a collection of its own, which is wrong or as it should be."""
        began = time.monotonic()
        run, collection = self.start(dag_id)
        # Some tasks are killed again and again; only what does not end after that is stuck.
        while not killer.is_done and run.state not in ("success", "failed"):
            time.sleep(2)
        with suppress(pytest.fail.Exception):
            run.wait()
        found = self.found(run, dag_id, collection)
        imports = IMPORTS[dag_id]
        good = found == ("success", ROWS * imports, {"Completed": imports})
        if not good:
            self.wrong.append(f"{collection}: {found}\n{run.report()}")
        tries = Counter({task.id: task.tries for task in run.tasks})
        verdict = "" if good else "WRONG "
        print(f"{verdict}{collection}: {found} in {time.monotonic() - began:.0f} s, tries {dict(tries)}", flush=True)

    def start(self, dag_id: str) -> tuple[Run, str]:
        """Start a run with a collection of its own."""
        self.runs += 1
        collection = f"{dag_id}_{self.runs}"
        self.call(dag_id, "collections/create", collectionName=collection, schema=SCHEMA)
        return self.airflow.trigger(dag_id, {"collection": collection}), collection

    def found(self, run: Run, dag_id: str, collection: str) -> tuple[str, int, dict[str, int]]:
        """How a run ended: its state, the rows of its collection, and the states of the jobs that loaded them."""
        rows = self.call(dag_id, "collections/get_stats", collectionName=collection)["rowCount"]
        jobs = self.call(dag_id, "jobs/import/list", collectionName=collection)["records"]
        return run.state, rows, dict(Counter(job["state"] for job in jobs))

    def call(self, dag_id: str, route: str, **body: Any) -> Any:
        """The data of a Milvus response; a request to a server that is away is sent again."""
        server = self.milvus[SERVER_OF[dag_id]]
        for _ in range(60):
            with suppress(httpx.HTTPError, ValueError, KeyError):
                response = httpx.post(
                    f"{server.url}/v2/vectordb/{route}", json=body, trust_env=False, verify=False, timeout=30
                )
                return response.json()["data"]
            time.sleep(1)
        raise AssertionError(f"{route} {body}: no response")


def load_while_all_is_killed(campaign: Campaign, killer: Killer, at_once: int) -> None:
    """Runs of both DAGs, several at once, until enough was killed."""
    stop = threading.Event()

    def load_one_after_the_other(dag_id: str) -> None:
        while not killer.is_done:
            campaign.load(dag_id, killer)
            print(f"{killer.kills.total()} kills, {len(campaign.wrong)} of {campaign.runs} runs wrong", flush=True)

    with ThreadPoolExecutor(at_once + 1) as pool:
        killing = pool.submit(killer.work, stop)
        try:
            dag_ids = [list(IMPORTS)[number % len(IMPORTS)] for number in range(at_once)]
            list(pool.map(load_one_after_the_other, dag_ids))
        finally:
            stop.set()
        killing.result()


def prove_it_can_fail(campaign: Campaign) -> bool:
    """Kill a task of an import with ``durable=False`` that has submitted; whether this loads its rows twice."""
    run, collection = campaign.start(CONTROL)
    run.wait_until(lambda: run.task("synchronous").has_xcom("job_id"), "submit its import")
    psutil.Process(run.task("synchronous").pid).kill()
    _, rows, jobs = campaign.found(run.wait(), CONTROL, collection)
    expected = ROWS * IMPORTS["outages_2_6"]
    print(f"The same with durable=False: {rows} of {expected} rows, jobs {jobs}")
    return rows > expected


def main() -> int:
    """Run the campaign; the exit code is 0 if every run succeeded and every file was loaded exactly once."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=220, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments (%(default)s)")
    parser.add_argument("--seconds", type=float, default=8, help="between two kills, at the most (%(default)s)")
    parser.add_argument("--at-once", type=int, default=3, help="how many runs at a time (%(default)s)")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kill-campaign-"))
    with ExitStack() as stack:
        campaign = Campaign(folder, stack)
        killer = Killer(campaign.service, campaign.milvus, options.seed, options.kills, options.seconds)
        load_while_all_is_killed(campaign, killer, options.at_once)
        can_fail = prove_it_can_fail(campaign)
    for what, number in killer.kills.most_common():
        print(f"{number:5} {what}")
    print(f"{killer.kills.total()} kills, {campaign.runs} runs; started again: {dict(killer.ended)}")
    if campaign.wrong:
        print(*campaign.wrong, f"Everything is kept in {folder}", sep="\n")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    print("Every run succeeded, and every file was loaded exactly once.")
    return 0 if can_fail else 1


if __name__ == "__main__":
    sys.exit(main())
