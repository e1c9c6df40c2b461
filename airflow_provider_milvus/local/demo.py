"""The demo: Airflow loads real vectors into a local Milvus and searches them, and a person watches."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_milvus.local.errors import LocalMilvusError
from airflow_provider_milvus.local.server import LocalMilvus

DAG_ID, COLLECTION = "milvus_digits", "digits"
ROWS, MIN_SHARE = 1797, 95.0
# On a laptop the import takes a few milliseconds; a person is to see it wait.
SECONDS_TO_WATCH = 6.0
# Each Airflow puts other things around it, and 3.0 writes it twice.
OUR_LOG_LINE = re.compile(r"[\]-] (?P<message>Import job \d+.*?)(?= +\[airflow\.|$)")
SHARE = re.compile(r"([\d.]+)% of the \d+ nearest neighbours")
NEXT = """\
What comes next:
  {dag}
      is the DAG that just ran
  python -m airflow_provider_milvus.local serve --data-dir ./milvus
      is this local Milvus for your own DAGs: "Load a file of your own" in the README"""


def run(dags: Path) -> int:
    """Run the demo with the example DAGs in `dags`; returns the exit code, 0 if every row was loaded and found.

    Raises LocalMilvusError when there is no such folder.
    """
    if not (dags / f"{DAG_ID}.py").is_file():
        raise LocalMilvusError(f"{dags} has no {DAG_ID}.py; name a folder that has it, or leave out --dags")
    folder = Path(tempfile.mkdtemp(prefix="milvus-demo-"))
    log = folder / "airflow.log"
    with LocalMilvus(folder / "milvus", min_job_seconds=SECONDS_TO_WATCH) as milvus:
        print(f"A Milvus runs on this machine, at {milvus.uri}; its bucket is a folder.")
        print(
            f"Airflow runs the DAG {DAG_ID}: write files, start the import, wait, build the index, search.\n",
            flush=True,
        )
        output = []
        for line in _airflow(milvus, dags.resolve(), folder, log):
            output.append(line)
            print(f"  {line}", flush=True)
        rows = _row_count(milvus)
    share = next((float(found[1]) for line in output if (found := SHARE.search(line))), 0.0)
    print(f"\n{rows:,} of {ROWS:,} rows were imported; {share} % of the neighbours are the same digit.")
    if rows != ROWS or share < MIN_SHARE:
        print(f"That is not what should have come out. Airflow's log: {log}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    print(NEXT.format(dag=dags.resolve() / f"{DAG_ID}.py"))
    return 0


def _airflow(milvus: LocalMilvus, dags: Path, folder: Path, log: Path) -> Iterator[str]:
    """Run the DAG in a process of its own; yields what a person wants to see of its output. All of it is in `log`."""
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_CONN_MILVUS_DEFAULT": json.dumps({"conn_type": "milvus", "host": milvus.uri}),
        "MILVUS_BUCKET": str(milvus.bucket),
        # `dags test` of Airflow 3.0 does not search there for what a DAG imports.
        "PYTHONPATH": os.pathsep.join(filter(None, [str(dags), os.environ.get("PYTHONPATH")])),
        "NO_COLOR": "1",
    }
    airflow = [sys.executable, "-m", "airflow"]
    with log.open("w") as file:
        for command in ([*airflow, "db", "migrate"], [*airflow, "dags", "test", DAG_ID]):
            process = subprocess.Popen(
                command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            assert process.stdout is not None
            shown = ""
            for line in process.stdout:
                file.write(line)
                ours = OUR_LOG_LINE.search(line)
                if ours and ours["message"] != shown:
                    shown = ours["message"]
                    yield shown
                elif "nearest neighbours" in line:
                    yield line.strip()
            if process.wait() != 0:
                return


def _row_count(milvus: LocalMilvus) -> int:
    request = urllib.request.Request(
        f"{milvus.uri}/v2/vectordb/collections/get_stats",
        data=json.dumps({"collectionName": COLLECTION}).encode(),
        headers={"Content-Type": "application/json"},
    )
    # The server is on this machine, whatever proxy the environment names.
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as response:
        return int(json.load(response).get("data", {}).get("rowCount", 0))
