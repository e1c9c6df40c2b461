"""Float16, BFloat16, Int8 and binary vectors, from a file or a request to a query and a search.

Which values each format has is what Milvus's readers (`internal/util/importutilv2`) and `checkAndSetData` take.
"""

import base64
import json
from itertools import count

import ml_dtypes
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pymilvus import DataType, MilvusClient

DIM, ROWS = 16, 6
NUMBERS = count()
KINDS = ["Float16Vector", "BFloat16Vector", "Int8Vector", "BinaryVector"]
METRICS = {"BinaryVector": "HAMMING"}


def vectors(kind):
    """Rows of a vector type: of a binary vector the bytes, of BFloat16 the upper halves of 32-bit floats."""
    made = np.random.default_rng(7)
    if kind == "BinaryVector":
        return made.integers(0, 256, (ROWS, DIM // 8), dtype=np.uint8)
    floats = (made.normal(size=(ROWS, DIM)) * 20).astype(np.float32)
    if kind == "BFloat16Vector":
        return (floats.view(np.uint32) >> 16).astype(np.uint16)
    return floats.astype(np.float16 if kind == "Float16Vector" else np.int8)


def numbers(kind, given):
    """The numbers of vectors that are no binary ones."""
    if kind == "BFloat16Vector":
        return (given.astype(np.uint32) << 16).view(np.float32)
    return given.astype(np.float32)


def spelled(kind, vector):
    """A vector as a response of REST has it."""
    return base64.b64encode(vector.tobytes()).decode()


def raw(vector):
    """The bytes of a vector as pymilvus shows it: a list of one text of bytes, or that alone."""
    return bytes(vector[0] if isinstance(vector, list) else vector)


def distances(kind, given, query, metric):
    if metric == "L2":
        return ((numbers(kind, given).astype(float) - numbers(kind, query).astype(float)) ** 2).sum(axis=1)
    ones, others = np.unpackbits(given, axis=1).astype(bool), np.unpackbits(query).astype(bool)
    if metric == "HAMMING":
        return (ones ^ others).sum(axis=1)
    return 1 - (ones & others).sum(axis=1) / (ones | others).sum(axis=1)


@pytest.fixture
def created(shared_client):
    """Create a collection of a vector type; its name."""

    def create(kind, metric=None):
        name = f"typed_{next(NUMBERS)}"
        fields = [
            {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
            {"fieldName": "vector", "dataType": kind, "elementTypeParams": {"dim": DIM}},
        ]
        metric = metric or METRICS.get(kind, "L2")
        index = [{"fieldName": "vector", "metricType": metric}]
        shared_client.post("/collections/create", collectionName=name, schema={"fields": fields}, indexParams=index)
        return name

    return create


def write(path, kind, given):
    """A file of the rows, of the format that its name ends with."""
    shown = given if kind in ("Int8Vector", "BinaryVector") else numbers(kind, given)
    rows = [{"id": key, "vector": vector} for key, vector in enumerate(shown.tolist())]
    if path.suffix == ".json":
        path.write_text(json.dumps(rows))
    elif path.suffix == ".csv":
        path.write_text("id,vector\n" + "".join(f'{row["id"]},"{row["vector"]}"\n' for row in rows))
    else:
        element = pa.int8() if kind == "Int8Vector" else pa.uint8()
        lists = pa.array(given.view(np.int8 if kind == "Int8Vector" else np.uint8).tolist(), pa.list_(element))
        pq.write_table(pa.table({"id": range(ROWS), "vector": lists}), path)


def seen(client, name):
    rows = client.post("/entities/query", collectionName=name, filter="id >= 0", outputFields=["id", "vector"])
    return {row["id"]: row["vector"] for row in rows}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", ["json", "csv", "parquet"])
def test_imported_vectors_are_those_of_the_file(shared_client, created, kind, suffix):
    given, name = vectors(kind), created(kind)
    write(shared_client.milvus.bucket / f"{name}.{suffix}", kind, given)
    assert shared_client.load(f"{name}.{suffix}", collection=name)["state"] == "Completed"
    shared_client.refresh(name)
    assert shared_client.seen(name) == ROWS
    assert seen(shared_client, name) == {key: spelled(kind, vector) for key, vector in enumerate(given)}


@pytest.mark.parametrize("kind", KINDS)
def test_imported_numpy_arrays_are_the_vectors(shared_client, created, kind):
    given, name = vectors(kind), created(kind)
    folder = shared_client.milvus.bucket / name
    folder.mkdir()
    np.save(folder / "id.npy", np.arange(ROWS))
    np.save(folder / "vector.npy", given if kind == "Int8Vector" else given.view(np.uint8))
    job = shared_client.load([f"{name}/id.npy", f"{name}/vector.npy"], collection=name)
    assert job["state"] == "Completed", job
    shared_client.refresh(name)
    assert seen(shared_client, name) == {key: spelled(kind, vector) for key, vector in enumerate(given)}


@pytest.mark.parametrize("kind", ["Float16Vector", "BFloat16Vector"])
@pytest.mark.parametrize(("version", "state"), [("3.0", "Completed"), ("2.6", "Failed")])
def test_floats_in_parquet_are_half_floats_from_3_0_on(shared_versions, kind, version, state):
    client, name = shared_versions(version), f"halves_{kind}"
    client.post("/collections/create", collectionName=name, dimension=DIM, vectorFieldType=kind, metricType="L2")
    given = np.full((ROWS, DIM), 1.001, np.float32)
    path = client.milvus.bucket / f"{name}.parquet"
    lists = pa.array(given.tolist(), pa.list_(pa.float32()))
    pq.write_table(pa.table({"id": range(ROWS), "vector": lists}), path)
    job = client.load(path.name, collection=name)
    assert job["state"] == state, job
    if state == "Failed":
        assert "type mis-match, expect arrow type 'list<item: uint8, nullable>'" in job["reason"]
    else:
        client.refresh(name)
        # Milvus rounds to Float16, and cuts to BFloat16.
        half = np.float16(1.001) if kind == "Float16Vector" else np.uint16(0x3F80)
        assert seen(client, name)[0] == spelled(kind, np.full(DIM, half))


@pytest.mark.parametrize(
    ("kind", "vector", "reason"),
    [
        ("BinaryVector", [1] * DIM, f"expected dim '{DIM}', got dim '{8 * DIM}'"),
        ("BinaryVector", [1, 256], 'strconv.ParseUint: parsing "256": value out of range'),
        ("BinaryVector", [1, 1.5], 'strconv.ParseUint: parsing "1.5": invalid syntax'),
        ("Int8Vector", [128] * DIM, 'strconv.ParseInt: parsing "128": value out of range'),
        ("Int8Vector", ["1"] * DIM, "expected type 'Int8Vector', got type 'string'"),
        ("Float16Vector", [1e6] * DIM, "value is not a number or infinity"),
        ("BFloat16Vector", [1] * (DIM - 1), f"expected dim '{DIM}', got dim '{DIM - 1}'"),
    ],
)
def test_vector_that_does_not_fit_fails_the_job(shared_client, created, kind, vector, reason):
    name = created(kind)
    (shared_client.milvus.bucket / f"{name}.json").write_text(json.dumps([{"id": 1, "vector": vector}]))
    job = shared_client.load(f"{name}.json", collection=name)
    assert (job["state"], reason in job["reason"]) == ("Failed", True), job


@pytest.mark.parametrize("kind", KINDS)
def test_search_over_rest_finds_the_nearest_vectors(shared_client, created, kind):
    given, name, metric = vectors(kind), created(kind), METRICS.get(kind, "L2")
    as_bytes = kind != "Int8Vector"
    data = [spelled(kind, vector) if as_bytes else vector.tolist() for vector in given]
    rows = [{"id": key, "vector": vector} for key, vector in enumerate(data)]
    assert shared_client.post("/entities/insert", collectionName=name, data=rows)["insertCount"] == ROWS
    body = {"collectionName": name, "annsField": "vector", "limit": 3, "outputFields": ["id"]}
    hits = shared_client.post("/entities/search", data=[data[2]], **body)
    expected = distances(kind, given, given[2], metric)
    nearest = np.argsort(expected, kind="stable")[:3]
    assert [hit["id"] for hit in hits] == nearest.tolist()
    assert [hit["distance"] for hit in hits] == pytest.approx(expected[nearest].tolist(), rel=1e-5, abs=1e-4)
    by_key = shared_client.post("/entities/search", ids=[2], **body)
    assert [hit["id"] for hit in by_key] == nearest.tolist()


def test_jaccard_compares_the_bits_that_are_set(shared_client, created):
    given, name = vectors("BinaryVector"), created("BinaryVector", "JACCARD")
    rows = [{"id": key, "vector": spelled("BinaryVector", vector)} for key, vector in enumerate(given)]
    shared_client.post("/entities/insert", collectionName=name, data=rows)
    body = {"collectionName": name, "annsField": "vector", "filter": "id != 2", "outputFields": ["vector"]}
    hits = shared_client.post("/entities/search", data=[rows[2]["vector"]], limit=2, offset=1, **body)
    expected = distances("BinaryVector", given, given[2], "JACCARD")
    nearest = [key for key in np.argsort(expected, kind="stable").tolist() if key != 2][1:3]
    assert [hit["id"] for hit in hits] == nearest
    assert [hit["distance"] for hit in hits] == pytest.approx(expected[nearest].tolist())
    assert [hit["vector"] for hit in hits] == [rows[key]["vector"] for key in nearest]
    (index,) = shared_client.post("/indexes/describe", collectionName=name, indexName="vector")
    assert index["metricType"] == "JACCARD"


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_outlive_a_restart(serve, kind):
    client, given = serve(), vectors(kind)
    fields = [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": kind, "elementTypeParams": {"dim": DIM}},
    ]
    index = [{"fieldName": "vector", "metricType": METRICS.get(kind, "L2")}]
    client.post("/collections/create", collectionName="c", schema={"fields": fields}, indexParams=index)
    write(client.milvus.bucket / "rows.json", kind, given)
    client.load("rows.json")
    again = serve()
    again.post("/collections/load", collectionName="c")
    described = again.post("/collections/describe", collectionName="c")["fields"][1]
    assert (described["type"], described["params"]) == (kind, [{"key": "dim", "value": str(DIM)}])
    assert seen(again, "c") == {key: spelled(kind, vector) for key, vector in enumerate(given)}


@pytest.mark.parametrize("kind", KINDS)
def test_pymilvus_creates_inserts_searches_and_reads(shared_client, kind):
    name, given, metric = f"grpc_{kind}", vectors(kind), METRICS.get(kind, "L2")
    client = MilvusClient(shared_client.milvus.uri)
    number = {"Float16Vector": "FLOAT16_VECTOR", "BFloat16Vector": "BFLOAT16_VECTOR", "Int8Vector": "INT8_VECTOR"}
    schema = client.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", getattr(DataType, number.get(kind, "BINARY_VECTOR")), dim=DIM)
    params = client.prepare_index_params("vector", metric_type=metric, index_type="AUTOINDEX")
    client.create_collection(name, schema=schema, index_params=params)
    typed = given.view(ml_dtypes.bfloat16) if kind == "BFloat16Vector" else given
    wire = [vector.tobytes() if kind == "BinaryVector" else vector for vector in typed]
    client.insert(name, [{"id": key, "vector": vector} for key, vector in enumerate(wire)])
    (hits,) = client.search(name, [wire[1]], limit=2, output_fields=["vector"])
    expected = distances(kind, given, given[1], metric)
    nearest = np.argsort(expected, kind="stable")[:2].tolist()
    assert [hit["id"] for hit in hits] == nearest
    (row,) = client.query(name, filter="id == 4", output_fields=["vector"])
    assert [raw(hits[0]["entity"]["vector"]), raw(row["vector"])] == [given[1].tobytes(), given[4].tobytes()]
    assert client.describe_collection(name)["fields"][1]["type"] == schema.fields[1].dtype
    assert client.describe_index(name, "vector")["metric_type"] == metric
