"""How fast the local Milvus imports, and how much memory it takes, beside Milvus Lite's own insert of the same rows.

Each measurement is a process of its own with an empty data folder; the contestants alternate. Figures are medians.

``python benchmarks/import_speed.py [--rows 300000 1000000] [--repeats 3]``
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

DIMENSION = 128
INSERT_BATCH = 10_000
SCHEMA = {
    "fields": [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": str(DIMENSION)}},
    ]
}
CONTESTANTS = ("import", "insert")


def write_rows(path: Path, rows: int) -> None:
    """Random vectors as Parquet."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(7)
    schema = pa.schema({"id": pa.int64(), "vector": pa.list_(pa.float32())})
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, 50_000):
            count = min(50_000, rows - start)
            flat = pa.array(random.random(count * DIMENSION, dtype=np.float32))
            offsets = pa.array(np.arange(0, (count + 1) * DIMENSION, DIMENSION, dtype=np.int32))
            vectors = pa.ListArray.from_arrays(offsets, flat)
            writer.write_table(pa.table([pa.array(range(start, start + count)), vectors], schema=schema))


def measure_import(folder: Path, file: Path) -> float:
    """Seconds from the create request to ``Completed``."""
    from airflow_provider_milvus.local import LocalMilvus

    with LocalMilvus(folder / "data", bucket=file.parent) as milvus:

        def post(route: str, **body: object) -> dict:
            request = urllib.request.Request(
                f"{milvus.uri}/v2/vectordb{route}",
                data=json.dumps(body).encode(),
                headers={"Content-Type": "application/json"},
            )
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
                found = json.load(answer)
            assert found["code"] == 0, found
            return found["data"]

        post("/collections/create", collectionName="c", schema=SCHEMA)
        start = time.perf_counter()
        job_id = post("/jobs/import/create", collectionName="c", files=[[file.name]])["jobId"]
        while (job := post("/jobs/import/describe", jobId=job_id))["state"] not in ("Completed", "Failed"):
            time.sleep(0.05)
        assert job["state"] == "Completed", job
        return time.perf_counter() - start


def measure_insert(folder: Path, file: Path) -> float:
    """Seconds that Milvus Lite itself takes to insert the rows and flush them; reading the file is not counted."""
    import pyarrow.parquet as pq
    from milvus_lite import CollectionSchema, DataType, FieldSchema, MilvusLite

    fields = [
        FieldSchema(name="id", dtype=DataType.INT64, is_primary=True),
        FieldSchema(name="vector", dtype=DataType.FLOAT_VECTOR, dim=DIMENSION),
    ]
    with MilvusLite(str(folder / "data")) as lite:
        collection = lite.create_collection("c", CollectionSchema(fields=fields))
        seconds = 0.0
        for batch in pq.ParquetFile(file).iter_batches(INSERT_BATCH):
            rows = batch.to_pylist()
            start = time.perf_counter()
            collection.insert(rows)
            seconds += time.perf_counter() - start
        start = time.perf_counter()
        collection.flush()
        return seconds + time.perf_counter() - start


def run_one(contestant: str, file: Path) -> None:
    """Print seconds and peak memory in MB of one measurement."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = {"import": measure_import, "insert": measure_insert}[contestant](Path(folder), file)
    print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[300_000, 1_000_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", nargs=2, metavar=("CONTESTANT", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        return run_one(options.one[0], Path(options.one[1]))
    print(f"{DIMENSION} floats a row, medians of {options.repeats}\n")
    print(f"{'rows':>10}  {'':24} {'seconds':>8} {'rows/s':>9} {'peak MB':>8}")
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "rows.parquet")
            write_rows(file, rows)
            found: dict[str, list[list[float]]] = {name: [] for name in CONTESTANTS}
            for _ in range(options.repeats):
                for name in CONTESTANTS:
                    command = [sys.executable, __file__, "--one", name, str(file)]
                    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                    found[name].append(json.loads(output.splitlines()[-1]))
        medians = {name: [statistics.median(run[i] for run in runs) for i in (0, 1)] for name, runs in found.items()}
        for name, label in (("import", "import by the local Milvus"), ("insert", "Milvus Lite's own insert")):
            seconds, megabytes = medians[name]
            print(f"{rows:10,}  {label:26} {seconds:6.1f} {rows / seconds:9,.0f} {megabytes:8,.0f}")
        speed = medians["insert"][0] / medians["import"][0]
        print(
            f"{'':10}  speed {speed:.2f} x, peak {medians['import'][1] - medians['insert'][1]:+,.0f} MB\n", flush=True
        )
    return None


if __name__ == "__main__":
    main()
