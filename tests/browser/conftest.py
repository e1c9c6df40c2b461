"""A browser, an Airflow with three users, and the Milvus servers of its imports, all started once."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system"), str(HERE.parents[1] / "scripts")]

import chromium  # noqa: E402
import many_jobs  # noqa: E402
from airflow_client import Airflow, Run  # noqa: E402
from airflow_standalone import HOST, Service, free_port, local_milvus, standalone_airflow  # noqa: E402
from view import SECONDS_TO_SHOW, View  # noqa: E402

expect.set_options(timeout=SECONDS_TO_SHOW * 1000)

DIMENSION = 8
ROWS = 20_000
FILES = {
    "articles": ["articles-1", "articles-2", "articles-3"],
    "reviews": ["reviews-1", "wrong-dimension"],
    "authors": ["authors-1", "authors-2"],
    "books": ["books-1"],
    "maps": ["maps-1"],
}
VIEWPORT = {"width": 1300, "height": 800}
# The import on the slow one is seen running by several tests.
MIN_JOB_SECONDS = {"milvus_default": 0, "milvus_slow": 50}
# An admin, who may read one DAG, and who has no role at all.
PASSWORDS = {"admin": "admin", "reader": "reader", "stranger": "stranger"}
ROLES = {"admin": "admin", "reader": "viewer", "stranger": ""}


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium. Without one the tests are skipped, unless ``REQUIRE_BROWSER`` demands it."""
    with sync_playwright() as playwright:
        path = chromium.executable(playwright) or _without_browser()
        # Its sandbox is not to be had in many containers, nor by root. It sees pages of these tests alone.
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()


def _without_browser() -> NoReturn:
    if os.environ.get(chromium.REQUIRED):
        pytest.fail(f"{chromium.REQUIRED} is set, and no Chromium is on this machine: {chromium.HOW}", pytrace=False)
    pytest.skip(f"NO BROWSER HAS SEEN THE IMPORT VIEW: no Chromium is on this machine. {chromium.HOW}")


@pytest.fixture(scope="session")
def milvus(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Service]]:
    """Milvus servers by connection id, with all collections and files."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    bucket = tmp_path_factory.mktemp("bucket")
    for number, name in enumerate(name for names in FILES.values() for name in names):
        dimension = DIMENSION - 1 if name == "wrong-dimension" else DIMENSION
        vectors = np.random.default_rng(7).random(ROWS * dimension, dtype=np.float32)
        ids = pa.array(range(number * ROWS, (number + 1) * ROWS))
        table = {"id": ids, "vector": pa.FixedSizeListArray.from_arrays(vectors, dimension)}
        pq.write_table(pa.table(table), bucket / f"{name}.parquet")
    servers: dict[str, Service] = {}
    try:
        for conn_id, seconds in MIN_JOB_SECONDS.items():
            folder = tmp_path_factory.mktemp(conn_id)
            servers[conn_id] = local_milvus(folder, bucket=bucket, port=free_port(), min_job_seconds=seconds).start()
            for name in FILES:
                call(servers[conn_id], "collections/create", collectionName=name, dimension=DIMENSION)
        yield servers
    finally:
        for server in servers.values():
            server.kill()


def call(server: Service, route: str, **body: Any) -> Any:
    """The data of a response of Milvus, past Airflow."""
    response = httpx.post(f"{server.url}/v2/vectordb/{route}", json=body, trust_env=False).json()
    assert response["code"] == 0, response
    return response["data"]


@pytest.fixture(scope="session")
def count(milvus: dict[str, Service]) -> Callable[[str, str], int]:
    """How many rows of a collection are visible on the server of a connection."""

    def rows(conn_id: str, name: str) -> int:
        call(milvus[conn_id], "collections/refresh_load", collectionName=name)
        every = {"filter": "", "outputFields": ["count(*)"], "consistencyLevel": "Strong"}
        (found,) = call(milvus[conn_id], "entities/query", collectionName=name, **every)
        return int(found["count(*)"])

    return rows


@pytest.fixture(scope="session")
def many(browser: Any) -> Iterator[many_jobs.ManyJobs]:
    """A Milvus with ten thousand jobs."""
    server = many_jobs.ManyJobs()
    yield server
    server.close()


class SignedIn(Airflow):
    """The running Airflow, for one of its users."""

    def __init__(self, service: Service, user: str) -> None:
        self._user = user
        super().__init__(service, service.url)

    def get(self, path: str, **params: Any) -> Any:
        if path == "/auth/token":
            return self.post(path, {"username": self._user, "password": PASSWORDS[self._user]})
        return super().get(path, **params)

    def response(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A response, whatever its status."""
        return self._send(method, path, **more)

    @property
    def token(self) -> str:
        return self._client.headers["Authorization"].removeprefix("Bearer ")


@pytest.fixture(scope="session")
def service(
    milvus: dict[str, Service], many: many_jobs.ManyJobs, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("airflow")
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps(PASSWORDS))
    ports = {**{conn_id: server.port for conn_id, server in milvus.items()}, many_jobs.CONN_ID: many.port}
    # A folder outside of pytest's own, which pytest closes to all other users whenever a session of it begins.
    with TemporaryDirectory(prefix="airflow-database-", ignore_cleanup_errors=True) as database:
        airflow = standalone_airflow(
            home,
            port=free_port(),
            dag_folders={"dags": HERE / "dags"},
            variables={
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in ROLES.items()),
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
                "AIRFLOW__CORE__PLUGINS_FOLDER": str(HERE / "plugins"),
                # The files do not change.
                "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
                "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")])),
                **{f"AIRFLOW_CONN_{conn_id.upper()}": f"milvus://{HOST}:{port}" for conn_id, port in ports.items()},
            },
            workers=8,
            database=Path(database) / "postgres",
        )
        try:
            yield airflow.start()
        finally:
            airflow.kill()


@pytest.fixture(scope="session")
def users(service: Service) -> dict[str, SignedIn]:
    """The running Airflow by the user that it is used by."""
    return {name: SignedIn(service, name) for name in PASSWORDS}


@pytest.fixture(scope="session")
def airflow(users: dict[str, SignedIn]) -> SignedIn:
    """The running Airflow, for its admin."""
    return users["admin"]


@pytest.fixture(scope="session")
def open_view_of(browser: Any, users: dict[str, SignedIn]) -> Callable[..., View]:
    """Opens a page of Airflow for a user, in a window that is there already, or in a new one with its options."""
    windows: dict[str, Any] = {}

    def new_window(user: str, **options: Any) -> Any:
        signed_in = users[user]
        url = signed_in.service.url
        window = browser.new_context(base_url=url, **{"viewport": VIEWPORT, **options})
        window.add_cookies([{"name": "_token", "value": signed_in.token, "url": url}])
        return window

    def open_page(user: str, path: str = "/plugin/milvus-imports", **options: Any) -> View:
        # A new one loads all of Airflow's scripts again.
        if not options and user not in windows:
            windows[user] = new_window(user)
        window = new_window(user, **options) if options else windows[user]
        view = View(window.new_page())
        view.open(path)
        return view

    return open_page


@pytest.fixture
def open_view(open_view_of: Callable[..., View]) -> Iterator[Callable[..., View]]:
    """Opens a page of Airflow, and closes it after the test."""
    views = []

    def open_page(path: str = "/plugin/milvus-imports", *, user: str = "admin", **options: Any) -> View:
        views.append(open_view_of(user, path, **options))
        return views[-1]

    yield open_page
    for view in views:
        view.page.close()


@pytest.fixture(scope="session")
def library(airflow: SignedIn, open_view_of: Callable[..., View]) -> Run:
    """A run with a running import, some that have ended, and two that wait for a person."""
    # The first page that an Airflow sends is slow, and the import would be over.
    view = open_view_of("admin")
    expect(view.empty).to_have_text("There are no import jobs to show.")
    view.page.close()
    return airflow.trigger("library")


@pytest.fixture(scope="session")
def others(airflow: SignedIn, library: Run) -> dict[str, Run]:
    """Runs of the other DAGs."""
    return {dag_id: airflow.trigger(dag_id) for dag_id in ("untrusted", "many")}


@pytest.fixture(scope="session")
def job_ids(library: Run) -> Callable[[str], list[str]]:
    """The ids of a task's jobs, once they are submitted; of all its instances where it is mapped."""

    def of_task(task_id: str) -> list[str]:
        library.wait_until(lambda: all(task.has_xcom("job_id") for task in library.mapped(task_id)), f"end {task_id}")
        return [task.xcom("job_id") for task in library.mapped(task_id)]

    return of_task
