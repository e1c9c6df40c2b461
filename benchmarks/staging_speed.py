"""What writing rows to files costs: Arrow batches through RowsWriter, and the same rows through pymilvus's writer.

Each contestant runs in a fresh process and ends with files of the same rows in a bucket, which is a folder: RowsWriter
writes there, and what pymilvus's LocalBulkWriter writes is copied there. The peak is the maximum resident memory of the
process, its libraries included.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DIM, BATCH_ROWS = 128, 10_000
DESCRIPTION = {
    "fields": [
        {"name": "id", "type": "Int64", "primaryKey": True, "params": []},
        {"name": "vector", "type": "FloatVector", "params": [{"key": "dim", "value": str(DIM)}]},
    ]
}


def batches(rows: int) -> Iterator[Any]:
    """Random vectors, as record batches."""
    import numpy as np
    import pyarrow as pa

    random = np.random.default_rng(0)
    offsets = pa.array(np.arange(0, BATCH_ROWS * DIM + 1, DIM, dtype=np.int32))
    for start in range(0, rows, BATCH_ROWS):
        vectors = pa.ListArray.from_arrays(offsets, pa.array(random.random(BATCH_ROWS * DIM, dtype=np.float32)))
        ids = pa.array(np.arange(start, start + BATCH_ROWS))
        yield pa.RecordBatch.from_pydict({"id": ids, "vector": vectors})


def rows_writer(rows: int, folder: Path) -> None:
    import fsspec

    from airflow_provider_milvus.staging.folder import Folder
    from airflow_provider_milvus.staging.manifest import StagedLoad
    from airflow_provider_milvus.staging.target import Target
    from airflow_provider_milvus.staging.writer import RowsWriter

    load = StagedLoad(Folder(fsspec.filesystem("file"), str(folder).strip("/")), "staged")
    manifest = RowsWriter(Target.described(DESCRIPTION), load, log=logging.getLogger()).run(batches(rows))
    assert manifest.rows == rows


def local_bulk_writer(rows: int, folder: Path) -> None:
    from pymilvus import CollectionSchema, DataType, FieldSchema
    from pymilvus.bulk_writer import BulkFileType, LocalBulkWriter

    fields = [FieldSchema("id", DataType.INT64, is_primary=True), FieldSchema("vector", DataType.FLOAT_VECTOR, dim=DIM)]
    with tempfile.TemporaryDirectory() as local:
        writer = LocalBulkWriter(CollectionSchema(fields), local, chunk_size=256 << 20, file_type=BulkFileType.PARQUET)
        for batch in batches(rows):
            for id, vector in zip(batch["id"].to_pylist(), batch["vector"].to_numpy(False), strict=True):
                writer.append_row({"id": id, "vector": vector})
        writer.commit()
        shutil.copytree(local, folder / "copied")


CONTESTANTS = {"RowsWriter": rows_writer, "LocalBulkWriter and copy": local_bulk_writer}


def measure(name: str, rows: int) -> None:
    """Print the seconds and the peak of one contestant."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        CONTESTANTS[name](rows, Path(folder))
        seconds = time.monotonic() - started
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mb": peak, "bytes": size}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contestant:
        measure(options.contestant, options.rows)
        return
    print(f"{options.rows:,} rows of {DIM} floats")
    for name in CONTESTANTS:
        command = [sys.executable, __file__, "--rows", str(options.rows), "--contestant", name]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = json.loads(output.splitlines()[-1])
        rate = options.rows / found["seconds"]
        print(f"{name:>26}: {found['seconds']:6.1f} s, {rate:9,.0f} rows/s, peak {found['peak_mb']:,.0f} MB")


if __name__ == "__main__":
    main()
