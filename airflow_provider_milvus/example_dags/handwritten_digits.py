"""What the examples share: scikit-learn's handwritten digits as files, and the collection that they go into.

The images (1,797 of them, 8 x 8 pixels, each with its digit) stand for the output of your own embedding job. The bucket
of the local Milvus is a folder; where yours is MinIO or S3, write there instead.
"""

from __future__ import annotations

import os
from typing import Any

from airflow.providers.common.compat.sdk import Param, task

IMAGES = 1797
SCHEMA: dict[str, Any] = {
    "fields": [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": "64"}},
        {"fieldName": "label", "dataType": "Int64"},
    ]
}
INDEX: list[dict[str, Any]] = [{"fieldName": "vector", "metricType": "L2", "indexType": "AUTOINDEX"}]

BUCKET = Param(
    os.environ.get("MILVUS_BUCKET"),
    type="string",
    description="The bucket folder of the local Milvus; by default the environment variable MILVUS_BUCKET",
)


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
