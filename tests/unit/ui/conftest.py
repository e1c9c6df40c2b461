"""The view's application on a script: what tasks have reported, what users may see, and a Milvus."""

import pytest

# Airflow's api-server, which the view is mounted in, is FastAPI from Airflow 3 on.
pytest.importorskip("fastapi", reason="Airflow 2 has no api-server to show the view in")

from fastapi import HTTPException, Request
from fastapi.testclient import TestClient

from airflow_provider_milvus.ui import api_server, application
from airflow_provider_milvus.ui.api_server import XComRow

NOW = 1_700_000_000.0


class FakeAirflow:
    """What the view requests of the api-server. Users are named in a header; ``admin`` may do everything."""

    def __init__(self):
        self.rows, self.queries, self.logged = [], 0, []
        self.dags = {"dag", "other"}
        self.reads = {"admin": self.dags, "reader": {"dag"}, "outsider": set()}
        self.triggers = {"admin": self.dags}
        self.connections = {"admin"}
        self.denied = set()

    def reports(self, *jobs, dag_id="dag", task_id="load", map_index=-1, pushed=NOW):
        """Let a task report jobs."""
        value = [{"milvus_conn_id": "milvus_default", "database": None, **job} for job in jobs]
        self.rows.append(XComRow(dag_id, "run", task_id, map_index, value, pushed))

    def newest_xcoms(self, key, *, days, limit):
        self.queries += 1
        return [row for row in self.rows if key == "import_progress"]


@pytest.fixture
def airflow(monkeypatch):
    fake = FakeAirflow()

    def user(request: Request):
        name = request.headers.get("user")
        if name is None:
            raise HTTPException(401)
        return name

    def xcom_access(request: Request):
        name, dag_id = request.headers.get("user"), request.query_params.get("dag_id")
        if name in fake.denied or (dag_id and dag_id not in fake.reads.get(name, ())):
            raise HTTPException(403, "Forbidden")

    monkeypatch.setattr(api_server, "newest_xcoms", fake.newest_xcoms)
    monkeypatch.setattr(api_server, "all_dag_ids", lambda: set(fake.dags))
    monkeypatch.setattr(api_server, "readable_dag_ids", lambda user: set(fake.reads[user]))
    monkeypatch.setattr(api_server, "may_trigger", lambda request, user, dag_id: dag_id in fake.triggers.get(user, ()))
    monkeypatch.setattr(api_server, "may_read_connection", lambda user, conn_id: user in fake.connections)
    monkeypatch.setattr(api_server, "user_dependency", lambda: user)
    monkeypatch.setattr(api_server, "xcom_access", lambda: xcom_access)
    monkeypatch.setattr(api_server, "log_action", lambda *entry: fake.logged.append(entry))
    return fake


@pytest.fixture
def browser(airflow, milvus):
    """Sends requests to the view on behalf of a user."""
    milvus.responds("/jobs/import/list", {"records": []})
    with TestClient(application.create_application(), headers={"user": "admin"}) as client:
        yield client
