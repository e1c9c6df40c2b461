"""Kill a task between any two commits of jobs that are committed together, and look at what is left.

Two servers, two collections each, six jobs. The process of the task is ended before or after the n-th request of a kind
(commit, abort, or the record in Airflow's store), once or in two tries, with and without the task state store. After
the retries all jobs must be committed with their rows there once, or all aborted with none: never a mixture.

``make crash-test`` prints the whole table, the integration tests a short one.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[3] / "scripts")]

import httpx  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from airflow_standalone import HOST, Service, free_port, local_milvus  # noqa: E402

SERVERS = ("milvus_east", "milvus_west")
COLLECTIONS = ("books", "authors")
JOBS = 6
ROWS = 10
RETRIES = 3
KILLED = 9
SCHEMA = {
    "autoId": True,
    "fields": [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": "4"}},
    ],
}


@dataclass(frozen=True)
class Cell:
    """When the process of each try ends.

    :param kills: of the first tries: before or after which request of a kind, counted from 1.
    :param refused: whether the checks refuse the rows.
    """

    kills: tuple[tuple[str, str, int], ...]
    store: bool = True
    refused: bool = False

    def __str__(self) -> str:
        kills = ", then ".join(f"{when} {kind} {number}" for when, kind, number in self.kills)
        return f"{'refused' if self.refused else 'passed'}, {'store' if self.store else 'no store'}, {kills}"


def full() -> list[Cell]:
    """All cells."""
    once = [
        Cell(((when, kind, number),), store, kind == "abort")
        for kind, when, number, store in itertools.product(
            ("commit", "abort"), ("before", "after"), range(1, JOBS + 1), (True, False)
        )
    ]
    recorded = [Cell(((when, "record", 1),)) for when in ("before", "after")]
    twice = [
        Cell((("after", "commit", 2), (when, "commit", number)), store)
        for when, number, store in itertools.product(("before", "after"), (1, 3), (True, False))
    ]
    return [*once, *recorded, *twice]


def short() -> list[Cell]:
    """Some of them."""
    return [cell for cell in full() if str(cell) in SHORT]


SHORT = (
    "passed, store, before commit 1",
    "passed, no store, after commit 3",
    "refused, no store, after abort 2",
)


class Store:
    """A task state store in a file, which outlives the process."""

    def __init__(self, file: Path, count: Any) -> None:
        self._file = file
        self._count = count

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self._file.read_text()).get(key, default) if self._file.exists() else default

    def set(self, key: str, value: Any) -> None:
        with self._count("record"):
            found = json.loads(self._file.read_text()) if self._file.exists() else {}
            self._file.write_text(json.dumps({**found, key: value}))


class Count:
    """Ends the process before or after the n-th request of a kind."""

    def __init__(self, kill: tuple[str, str, int] | None) -> None:
        self._kill = kill
        self._counts: dict[str, int] = {}
        self._kind = ""

    def __call__(self, kind: str) -> Count:
        self._kind = kind
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return self

    def __enter__(self) -> None:
        self._end("before")

    def __exit__(self, *exc_info: object) -> None:
        self._end("after")

    def _end(self, when: str) -> None:
        if self._kill == (when, self._kind, self._counts.get(self._kind)):
            os._exit(KILLED)


class Servers:
    """Two servers, and the jobs of a cell on them."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        bucket = folder / "bucket"
        bucket.mkdir()
        vectors = pa.array([[0.0, 1.0, 2.0, 3.0]] * ROWS, pa.list_(pa.float32()))
        pq.write_table(pa.table({"vector": vectors}), bucket / "rows.parquet")
        self.folder = folder
        self._services: dict[str, Service] = {}
        for conn_id in SERVERS:
            self._services[conn_id] = local_milvus(folder / conn_id, bucket=bucket, port=free_port()).start()
            stack.callback(self._services[conn_id].kill)
            os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"] = f"milvus://{HOST}:{self._services[conn_id].port}"

    def call(self, conn_id: str, route: str, **body: Any) -> Any:
        url = f"{self._services[conn_id].url}/v2/vectordb/{route}"
        response = httpx.post(url, json=body, trust_env=False, verify=False, timeout=30).json()
        assert response["code"] == 0, response
        return response["data"]

    def submit(self) -> dict[str, list[str]]:
        """New collections, and six jobs that are to be committed."""
        jobs: dict[str, list[str]] = {conn_id: [] for conn_id in SERVERS}
        for conn_id, name in itertools.product(SERVERS, COLLECTIONS):
            if self.call(conn_id, "collections/has", collectionName=name)["has"]:
                self.call(conn_id, "collections/drop", collectionName=name)
            self.call(conn_id, "collections/create", collectionName=name, schema=SCHEMA)
        for number in range(JOBS):
            conn_id, name = SERVERS[number % 2], COLLECTIONS[number // 2 % 2]
            request = {"files": [["rows.parquet"]], "options": {"auto_commit": "false"}}
            jobs[conn_id].append(self.call(conn_id, "jobs/import/create", collectionName=name, **request)["jobId"])
        return jobs

    def outcome(self, jobs: dict[str, list[str]]) -> str:
        """What became of the jobs, and of their rows."""
        states = {self._end(conn_id, job_id) for conn_id, job_ids in jobs.items() for job_id in job_ids}
        rows = sum(
            self.call(conn_id, "collections/get_stats", collectionName=name)["rowCount"]
            for conn_id, name in itertools.product(SERVERS, COLLECTIONS)
        )
        expected = {"Completed": JOBS * ROWS, "Failed": 0}
        if len(states) > 1 or rows != expected.get(next(iter(states))):
            return f"{'/'.join(sorted(states))}, {rows} rows"
        return "all committed" if states == {"Completed"} else "all aborted"

    def _end(self, conn_id: str, job_id: str) -> str:
        deadline = time.monotonic() + 120
        while True:
            state: str = self.call(conn_id, "jobs/import/describe", jobId=job_id)["state"]
            if state in ("Completed", "Failed", "Uncommitted") or time.monotonic() > deadline:
                return state
            time.sleep(0.05)


def run(servers: Servers, cell: Cell, number: int) -> str:
    """Let the tries of a task commit six jobs; what became of them."""
    jobs = servers.submit()
    file = servers.folder / f"store-{number}.json"
    kills: list[tuple[str, str, int] | None] = [*cell.kills, *[None] * RETRIES]
    for try_number, kill in enumerate(kills, 1):
        process = multiprocessing.get_context("fork").Process(target=_try, args=(jobs, cell, kill, file, try_number))
        process.start()
        process.join(60)
        if process.exitcode is None:
            process.kill()
            return "hangs"
        if process.exitcode != KILLED and kill is not None:
            return f"was not killed {kill}"
        # 0: succeeded, 1: failed for good. Only a process that died is tried again.
        if process.exitcode != KILLED:
            break
    return servers.outcome(jobs)


def _try(jobs: Any, cell: Cell, kill: Any, file: Path, try_number: int) -> None:
    from airflow_provider_milvus.hooks.milvus import MilvusHook
    from airflow_provider_milvus.operators.commit import MilvusCommitImportOperator

    count = Count(kill)
    call = MilvusHook.call

    def counted(self: MilvusHook, request: Any, **options: Any) -> Any:
        kind = request.path.rpartition("/")[2]
        if kind not in ("commit", "abort"):
            return call(self, request, **options)
        with count(kind):
            return call(self, request, **options)

    MilvusHook.call = counted  # type: ignore[method-assign]
    names = {"dag_id": "dag", "task_id": "commit", "run_id": "run", "map_index": -1}
    ti = SimpleNamespace(**names, try_number=try_number, max_tries=RETRIES, xcom_push=lambda **_: None)
    context: Any = {"ti": ti, **({"task_state_store": Store(file, count)} if cell.store else {})}
    expected = JOBS * ROWS + (1 if cell.refused else 0)
    task = MilvusCommitImportOperator(task_id="commit", job_id=jobs, expected_rows=expected, poll_interval=1)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - the process ends right after
    try:
        task.execute(context)
    except Exception:
        os._exit(1)
    os._exit(0)


def outcomes(cells: list[Cell]) -> dict[str, str]:
    """The outcome of each cell."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="commit-kills-")))
        servers = Servers(folder, stack)
        return {str(cell): run(servers, cell, number) for number, cell in enumerate(cells)}


def is_right(cell: Cell, outcome: str) -> bool:
    """Whether nothing is left half done."""
    return outcome == ("all aborted" if cell.refused else "all committed")


def main() -> int:
    """Run the campaign; the exit code is 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="only some of the cells")
    options = parser.parse_args()
    cells = short() if options.short else full()
    found = outcomes(cells)
    wrong = [cell for cell in cells if not is_right(cell, found[str(cell)])]
    for cell in cells:
        print(f"{cell!s:60} {found[str(cell)]}{'  <-- WRONG' if cell in wrong else ''}")
    print(f"{len(cells)} cells, {sum(len(cell.kills) for cell in cells)} kills, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
