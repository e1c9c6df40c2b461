"""A table of a real Postgres, in Milvus: rows and values are equal."""

import pytest

from airflow_provider_milvus.exceptions import MilvusFilesRefused
from airflow_provider_milvus.operators.import_rows import SQLToMilvusOperator

ROWS = 2_000
QUERY = "SELECT id, embedding AS vector, label AS text FROM documents ORDER BY id"


@pytest.fixture
def run(database, collection, staging, context):
    """Import a query of a table of documents, of which every second has a label."""
    database.run("CREATE TABLE documents (id bigint, embedding real[], label text)")
    database.run(
        "INSERT INTO documents SELECT n, ARRAY[n, n / 4.0]::real[], CASE WHEN n % 2 = 0 THEN 'label ' || n END "
        f"FROM generate_series(0, {ROWS - 1}) AS n"
    )

    def execute(sql, **options):
        operator = SQLToMilvusOperator(
            task_id="load",
            collection_name=collection,
            sql=sql,
            conn_id="postgres_default",
            batch_rows=500,
            **staging,
            **options,
        )
        return operator.execute(context)

    return execute


@pytest.mark.parametrize("vector", ["embedding", "'[' || array_to_string(embedding, ',') || ']'"])
def test_rows_and_values_are_equal(run, found, staged, database, vector):
    run(QUERY.replace("embedding", vector))
    assert [(row["id"], row["vector"], row["text"]) for _, row in sorted(found().items())] == database.run(QUERY)
    assert staged() == []


def test_page_of_rows_without_a_label_is_imported(run, found):
    # The first page is one of nulls alone, which have no type.
    run(QUERY.replace("ORDER BY id", "ORDER BY label IS NOT NULL, id"))
    assert sum(row["text"] is None for row in found().values()) == ROWS // 2


def test_query_with_parameters_reads_those_rows(run, found):
    run(QUERY.replace("ORDER", "WHERE id < %(last)s ORDER"), parameters={"last": 7})
    assert sorted(found()) == list(range(7))


def test_column_that_the_query_returns_twice_is_refused(run, staged):
    with pytest.raises(MilvusFilesRefused, match="several columns 'id': name them with AS"):
        run("SELECT id, id, embedding AS vector FROM documents")
    assert staged() == []
