"""Parquet files."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.readers import limits
from airflow_provider_milvus.local.importing.readers.reader import Batch, Fields, reading


class ParquetReader:
    """A Parquet file, read batch by batch."""

    def __init__(self, path: Path, fields: Fields | None) -> None:
        self._path = path
        self._fields = fields

    def count_rows(self) -> int:
        with reading("Parquet file"), pq.ParquetFile(self._path) as file:
            return int(file.metadata.num_rows)

    def columns(self) -> pa.Schema:
        with reading("Parquet file"), pq.ParquetFile(self._path) as file:
            return file.schema_arrow

    def batches(self) -> Iterator[Batch]:
        with reading("Parquet file"):
            with pq.ParquetFile(self._path) as file:
                names = file.schema_arrow.names
                wanted = [name for name in names if self._fields is None or name in self._fields]
                texts = [name for name in wanted if _is_text(file.schema_arrow.field(name).type)]
                rows = self._batch_rows(file.metadata, wanted)
            # Texts come as indices into their dictionary: one long text in a million rows would be a million copies.
            # Without pre-buffering, and with a buffer, no more than some pages of a row group are in memory.
            with pq.ParquetFile(
                self._path, read_dictionary=texts, buffer_size=limits.BUFFER_BYTES, pre_buffer=False
            ) as file:
                for batch in file.iter_batches(batch_size=rows, columns=wanted, use_threads=False):
                    yield from _decoded(batch)

    def _batch_rows(self, metadata: pq.FileMetaData, wanted: list[str]) -> int:
        """How many rows to read at once, so that a batch stays small whatever the file holds."""
        heaviest = 1.0
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            for column in map(group.column, range(group.num_columns)):
                name = column.path_in_schema.partition(".")[0]
                if name in wanted:
                    self._check_values(name, column.num_values, group.num_rows)
                    size = max(column.num_values * limits.VALUE_BYTES, column.total_uncompressed_size)
                    heaviest = max(heaviest, size / max(1, group.num_rows))
        if heaviest > limits.BATCH_BYTES:
            raise ImportDataError(f"a row has {heaviest:,.0f} bytes, the upper bound is {limits.BATCH_BYTES:,}")
        return min(limits.BATCH_ROWS, int(limits.BATCH_BYTES / heaviest))

    def _check_values(self, name: str, values: int, rows: int) -> None:
        # The other rows may be empty, so that one alone has them all: maybe more than memory can hold.
        bound = self._fields.get(name) if self._fields is not None else None
        if bound is not None and values > rows * max(1, bound) and values * limits.VALUE_BYTES > limits.BATCH_BYTES:
            raise ImportDataError(
                f"{values:,} values in {rows:,} rows, the upper bound of a row is {bound:,}", field=name
            )


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


def _decoded(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch with its texts, cut in pieces that stay small."""
    sizes = np.zeros(batch.num_rows, np.int64)
    for column in batch.columns:
        if pa.types.is_dictionary(column.type):
            lengths = pc.binary_length(column.dictionary).take(column.indices)
            sizes += lengths.fill_null(0).to_numpy(zero_copy_only=False)
    ends = np.cumsum(sizes)
    start = 0
    while start < batch.num_rows:
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + limits.BATCH_BYTES, "right")))
        piece = batch.slice(start, stop - start)
        columns = [one.dictionary_decode() if pa.types.is_dictionary(one.type) else one for one in piece.columns]
        yield pa.RecordBatch.from_arrays(columns, names=piece.schema.names)
        start = stop
