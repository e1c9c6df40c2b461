"""Rows, as they come, written to Parquet files that a collection takes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_milvus.rest.schemas import DYNAMIC_FIELD
from airflow_provider_milvus.staging.casts import Caster, RowsRefused, filled, json_text
from airflow_provider_milvus.staging.manifest import Manifest, StagedLoad
from airflow_provider_milvus.staging.progress_log import StagingProgress
from airflow_provider_milvus.staging.target import Target

DEFAULT_FILE_BYTES = 256 << 20
# Rows are collected until a row group is so large, or has so many rows.
GROUP_BYTES = 16 << 20
GROUP_ROWS = 65_536
BLOCK_BYTES = 8 << 20
# A batch of a frame or a table, so that a cast needs no second copy of all of it.
BATCH_ROWS = 16_384


class ParquetFileWriter:
    """One Parquet file, in row groups of some megabytes."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._writer: pq.ParquetWriter | None = None
        self._pending: list[pa.RecordBatch] = []
        self._pending_bytes = self._pending_rows = 0

    @property
    def size(self) -> int:
        """Bytes so far."""
        return int(self._sink.tell()) + self._pending_bytes

    @property
    def schema(self) -> pa.Schema | None:
        return None if self._writer is None else self._writer.schema

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows, in the columns of the first batch."""
        if self._writer is None:
            self._writer = self._open(batch.schema)
        self._pending.append(batch)
        self._pending_bytes += batch.nbytes
        self._pending_rows += batch.num_rows
        if self._pending_bytes >= GROUP_BYTES or self._pending_rows >= GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        """End the file; the sink stays open."""
        self._flush()
        if self._writer is not None:
            self._writer.close()

    def _flush(self) -> None:
        if self._writer is not None and self._pending:
            self._writer.write_table(pa.Table.from_batches(self._pending), row_group_size=self._pending_rows)
        self._pending, self._pending_bytes, self._pending_rows = [], 0, 0

    def _open(self, schema: pa.Schema) -> pq.ParquetWriter:
        # Numbers of vectors neither repeat nor compress.
        plain = [one.name for one in schema if pa.types.is_list(one.type) and pa.types.is_floating(one.type.value_type)]
        paths = {name: f"{name}.list.element" for name in plain}
        compression = {paths.get(one.name, _leaf(one)): "NONE" if one.name in paths else "SNAPPY" for one in schema}
        return pq.ParquetWriter(
            self._sink,
            schema,
            compression=compression,
            use_dictionary=[_leaf(one) for one in schema if pa.types.is_string(one.type)],
            write_statistics=[_leaf(one) for one in schema if not pa.types.is_list(one.type)],
        )


def _leaf(one: pa.Field) -> str:
    return f"{one.name}.list.element" if pa.types.is_list(one.type) else str(one.name)


class RowsWriter:
    """Writes rows to the files of a load.

    :param file_bytes: after which a file is ended and the next one begins.
    """

    def __init__(self, target: Target, load: StagedLoad, *, log: Any, file_bytes: int = DEFAULT_FILE_BYTES) -> None:
        self._target = target
        self._load = load
        self._log = log
        self._file_bytes = file_bytes
        self._caster = Caster(target, "rows")
        self._keys: list[str] = []
        self._sink: BinaryIO | None = None
        self._file: ParquetFileWriter | None = None
        self._bytes = 0

    def run(self, rows: Any) -> Manifest:
        """Write all rows, then the manifest. Whatever fails removes what was written.

        :param rows: whatever :func:`batches_of` takes, or an iterable of it.
        :raises RowsRefused: for rows that the collection does not take, or that are none.
        """
        # What a try before this one has left.
        self._load.remove()
        progress = StagingProgress(self._log)
        try:
            for batch in batches_of(rows, self._target):
                if batch.num_rows:
                    self._write(self._caster.cast(batch), progress)
            self._end_file(progress)
        except BaseException:
            self._abandon()
            raise
        manifest = Manifest([[key] for key in self._keys], self._caster.rows, self._bytes)
        if not self._keys:
            return manifest
        self._load.write(manifest)
        self._log.info("Written: %s", progress)
        return manifest

    def _write(self, batch: pa.RecordBatch, progress: StagingProgress) -> None:
        if self._file is not None and self._file.schema is not None and self._file.schema != batch.schema:
            if set(batch.schema.names) <= set(self._file.schema.names):
                batch = filled(batch, self._file.schema)
            else:
                self._end_file(progress)
        if self._file is None:
            self._keys.append(self._load.key(f"{len(self._keys):05}.parquet"))
            self._sink = self._load.folder.open(self._keys[-1], "wb", block_size=BLOCK_BYTES)
            self._file = ParquetFileWriter(self._sink)
        self._file.write(batch)
        progress.add(rows=batch.num_rows)
        if self._file.size >= self._file_bytes:
            self._end_file(progress)

    def _end_file(self, progress: StagingProgress) -> None:
        if self._file is None or self._sink is None:
            return
        self._file.close()
        size = self._sink.tell()
        self._sink.close()
        self._file = self._sink = None
        self._bytes += size
        progress.add(files=1, size=size)

    def _abandon(self) -> None:
        if self._sink is not None:
            discard = getattr(self._sink, "discard", None)
            try:
                discard() if callable(discard) else self._sink.close()
            except Exception as error:
                self._log.debug("Closing a file that is not wanted any more: %s", error)
        self._load.remove()


def batches_of(rows: Any, target: Target) -> Iterator[pa.RecordBatch]:
    """Record batches of what holds rows.

    That is a pandas or Polars DataFrame, a Polars LazyFrame, a table, a batch or a reader of Arrow (or anything with
    ``__arrow_c_stream__``), a list of dicts, one dict; ``None``, which has no rows; or an iterable of these.

    :raises RowsRefused: for anything else.
    """
    if rows is None:
        return
    if isinstance(rows, pa.RecordBatch):
        yield rows
    elif isinstance(rows, pa.Table):
        yield from rows.to_batches(BATCH_ROWS)
    elif isinstance(rows, Mapping):
        yield _of_dicts([rows], target)
    elif type(rows).__module__.partition(".")[0] == "pandas":
        yield from _of_pandas(rows)
    elif hasattr(rows, "collect") and hasattr(rows, "lazy"):
        yield from batches_of(rows.collect(), target)
    elif hasattr(rows, "__arrow_c_stream__"):
        for batch in pa.RecordBatchReader.from_stream(rows):
            yield from pa.Table.from_batches([batch]).to_batches(BATCH_ROWS)
    elif isinstance(rows, Sequence) and not isinstance(rows, str | bytes) and rows and _are_dicts(rows):
        for start in range(0, len(rows), BATCH_ROWS):
            yield _of_dicts(rows[start : start + BATCH_ROWS], target)
    elif isinstance(rows, Iterable) and not isinstance(rows, str | bytes):
        yield from _of_iterable(rows, target)
    else:
        raise RowsRefused(
            f"rows must be DataFrames (pandas, Polars), Arrow tables or batches, or lists of dicts, got "
            f"{type(rows).__name__}"
        )


def _of_iterable(rows: Iterable[Any], target: Target) -> Iterator[pa.RecordBatch]:
    single: list[Mapping[str, Any]] = []
    for one in rows:
        if isinstance(one, Mapping):
            single.append(one)
            if len(single) < BATCH_ROWS:
                continue
            yield _of_dicts(single, target)
            single = []
        else:
            yield from batches_of(one, target)
    if single:
        yield _of_dicts(single, target)


def _are_dicts(rows: Sequence[Any]) -> bool:
    return all(isinstance(row, Mapping) for row in rows)


def _of_pandas(frame: Any) -> Iterator[pa.RecordBatch]:
    if not hasattr(frame, "columns"):
        raise RowsRefused(f"rows must be DataFrames, got {type(frame).__name__} of pandas")
    for start in range(0, len(frame), BATCH_ROWS):
        try:
            table = pa.Table.from_pandas(frame.iloc[start : start + BATCH_ROWS], preserve_index=False)
        except pa.ArrowException as error:
            raise RowsRefused(f"rows {start:,} to {start + BATCH_ROWS:,} of the DataFrame: {error}") from None
        yield from table.replace_schema_metadata(None).to_batches()


def _of_dicts(rows: Sequence[Mapping[str, Any]], target: Target) -> pa.RecordBatch:
    names = dict.fromkeys(name for row in rows for name in row)
    extra = [name for name in names if name not in target.by_name] if target.is_dynamic else []
    found = {}
    for name in names:
        if name in extra:
            continue
        values = [row.get(name) for row in rows]
        field = target.by_name.get(name)
        if field is not None and field.type in ("JSON", "SparseFloatVector"):
            values = [_json_text(name, row, value) for row, value in enumerate(values)]
        found[name] = _array(name, values, None if field is None else field.arrow_type)
    if extra:
        # Values of one key may be of several types.
        found[DYNAMIC_FIELD] = pa.array([_dynamic(row, extra) for row in rows], pa.string())
    return pa.RecordBatch.from_pydict(found)


def _dynamic(row: Mapping[str, Any], extra: Sequence[str]) -> str:
    given = row.get(DYNAMIC_FIELD)
    try:
        given = json.loads(given) if isinstance(given, str) else given or {}
        more = {name: row[name] for name in extra if row.get(name) is not None and name != DYNAMIC_FIELD}
        return json_text({**given, **more})
    except (ValueError, TypeError, RecursionError) as error:
        raise RowsRefused(f"rows, the dynamic field of {dict(row)!r:.120}: {error}") from None


def _array(name: str, values: list[Any], kind: pa.DataType | None) -> pa.Array:
    """Values as Arrow has them; what they become is a safe cast's to decide.

    Arrow cuts the fractions off where it makes integers of floats, so that only floats are made in the field's type.
    """
    element = kind.value_type if kind is not None and pa.types.is_list(kind) else kind
    for one in (kind, None) if element is not None and pa.types.is_floating(element) else (None,):
        try:
            return pa.array(values, one)
        except (pa.ArrowException, OverflowError, ValueError, TypeError) as error:
            failure = error
    row = next((row for row, value in enumerate(values) if not _is_value(value, kind)), None)
    which = "" if row is None else f", value {values[row]!r:.120}"
    raise RowsRefused(f"rows, column {name!r}{which}: {failure}") from None


def _is_value(value: Any, kind: pa.DataType | None) -> bool:
    try:
        pa.array([value], kind)
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        return False
    return True


def _json_text(name: str, row: int, value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    try:
        return json_text(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise RowsRefused(f"rows, column {name!r}, row {row}: {value!r:.120} is no JSON: {error}") from None
