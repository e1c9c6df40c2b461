"""Copy 2,000 objects from one S3-compatible bucket into that of a Milvus, and replace one while it is copied.

The replacement must be noticed, and its rows must be those of one version, never of both. All rows are there once, and
no copy stays.
"""

from __future__ import annotations

import argparse
import logging
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import pyarrow as pa
import pyarrow.parquet as pq
from object_stores import KEY, SECRET, ObjectStore

from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.local import LocalMilvus
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.staging.folder import Folder

COLLECTION = "copied"
SCHEMA = {
    "fields": [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": 2}},
        {"fieldName": "version", "dataType": "Int64"},
        {"fieldName": "filler", "dataType": "VarChar", "elementTypeParams": {"max_length": 2000}},
    ]
}
ROWS = 5
# More than one block of a copy, so that a mixture of both versions is possible.
BIG_ROWS, BIG_TEXT = 6_000, 1500


def parquet(first: int, rows: int, version: int, text: int = 10) -> bytes:
    """A file of random texts, which no compression makes smaller."""
    sink = pa.BufferOutputStream()
    columns = {
        "id": pa.array(range(first, first + rows), pa.int64()),
        "vector": pa.array([[float(row), 0.5] for row in range(rows)], pa.list_(pa.float32())),
        "version": pa.array([version] * rows, pa.int64()),
        "filler": pa.array([os.urandom(text // 2).hex() for _ in range(rows)]),
    }
    pq.write_table(pa.table(columns), sink, compression="NONE", use_dictionary=False, row_group_size=1000)
    return sink.getvalue().to_pybytes()


class Replacing:
    """Replaces an object once, when the first block of it has been read."""

    def __init__(self, store: ObjectStore, key: str, data: bytes) -> None:
        self._store, self._key, self._data = store, key, data
        self._open = Folder.open
        self.times = self.opened = 0

    def __enter__(self) -> Replacing:
        replacing = self

        def opened(folder: Folder, key: str, mode: str = "rb", **options: Any) -> Any:
            file = replacing._open(folder, key, mode, **options)
            if mode == "rb" and key == f"{replacing._store.name}/{replacing._key}":
                replacing.opened += 1
                return Watched(file, replacing.replace)
            return file

        Folder.open = opened  # type: ignore[method-assign]
        return self

    def __exit__(self, *exc_info: object) -> None:
        Folder.open = self._open  # type: ignore[method-assign]

    def replace(self) -> None:
        """Replace the object, the first time."""
        if not self.times:
            self.times += 1
            self._store.put(self._key, self._data)


class Watched:
    """An open file, after each read of which something happens."""

    def __init__(self, file: Any, after_read: Callable[[], None]) -> None:
        self._file, self._after_read = file, after_read

    def read(self, *arguments: Any) -> Any:
        data = self._file.read(*arguments)
        self._after_read()
        return data

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._file.close()


def run(objects: int, stack: ExitStack) -> list[str]:
    """Copy and import; what was wrong."""
    os.environ.update(AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET)
    lake, bucket = (stack.enter_context(ObjectStore(name)) for name in ("lake", "milvus"))
    replaced, big = f"rows/{objects // 2:05}.parquet", objects * ROWS
    with ThreadPoolExecutor(8) as pool:
        for number in range(objects):
            pool.submit(lake.put, f"rows/{number:05}.parquet", parquet(number * ROWS, ROWS, 1))
    lake.put(replaced, parquet(big, BIG_ROWS, 1, BIG_TEXT))
    for store in (lake, bucket):
        store.attach()
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    milvus = stack.enter_context(LocalMilvus(Path(folder) / "data", bucket=bucket.bucket))
    os.environ["AIRFLOW_CONN_MILVUS_DEFAULT"] = f"milvus://127.0.0.1:{milvus.port}"
    hook = MilvusHook()
    index = [{"fieldName": "vector", "metricType": "L2"}]
    hook.create_collection(COLLECTION, schema=SCHEMA, index_params=index)
    operator = MilvusBulkImportOperator(
        task_id="load",
        collection_name=COLLECTION,
        stage_from="s3://lake@lake/rows/*.parquet",
        stage_to="s3://milvus@milvus/staging",
        poll_interval=1,
    )
    began = time.monotonic()
    original = operator.stage

    def timed(*arguments: Any) -> Any:
        before, memory = time.monotonic(), _peak_memory()
        manifest = original(*arguments)
        seconds = time.monotonic() - before
        print(
            f"{len(manifest.sets):,} objects, {manifest.bytes / 2**20:,.0f} MB copied in {seconds:.1f} s: "
            f"{len(manifest.sets) / seconds:,.0f} objects/s, peak memory {memory:.0f} MB before, "
            f"{_peak_memory():.0f} MB after"
        )
        return manifest

    operator.stage = timed  # type: ignore[method-assign]
    # As many bytes as before where the file system knows versions by more than that; else some more.
    text = BIG_TEXT if "s3fs" in sys.modules else BIG_TEXT + 20
    with Replacing(lake, replaced, parquet(big, BIG_ROWS, 2, text)) as replacing:
        operator.execute(_context())
    print(f"copied and imported in {time.monotonic() - began:.1f} s")
    hook.load_collection(COLLECTION)
    hook.refresh_load(COLLECTION)
    return _wrong(hook, objects, replacing, bucket)


def _wrong(hook: MilvusHook, objects: int, replacing: Replacing, bucket: ObjectStore) -> list[str]:
    counts = {
        name: hook.count(COLLECTION, filter)
        for name, filter in {
            "all": "",
            "the small files": f"id < {objects * ROWS} && version == 1",
            "the new version": "version == 2",
            "the old version of the big file": f"id >= {objects * ROWS} && version == 1",
        }.items()
    }
    small = (objects - 1) * ROWS
    found = [
        f"{counts[name]:,} rows of {name} instead of {expected:,}"
        for name, expected in zip(counts, (small + BIG_ROWS, small, BIG_ROWS, 0), strict=True)
        if counts[name] != expected
    ]
    if (replacing.times, replacing.opened) != (1, 2):
        found.append(f"the big file was replaced {replacing.times} times, and copied {replacing.opened} times")
    if left := bucket.keys("staging"):
        found.append(f"{len(left):,} copies stay, such as {left[0]!r}")
    return found


def _context() -> Any:
    ti = SimpleNamespace(dag_id="dag", task_id="load", run_id="run", map_index=-1, try_number=1, max_tries=0)
    ti.xcom_push = lambda key, value: None
    return {"ti": ti}


def _peak_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """Run it; the exit code is 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--objects", type=int, default=2000)
    options = parser.parse_args()
    logging.disable(logging.INFO)
    with ExitStack() as stack:
        wrong = run(options.objects, stack)
    print("\n".join(wrong) or "All rows are there once, of one version each, and no copy stays.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
