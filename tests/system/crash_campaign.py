"""Kill everything that loads files, at random moments, and count the rows afterwards.

On a real Airflow, for every combination of a way to wait and a kind of server, imports run whose processes are killed
with SIGKILL at random moments; then servers that lose responses; then the triggerer and the Milvus servers themselves.
After each run its collection must hold the rows of its files exactly once, loaded by exactly one completed job (two
where the files are more than Milvus takes in one). The same with ``durable=False`` shows that the campaign can fail.

``make crash-test`` runs all of it; ``make test`` kills a process of a run of each combination.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import secrets
import signal
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "scripts")]

from airflow_client import Airflow, Run, Task  # noqa: E402
from airflow_standalone import HOST, Service, free_port, local_milvus, standalone_airflow  # noqa: E402

ROWS = 500
MANY_FILES = 1026  # of one row each: two more than Milvus takes in one import
SECRET = secrets.token_hex(16)
JOB_SECONDS = 4
WAYS = ("synchronous", "deferrable")
SERVERS = ("key", "old", "two_phase", "many", "many_old")
SERVER_OF = {"two_phase": "key", "many": "key", "many_old": "old"}
LOSSY_SERVERS = ("lossy_key", "lossy_old")
LOSSES = ["reset:create:probability=0.4", "408:create:probability=0.2", "timeout:create:probability=0.2"]
CASES = ("submitted", "re-attached", "already completed", "adopted", "submitted again", "outcome unknown")
CASE = re.compile(rf"Import job \S+ into \S+: ({'|'.join(sorted(CASES, key=len, reverse=True))})")
SECONDS_FOR_A_RUN = 1500
RETENTION_SECONDS = 2
# A worker that died without a word is given up after this.
SETTINGS = {"AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30"}
COMBINATIONS = [f"crash_{way}_{server}" for way in WAYS for server in SERVERS]
LOSSY = [f"crash_{way}_{server}" for way in WAYS for server in LOSSY_SERVERS]


@dataclass
class Tally:
    """What the campaign met."""

    kills: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    cases: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Campaign:
    """Milvus servers, what was done to the Airflow that imports into them, and what came of it.

    :param folder: for the servers and for what the tasks write.
    :param bucket: what the servers and the Airflow read from.
    :param stack: ends the servers.
    """

    def __init__(self, folder: Path, bucket: Path, seed: int, stack: ExitStack) -> None:
        self.airflow: Airflow  # starts with `variables`
        self.stack = stack
        self.random = random.Random(seed)
        self.tally = Tally()
        self.folder = folder
        self.signatures = folder / "signatures"
        self.signatures.mkdir()
        self.bucket = bucket
        self.write_rows("rows.parquet")
        self.write_many("many")
        self.milvus = {
            "milvus_key": self._milvus("key"),
            "milvus_old": self._milvus("old", milvus_version="2.6"),
            "milvus_forgetful": self._milvus("forgetful", retention_seconds=RETENTION_SECONDS),
            "milvus_lossy_key": self._milvus("lossy_key", fault=LOSSES),
            "milvus_lossy_old": self._milvus("lossy_old", milvus_version="2.6", fault=LOSSES),
        }
        for server in self.milvus.values():
            stack.callback(server.kill)
        with ThreadPoolExecutor(len(self.milvus)) as pool:
            list(pool.map(lambda server: server.start(), self.milvus.values()))

    @property
    def variables(self) -> dict[str, str]:
        """What the environment of its Airflow needs."""
        connections = {
            f"AIRFLOW_CONN_{name.upper()}": f"milvus://root:{SECRET}@{HOST}:{server.port}"
            for name, server in self.milvus.items()
        }
        return {"CRASH_FOLDER": str(self.signatures), "MILVUS_BUCKET": str(self.bucket), **connections}

    def _milvus(self, name: str, **options: Any) -> Service:
        return local_milvus(
            self.folder / name,
            bucket=self.bucket,
            port=free_port(),
            min_job_seconds=JOB_SECONDS,
            token=f"root:{SECRET}",
            **options,
        )

    def write_rows(self, name: str, rows: int = ROWS) -> None:
        """A file of rows without primary keys, so that a second load of it would show."""
        vectors = pa.array([[float(row)] * 4 for row in range(rows)], pa.list_(pa.float32()))
        pq.write_table(pa.table({"vector": vectors}), self.bucket / name)

    def write_many(self, folder: str) -> None:
        """More files than Milvus takes in one import."""
        (self.bucket / folder).mkdir()
        for number in range(MANY_FILES):
            self.write_rows(f"{folder}/{number:04}.parquet", 1)

    def kill_triggerer(self) -> None:
        """Kill the triggerer and start another."""
        for process in self.airflow.processes("triggerer"):
            with suppress(psutil.Error):
                process.kill()
        self.stack.callback(self.airflow.second_triggerer().start().kill)

    def post(self, server: Service, route: str, body: dict[str, Any]) -> Any:
        """The data of a Milvus response; a request that meets a fault is sent again."""
        for _ in range(20):
            with suppress(httpx.HTTPError, ValueError, KeyError):
                response = httpx.post(
                    f"{server.url}/v2/vectordb{route}",
                    json=body,
                    headers={"Authorization": f"Bearer root:{SECRET}"},
                    trust_env=False,
                    verify=False,
                    timeout=30,
                ).json()
                if response["code"] == 0:
                    return response["data"]
            time.sleep(0.5)
        raise AssertionError(f"{route} {body}: no response")

    def server_of(self, dag_id: str) -> Service:
        kind = dag_id.removeprefix("crash_").partition("_")[2].removesuffix("_not_durable")
        return self.milvus[f"milvus_{SERVER_OF.get(kind, kind)}"]

    def start(self, dag_id: str, **params: str) -> tuple[Run, str]:
        """Start a run with a collection of its own."""
        collection = f"c{self.random.getrandbits(48):012x}"
        schema = {
            "autoId": True,
            "fields": [
                {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
                {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": "4"}},
            ],
        }
        self.post(self.server_of(dag_id), "/collections/create", {"collectionName": collection, "schema": schema})
        self.tally.runs[dag_id] += 1
        return self.airflow.trigger(dag_id, {"collection": collection, **params}), collection

    def survive(self, dag_id: str, kills: int) -> bool:
        """One run, its processes killed ``kills`` times; whether its rows are there exactly once."""
        began = time.monotonic()
        run, collection = self.start(dag_id)
        killed = self.kill_processes(run, collection, kills)
        self.tally.kills[dag_id] += killed
        good = self.verify(run, dag_id, collection)
        print(
            f"{dag_id}: {killed} kills in {time.monotonic() - began:.0f} s; "
            f"all: {sum(self.tally.kills.values())} kills, {len(self.tally.wrong)} wrong",
            flush=True,
        )
        return good

    def kill_processes(self, run: Run, collection: str, kills: int) -> int:
        """Kill each new process of a run at a random moment, up to ``kills`` of them; how many it were."""
        signed = self.signatures / collection
        seen = killed = 0
        deadline = next_poll = time.monotonic()
        deadline += SECONDS_FOR_A_RUN
        while killed < kills and time.monotonic() < deadline:
            pids = signed.read_text().split() if signed.exists() else []
            if len(pids) > seen:
                seen = len(pids)
                # Half of the kills fall into the moments around the submit, the others anywhere.
                time.sleep(self.random.uniform(0, 0.1 if self.random.random() < 0.5 else JOB_SECONDS + 1))
                with suppress(ProcessLookupError):
                    os.kill(int(pids[-1]), signal.SIGKILL)
                    killed += 1
            elif time.monotonic() > next_poll:
                # Airflow's API has enough to do; the file above shows new processes.
                if run.state in ("success", "failed"):
                    break
                next_poll = time.monotonic() + 2
            else:
                time.sleep(0.02)
        return killed

    def verify(self, run: Run, dag_id: str, collection: str) -> bool:
        """Wait for the end of a run, then count its rows and its completed jobs."""
        run.wait()
        task = self.count_cases(run, dag_id)
        server, name = self.server_of(dag_id), {"collectionName": collection}
        rows = self.post(server, "/collections/get_stats", name)["rowCount"]
        jobs = self.post(server, "/jobs/import/list", name)["records"]
        completed = sum(job["state"] == "Completed" for job in jobs)
        open_jobs = sum(job["state"] not in ("Completed", "Failed") for job in jobs)
        expected = (MANY_FILES, 2) if "_many" in dag_id else (ROWS, 1)
        good = (run.state, (rows, completed), open_jobs) == ("success", expected, 0)
        if not good:
            self.tally.wrong.append(
                f"{dag_id} {collection}: run {run.state}, {rows} of {expected[0]} rows, {completed} completed jobs, "
                f"{open_jobs} open, {task.tries} tries"
            )
        return good

    def count_cases(self, run: Run, dag_id: str) -> Task:
        """Add what the tries of a run met to the tally."""
        task = run.task("load")
        for number in range(1, task.tries + 1):
            for case in CASE.findall(task.log_of_try(number)):
                self.tally.cases[dag_id, case] += 1
        return task

    def leaks(self, *folders: Path) -> list[Path]:
        """The files in these folders, which hold Airflow's data and its database, that have the password of Milvus."""
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        return [path for path in files if SECRET.encode() in path.read_bytes()]

    def table(self) -> str:
        """What was met, by combination."""
        lines = [f"{'combination':42} {'runs':>5} {'kills':>6} " + " ".join(f"{case:>17}" for case in CASES)]
        for dag_id in sorted(self.tally.runs):
            counts = " ".join(f"{self.tally.cases[dag_id, case]:17}" for case in CASES)
            lines.append(f"{dag_id:42} {self.tally.runs[dag_id]:5} {self.tally.kills[dag_id]:6} {counts}")
        totals = " ".join(f"{sum(n for (_, c), n in self.tally.cases.items() if c == case):17}" for case in CASES)
        lines.append(
            f"{'all':42} {sum(self.tally.runs.values()):5} {sum(self.tally.kills.values()):6} {totals}",
        )
        return "\n".join(lines)


def in_parallel(campaign: Campaign, dag_ids: list[str], kills: int, at_once: int) -> list[bool]:
    """A run of each DAG, several at once."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda dag_id: campaign.survive(dag_id, kills), dag_ids))


def kill_until(campaign: Campaign, dag_ids: list[str], kills: int, at_once: int) -> None:
    """Runs of these DAGs in turn, several at once, until so many processes were killed and each DAG had a run."""
    turns = cycle(dag_ids)

    def work() -> None:
        while sum(campaign.tally.kills.values()) < kills or len(campaign.tally.runs) < len(dag_ids):
            campaign.survive(next(turns), kills=3)

    with ThreadPoolExecutor(at_once) as pool:
        for worker in [pool.submit(work) for _ in range(at_once)]:
            worker.result()


def fix_a_failed_load(campaign: Campaign) -> None:
    """A load fails for want of a good file; the file comes, the task is cleared, and what failed is submitted again."""
    for way in WAYS:
        file, folder = f"late_{way}.parquet", f"late_{way}"
        campaign.write_many(folder)
        bad = f"{folder}/{MANY_FILES - 1:04}.parquet"
        (campaign.bucket / bad).write_bytes(b"no Parquet file")
        for kind, params, rows in (("key", {"file": file}, ROWS), ("many", {"folder": folder}, 1)):
            run, collection = campaign.start(f"crash_{way}_{kind}", **params)
            run.wait()
            assert run.state == "failed", run.report()
            campaign.write_rows(file if kind == "key" else bad, rows)
            run.clear()
            campaign.verify(run, f"crash_{way}_{kind}", collection)


def forget_a_job(campaign: Campaign) -> None:
    """A process sleeps through the end of its job and the life of its record, and is killed: the outcome is unknown."""
    dag_id = "crash_synchronous_forgetful"
    run, collection = campaign.start(dag_id)
    signed = campaign.signatures / collection
    server, name = campaign.server_of(dag_id), {"collectionName": collection}
    run.wait_until(lambda: bool(campaign.post(server, "/jobs/import/list", name)["records"]), "submit")
    time.sleep(1)
    pid = int(signed.read_text())
    os.kill(pid, signal.SIGSTOP)
    run.wait_until(lambda: not campaign.post(server, "/jobs/import/list", name)["records"], "lose its record")
    os.kill(pid, signal.SIGKILL)
    campaign.tally.kills[dag_id] += 1
    run.wait()
    campaign.count_cases(run, dag_id)
    rows = campaign.post(server, "/collections/get_stats", name)["rowCount"]
    if (run.state, rows, campaign.tally.cases[dag_id, "outcome unknown"] > 0) != ("failed", ROWS, True):
        campaign.tally.wrong.append(f"{dag_id} {collection}: run {run.state}, {rows} of {ROWS} rows")


def kill_the_servers(campaign: Campaign) -> None:
    """While imports run, the Milvus servers and the triggerer are killed and started again."""
    started = [(dag, *campaign.start(dag)) for dag in COMBINATIONS]
    time.sleep(6)
    for server in ("milvus_key", "milvus_old"):
        campaign.milvus[server].kill()
    campaign.kill_triggerer()
    time.sleep(5)
    for server in ("milvus_key", "milvus_old"):
        campaign.milvus[server].start()
    for dag_id, run, collection in started:
        campaign.verify(run, dag_id, collection)


def prove_it_can_fail(campaign: Campaign, dag_ids: list[str], at_once: int) -> bool:
    """The same kills without durability; whether they did harm, which is not counted as wrong."""
    wrong = len(campaign.tally.wrong)
    in_parallel(campaign, [f"{dag_id}_not_durable" for dag_id in dag_ids], 3, at_once)
    harm = campaign.tally.wrong[wrong:]
    del campaign.tally.wrong[wrong:]
    print("\nThe same with durable=False:", *harm or ["no difference: the campaign proves nothing"], sep="\n")
    return bool(harm)


def main() -> int:
    """Run the campaign and print its table; the exit code is 0 if every file was loaded exactly once."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=210, help="lower bound of the number of kills (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments (%(default)s)")
    parser.add_argument("--at-once", type=int, default=5, help="how many runs at a time (%(default)s)")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crash-campaign-")))
        (folder / "bucket").mkdir()
        campaign = Campaign(folder, folder / "bucket", options.seed, stack)
        service = standalone_airflow(
            folder / "airflow",
            port=free_port(),
            dag_folders={"crashes": Path(__file__).parent / "dags"},
            variables={**campaign.variables, **SETTINGS},
            workers=options.at_once,
        )
        stack.callback(service.kill)
        campaign.airflow = Airflow(service.start(), service.url)
        kill_until(campaign, COMBINATIONS, options.kills, options.at_once)
        in_parallel(campaign, LOSSY * 2, 1, options.at_once)
        fix_a_failed_load(campaign)
        forget_a_job(campaign)
        kill_the_servers(campaign)
        can_fail = prove_it_can_fail(campaign, COMBINATIONS, options.at_once)
        leaks = campaign.leaks(folder / "airflow")
        print(campaign.table())
        print("\n".join(campaign.tally.wrong) or "Every file was loaded exactly once.")
        print(f"The password of Milvus is in {leaks or 'no file of Airflow'}.")
        return 0 if can_fail and not campaign.tally.wrong and not leaks else 1


if __name__ == "__main__":
    sys.exit(main())
