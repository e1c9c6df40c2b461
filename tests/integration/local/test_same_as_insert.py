"""Imported rows cannot be distinguished from inserted ones, whatever format they came in."""

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pymilvus
import pytest

FIELDS = [
    {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
    {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": 2}},
    {"fieldName": "sparse", "dataType": "SparseFloatVector"},
    {"fieldName": "flag", "dataType": "Bool"},
    {"fieldName": "tiny", "dataType": "Int8"},
    {"fieldName": "small", "dataType": "Int16"},
    {"fieldName": "middle", "dataType": "Int32"},
    {"fieldName": "single", "dataType": "Float"},
    {"fieldName": "double", "dataType": "Double"},
    {"fieldName": "text", "dataType": "VarChar", "elementTypeParams": {"max_length": 20}},
    {"fieldName": "doc", "dataType": "JSON"},
    {
        "fieldName": "tags",
        "dataType": "Array",
        "elementDataType": "VarChar",
        "elementTypeParams": {"max_capacity": 4, "max_length": 20},
    },
    {"fieldName": "maybe", "dataType": "Int32", "nullable": True},
    {"fieldName": "filled", "dataType": "Int32", "defaultValue": 7},
]
ROWS = [
    {
        "id": 2**53 + n,
        "vector": [n + 0.1, -n - 0.2],
        "sparse": {"3": 0.25 + n, "70000": 1.0},
        "flag": n % 2 == 0,
        "tiny": -n,
        "small": 300 + n,
        "middle": 70_000 + n,
        "single": 0.1 + n,
        "double": 0.1 + n,
        "text": f"ünïcode {n}",
        "doc": {"n": n, "deep": {"ü": [1, None, "x"]}},
        "tags": ["a", "b"][: n % 3],
        "maybe": None if n % 2 else n,
        "filled": None if n % 2 else n,
    }
    for n in range(5)
]
PARQUET_TYPES = {
    "tiny": pa.int8(),
    "small": pa.int16(),
    "middle": pa.int32(),
    "maybe": pa.int32(),
    "filled": pa.int32(),
    "tags": pa.list_(pa.string()),
}
DYNAMIC = [{"colour": f"red {n}", "size": n} for n in range(5)]


def write_parquet(bucket):
    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    # A text of JSON is kept as it is.
    columns |= {name: [json.dumps(value, ensure_ascii=False) for value in columns[name]] for name in ("sparse", "doc")}
    columns |= {name: pa.array(columns[name], kind) for name, kind in PARQUET_TYPES.items()}
    columns["$meta"] = [json.dumps(fields) for fields in DYNAMIC]
    pq.write_table(pa.table(columns), bucket / "rows.parquet")
    return ["rows.parquet"]


def write_json(bucket):
    rows = [row | fields for row, fields in zip(ROWS, DYNAMIC, strict=True)]
    (bucket / "rows.json").write_text(json.dumps({"rows": rows}))
    return ["rows.json"]


def write_json_lines(bucket):
    rows = [row | fields for row, fields in zip(ROWS, DYNAMIC, strict=True)]
    (bucket / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return ["rows.jsonl"]


def write_csv(bucket):
    with (bucket / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*ROWS[0], "$meta"])
        for row, fields in zip(ROWS, DYNAMIC, strict=True):
            cells = [
                json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
                for value in row.values()
            ]
            writer.writerow([*cells, json.dumps(fields)])
    return ["rows.csv"]


@pytest.fixture
def create(serve):
    """Collections of every type, and a client of the server that has them."""
    client = serve()

    def create(*names):
        for name in names:
            client.post(
                "/collections/create",
                collectionName=name,
                schema={"fields": FIELDS, "enableDynamicField": True},
                indexParams=[
                    {"fieldName": "vector", "metricType": "L2"},
                    {"fieldName": "sparse", "metricType": "IP", "indexType": "SPARSE_INVERTED_INDEX"},
                ],
            )
        return client

    return create


@pytest.mark.parametrize("write", [write_parquet, write_json, write_json_lines, write_csv])
def test_every_type_reads_back_as_if_inserted(create, write):
    client = create("inserted", "imported")
    milvus = pymilvus.MilvusClient(uri=client.milvus.grpc_uri)
    milvus.insert(
        "inserted",
        [
            row | fields | {"sparse": {int(index): value for index, value in row["sparse"].items()}}
            for row, fields in zip(ROWS, DYNAMIC, strict=True)
        ],
    )
    # Milvus Lite computes distances otherwise for rows that are not in a segment file yet.
    milvus.flush("inserted")
    job = client.load(write(client.milvus.bucket), collection="imported")
    assert (job["state"], job["importedRows"]) == ("Completed", 5), job
    client.refresh("imported")

    for read in (
        lambda name: milvus.query(name, "id >= 0", output_fields=["*"]),
        lambda name: milvus.query(name, 'doc["n"] > 2 and colour == "red 4"', output_fields=["*"]),
        lambda name: milvus.query(name, "maybe is null and filled == 7", output_fields=["id"]),
        lambda name: milvus.search(name, [[1.0, 1.0]], anns_field="vector", output_fields=["*"])[0],
        lambda name: milvus.search(name, [{3: 1.0}], anns_field="sparse", output_fields=["id"])[0],
        lambda name: client.post("/entities/query", collectionName=name, filter="id >= 0"),
        lambda name: client.post("/entities/search", collectionName=name, data=[[0, 0]], annsField="vector"),
    ):
        inserted, imported = (sorted(map(shown, read(name))) for name in ("inserted", "imported"))
        assert inserted == imported
        assert inserted


def shown(row):
    """A row as text, its distance without the last digits: Milvus Lite's background index computes others."""
    return str({name: round(value, 4) if name == "distance" else value for name, value in row.items()})


def test_numpy_set_reads_back_as_if_inserted(serve):
    client = serve()
    client.create(auto_id=False)
    client.create("inserted", auto_id=False)
    vectors = np.random.default_rng(0).random((1000, 4)).astype(np.float32)
    np.save(client.milvus.bucket / "id.npy", np.arange(1000))
    np.save(client.milvus.bucket / "vector.npy", vectors)
    assert client.load(["id.npy", "vector.npy"])["state"] == "Completed"
    client.refresh()
    client.post(
        "/entities/insert",
        collectionName="inserted",
        data=[{"id": n, "vector": vector} for n, vector in enumerate(vectors.tolist())],
    )
    for body in ({"filter": "id < 1000", "limit": 1000}, {"filter": "id in [3, 999]"}):
        imported, inserted = (client.post("/entities/query", collectionName=name, **body) for name in ("c", "inserted"))
        assert imported == inserted


@pytest.mark.parametrize("kind", ["Int64", "VarChar"])
def test_partition_key_leads_to_the_same_partitions(serve, kind):
    client = serve()
    key = {"fieldName": "key", "dataType": kind, "isPartitionKey": True, "elementTypeParams": {"max_length": 20}}
    keys = list(range(40)) if kind == "Int64" else [f"tenant {n}" for n in range(40)]
    for name in ("inserted", "imported"):
        client.create(name, auto_id=False, fields=[key])
    rows = [{"id": n, "vector": [float(n)] * 4, "key": one} for n, one in enumerate(keys)]
    client.post("/entities/insert", collectionName="inserted", data=rows)
    pq.write_table(pa.Table.from_pylist(rows), client.milvus.bucket / "rows.parquet")
    assert client.load("rows.parquet", collection="imported")["state"] == "Completed"

    partitions = client.post("/partitions/list", collectionName="imported")
    counts = [
        [
            client.post("/partitions/get_stats", collectionName=name, partitionName=partition)["rowCount"]
            for partition in partitions
        ]
        for name in ("inserted", "imported")
    ]
    assert counts[0] == counts[1]
    assert sum(count > 0 for count in counts[0]) > 3
