"""What importing costs beside inserting: the same rows through the local Milvus's import and Milvus Lite's insert.

Every contestant runs in a fresh process that does all the work, client and server alike; rows of one int64 and 128
floats come from one Parquet file. Timed are the job from its create to Completed, and the insert calls alone, without
the making of their batches. Figures are medians; the peak is the most resident memory the process ever had.
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
SIZES = {300_000: 3, 1_000_000: 1}
DIM, BATCH_ROWS = 128, 10_000
# A server that has to take what pymilvus sends over gRPC; one size is enough to see what the wire costs.
GRPC_ROWS = 300_000
POLL_SECONDS, TIMEOUT_SECONDS = 0.02, 1800
FILE = "rows.parquet"
SCHEMA = {
    "fields": [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": DIM}},
    ]
}


def write_rows(path: Path, rows: int) -> None:
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


def batches(path: Path) -> Iterator[list[dict[str, Any]]]:
    """The rows as an application would insert them."""
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(path).iter_batches(BATCH_ROWS):
        ids, vectors = batch.columns
        lists = vectors.flatten().to_numpy().reshape(-1, DIM).tolist()
        yield [{"id": key, "vector": vector} for key, vector in zip(ids.to_pylist(), lists, strict=True)]


def post(uri: str, path: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(f"{uri}/v2/vectordb/{path}", json.dumps(body).encode())
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
        decoded = json.load(answer)
    if decoded["code"]:
        raise RuntimeError(decoded["message"])
    return decoded["data"]


def import_job(path: Path, data_dir: Path) -> tuple[float, int]:
    """Import through REST."""
    from airflow_provider_milvus.local import LocalMilvus

    with LocalMilvus(data_dir, bucket=path.parent) as milvus:
        post(milvus.uri, "collections/create", {"collectionName": "rows", "schema": SCHEMA})
        start = time.perf_counter()
        request = {"collectionName": "rows", "files": [[path.name]]}
        job = post(milvus.uri, "jobs/import/create", request)
        while (progress := post(milvus.uri, "jobs/import/describe", job))["state"] != "Completed":
            if progress["state"] == "Failed" or time.perf_counter() - start > TIMEOUT_SECONDS:
                raise RuntimeError(f"the import did not complete: {progress}")
            time.sleep(POLL_SECONDS)
        seconds = time.perf_counter() - start
        return seconds, post(milvus.uri, "collections/get_stats", {"collectionName": "rows"})["rowCount"]


def engine_insert(path: Path, data_dir: Path) -> tuple[float, int]:
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


def grpc_insert(path: Path, data_dir: Path) -> tuple[float, int]:
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


CONTESTANTS = {"import": import_job, "insert": engine_insert, "insert over gRPC": grpc_insert}


def peak_megabytes() -> float:
    # Unlike ru_maxrss, this does not begin with the size of the parent.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def run_contestant(name: str, path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        seconds, rows = CONTESTANTS[name](path, Path(folder) / "data")
        print(json.dumps([seconds, rows, peak_megabytes()]))


def measure(name: str, path: Path, rows: int) -> tuple[float, float]:
    """Seconds and peak megabytes of one contestant in a fresh process."""
    command = [sys.executable, __file__, "--contestant", name, "--file", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS)
    if done.returncode:
        raise RuntimeError(done.stderr)
    seconds, stored, peak = json.loads(done.stdout.splitlines()[-1])
    if stored != rows:
        raise RuntimeError(f"{name} stored {stored} of {rows} rows")
    return seconds, peak


def compare(rows: int, repeats: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FILE
        write_rows(path, rows)
        names = [name for name in CONTESTANTS if name != "insert over gRPC" or rows <= GRPC_ROWS]
        runs = [{name: measure(name, path, rows) for name in names} for _ in range(repeats)]
    found = {name: [statistics.median(run[name][i] for run in runs) for i in (0, 1)] for name in names}
    base_seconds, base_peak = found["insert"]
    print(f"\n{rows:,} rows of {DIM} floats, median of {repeats}")
    for name, (seconds, peak) in found.items():
        speed = f"{rows / seconds:9,.0f} rows/s  {base_seconds / seconds:6.2f} x insert's speed"
        memory = f"peak {peak:6,.0f} MB  {peak - base_peak:+6,.0f} MB  {peak / base_peak:5.2f} x"
        print(f"  {name:18} {seconds:7.2f} s  {speed}  {memory}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", choices=SIZES, default=list(SIZES))
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        run_contestant(options.contestant, options.file)
        return
    for rows in options.rows:
        compare(rows, SIZES[rows])


if __name__ == "__main__":
    main()
