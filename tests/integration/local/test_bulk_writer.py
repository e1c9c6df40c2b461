"""What pymilvus's own writer wrote and its own functions imported is what its own client reads, value for value."""

import csv
import json
import math
import time
from pathlib import Path

import ml_dtypes
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pymilvus
import pytest
from pymilvus import DataType
from pymilvus.bulk_writer import BulkFileType, LocalBulkWriter, bulk_import, get_import_progress, list_import_jobs

VECTORS = (
    DataType.FLOAT_VECTOR,
    DataType.SPARSE_FLOAT_VECTOR,
    DataType.BINARY_VECTOR,
    DataType.FLOAT16_VECTOR,
    DataType.BFLOAT16_VECTOR,
    DataType.INT8_VECTOR,
)
FORMATS = ["PARQUET", "JSON", "JSONL", "CSV", "NUMPY"]
TEXTS = [
    "",
    "plain",
    'quo"te, comma; tab\t',
    "line\nbreak\r\n",
    "ünïcödé 漢字 🦆",
    "null",
    "NaN",
    "[1, 2]",
    '{"a": 1}',
    " x ",
]
# pymilvus writes a list as one, which a JSON file may not have: internal/util/importutilv2/json/row_parser.go:620.
DOCUMENTS = [
    {},
    {"a": 1},
    {"list": [1, 2.5, "x", None, True]},
    {"deep": {"ü": [[], {}]}},
    {"n": None},
    {"big": 2**53 + 1},
] * 2
FLOATS = [0.0, -0.0, 0.1, -1e30, 1e-30, 3.5, 16777217.0, 1.0, -2.5, 1 / 3]
ROWS = len(TEXTS)
# Without a null key of its own, an empty text and a null are one and the same in a CSV.
CSV = {"sep": "|", "nullkey": "\\N"}
# Milvus reads neither arrays nor sparse vectors nor nulls from NumPy files, and pymilvus writes none there. Its check
# of the header refuses every type for a Timestamptz: internal/util/importutilv2/numpy/util.go:345.
NOT_IN_NUMPY = ("array", "sparse", "maybe", "filled", "moment")


def spread(low, high):
    """As many integers as there are rows, both ends among them."""
    return [low, high, 0, -1, 1, low + 1, high - 1, 2, 3, 4][:ROWS]


def with_nulls(values):
    """Every other value; pymilvus's writer makes floats of integers that have nulls among them, so no big ones."""
    return [None if n % 2 or (type(one) is int and abs(one) > 2**53) else one for n, one in enumerate(values)]


SCALARS = {
    "flag": (DataType.BOOL, {}, [n % 3 == 0 for n in range(ROWS)]),
    "tiny": (DataType.INT8, {}, spread(-(2**7), 2**7 - 1)),
    "small": (DataType.INT16, {}, spread(-(2**15), 2**15 - 1)),
    "middle": (DataType.INT32, {}, spread(-(2**31), 2**31 - 1)),
    "big": (DataType.INT64, {}, spread(-(2**63), 2**63 - 1)),
    "single": (DataType.FLOAT, {}, FLOATS),
    "double": (DataType.DOUBLE, {}, FLOATS),
    "text": (DataType.VARCHAR, {"max_length": 100}, TEXTS),
    "document": (DataType.JSON, {}, DOCUMENTS[:ROWS]),
    "shape": (DataType.GEOMETRY, {}, [f"POINT ({n} {n + 1})" for n in range(ROWS)]),
    "moment": (DataType.TIMESTAMPTZ, {}, [f"2026-11-{n + 10}T12:30:00.250000Z" for n in range(ROWS)]),
}
ELEMENTS = ("flag", "tiny", "small", "middle", "big", "single", "double", "text")
COLUMNS = {
    "id": (DataType.INT64, {"is_primary": True}, [2**60 + n for n in range(ROWS)]),
    "vector": (DataType.FLOAT_VECTOR, {"dim": 3}, [[n + 0.1, -n / 3, 1e-20 * n] for n in range(ROWS)]),
    "sparse": (DataType.SPARSE_FLOAT_VECTOR, {}, [{n: 0.5, 70_000 + n: 0.1} for n in range(ROWS)]),
    **SCALARS,
    **{
        f"array_{name}": (
            DataType.ARRAY,
            {"element_type": SCALARS[name][0], "max_capacity": ROWS, **SCALARS[name][1]},
            [SCALARS[name][2][:n] for n in range(ROWS)],
        )
        for name in ELEMENTS
    },
    **{
        f"maybe_{name}": (kind, {"nullable": True, **more}, with_nulls(values))
        for name, (kind, more, values) in SCALARS.items()
    },
    "maybe_array": (
        DataType.ARRAY,
        {"element_type": DataType.INT64, "max_capacity": 9, "nullable": True},
        [None if n % 2 else [n] for n in range(ROWS)],
    ),
    **{
        f"filled_{name}": (
            SCALARS[name][0],
            {"default_value": default, **SCALARS[name][1]},
            with_nulls(SCALARS[name][2]),
        )
        for name, default in {
            "flag": True,
            "tiny": 7,
            "big": 2**62,
            "single": 2.5,
            "double": 0.1,
            "text": "full",
        }.items()
    },
}
# Fields that the schema does not know, a few rows of them.
DYNAMIC = [{"colour": "red", "size": 2**53 + 1}, {"tags": ["a", {"b": None}]}, {"share": 0.1, "on": True}, {}] * ROWS


def columns_of(file_type):
    return {
        name: column for name, column in COLUMNS.items() if file_type != "NUMPY" or not name.startswith(NOT_IN_NUMPY)
    }


def schema_of(columns):
    schema = pymilvus.MilvusClient.create_schema(enable_dynamic_field=True)
    for name, (kind, options, _) in columns.items():
        schema.add_field(name, kind, **options)
    return schema


def write(schema, rows, folder, file_type, **options):
    """Files of pymilvus's writer, as keys of the bucket."""
    writer = LocalBulkWriter(schema, str(folder), file_type=BulkFileType[file_type], **options)
    for row in rows:
        writer.append_row(dict(row))
    writer.commit()
    return [[str(Path(path).relative_to(folder)) for path in files] for files in writer.batch_files]


def run(milvus, collection, files, **options):
    """Import with pymilvus's own functions and let readers see the rows; the final progress."""
    job_id = bulk_import(milvus.uri, collection, files=files, **options).json()["data"]["jobId"]
    listed = list_import_jobs(milvus.uri, collection_name=collection).json()["data"]["records"]
    assert job_id in [record["jobId"] for record in listed]
    while True:
        job = get_import_progress(milvus.uri, job_id).json()["data"]
        if job["state"] == "Completed":
            pymilvus.MilvusClient(uri=milvus.grpc_uri).refresh_load(collection)
        if job["state"] in ("Completed", "Failed"):
            return job
        time.sleep(0.01)


@pytest.fixture(scope="module")
def milvus(shared_client):
    return shared_client.milvus


@pytest.fixture(scope="module")
def client(milvus):
    client = pymilvus.MilvusClient(uri=milvus.grpc_uri)
    yield client
    client.close()


@pytest.fixture(scope="module")
def create(shared_client, client):
    """Create a collection as pymilvus does; it would wait half a second for an index."""

    def create(name, schema):
        client.create_collection(name, schema=schema)
        vectors = [field.name for field in schema.fields if field.dtype in VECTORS]
        shared_client.post("/indexes/create", collectionName=name, indexParams=[{"fieldName": one} for one in vectors])
        shared_client.post("/collections/load", collectionName=name)

    return create


@pytest.fixture(scope="module")
def stored(milvus, client, create):
    """The rows that a client reads after one format's file was imported, in the order they were written."""
    read = {}

    def of(file_type):
        if file_type not in read:
            columns = columns_of(file_type)
            schema = schema_of(columns)
            rows = [{name: values[n] for name, (_, _, values) in columns.items()} | DYNAMIC[n] for n in range(ROWS)]
            create(file_type, schema)
            files = write(schema, rows, milvus.bucket, file_type, config=CSV)
            job = run(milvus, file_type, files, options=CSV)
            assert (job["state"], job["importedRows"]) == ("Completed", ROWS), job.get("reason")
            found = client.query(file_type, "id >= 0", output_fields=["*"])
            read[file_type] = sorted(found, key=lambda row: row["id"])
        return read[file_type]

    return of


def expected(name, file_type="PARQUET"):
    """What Milvus stores of a column's values."""
    kind, options, values = COLUMNS[name]
    if file_type == "CSV":
        # Go's encoding/csv reads every line end as one character, in a quoted cell, too.
        values = [value.replace("\r\n", "\n") if isinstance(value, str) else value for value in values]
    values = [options.get("default_value") if value is None else value for value in values]
    if DataType.FLOAT in (kind, options.get("element_type")) or name == "vector":
        return [None if value is None else np.float32(value).tolist() for value in values]
    if name == "sparse":
        return [{index: np.float32(weight).item() for index, weight in value.items()} for value in values]
    return values


@pytest.mark.parametrize(
    ("file_type", "name"), [(file_type, name) for file_type in FORMATS for name in columns_of(file_type)]
)
def test_column_reads_back_as_it_was_written(stored, file_type, name):
    found = [row[name] for row in stored(file_type)]
    assert found == expected(name, file_type)
    assert [math.copysign(1, one) for one in found if isinstance(one, float)] == [
        math.copysign(1, one) for one in expected(name, file_type) if isinstance(one, float)
    ]


@pytest.mark.parametrize("file_type", FORMATS)
def test_dynamic_fields_read_back_as_they_were_written(stored, file_type):
    static = columns_of(file_type)
    found = [{key: value for key, value in row.items() if key not in static} for row in stored(file_type)]
    assert found == DYNAMIC[:ROWS]


# -- keys and partitions -----------------------------------------------------------------------------------


def small_schema(**primary):
    schema = pymilvus.MilvusClient.create_schema(auto_id=primary.pop("auto_id", False))
    schema.add_field("id", is_primary=True, **primary)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
    return schema


def vectors(count):
    return [{"vector": [float(n), -float(n)]} for n in range(count)]


@pytest.mark.parametrize("file_type", FORMATS)
def test_generated_keys_differ(milvus, client, create, file_type):
    name = f"generated_{file_type}"
    schema = small_schema(datatype=DataType.INT64, auto_id=True)
    create(name, schema)
    files = write(schema, vectors(50), milvus.bucket, file_type)
    for _ in range(2):
        assert run(milvus, name, files)["state"] == "Completed"
    rows = client.query(name, "id >= 0", output_fields=["vector"])
    assert len({row["id"] for row in rows}) == 100
    assert sorted(row["vector"][0] for row in rows) == sorted([float(n) for n in range(50)] * 2)


@pytest.mark.parametrize("file_type", FORMATS)
def test_texts_are_keys(milvus, client, create, file_type):
    name = f"texts_{file_type}"
    schema = small_schema(datatype=DataType.VARCHAR, max_length=20)
    create(name, schema)
    rows = [{"id": f"schlüssel {n}", **row} for n, row in enumerate(vectors(50))]
    assert run(milvus, name, write(schema, rows, milvus.bucket, file_type))["state"] == "Completed"
    found = client.get(name, [f"schlüssel {n}" for n in range(50)], output_fields=["vector"])
    assert sorted(found, key=lambda row: row["vector"][0]) == rows


@pytest.mark.parametrize("file_type", FORMATS)
def test_rows_are_found_in_the_partition_they_were_imported_into(milvus, client, create, file_type):
    name = f"partition_{file_type}"
    schema = small_schema(datatype=DataType.INT64)
    create(name, schema)
    client.create_partition(name, "p")
    rows = [{"id": n, **row} for n, row in enumerate(vectors(9))]
    run(milvus, name, write(schema, rows, milvus.bucket, file_type), partition_name="p")
    assert list(client.query(name, "id >= 0", partition_names=["_default"])) == []
    assert list(client.query(name, "id >= 0", partition_names=["p"])) == rows


@pytest.mark.parametrize("file_type", FORMATS)
def test_rows_are_found_by_their_partition_key(milvus, client, create, file_type):
    name = f"key_{file_type}"
    schema = small_schema(datatype=DataType.INT64)
    schema.add_field("tenant", DataType.VARCHAR, max_length=20, is_partition_key=True)
    create(name, schema)
    rows = [{"id": n, "tenant": f"tenant {n % 10}", **row} for n, row in enumerate(vectors(50))]
    assert run(milvus, name, write(schema, rows, milvus.bucket, file_type))["state"] == "Completed"
    assert list(client.query(name, 'tenant == "tenant 3"', output_fields=["*"])) == rows[3::10]


OTHER_VECTORS = {
    DataType.BINARY_VECTOR: [np.array([n, 255 - n], np.uint8) for n in range(ROWS)],
    DataType.FLOAT16_VECTOR: [np.array([n / 3] * 16, np.float16) for n in range(ROWS)],
    DataType.BFLOAT16_VECTOR: [np.array([n / 3] * 16, ml_dtypes.bfloat16) for n in range(ROWS)],
    DataType.INT8_VECTOR: [np.array([n - 5] * 16, np.int8) for n in range(ROWS)],
}


@pytest.mark.parametrize("file_type", FORMATS)
@pytest.mark.parametrize("kind", OTHER_VECTORS)
def test_vectors_of_other_types_are_those_that_were_written(milvus, client, create, kind, file_type):
    name = f"vectors_{kind.name}_{file_type}"
    schema = pymilvus.MilvusClient.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", kind, dim=16)
    create(name, schema)
    rows = [{"id": n, "vector": vector} for n, vector in enumerate(OTHER_VECTORS[kind])]
    job = run(milvus, name, write(schema, rows, milvus.bucket, file_type))
    assert job["state"] == "Completed", job
    found = {row["id"]: bytes(row["vector"][0]) for row in client.query(name, "id >= 0", output_fields=["vector"])}
    assert found == {row["id"]: row["vector"].tobytes() for row in rows}


# -- files that do not fit ---------------------------------------------------------------------------------

BAD_VALUES = {
    "flag": "perhaps",
    "tiny": 128,
    "small": -(2**15) - 1,
    "middle": 2**31,
    "big": 2**63,
    "single": "x",
    "double": "x",
    "text": "x" * 101,
    "document": "{",
    "shape": "POINT",
    "moment": "yesterday",
    "array_tiny": [1, 200],
    "vector": [1.0],
    "sparse": {-1: 0.5},
}


@pytest.fixture(scope="module")
def narrow(create):
    """A collection of every type, for rows of which one value does not fit."""
    schema = schema_of({name: COLUMNS[name] for name in ("id", *BAD_VALUES)} | {"vector": COLUMNS["vector"]})
    create("narrow", schema)
    return "narrow"


# In Parquet these would be whole columns of another type, not one value.
BY_COLUMN = ("flag", "tiny", "small", "middle", "big", "single", "double", "array_tiny")
PARQUET_TYPES = {
    "flag": pa.bool_(),
    "tiny": pa.int8(),
    "small": pa.int16(),
    "middle": pa.int32(),
    "big": pa.int64(),
    "single": pa.float32(),
    "double": pa.float64(),
    "array_tiny": pa.list_(pa.int8()),
    "id": pa.int64(),
    "vector": pa.list_(pa.float32()),
}


@pytest.mark.parametrize(
    ("file_type", "name"),
    [
        (file_type, name)
        for file_type in ("json", "jsonl", "csv", "parquet")
        for name in BAD_VALUES
        if file_type != "parquet" or name not in BY_COLUMN
    ],
)
def test_value_that_does_not_fit_is_named_with_its_file_and_row(milvus, narrow, file_type, name):
    rows = [{key: COLUMNS[key][2][n] for key in ("id", "vector", *BAD_VALUES)} for n in range(ROWS)]
    rows[3][name] = BAD_VALUES[name]
    path = milvus.bucket / f"{name}.{file_type}"
    write_by_hand(path, rows)
    job = run(milvus, narrow, [[path.name]])
    assert job["state"] == "Failed"
    for part in (f"'{path.name}'", "row 3", f"'{name}'"):
        assert part in job["reason"]


def write_by_hand(path, rows):
    """A file of these rows with nothing between them and the file that would check them."""
    match path.suffix:
        case ".json":
            path.write_text(json.dumps(rows))
        case ".jsonl":
            path.write_text("\n".join(map(json.dumps, rows)))
        case ".csv":
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, rows[0].keys())
                writer.writeheader()
                writer.writerows(
                    {key: json.dumps(one) if isinstance(one, list | dict) else one for key, one in row.items()}
                    for row in rows
                )
        case ".parquet":
            pq.write_table(pa.table({key: parquet_column(key, [row[key] for row in rows]) for key in rows[0]}), path)


def parquet_column(name, values):
    """The column in the type that Milvus reads into the field."""
    if name in ("document", "sparse"):
        values = [one if isinstance(one, str) else json.dumps(one) for one in values]
    return pa.array(values, PARQUET_TYPES.get(name, pa.string()))
