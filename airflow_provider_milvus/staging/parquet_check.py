"""The check of a Parquet file: its schema, and its values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_milvus.rest.schemas import DYNAMIC_FIELD as META
from airflow_provider_milvus.staging import columns
from airflow_provider_milvus.staging.file_check import FileCheck
from airflow_provider_milvus.staging.findings import Refused, casts_to

BATCH_ROWS = 8192
BUFFER_BYTES = 1 << 20


class ParquetCheck(FileCheck):
    """The findings of a Parquet file."""

    def _read(self) -> None:
        with self._folder.open(self._key) as opened:
            try:
                file = pq.ParquetFile(opened, buffer_size=BUFFER_BYTES, pre_buffer=False)
            except (pa.ArrowException, OSError) as error:
                raise Refused(f"what is no Parquet file ({error})", "a Parquet file") from None
            self.rows = file.metadata.num_rows
            self._check_header(file.schema_arrow)
            names = [name for name in file.schema_arrow.names if self._wanted(name) or self._is_meta(name)]
            if not names:
                return
            try:
                for first_row, batch in self._batches(file, names):
                    self._check_batch(batch, first_row)
            except (pa.ArrowException, OSError) as error:
                raise Refused(f"what cannot be read ({error})", "a Parquet file") from None

    def _batches(self, file: pq.ParquetFile, names: list[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
        at, size = 0, min(BATCH_ROWS, self._limit or BATCH_ROWS)
        for batch in file.iter_batches(size, columns=names, use_threads=False):
            yield at, batch
            at += batch.num_rows
            if self._limit is not None and at >= self._limit:
                return

    def _check_header(self, schema: pa.Schema) -> None:
        counts = Counter(schema.names)
        known = {field.name: field for field in self._target.given}
        if self._target.is_dynamic:
            known[META] = self._target.meta(nullable=self._rules.skips_unknown)
        for name, count in counts.items():
            if count > 1 and (name in self._target.by_name or name == META):
                self._refused_columns.add(name)
                self._add(name, f"{count} columns of this name", "one")
            elif count == 1 and name in known:
                kind = known[name].arrow_type
                with self._refusing(name, casts=casts_to(name, kind) if kind is not None else None):
                    columns.check_type(known[name], schema.field(name).type, self._rules)
        self._check_generated(counts)
        self._check_unknown(counts, known)
        self._check_missing(counts)

    def _check_batch(self, batch: pa.RecordBatch, first_row: int) -> None:
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            field = self._wanted(name)
            with self._refusing(name, first_row):
                if field is not None:
                    columns.check_column(field, column, self._rules)
                elif self._is_meta(name):
                    columns.check_meta_column(column, self._rules)
