"""Small files that are enormous inside, or never end: the job fails, and the server stays as small as it was."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_milvus.local.importing import memory

GIGABYTE = 1 << 30
# An idle server has some 150 MB; a segment of rows, and a row of text as Python objects, come on top.
MAX_PEAK = 500 << 20


def peak(client):
    """The peak of the memory of the server."""
    status = Path(f"/proc/{client.milvus.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


@pytest.fixture(scope="module")
def texts(shared_command):
    shared_command.create(
        "texts",
        fields=[
            {"fieldName": "text", "dataType": "VarChar", "nullable": True, "elementTypeParams": {"max_length": 65535}}
        ],
    )
    return shared_command


@pytest.fixture
def victim(texts):
    """A client of a server whose peak is reset."""
    Path(f"/proc/{texts.milvus.process.pid}/clear_refs").write_text("5")
    return texts


def endless(path, start):
    """A file that begins like this and goes on for two gigabytes, which take no space on the disk."""
    path.write_bytes(start)
    os.truncate(path, 2 * GIGABYTE)


def write_json(path):
    endless(path, b'[{"vector": [1, 2, 3, 4], "text": "')


def write_json_lines(path):
    endless(path, b'{"vector": [1, 2, 3, 4], "text": "')


def write_json_space(path):
    path.write_bytes(b'[{"vector": [1, 2, 3, 4]}' + b" " * (40 << 20))


def write_csv_line(path):
    endless(path, b"vector,text\n")


def write_csv_cell(path):
    path.write_bytes(b'vector,text\n"[1, 2, 3, 4]","' + (b"x" * 99 + b"\n") * (1 << 18))


def write_nested_json(path):
    path.write_bytes(b'[{"vector": ' + b"[" + b"[]," * (1 << 19) + b"[]]}]")


def write_heavy_json_lines(path):
    path.write_bytes((b'{"vector": [' + b"0," * (2 << 20) + b"0]}\n") * 40)


def write_text_bomb(path):
    """Twenty thousand times one text of a megabyte, which is stored once."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["x" * (1 << 20)]))
    vectors = pa.array([[0.0] * 4] * 20_000, pa.list_(pa.float32()))
    pq.write_table(pa.table({"vector": vectors, "text": texts}), path)


def write_page_bomb(path):
    """Millions of zeros in the list of the first row, and nothing in the others."""
    offsets = pa.array([0, *[1 << 24] * 8192], pa.int32())
    zeros = pa.ListArray.from_arrays(offsets, pa.nulls(1 << 24, pa.float32()).fill_null(0))
    pq.write_table(pa.table({"vector": zeros}), path, compression="zstd")


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("line.jsonl", write_json_lines),
        ("row.json", write_json),
        ("space.json", write_json_space),
        ("nested.json", write_nested_json),
        ("heavy.jsonl", write_heavy_json_lines),
        ("line.csv", write_csv_line),
        ("cell.csv", write_csv_cell),
        ("text.parquet", write_text_bomb),
        ("page.parquet", write_page_bomb),
    ],
)
def test_bomb_fails_its_job_and_nothing_else(victim, name, write):
    client = victim
    write(client.milvus.bucket / name)
    job = client.load(name, collection="texts")
    assert (job["state"], f"'{name}'" in job["reason"]) == ("Failed", True)
    assert peak(client) < MAX_PEAK
    (client.milvus.bucket / "good.json").write_text('[{"vector": [1, 2, 3, 4]}]')
    assert client.load("good.json", collection="texts")["state"] == "Completed"


def test_announced_rows_beyond_all_numbers_are_refused_beforehand(client):
    array = client.milvus.bucket / "vector.npy"
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 0), }" % 2**60
    array.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    assert "announces 1152921504606846976 rows" in client.load(["vector.npy"])["reason"]
    client.load("rows.parquet")
    client.refresh()
    keys = client.post("/entities/query", collectionName="c", filter="id >= 0", outputFields=["id"])
    assert max(row["id"] for row in keys) < 1000


def test_import_stops_while_there_is_still_some_memory(client, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 100 << 20)
    job = client.load("rows.parquet")
    assert (job["state"], "memory limit exceeded: 100 MB are left" in job["reason"]) == ("Failed", True)
    monkeypatch.undo()
    assert client.load("rows.parquet")["state"] == "Completed"


def test_free_memory_is_reported():
    assert memory.available() > 10 << 20
