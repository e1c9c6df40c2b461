"""Whatever is sent and whatever lies in the bucket: the server answers, the job ends, and the next import succeeds."""

import dataclasses
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_milvus.local.app import ROUTES

BOUNDED = settings(
    max_examples=15,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
UNEXPECTED = 65535

KEYS = sorted(
    {
        "".join([head, *(part.title() for part in parts)])
        for kind, _ in ROUTES.values()
        for head, *parts in (field.name.split("_") for field in dataclasses.fields(kind) if field.init)
    }
)
# Names that mean something to the server, or would to a careless one.
NAMES = st.sampled_from(
    ["c", "id", "vector", "default", "_default", "rows.parquet", "../../x", "/", "\0", "*", "1", ""]
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | NAMES | st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner, max_size=4),
    max_leaves=8,
)
BODIES = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6).map(lambda body: {"collectionName": "c", **body})


def check_envelope(client, route, body):
    status, _, content = client.send(route, body)
    answer = json.loads(content)
    assert (status, type(answer["code"])) == (200, int)
    assert answer["code"] != UNEXPECTED, answer
    assert "data" in answer if answer["code"] == 0 else isinstance(answer["message"], str)


@settings(BOUNDED, max_examples=200)
@given(route=st.sampled_from(sorted(ROUTES)), body=st.binary(max_size=200) | VALUES)
def test_any_bytes_are_answered_in_the_envelope(shared_client, route, body):
    check_envelope(shared_client, route, body)


@pytest.fixture
def victim(shared_client):
    """A client of a server that has a collection ``c``, whatever the test before has done to it."""
    shared_client.send("/collections/drop", {"collectionName": "c"})
    shared_client.send("/aliases/drop", {"aliasName": "c"})
    shared_client.create()
    return shared_client


@pytest.mark.parametrize("route", sorted(ROUTES))
@BOUNDED
@given(body=BODIES)
def test_any_values_are_answered_in_the_envelope(victim, route, body):
    check_envelope(victim, route, body)


@settings(BOUNDED, max_examples=30)
@given(path=st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#%"), max_size=30))
def test_any_other_route_is_a_plain_404(shared_client, path):
    status, _, body = shared_client.send(f"/{path}/nowhere", {})
    assert (status, body) == (404, b"404 page not found")


def parquet_bytes():
    file = io.BytesIO()
    pq.write_table(pa.table({"vector": [[1.0] * 4] * 9, "text": ["ünï"] * 9, "doc": ['{"a": [1]}'] * 9}), file)
    return file.getvalue()


def numpy_bytes():
    file = io.BytesIO()
    np.save(file, np.ones((9, 4), np.float32))
    return file.getvalue()


ROW = {"vector": [1.0] * 4, "text": "ünï", "doc": {"a": [1]}, "more": None}
FILES = {
    "a.parquet": parquet_bytes(),
    "vector.npy": numpy_bytes(),
    "a.json": json.dumps([ROW] * 9).encode(),
    "a.jsonl": "\n".join([json.dumps(ROW)] * 9).encode(),
    "a.csv": ("vector,text,doc\n" + '"[1, 2, 3, 4]",ünï,"{""a"": [1]}"\n' * 9).encode(),
}


@st.composite
def damaged(draw, content):
    """A file that was cut off, or had bits flipped or bytes replaced."""
    at = draw(st.integers(0, len(content) - 1))
    match draw(st.sampled_from(["cut", "flip", "replace"])):
        case "cut":
            return content[:at]
        case "flip":
            return content[:at] + bytes([content[at] ^ 1 << draw(st.integers(0, 7))]) + content[at + 1 :]
    return content[:at] + draw(st.binary(max_size=12)) + content[at + draw(st.integers(0, 12)) :]


@pytest.fixture(scope="module")
def every_type(shared_client):
    """A client of a server whose collection ``files`` has something for every column of these files."""
    fields = [
        {"fieldName": "text", "dataType": "VarChar", "nullable": True},
        {"fieldName": "doc", "dataType": "JSON", "nullable": True},
    ]
    shared_client.create("files", fields=fields, enableDynamicField=True)
    return shared_client


@pytest.mark.parametrize("name", FILES)
@settings(BOUNDED, max_examples=40)
@given(data=st.data())
def test_import_of_a_broken_file_ends_and_names_the_file(every_type, name, data):
    content = data.draw(st.binary(max_size=200) | damaged(FILES[name]))
    (every_type.milvus.bucket / name).write_bytes(content)
    before = every_type.rows("files")
    job = every_type.load(name, collection="files")
    if job["state"] == "Failed":
        assert job["reason"].startswith(f"file '{name}': ")
    assert every_type.rows("files") == before + job["importedRows"]


@pytest.mark.parametrize("name", FILES)
def test_whole_file_is_imported_after_broken_ones(every_type, name):
    (every_type.milvus.bucket / name).write_bytes(FILES[name])
    assert every_type.load(name, collection="files")["importedRows"] == 9


def test_import_succeeds_after_all_that(shared_client):
    shared_client.create("next")
    assert shared_client.load("rows.parquet", collection="next")["state"] == "Completed"
    assert shared_client.rows("next") == 10
