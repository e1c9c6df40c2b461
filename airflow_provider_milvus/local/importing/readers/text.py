"""Rows of text: how they are batched."""

from collections.abc import Iterator

from airflow_provider_milvus.local.importing.readers import limits
from airflow_provider_milvus.local.importing.readers.reader import Rows, SizedRow

TOO_LONG = f"the row is longer than {limits.MAX_ROW_CHARS} characters"


def batched(rows: Iterator[SizedRow]) -> Iterator[Rows]:
    """The rows in lists that stay small."""
    batch: Rows = []
    chars = 0
    for row, size in rows:
        batch.append(row)
        chars += size
        if len(batch) == limits.TEXT_BATCH_ROWS or chars >= limits.TEXT_BATCH_CHARS:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch
