"""Collections that show how often files were loaded into them, and the files of the DAG of outages."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

# A file fits into it as often as it is loaded: its ids are no primary key, which Milvus makes up.
SCHEMA = {
    "autoId": True,
    "fields": [
        {"fieldName": "row_id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "id", "dataType": "Int64"},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": "8"}},
    ],
}
ROWS = 100


def write_files(bucket: Path, task_ids: Iterable[str]) -> None:
    """A file for each task."""
    vectors = pa.array([[float(row)] * 8 for row in range(ROWS)], pa.list_(pa.float32()))
    for task_id in task_ids:
        pq.write_table(pa.table({"id": range(ROWS), "vector": vectors}), bucket / f"{task_id}.parquet")
