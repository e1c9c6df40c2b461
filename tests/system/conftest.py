"""A whole Airflow beside local Milvus servers, started once for all system tests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow import __version__ as airflow_version
from xdist.scheduler import LoadScopeScheduling

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "scripts")]

from airflow_celery import celery_airflow, on_celery  # noqa: E402
from airflow_client import Airflow, Run  # noqa: E402
from airflow_standalone import EXAMPLES, HOST, Service, free_port, local_milvus, standalone_airflow  # noqa: E402

AIRFLOW_3_0 = airflow_version.startswith("3.0.")
# They start an Airflow of their own, or none.
WITHOUT_SHARED_AIRFLOW = ("test_crashes.py", "test_demo.py", "test_secrets.py", "test_triggerer.py")
# On the patient one a job still runs when a busy Airflow comes to the task that waits for it.
MIN_JOB_SECONDS = {"milvus_default": 0, "milvus_slow": 30, "milvus_mortal": 30, "milvus_patient": 120}
COLLECTIONS = [
    "vectors",
    "loaded_once",
    "marked_failed",
    "cleared",
    "moved",
    "running_marked_failed",
    "running_cleared",
    "updated",
    "watched",
]
STARTED_AT_ONCE = [
    "milvus_digits",
    "milvus_digits_deferrable",
    "milvus_digits_mapped",
    "milvus_digits_blue_green",
    "milvus_digits_pipeline",
    "milvus_digits_planned",
    "milvus_digits_two_phase",
    "milvus_digits_alias",
    "milvus_digits_together",
    "milvus_digits_staged",
    "milvus_digits_rows",
    "milvus_digits_undo",
    "waits",
    "failed_imports",
]


def _request(server: Service, route: str, **body: Any) -> Any:
    response = httpx.post(f"{server.url}/v2/vectordb/{route}", json=body, trust_env=False).json()
    assert response["code"] == 0, response
    return response["data"]


@pytest.fixture(scope="session")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all Milvus servers here import from."""
    folder = tmp_path_factory.mktemp("bucket")
    for name, dimension in {"vectors": 8, "more_vectors": 8, "wrong_dimension": 7}.items():
        vectors = pa.array([[float(row)] * dimension for row in range(100)], pa.list_(pa.float32()))
        pq.write_table(
            pa.table({"id": pa.array(range(100), pa.int64()), "vector": vectors}), folder / f"{name}.parquet"
        )
    return folder


@pytest.fixture(scope="session")
def milvus(bucket: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Service]]:
    """Milvus servers by connection id, each with collections that ``vectors.parquet`` fits into."""
    with ExitStack() as stack:
        servers = {}
        for conn_id, seconds in MIN_JOB_SECONDS.items():
            servers[conn_id] = local_milvus(
                tmp_path_factory.mktemp(conn_id),
                bucket=bucket,
                port=free_port(),
                min_job_seconds=seconds,
                # None waits for another; most of the time of a job is no work.
                parallel_jobs=100,
            ).start()
            stack.callback(servers[conn_id].kill)
            for name in COLLECTIONS:
                _request(servers[conn_id], "collections/create", collectionName=name, dimension=8)
        yield servers


@pytest.fixture(scope="session")
def call_milvus(milvus: dict[str, Service]) -> Callable[..., Any]:
    """The data that the server of a connection responds with, past Airflow."""
    return lambda conn_id, route, **body: _request(milvus[conn_id], route, **body)


@pytest.fixture(scope="session")
def database() -> Iterator[Path]:
    """A folder outside of pytest's own, which pytest closes to all other users whenever a session of it begins."""
    with TemporaryDirectory(prefix="airflow-database-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "postgres"


@pytest.fixture(scope="session")
def airflow(
    milvus: dict[str, Service], bucket: Path, database: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Airflow]:
    here = Path(__file__).parent
    folders = {"examples": EXAMPLES, "tests": here / "dags"}
    if on_celery():
        folders["celery"] = here / "celery" / "dags"
    service = (celery_airflow if on_celery() else standalone_airflow)(
        tmp_path_factory.mktemp("airflow"),
        port=free_port(),
        dag_folders=folders,
        variables={
            "MILVUS_BUCKET": str(bucket),
            **{
                f"AIRFLOW_CONN_{conn_id.upper()}": f"milvus://{HOST}:{server.port}"
                for conn_id, server in milvus.items()
            },
        },
        workers=24 if on_celery() else 8,
        database=database,
    )
    try:
        yield Airflow(service.start(), service.url)
    finally:
        service.kill()


class OneAirflow(LoadScopeScheduling):
    """Lets one process run what shares the Airflow, and others the rest: most of the time all of them wait.

    pytest-xdist's own groups are not kept with pytest 9.2: there each process started an Airflow to share.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.partition("::")[0]).name
        return file if file in WITHOUT_SHARED_AIRFLOW else "shared Airflow"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneAirflow:
    return OneAirflow(config, log)


@pytest.fixture(scope="session")
def killed_tasks_run_again() -> None:
    """Skip on Airflow 3.0, which gives up a task whose process was killed, and one that was cleared while it ran."""
    if AIRFLOW_3_0:
        pytest.skip("Airflow 3.0 gives up a task whose process was killed")


@pytest.fixture(scope="session")
def runs(airflow: Airflow) -> dict[str, Run]:
    """A run of each DAG, all started before the first test uses one, because they take a while."""
    return {dag_id: airflow.trigger(dag_id) for dag_id in STARTED_AT_ONCE}
