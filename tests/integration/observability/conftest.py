"""What a process that runs import tasks sends to whoever observes it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_milvus.local import LocalMilvus

ROWS = 100


@pytest.fixture(scope="session")
def write_rows():
    return _write_rows


def _write_rows(path, dimension=2):
    """A Parquet file of 100 rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    vectors = pa.array([[0.0] * dimension] * ROWS, pa.list_(pa.float32()))
    pq.write_table(pa.table({"id": pa.array(range(ROWS), pa.int64()), "vector": vectors}), path)


@pytest.fixture(scope="module")
def milvus(tmp_path_factory):
    """A local Milvus with some files that fit the collections here and one that does not."""
    with LocalMilvus(tmp_path_factory.mktemp("milvus")) as server:
        for name, dimension in {"first": 2, "second": 2, "wrong": 3}.items():
            _write_rows(server.bucket / "folder" / f"{name}.parquet", dimension)
        yield server


@pytest.fixture(scope="module")
def run_tasks(tmp_path_factory):
    """Run a script in a process of its own, as Airflow runs tasks, and return the JSON that it prints last."""

    def run(script, **variables):
        home = tmp_path_factory.mktemp("airflow")
        environment = {**os.environ, "AIRFLOW_HOME": str(home), "NO_PROXY": "*", **variables}
        process = subprocess.run(
            [sys.executable, str(Path(__file__).with_name(script))],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert process.returncode == 0, process.stdout + process.stderr
        return json.loads(process.stdout.splitlines()[-1])

    return run
