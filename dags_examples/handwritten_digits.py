"""What the three examples share: scikit-learn's handwritten digits, and the Milvus steps around an import.

The images (1,797 of them, 8 x 8 pixels, each with its digit) stand for the output of your own embedding job. The bucket
of the local Milvus is a folder; where yours is MinIO or S3, write there instead.
"""

from __future__ import annotations

import os

from airflow.providers.common.compat.sdk import Param, task

from airflow_provider_milvus.hooks.milvus import MilvusHook

SCHEMA = {
    "fields": [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": "64"}},
        {"fieldName": "label", "dataType": "Int64"},
    ]
}
INDEX = [{"fieldName": "vector", "metricType": "L2", "indexType": "AUTOINDEX"}]
SECONDS_TO_LOAD = 120

BUCKET = Param(
    os.environ.get("MILVUS_BUCKET"),
    type="string",
    description="The bucket folder of the local Milvus; by default the environment variable MILVUS_BUCKET",
)


@task
def create_collection(name: str) -> None:
    """Create an empty collection, in place of the one of an earlier run."""
    milvus = MilvusHook()
    if milvus.has_collection(name):
        milvus.drop_collection(name)
    milvus.create_collection(name, schema=SCHEMA)


@task
def write_files(bucket: str, folder: str, one_per_digit: bool = False) -> list[list[str]]:
    """Write the images as Parquet, in one file or in one for each digit; return a file set for each file."""
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.parquet as pq
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    table = pa.table(
        {
            "id": pa.array(range(len(labels)), pa.int64()),
            "vector": pa.array(images.tolist(), pa.list_(pa.float32())),
            "label": pa.array(labels, pa.int64()),
        }
    )
    parts = {str(digit): table.filter(labels == digit) for digit in range(10)} if one_per_digit else {"all": table}
    Path(bucket, folder).mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        pq.write_table(part, Path(bucket, folder, f"{name}.parquet"))
    return [[f"{folder}/{name}.parquet"] for name in parts]


@task
def build_index_and_load(collection: str) -> None:
    """Make the collection searchable."""
    import time

    milvus = MilvusHook()
    milvus.create_index(collection, INDEX)
    milvus.load_collection(collection)
    deadline = time.monotonic() + SECONDS_TO_LOAD
    while not milvus.get_load_state(collection).loaded:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{collection} is not loaded after {SECONDS_TO_LOAD} s")
        time.sleep(1)


@task
def count_rows(collection: str, expected: int = 1797) -> int:
    """Fail unless every image is there exactly once."""
    rows = MilvusHook().count(collection)
    if rows != expected:
        raise ValueError(f"{collection} has {rows} rows instead of {expected}")
    return rows
