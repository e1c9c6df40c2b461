"""A whole Airflow beside local Milvus servers, started once, and everything that happens to it, begun at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow import __version__ as airflow_version
from xdist.scheduler import LoadScopeScheduling

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "scripts")]

from airflow_celery import celery_airflow, on_celery  # noqa: E402
from airflow_client import Airflow, Run  # noqa: E402
from airflow_standalone import EXAMPLES, HOST, Service, free_port, local_milvus, standalone_airflow  # noqa: E402
from crash_campaign import Campaign  # noqa: E402
from scenario import Environment, scenarios_of  # noqa: E402

AIRFLOW_3_0 = airflow_version.startswith("3.0.")
# They start an Airflow of their own, or none.
WITHOUT_SHARED_AIRFLOW = ("test_demo.py", "test_secrets.py", "test_triggerer.py")
# Jobs of the last three run until their server is restarted, or far longer than it takes until all tasks wait for them.
MIN_JOB_SECONDS = {
    "milvus_default": 0,
    "milvus_slow": 60,
    "milvus_waits": 600,
    "milvus_kills": 600,
    "milvus_mortal": 600,
}
if on_celery():
    MIN_JOB_SECONDS = {"milvus_default": 0, "milvus_slow": 20, "milvus_waits": 600, "milvus_patient": 1800}
SETTINGS = {
    # As many as requests that the API server handles at a time: one that waits too long for its turn fails.
    "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE": "40",
    # A scheduler that a busy machine keeps waiting takes itself for dead, and its tasks for orphans.
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "600",
    # How soon the triggers of a silent triggerer move to another one.
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "15",
    # Reading the files again and again, which do not change, would take half of a core.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
    # The heartbeats of all tasks, one a second each, would take a quarter of one.
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "5",
}
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
    "failed_imports",
]


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
    """Milvus servers by connection id."""
    with ExitStack() as stack, ThreadPoolExecutor(len(MIN_JOB_SECONDS)) as pool:
        servers = {}
        for conn_id, seconds in MIN_JOB_SECONDS.items():
            folder = tmp_path_factory.mktemp(conn_id)
            servers[conn_id] = local_milvus(
                folder,
                bucket=bucket,
                port=free_port(),
                min_job_seconds=seconds,
                # None waits for another; most of the time of a job is no work.
                parallel_jobs=100,
            )
            stack.callback(servers[conn_id].kill)
        list(pool.map(Service.start, servers.values()))
        yield servers


@pytest.fixture(scope="session")
def campaign(bucket: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign | None]:
    """The campaign of crashes, with Milvus servers of its own; on Celery there is another one."""
    if on_celery():
        yield None
        return
    with ExitStack() as stack:
        yield Campaign(tmp_path_factory.mktemp("crashes"), bucket, seed=1, stack=stack)


@pytest.fixture(scope="session")
def database() -> Iterator[Path]:
    """A folder outside of pytest's own, which pytest closes to all other users whenever a session of it begins."""
    with TemporaryDirectory(prefix="airflow-database-", ignore_cleanup_errors=True) as folder:
        yield Path(folder) / "postgres"


@pytest.fixture(scope="session")
def airflow(
    milvus: dict[str, Service],
    campaign: Campaign | None,
    bucket: Path,
    database: Path,
    tmp_path_factory: pytest.TempPathFactory,
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
            **(campaign.variables if campaign else {}),
            "MILVUS_BUCKET": str(bucket),
            **{
                f"AIRFLOW_CONN_{conn_id.upper()}": f"milvus://{HOST}:{server.port}"
                for conn_id, server in milvus.items()
            },
            **({} if on_celery() else SETTINGS),
        },
        # Most of them wait.
        workers=16,
        database=database,
    )
    try:
        airflow = Airflow(service.start(), service.url)
        if campaign:
            campaign.airflow = airflow
        yield airflow
    finally:
        service.kill()


@pytest.fixture(scope="session")
def folders_of_airflow(airflow: Airflow, database: Path) -> tuple[Path, Path]:
    """Everything that it keeps."""
    return airflow.service.log.parent, database


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
def environment(airflow: Airflow, milvus: dict[str, Service], campaign: Campaign | None, bucket: Path) -> Environment:
    found = Environment(airflow, milvus, bucket, campaign, killed_tasks_run_again=not AIRFLOW_3_0)
    for conn_id in milvus:
        for name in COLLECTIONS:
            # `vectors.parquet` fits into it.
            found.call_milvus(conn_id, "collections/create", collectionName=name, dimension=8)
    return found


@dataclass
class Begun:
    """What the selected tests examine, all of it begun at once, because it mostly waits."""

    runs: dict[str, Run]
    outcomes: dict[Callable[[Environment], Any], Future[Any]]


@pytest.fixture(scope="session")
def begun(request: pytest.FixtureRequest, environment: Environment) -> Iterator[Begun]:
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    scenarios = scenarios_of(item.module for item in items)
    dag_ids = STARTED_AT_ONCE if any("runs" in item.fixturenames for item in items) else []
    with ThreadPoolExecutor(len(scenarios) or 1) as pool:
        outcomes = {scenario: pool.submit(scenario, environment) for scenario in scenarios}
        yield Begun({dag_id: environment.airflow.trigger(dag_id) for dag_id in dag_ids}, outcomes)


@pytest.fixture
def outcome_of(begun: Begun) -> Callable[[Callable[..., Any]], Any]:
    """What a scenario returns, once it has ended."""
    return lambda scenario: begun.outcomes[scenario].result()


@pytest.fixture(scope="session")
def runs(begun: Begun) -> dict[str, Run]:
    """A run of each DAG that nothing is done to."""
    return begun.runs
