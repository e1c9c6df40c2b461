"""Rows that were imported with primary keys that are there already. Milvus never compares these when it imports.

The expectation of the counts is that of `test_get_job_progress_with_mismatch_db_name` in Milvus's own REST tests.
"""

import json

import pytest
from pymilvus import MilvusClient

KEYS = list(range(10))


@pytest.fixture
def keyed(serve):
    """A client of a server with a collection ``c`` of ten rows with explicit keys, imported twice."""
    found = serve()
    found.create(auto_id=False)
    rows = [{"id": key, "vector": [key, 0, 0, 0]} for key in KEYS]
    (found.milvus.bucket / "rows.json").write_text(json.dumps(rows))
    for _ in range(2):
        found.load("rows.json")
    found.refresh()
    return found


def counted(client, **more):
    (row,) = client.post("/entities/query", collectionName="c", outputFields=["count(*)"], **more)
    return row["count(*)"]


def test_rows_of_one_key_count_each(keyed):
    assert (counted(keyed), counted(keyed, filter="id < 3"), keyed.rows()) == (20, 6, 20)


def test_reader_sees_one_row_of_a_key(keyed):
    rows = keyed.post("/entities/query", collectionName="c", filter="id >= 0", outputFields=["id"])
    assert sorted(row["id"] for row in rows) == KEYS


def test_upsert_replaces_all_rows_of_a_key(keyed):
    keyed.post("/entities/upsert", collectionName="c", data=[{"id": 1, "vector": [9, 9, 9, 9]}])
    assert (counted(keyed), counted(keyed, filter="id == 1")) == (19, 1)


def test_delete_removes_all_rows_of_a_key(keyed):
    keyed.post("/entities/delete", collectionName="c", filter="id in [1, 2]")
    assert (counted(keyed), counted(keyed, filter="id == 1")) == (16, 0)


def test_import_over_an_inserted_key_counts_both(serve):
    client = serve()
    client.create(auto_id=False)
    client.post("/entities/insert", collectionName="c", data=[{"id": 1, "vector": [0, 0, 0, 0]}])
    (client.milvus.bucket / "rows.json").write_text(json.dumps([{"id": 1, "vector": [1, 1, 1, 1]}]))
    client.load("rows.json")
    client.refresh()
    assert (counted(client), counted(client, filter="id == 1")) == (2, 2)


def test_count_over_grpc_is_the_same(keyed):
    pymilvus = MilvusClient(keyed.milvus.uri)
    for where, rows in (("", 20), ("id < 3", 6)):
        assert pymilvus.query("c", filter=where, output_fields=["count(*)"]) == [{"count(*)": rows}]
    assert pymilvus.query("c", filter="", output_fields=["count(*)"], partition_names=["_default"])[0]["count(*)"] == 20


def test_count_outlives_a_compaction_and_a_restart(keyed, serve):
    # Milvus Lite merges four small segments of a partition; that runs after each publication.
    for _ in range(3):
        keyed.load("rows.json")
    keyed.post("/entities/delete", collectionName="c", filter="id == 1")
    again = serve()
    again.post("/collections/load", collectionName="c")
    assert (counted(again), again.rows()) == (45, 45)
    segments = list((again.milvus.bucket.parent).rglob("data_*.parquet"))
    assert len(segments) < 5
