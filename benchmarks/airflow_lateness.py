"""How late a real Airflow with default settings learns that an import is done.

Deferrable operators load files into local Milvus servers whose jobs take from 2 to 60 seconds. When a server reports
``Completed`` is seen by listing its jobs five times a second; when the trigger fired, or the operator went on by
itself, is read from the task's log. So each time is exact to about 0.2 s.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from airflow_standalone import HOST, Service, free_port, local_milvus, standalone_airflow

SECONDS = (2, 5, 8, 12, 20, 30, 45, 60)
POLL_INTERVAL = 10.0  # the operator's default
SUBMITTED = re.compile(r"Import job (\S+) into")
ENDED = re.compile(r"Trigger fired event|Import job \S+ Completed")


class Observer(threading.Thread):
    """Records when a server lists a job as completed for the first time."""

    def __init__(self, servers: list[Service]) -> None:
        super().__init__(daemon=True)
        self.servers = servers
        self.completed: dict[str, float] = {}
        self.stopped = threading.Event()

    def run(self) -> None:
        with httpx.Client(trust_env=False) as client:
            while not self.stopped.wait(0.2):
                for server in self.servers:
                    response = client.post(f"{server.url}/v2/vectordb/jobs/import/list", json={}).json()
                    for job in response["data"]["records"]:
                        if job["state"] == "Completed":
                            self.completed.setdefault(job["jobId"], time.time())


def lines(log: Path) -> Iterator[tuple[float, str]]:
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        if "timestamp" in entry:
            yield datetime.fromisoformat(entry["timestamp"]).timestamp(), str(entry["event"])


def noticed(logs: Path) -> dict[str, float]:
    """By job id, when its trigger fired or its operator logged the end."""
    found = {}
    for log in logs.rglob("attempt=1.log"):
        entries = sorted(entry for part in log.parent.glob("attempt=1.log*") for entry in lines(part))
        job_id = next((match[1] for _, text in entries if (match := SUBMITTED.match(text))), None)
        end = next((moment for moment, text in entries if ENDED.match(text)), None)
        if job_id and end:
            found[job_id] = end
    return found


def start_servers(folder: Path, stack: ExitStack) -> dict[str, Service]:
    bucket = folder / "bucket"
    bucket.mkdir()
    vectors = pa.array([[0.5] * 8] * 100, pa.list_(pa.float32()))
    pq.write_table(pa.table({"id": pa.array(range(100), pa.int64()), "vector": vectors}), bucket / "vectors.parquet")
    servers = {}
    for seconds in SECONDS:
        home = folder / f"milvus_{seconds}"
        home.mkdir()
        server = local_milvus(home, bucket=bucket, min_job_seconds=seconds, port=free_port()).start()
        stack.callback(server.kill)
        body = {"collectionName": "vectors", "dimension": 8}
        httpx.post(f"{server.url}/v2/vectordb/collections/create", json=body, trust_env=False).raise_for_status()
        servers[f"milvus_{seconds}"] = server
    return servers


def run(folder: Path, imports: int, workers: int) -> tuple[dict[str, list[tuple[str, float]]], dict[str, int]]:
    """The lateness of each import by server, and how many tasks ended in which state."""
    with ExitStack() as stack:
        servers = start_servers(folder, stack)
        home = folder / "airflow"
        home.mkdir()
        airflow = standalone_airflow(
            home,
            port=free_port(),
            dag_folders={"benchmark": Path(__file__).parent / "dags"},
            variables={
                **{f"AIRFLOW_CONN_{name.upper()}": f"milvus://{HOST}:{each.port}" for name, each in servers.items()},
                "LATENESS_CONN_IDS": " ".join(servers),
                "LATENESS_IMPORTS": str(imports // len(SECONDS)),
                "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "5",  # Airflow's own default
            },
            workers=workers,
        ).start()
        stack.callback(airflow.kill)
        observer = Observer(list(servers.values()))
        observer.start()
        states = run_dags(airflow, [f"lateness_{name}" for name in servers])
        observer.stopped.set()
        observer.join()
        moments = noticed(home / "logs")
        by_server: dict[str, list[tuple[str, float]]] = {}
        for name, server in servers.items():
            response = httpx.post(f"{server.url}/v2/vectordb/jobs/import/list", json={}, trust_env=False).json()
            ids = [job["jobId"] for job in response["data"]["records"]]
            by_server[name] = [(i, moments[i] - observer.completed[i]) for i in ids if i in moments]
        return by_server, states


def run_dags(airflow: Service, dag_ids: list[str]) -> dict[str, int]:
    with httpx.Client(base_url=airflow.url, trust_env=False, timeout=60) as client:
        token = client.get("/auth/token").json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        paths = []
        for dag_id in dag_ids:
            path = f"/api/v2/dags/{dag_id}/dagRuns"
            while not (response := client.post(path, json={"logical_date": None})).is_success:
                time.sleep(1)
            paths.append(f"{path}/{response.json()['dag_run_id']}")
        while any(client.get(path).json()["state"] in ("queued", "running") for path in paths):
            time.sleep(5)
        states: dict[str, int] = {}
        for path in paths:
            for task in client.get(f"{path}/taskInstances", params={"limit": 100}).json()["task_instances"]:
                how = f"{task['state']}, try {task['try_number']}"
                states[how] = states.get(how, 0) + 1
        return states


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--imports", type=int, default=200, help="over all servers (%(default)s)")
    parser.add_argument("--workers", type=int, default=8, help="tasks that run at a time (%(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lateness-") as folder:
        by_server, states = run(Path(folder), options.imports, options.workers)
    print("| job takes | imports | late, median | late, maximum |\n|---|---|---|---|")
    shares, latest = [], 0.0
    for name, found in by_server.items():
        seconds, late = float(name.removeprefix("milvus_")), [each for _, each in found]
        print(f"| {seconds:.0f} s | {len(late)} | {statistics.median(late):.2f} s | {max(late):.2f} s |")
        shares += [each / (0.05 * seconds + 1) for each in late]
        latest = max(latest, *late)
    share = statistics.median(shares)
    print(f"median: {share:.2f} of (5 % of the duration + 1 s); latest: {latest:.2f} s")
    print(f"tasks: {states}")
    good = set(states) == {"success, try 1"} and share <= 1 and latest <= POLL_INTERVAL + 2
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
