"""Whatever is sent and whatever lies in the bucket: the server responds, the job ends, and the next import succeeds.

`make crash-test` sends sixteen times as much.
"""

import csv
import dataclasses
import io
import json
import os
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_milvus.local.routes.app import ROUTES


def bounded(examples):
    """So many examples, or as many times more as the profile has more than the quick one."""
    return settings(
        max_examples=examples * settings().max_examples // QUICK,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


QUICK = 300
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
    response = json.loads(content)
    assert (status, type(response["code"])) == (200, int)
    assert response["code"] != UNEXPECTED, response
    assert "data" in response if response["code"] == 0 else isinstance(response["message"], str)


@bounded(200)
@given(route=st.sampled_from(sorted(ROUTES)), body=st.binary(max_size=200) | VALUES)
def test_any_bytes_get_a_response_in_the_envelope(shared_client, route, body):
    check_envelope(shared_client, route, body)


# With the control character 0x7f in it, a request is no HTTP.
HEADER_TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"))
HEADERS = ["Authorization", "DB-Name", "Request-Timeout", "Accept-Type-Allow-Int64", "Idempotency-Key", "Content-Type"]


@bounded(100)
@given(
    route=st.sampled_from(sorted(ROUTES)),
    headers=st.dictionaries(
        st.sampled_from(HEADERS),
        NAMES.filter("\0".__ne__) | HEADER_TEXTS,
    ),
)
def test_any_headers_get_a_response_in_the_envelope(shared_client, route, headers):
    status, _, content = shared_client.send(route, {"collectionName": "c", "files": [["rows.parquet"]]}, **headers)
    # A timeout of no seconds is over at once.
    assert (status, json.loads(content)["code"]) == (408, 10001) if status == 408 else status == 200


@pytest.fixture
def victim(shared_client):
    """A client of a server that has a collection ``c``, whatever the test before has done to it."""
    shared_client.send("/collections/drop", {"collectionName": "c"})
    shared_client.send("/aliases/drop", {"aliasName": "c"})
    shared_client.create()
    return shared_client


@pytest.mark.parametrize("route", sorted(ROUTES))
@bounded(15)
@given(body=BODIES)
def test_any_values_get_a_response_in_the_envelope(victim, route, body):
    check_envelope(victim, route, body)


@bounded(30)
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
        {"fieldName": "text", "dataType": "VarChar", "nullable": True, "elementTypeParams": {"max_length": 65535}},
        {"fieldName": "doc", "dataType": "JSON", "nullable": True},
    ]
    shared_client.create("files", fields=fields, enableDynamicField=True)
    return shared_client


@pytest.mark.parametrize("name", FILES)
@bounded(20)
@given(data=st.data())
def test_import_of_a_broken_file_ends_and_names_the_file(every_type, name, data):
    content = data.draw(st.binary(max_size=200) | damaged(FILES[name]))
    (every_type.milvus.bucket / name).write_bytes(content)
    before = every_type.rows("files")
    job = every_type.load(name, collection="files")
    if job["state"] == "Failed":
        assert job["reason"].startswith(f"file '{name}': ")
    assert every_type.rows("files") == before + job["importedRows"]


TYPES = [
    pa.null(),
    pa.bool_(),
    pa.int8(),
    pa.uint64(),
    pa.float16(),
    pa.float64(),
    pa.string(),
    pa.large_string(),
    pa.binary(),
    pa.date32(),
    pa.timestamp("ns"),
    pa.decimal128(5),
    pa.list_(pa.int8()),
    pa.list_(pa.float32(), 4),
    pa.list_(pa.string()),
    pa.large_list(pa.float64()),
    pa.struct([("a", pa.int8())]),
    pa.map_(pa.string(), pa.int8()),
    pa.dictionary(pa.int8(), pa.string()),
]
CELLS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def typed(draw, name):
    """A sound file of this format, with values that the collection may or may not take."""
    columns = draw(st.lists(st.sampled_from(["id", "vector", "text", "doc", "$meta", "x"]), min_size=1, unique=True))
    rows = draw(st.integers(0, 3))
    file = io.BytesIO()
    match name.rpartition(".")[2]:
        case "parquet":
            kinds = {column: draw(st.sampled_from(TYPES)) for column in columns}
            pq.write_table(pa.table({column: some(draw, kind, rows) for column, kind in kinds.items()}), file)
        case "npy":
            shape = draw(st.lists(st.integers(0, 5), min_size=1, max_size=3))
            np.save(
                file, np.ones(shape, draw(st.sampled_from(["?", "i1", ">u8", "f2", "f4", ">f8", "c8", "U3", "S2"])))
            )
        case "csv":
            lines = [columns, *([draw(st.text(max_size=9)) for _ in columns] for _ in range(rows))]
            text = io.StringIO()
            csv.writer(text).writerows(lines)
            file.write(text.getvalue().encode("utf-8", "surrogatepass"))
        case kind:
            made = [{column: draw(CELLS) for column in columns} for _ in range(rows)]
            file.write(("\n".join(map(json.dumps, made)) if kind == "jsonl" else json.dumps(made)).encode())
    return file.getvalue()


def some(draw, kind, rows):
    """A column of this type, with a few values that are not null."""
    texts = [draw(st.sampled_from(["", "1", "[1, 2, 3, 4]", "{}", '{"a": 1}', "nan"])) for _ in range(rows)]
    try:
        return pa.array(texts).cast(kind)
    except pa.ArrowException:
        return pa.nulls(rows, kind)


@pytest.mark.parametrize("name", FILES)
@bounded(20)
@given(data=st.data())
def test_import_of_a_file_of_other_types_ends(every_type, name, data):
    (every_type.milvus.bucket / name).write_bytes(data.draw(typed(name)))
    before = every_type.rows("files")
    job = every_type.load(name, collection="files")
    if job["state"] == "Failed":
        assert job["reason"].startswith(f"file '{name}': ")
    assert every_type.rows("files") == before + job["importedRows"]


@pytest.mark.parametrize("name", FILES)
def test_whole_file_is_imported_after_broken_ones(every_type, name):
    (every_type.milvus.bucket / name).write_bytes(FILES[name])
    assert every_type.load(name, collection="files")["importedRows"] == 9


# -- files that are not the bucket's -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def outside(shared_client, tmp_path_factory):
    """A folder beside the bucket with a sound file, and ways there out of the bucket."""
    folder = tmp_path_factory.mktemp("outside")
    bucket = shared_client.milvus.bucket
    (folder / "secret.parquet").write_bytes((bucket / "rows.parquet").read_bytes())
    (bucket / "out").symlink_to(folder)
    (bucket / "out.parquet").symlink_to(folder / "secret.parquet")
    (bucket / "loop.parquet").symlink_to("loop.parquet")
    (bucket / "folder.parquet").mkdir()
    os.mkfifo(bucket / "pipe.parquet")
    shared_client.create("inside")
    return folder


@pytest.fixture(scope="module")
def opened(outside):
    """Every path out there that Python opens; C++ opens Parquet files, but not before Python has checked them."""
    paths = []

    def watch(event, arguments):
        if event == "open" and str(arguments[0]).startswith((str(outside), "/etc/passwd", "/etc/hosts")):
            paths.append(arguments[0])

    sys.addaudithook(watch)
    return paths


PARTS = st.sampled_from(["..", ".", "", "out", "secret.parquet", "out.parquet", "loop.parquet", "folder.parquet"])
WAYS = st.sampled_from(
    [
        "/etc/passwd.json",
        "file:///etc/hosts.json",
        "//x/y.json",
        "C:\\x.json",
        "~/.ssh/id.json",
        "\0.json",
        "%2e%2e/a.csv",
    ]
)


@bounded(60)
@given(path=WAYS | st.lists(PARTS, min_size=1, max_size=6).map("/".join), absolute=st.booleans())
def test_no_path_leads_out_of_the_bucket(shared_client, outside, opened, path, absolute):
    path = f"{outside}/{path}" if absolute else path
    response = shared_client.call("/jobs/import/create", collectionName="inside", files=[[path]])
    if response["code"] == 0:
        assert shared_client.wait(response["data"]["jobId"])["state"] == "Failed"
    assert shared_client.rows("inside") == 0
    assert opened == []


@pytest.mark.parametrize(
    "path", ["pipe.parquet", "folder.parquet", "loop.parquet", "out.parquet", "out/secret.parquet"]
)
def test_what_is_no_file_of_the_bucket_fails_its_job(shared_client, outside, path):
    assert shared_client.load(path, collection="inside")["state"] == "Failed"


# -- and afterwards ----------------------------------------------------------------------------------------


def test_import_succeeds_after_all_that(shared_client):
    shared_client.create("next")
    assert shared_client.load("rows.parquet", collection="next")["state"] == "Completed"
    assert shared_client.rows("next") == 10
