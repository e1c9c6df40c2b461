"""Files through the whole of an import: a server of each version takes or refuses them as docs/files.md says."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

FIELDS = (
    {"fieldName": "text", "dataType": "VarChar", "elementTypeParams": {"max_length": 9}, "nullable": True},
    {"fieldName": "words", "dataType": "SparseFloatVector", "nullable": True},
    {"fieldName": "moment", "dataType": "Timestamptz", "nullable": True},
    {"fieldName": "doc", "dataType": "JSON", "nullable": True},
)
IDS = pa.array([1, 2], pa.int64())
VECTORS = [[1.0, 2.0], [3.0, 4.0]]
LISTS = pa.array(VECTORS, pa.list_(pa.float32()))


@pytest.fixture
def client(serve):
    """A client of a server of the newest version, with the collection `c`."""
    client = serve()
    client.create(auto_id=False, dim=2, fields=FIELDS, indexes=[{"fieldName": "words", "metricType": "IP"}])
    return client


def write(client, name, content):
    path = client.milvus.bucket / name
    if isinstance(content, dict):
        pq.write_table(pa.table({"id": IDS, "vector": LISTS, **content}), path)
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


@pytest.mark.parametrize(
    "column",
    [
        {"text": pa.array(["a", "b"], pa.large_string())},
        {"text": pa.array(["a", "b"]).dictionary_encode()},
        {"doc": pa.array([{"a": 1}, {"a": 2}])},
        {"moment": pa.array([0, 1], pa.timestamp("us", "UTC"))},
        {"words": pa.array([[(1, 0.5)], []], pa.map_(pa.int64(), pa.float32()))},
        {"vector": pa.array(VECTORS, pa.large_list(pa.float32()))},
        {"vector": pa.array([[1, 2], [3, 4]], pa.list_(pa.uint8()))},
        {"id": pa.array([1, 2], pa.uint64())},
    ],
)
def test_parquet_column_of_another_type_fails_the_job(client, column):
    job = client.load(write(client, "a.parquet", column))
    assert (job["state"], f"field '{next(iter(column))}': type mis-match" in job["reason"]) == ("Failed", True), job


def test_parquet_file_without_rows_is_checked_too(client):
    schema = pa.schema([("id", pa.int64()), ("vector", pa.large_list(pa.float32()))])
    pq.write_table(schema.empty_table(), client.milvus.bucket / "a.parquet")
    assert "type mis-match" in client.load("a.parquet")["reason"]


@pytest.mark.parametrize(("version", "state"), [("2.4", "Failed"), ("2.5", "Failed"), ("2.6", "Completed")])
@pytest.mark.parametrize(
    "column", [{"vector": pa.array(VECTORS, pa.list_(pa.float32(), 2))}, {"other": pa.array(["x", "y"])}]
)
def test_parquet_file_is_read_as_by_the_version_of_the_server(serve, version, state, column):
    client = serve(milvus_version=version)
    client.create(auto_id=False, dim=2)
    assert client.load(write(client, "a.parquet", column))["state"] == state


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("a.json", '{"ROWS": [{"id": 1, "vector": [1, 2], "words": {}, "doc": " 7", "other": 1}]}', 1),
        ("a.json", '[{"id": 1, "vector": [1, 2], "doc": [7]}]', None),
        ("a.json", '[{"id": 1, "vector": [1, 2], "words": "{}"}]', None),
        ("a.json", '[{"id": 1, "vector": [1, 2], "words": {"indices": [1, 1], "values": [1, 2]}}]', None),
        ("a.json", '[{"id": 1, "vector": [1, 2], "moment": 1735787045000000}]', None),
        ("a.json", '\ufeff[{"id": 1, "vector": [1, 2]}]', None),
        ("a.jsonl", '{"id": 1, "vector": [1, 2]} {"id": 2,\n"vector": [1, 2]}', 2),
        ("a.csv", 'id,vector,text\n1,"[1, 2e0]",\n"2","[1,null]",x', 2),
        ("a.csv", 'id,vector\n1,"[1,2]"\n2"2,"[1,2]"\n3,"[1,2]"', 2),
        ("a.csv", 'id,vector\n1,[1"2]\n', None),
        ("a.csv", '\ufeffid,vector\n1,"[1,2]"\n', None),
        ("a.csv", 'id,vector\n0x1,"[1,2]"\n', None),
    ],
)
def test_file_of_text_is_read_as_by_go(client, name, content, rows):
    job = client.load(write(client, name, content))
    assert (job["state"], client.rows()) == (("Failed", 0) if rows is None else ("Completed", rows)), job


def test_numpy_texts_of_bytes_are_taken_and_vectors_of_integers_are_not(client):
    np.save(client.milvus.bucket / "id.npy", np.array([1, 2]))
    np.save(client.milvus.bucket / "text.npy", np.array([b"ab", b"c"]))
    np.save(client.milvus.bucket / "vector.npy", np.array(VECTORS))
    files = ["id.npy", "text.npy", "vector.npy"]
    assert client.load(files)["state"] == "Completed"
    np.save(client.milvus.bucket / "vector.npy", np.array(VECTORS, np.int64))
    assert "expected element type 'FloatVector'" in client.load(files)["reason"]


@pytest.mark.parametrize("key", ["./a.json", "d//a.json", "d/./a.json"])
def test_key_names_an_object_verbatim(client, key):
    (client.milvus.bucket / "d").mkdir()
    for name in ("a.json", "d/a.json"):
        write(client, name, json.dumps([{"id": 1, "vector": [1, 2]}]))
    assert "does not exist" in client.load(key)["reason"]
