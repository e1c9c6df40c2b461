"""What a real Airflow keeps of tasks whose connections hold secrets: logs at DEBUG, its database, what it prints."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[0] / "integration" / "campaigns"), str(HERE.parents[1] / "scripts")]

from airflow_client import Airflow  # noqa: E402
from airflow_standalone import free_port, standalone_airflow  # noqa: E402
from echo_server import DESCRIBE, EVERYWHERE, EchoServer, job, page  # noqa: E402
from secret_connections import PEM, Secret  # noqa: E402

NAMES = ("echo", "later", "refused", "host", "proxies", "key", "space", "cloud")
# Their servers send back what they were sent, at once or as the reason of a job.
ECHOES = {
    "echo": ("page 403", EVERYWHERE, page(403)),
    **{name: ("job's reason", DESCRIBE, job("reason", "half escaped")) for name in ("later", "space", "cloud")},
}


@pytest.fixture
def secrets():
    return {name: Secret("/") for name in (*NAMES, "storage")}


@pytest.fixture
def connections(secrets):
    """The fields of connections by name, each with a server of its own where it has one."""
    with ExitStack() as stack:
        urls = {}
        for name, behaviour in ECHOES.items():
            server = stack.enter_context(EchoServer())
            server.behave(*behaviour)
            urls[name] = f"http://127.0.0.1:{server.port}"
        text = {name: str(secret) for name, secret in secrets.items()}
        closed = "http://127.0.0.1:1"
        cloud = {"cluster_id": "in03-local", "import_endpoint": urls["cloud"]}
        fields = {
            "milvus_echo": {"host": urls["echo"], "login": "root", "password": text["echo"]},
            "milvus_later": {"host": urls["later"], "extra": {"token": f"root:{text['later']}"}},
            "milvus_refused": {"host": closed, "password": text["refused"]},
            "milvus_host": {"host": f"https://root:{text['host']}@host"},
            "milvus_proxies": {"host": closed, "extra": {"proxies": f"http://user:{text['proxies']}@proxy:99999"}},
            "milvus_key": {"host": closed, "extra": {"client_key": PEM.format(text["key"], "x"), "client_cert": "x"}},
            "milvus_space": {"host": urls["space"], "extra": {"token": f"{text['space']} "}},
            "milvus_cloud": {"host": urls["cloud"], "password": text["cloud"], "extra": cloud},
            "my_bucket": {"login": "an-access-key", "password": text["storage"]},
        }
        for one in fields.values():
            one["extra"] = {"timeout": 5, "retries": 0, **one.get("extra", {})}
        yield fields


@pytest.fixture
def folder():
    """Everything that Airflow keeps; PostgreSQL, which runs as another user, cannot open pytest's folders."""
    with TemporaryDirectory(prefix="secrets-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def airflow(connections, folder):
    service = standalone_airflow(
        folder / "airflow",
        port=free_port(),
        database=folder / "postgres",
        dag_folders={"secrets": HERE / "secret_dags"},
        variables={
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "600",
            **{
                f"AIRFLOW_CONN_{name.upper()}": json.dumps({"conn_type": "milvus", **fields})
                for name, fields in connections.items()
            },
        },
        workers=6,
    )
    try:
        yield Airflow(service.start(), service.url)
    finally:
        service.kill()


def test_no_secret_is_in_what_airflow_keeps(airflow, secrets, folder):
    run = airflow.trigger("secrets").wait()
    tasks = run.tasks
    assert {task.id: task.state for task in tasks if task.state != "failed"} == {}
    assert len(tasks) == 3 * len(NAMES) - 1
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    found = {
        (name, str(path.relative_to(folder)))
        for name, secret in secrets.items()
        for needle in secret.needles()
        for path, content in files.items()
        if needle.encode() in content
    }
    assert found == set()
    # What was sent back has arrived, and was replaced; a token with a space at its end is refused before it is sent.
    for name in ECHOES.keys() - {"space"}:
        assert any(f"_{name}_" in str(path) and b"***" in content for path, content in files.items()), name
