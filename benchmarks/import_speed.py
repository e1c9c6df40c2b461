"""What importing costs beside inserting: the same rows through the local Milvus's import and Milvus Lite's insert.

Every contestant runs in a fresh process that does all the work, client and server alike; rows of one int64 and 128
floats come from one file of each format. Timed are the job from its create to Completed, and the insert calls alone,
without the making of their batches. Results are medians; the peak is the maximum resident memory of the process.

All rows end up in memory, as Milvus Lite has it. What a file costs beside them is measured by reading and converting it
without keeping the rows: that peak must not grow with the file.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Rows, and how often each contestant runs.
SIZES = {100_000: 3, 300_000: 3, 1_000_000: 1}
DEFAULT_SIZES = [100_000, 300_000]
FORMATS = ("parquet", "npy", "jsonl", "json", "csv")
DIM, BATCH_ROWS = 128, 10_000
# What takes long enough with few rows.
SLOW, SLOW_ROWS = ("jsonl", "json", "csv", "insert over gRPC"), 300_000
POLL_SECONDS, TIMEOUT_SECONDS = 0.02, 1800
SCHEMA = {
    "fields": [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": DIM}},
    ]
}


def write_parquet(path: Path, rows: int) -> None:
    """A Parquet file of random vectors, as lists of any length: that is what pandas and pymilvus write."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([("id", pa.int64()), ("vector", pa.list_(pa.float32()))])
    offsets = pa.array(np.arange(0, BATCH_ROWS * DIM + 1, DIM, dtype=np.int32))
    random = np.random.default_rng(0)
    with pq.ParquetWriter(path, schema, use_dictionary=False) as writer:
        for start in range(0, rows, BATCH_ROWS):
            vectors = pa.array(random.random(BATCH_ROWS * DIM, dtype=np.float32))
            ids = pa.array(np.arange(start, start + BATCH_ROWS))
            columns = [ids, pa.ListArray.from_arrays(offsets, vectors)]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))


def write_npy(parquet: Path, folder: Path) -> list[str]:
    """A set of arrays; the vectors are written piece by piece."""
    import numpy as np
    import pyarrow.parquet as pq

    file = pq.ParquetFile(parquet)
    rows = file.metadata.num_rows
    ids = np.lib.format.open_memmap(folder / "id.npy", "w+", np.int64, (rows,))
    vectors = np.lib.format.open_memmap(folder / "vector.npy", "w+", np.float32, (rows, DIM))
    at = 0
    for batch in file.iter_batches(BATCH_ROWS):
        ids[at : at + batch.num_rows] = batch.column(0)
        vectors[at : at + batch.num_rows] = batch.column(1).flatten().to_numpy().reshape(-1, DIM)
        at += batch.num_rows
    return ["id.npy", "vector.npy"]


def write_text(parquet: Path, folder: Path, kind: str) -> list[str]:
    """A file of JSON, JSON Lines or CSV, its numbers written as Python writes them."""
    path = folder / f"rows.{kind}"
    with path.open("w") as file:
        file.write({"json": "[", "csv": "id,vector\n"}.get(kind, ""))
        between = ""
        for batch in batches(parquet):
            for row in batch:
                text = f'{row["id"]},"{row["vector"]}"' if kind == "csv" else json.dumps(row)
                file.write(between + text)
                between = ",\n" if kind == "json" else "\n"
        file.write("]" if kind == "json" else "\n")
    return [path.name]


def write_format(parquet: Path, kind: str) -> list[str]:
    """The rows in another format, beside the Parquet file; the files' names."""
    if kind == "parquet":
        return [parquet.name]
    return write_npy(parquet, parquet.parent) if kind == "npy" else write_text(parquet, parquet.parent, kind)


def batches(path: Path) -> Iterator[list[dict[str, Any]]]:
    """The rows as an application would insert them."""
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(path).iter_batches(BATCH_ROWS):
        ids, vectors = batch.columns
        lists = vectors.flatten().to_numpy().reshape(-1, DIM).tolist()
        yield [{"id": key, "vector": vector} for key, vector in zip(ids.to_pylist(), lists, strict=True)]


def post(uri: str, path: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(f"{uri}/v2/vectordb/{path}", json.dumps(body).encode())
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as response:
        decoded = json.load(response)
    if decoded["code"]:
        raise RuntimeError(decoded["message"])
    return decoded["data"]


def import_job(path: Path, data_dir: Path, files: list[str]) -> tuple[float, int]:
    """Import through REST."""
    from airflow_provider_milvus.local import LocalMilvus

    with LocalMilvus(data_dir, bucket=path.parent) as milvus:
        post(milvus.uri, "collections/create", {"collectionName": "rows", "schema": SCHEMA})
        start = time.perf_counter()
        request = {"collectionName": "rows", "files": [files]}
        job = post(milvus.uri, "jobs/import/create", request)
        while (progress := post(milvus.uri, "jobs/import/describe", job))["state"] != "Completed":
            if progress["state"] == "Failed" or time.perf_counter() - start > TIMEOUT_SECONDS:
                raise RuntimeError(f"the import did not complete: {progress}")
            time.sleep(POLL_SECONDS)
        seconds = time.perf_counter() - start
        return seconds, post(milvus.uri, "collections/get_stats", {"collectionName": "rows"})["rowCount"]


def read_only(path: Path, data_dir: Path, files: list[str]) -> tuple[float, int]:
    """Read and convert as an import does, and keep nothing."""
    from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema

    from airflow_provider_milvus.local.importing.columns import Converter
    from airflow_provider_milvus.local.importing.readers import open_reader

    fields = [
        FieldSchema("id", DataType.INT64, is_primary=True),
        FieldSchema("vector", DataType.FLOAT_VECTOR, dim=DIM),
    ]
    converter = Converter(CollectionSchema(fields))
    start = time.perf_counter()
    reader = open_reader([path.parent / file for file in files], {})
    counted = reader.count_rows()
    converter.check(reader.columns())
    rows = sum(converter.convert(batch).num_rows for batch in reader.batches())
    if rows != counted:
        raise RuntimeError(f"{counted} rows were counted and {rows} read")
    return time.perf_counter() - start, rows


def engine_insert(path: Path, data_dir: Path, files: list[str]) -> tuple[float, int]:
    """Insert into Milvus Lite's own engine, without any wire."""
    from milvus_lite.db import MilvusLite
    from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema

    database = MilvusLite(str(data_dir))
    fields = [
        FieldSchema("id", DataType.INT64, is_primary=True),
        FieldSchema("vector", DataType.FLOAT_VECTOR, dim=DIM),
    ]
    collection = database.create_collection("rows", CollectionSchema(fields))
    seconds = timed_inserts(path, collection.insert)
    rows = collection.num_entities
    database.close()
    return seconds, rows


def grpc_insert(path: Path, data_dir: Path, files: list[str]) -> tuple[float, int]:
    """Insert with pymilvus over gRPC; client and server share the process."""
    from pymilvus import MilvusClient

    from airflow_provider_milvus.local import LocalMilvus

    with LocalMilvus(data_dir) as milvus:
        post(milvus.uri, "collections/create", {"collectionName": "rows", "schema": SCHEMA})
        client = MilvusClient(milvus.grpc_uri)
        seconds = timed_inserts(path, lambda batch: client.insert("rows", batch))
        client.close()
        return seconds, post(milvus.uri, "collections/get_stats", {"collectionName": "rows"})["rowCount"]


def timed_inserts(path: Path, insert: Any) -> float:
    seconds = 0.0
    for batch in batches(path):
        start = time.perf_counter()
        insert(batch)
        seconds += time.perf_counter() - start
    return seconds


CONTESTANTS = {"import": import_job, "read": read_only, "insert": engine_insert, "insert over gRPC": grpc_insert}


def peak_megabytes() -> float:
    # Unlike ru_maxrss, this does not begin with the size of the parent.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def run_contestant(name: str, path: Path, files: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        seconds, rows = CONTESTANTS[name](path, Path(folder) / "data", files)
        print(json.dumps([seconds, rows, peak_megabytes()]))


def measure(name: str, path: Path, rows: int, files: list[str]) -> tuple[float, float]:
    """Seconds and peak megabytes of one contestant in a fresh process."""
    command = [sys.executable, __file__, "--contestant", name, "--path", str(path), "--files", *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    if done.returncode:
        raise RuntimeError(done.stderr)
    seconds, stored, peak = json.loads(done.stdout.splitlines()[-1])
    if stored != rows:
        raise RuntimeError(f"{name} stored {stored} of {rows} rows")
    return seconds, peak


def compare(rows: int, repeats: int, formats: list[str]) -> None:
    """Measure all contestants with this many rows, by turns, and print what they took."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        write_parquet(path, rows)
        names = ["insert", *(name for name in [*formats, "insert over gRPC"] if name not in SLOW or rows <= SLOW_ROWS)]
        files = {name: write_format(path, name) if name in FORMATS else [] for name in names}
        runs: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
        # A machine that others use is not as fast all the time, and no contestant shall have the best of it.
        for _ in range(repeats):
            for name in names:
                contestant = "import" if name in FORMATS else name
                runs[name].append(measure(contestant, path, rows, files[name]))
        print(f"\n{rows:,} rows of {DIM} floats, median of {repeats}")
        print(f"  {'':18} {'seconds':>8} {'rows/s':>9} {'x insert':>9} {'peak MB':>8} {'reading alone: peak MB':>23}")
        for name in names:
            seconds, peak = (statistics.median(run[index] for run in runs[name]) for index in (0, 1))
            times = statistics.median(base[0] / run[0] for base, run in zip(runs["insert"], runs[name], strict=True))
            reading = f"{measure('read', path, rows, files[name])[1]:23,.0f}" if name in FORMATS else ""
            print(f"  {name:18} {seconds:8.2f} {rows / seconds:9,.0f} {times:9.2f} {peak:8,.0f} {reading}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", choices=SIZES, default=DEFAULT_SIZES)
    parser.add_argument("--formats", nargs="*", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--repeats", type=int, help="how often each contestant runs (3, and 1 with a million rows)")
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--path", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--files", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        run_contestant(options.contestant, options.path, options.files)
        return
    for rows in options.rows:
        compare(rows, options.repeats or SIZES[rows], options.formats)


if __name__ == "__main__":
    main()
