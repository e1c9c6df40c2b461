"""Rows of text: how they are batched, and where a text file begins."""

from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from airflow_provider_milvus.local.importing.readers import limits
from airflow_provider_milvus.local.importing.readers.reader import Rows, SizedRow

TOO_LONG = f"the row is longer than {limits.MAX_ROW_CHARS} characters"


def batched(rows: Iterator[SizedRow]) -> Iterator[Rows]:
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


def open_text(path: Path) -> BinaryIO:
    """A text file as bytes, behind the mark that some programs put before it."""
    file = path.open("rb", limits.BUFFER_BYTES)
    if file.read(len(BOM_UTF8)) != BOM_UTF8:
        file.seek(0)
    return file
