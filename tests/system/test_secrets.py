"""What a real Airflow keeps of tasks whose connections hold secrets: logs at DEBUG, its database, all that it prints."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1] / "integration" / "campaigns"), str(Path(__file__).parent)]

from airflow_standalone import free_port, standalone_airflow
from conftest import Airflow
from echo_server import DESCRIBE, EVERYWHERE, EchoServer, job, page
from secret_connections import PEM, Secret


@pytest.fixture
def echo():
    """Two servers: one that refuses everything with an echo, one that sends it as a job's reason."""
    with EchoServer() as refusing, EchoServer() as later:
        refusing.behave("page 403", EVERYWHERE, page(403))
        later.behave("job's reason", DESCRIBE, job("reason", "half escaped"))
        yield {"echo": f"http://127.0.0.1:{refusing.port}", "later": f"http://127.0.0.1:{later.port}"}


@pytest.fixture
def connections(echo):
    """Connections by name, and the secrets in them."""
    secrets = {name: Secret("/") for name in ("echo", "later", "refused", "host", "proxies", "key", "space")}
    fields = {
        "echo": {"host": echo["echo"], "login": "root", "password": str(secrets["echo"])},
        "later": {"host": echo["later"], "extra": {"token": f"root:{secrets['later']}"}},
        "refused": {"host": "http://127.0.0.1:1", "password": str(secrets["refused"])},
        "host": {"host": f"https://root:{secrets['host']}@host"},
        "proxies": {"host": echo["echo"], "extra": {"proxies": f"http://user:{secrets['proxies']}@proxy:99999"}},
        "key": {
            "host": echo["echo"],
            "extra": {"client_key": PEM.format(secrets["key"], "x"), "client_cert": __file__},
        },
        "space": {"host": echo["later"], "extra": {"token": f"{secrets['space']} "}},
    }
    for one in fields.values():
        one["extra"] = {"timeout": 5, "retries": 0, **one.get("extra", {})}
    return fields, secrets


@pytest.fixture
def airflow(connections, tmp_path):
    service = standalone_airflow(
        tmp_path / "airflow",
        port=free_port(),
        dag_folders={"secrets": Path(__file__).parent / "secret_dags"},
        variables={
            **{
                f"AIRFLOW_CONN_MILVUS_{name.upper()}": json.dumps({"conn_type": "milvus", **fields})
                for name, fields in connections[0].items()
            },
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
        },
        workers=6,
    )
    try:
        yield Airflow(service.start(), service.url)
    finally:
        service.kill()


def test_no_secret_is_in_what_airflow_keeps(airflow, connections, tmp_path):
    run = airflow.trigger("secrets").wait()
    states = {task.id: task.state for task in run.tasks}
    assert len(states) == 4 * len(connections[1])
    assert {name: state for name, state in states.items() if state not in ("failed", "success")} == {}
    files = {path: path.read_bytes() for path in (tmp_path / "airflow").rglob("*") if path.is_file()}
    found = {
        (name, needle, str(path.relative_to(tmp_path)))
        for name, secret in connections[1].items()
        for needle in secret.needles()
        for path, content in files.items()
        if needle.encode() in content
    }
    assert found == set()
