"""Batches of Arrow in the types that every version of Milvus reads, without losing a value."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from airflow_provider_milvus.rest.schemas import DYNAMIC_FIELD
from airflow_provider_milvus.staging import columns, encodings
from airflow_provider_milvus.staging.encodings import values_of
from airflow_provider_milvus.staging.findings import Refused
from airflow_provider_milvus.staging.reader_rules import NEWEST, RULES
from airflow_provider_milvus.staging.target import Target, TargetField


class RowsRefused(ValueError):
    """Rows that the collection does not take, or only with a loss."""


class Caster:
    """Casts batches to what a collection takes.

    Columns that no field has go into the dynamic field; where there is none they are refused.

    :param where: what the rows are of, for messages.
    """

    def __init__(self, target: Target, where: str) -> None:
        self._target = target
        self._where = where
        self.rows = 0

    def cast(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch as Milvus takes it.

        :raises RowsRefused: naming the column, and the row counted from 0 over all batches.
        """
        self._check_names(batch.schema.names)
        found: dict[str, pa.Array] = {}
        for field in self._target.given:
            if field.name in batch.schema.names:
                found[field.name] = self._column(field, batch.column(field.name))
        extra = [name for name in batch.schema.names if name not in self._target.by_name]
        if extra:
            found[DYNAMIC_FIELD] = self._refusing(DYNAMIC_FIELD, lambda: _dynamic(batch.select(extra)))
        self.rows += batch.num_rows
        return pa.RecordBatch.from_pydict(found)

    def _check_names(self, names: list[str]) -> None:
        if twice := {name for name in names if names.count(name) > 1}:
            raise RowsRefused(f"{self._where}: the column {min(twice)!r} is there more than once")
        generated = [field.name for field in self._target.fields if field.is_generated and field.name in names]
        if generated:
            raise RowsRefused(
                f"{self._where}: Milvus makes the values of {generated[0]!r} itself; leave the column out"
            )
        missing = [f for f in self._target.given if f.name not in names and not f.may_be_missing]
        if missing:
            raise RowsRefused(
                f"{self._where}: the collection's field {missing[0].name!r} ({missing[0]}) has no column; there are "
                f"{', '.join(names) or 'none'}"
            )
        unknown = [name for name in names if name not in self._target.by_name]
        if unknown and not self._target.is_dynamic:
            raise RowsRefused(
                f"{self._where}: the column {unknown[0]!r} has no field in the collection, and it has no dynamic "
                f"field: leave the column out, or rename it to one of "
                f"{', '.join(field.name for field in self._target.given)}"
            )

    def _column(self, field: TargetField, column: pa.Array) -> pa.Array:
        def converted() -> pa.Array:
            found = to_field(field, column)
            columns.check_column(field, found, RULES[NEWEST])
            return found

        return self._refusing(field.name, converted)

    def _refusing(self, name: str, convert: Callable[[], pa.Array]) -> pa.Array:
        try:
            return convert()
        except Refused as refused:
            row = "" if refused.row is None else f", row {self.rows + refused.row:,} (counted from 0)"
            raise RowsRefused(
                f"{self._where}, column {name!r}{row}: found {refused.found}; needed {refused.needed}"
            ) from None


def json_text(value: Any) -> str:
    """A value as JSON; what JSON does not have, such as a date, as its text.

    :raises ValueError: for NaN, and for a value within itself.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)


def to_field(field: TargetField, column: pa.Array) -> pa.Array:
    """A column as one that Milvus reads into the field.

    :raises Refused: for a type that cannot be cast, and for the first value that would be lost.
    """
    kind = field.arrow_type
    if kind is None:
        return column
    if pa.types.is_null(column.type):
        # Such as a page of rows none of which has a value.
        return pa.nulls(len(column), kind)
    column = encodings.plain(column)
    if column.type == kind:
        return column
    if field.type == "JSON" and not _is_text(column.type):
        return _texts(column, json_text)
    if field.type == "SparseFloatVector" and not _is_text(column.type):
        return _sparse(column)
    if field.type == "Timestamptz" and pa.types.is_temporal(column.type):
        return _texts(column, _moment)
    if pa.types.is_list(kind) and _is_text(column.type):
        # Such as the texts of pgvector.
        return _lists_of_texts(field, column, kind)
    if _is_text(kind) and not _is_text(column.type):
        raise Refused(str(column.type), f"text for {field}")
    return _cast(field, column, kind)


def _cast(field: TargetField, column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Arrow's safe cast, which refuses fractions and overflows; a float64 is rounded to the nearest float32."""
    try:
        return column.cast(kind)
    except pa.ArrowNotImplementedError:
        raise Refused(str(column.type), f"{kind} for {field}") from None
    except pa.ArrowException as error:
        row = _first_lost(column, kind)
        shown = column[row].as_py() if row is not None else column.type
        text = repr(shown)
        raise Refused(text[:120], f"a value that {field} holds without loss ({str(error)[:120]})", row) from None


def _first_lost(column: pa.Array, kind: pa.DataType) -> int | None:
    """The first row that cannot be cast, by halving."""
    start, size = 0, len(column)
    while size > 1:
        half = size // 2
        try:
            column.slice(start, half).cast(kind)
        except pa.ArrowException:
            size = half
        else:
            start, size = start + half, size - half
    return start if size else None


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _texts(column: pa.Array, write: Callable[[Any], str]) -> pa.Array:
    found: list[str | None] = []
    for row, value in enumerate(values_of(column)):
        try:
            found.append(None if value is None else write(value))
        except (ValueError, TypeError, RecursionError) as error:
            raise Refused(str(error), "a value that JSON holds", row) from None
    return pa.array(found, pa.string())


def _moment(value: Any) -> str:
    text = str(value.isoformat())
    return text if "T" in text else f"{text}T00:00:00"


def _sparse(column: pa.Array) -> pa.Array:
    if pa.types.is_map(column.type):
        return _texts(column, lambda value: json.dumps({str(index): weight for index, weight in value.items()}))
    if pa.types.is_struct(column.type) and {"indices", "values"} == set(column.type.names):
        return _texts(column, json.dumps)
    if pa.types.is_struct(column.type):
        return _texts(column, lambda value: json.dumps({key: one for key, one in value.items() if one is not None}))
    raise Refused(str(column.type), "a map, or a struct of indices and values, for SparseFloatVector")


def _lists_of_texts(field: TargetField, column: pa.Array, kind: pa.DataType) -> pa.Array:
    found: list[Any] = []
    for row, text in enumerate(column.to_pylist()):
        try:
            value = None if text is None else json.loads(text)
            found.append(pa.scalar(value, kind))
        except (ValueError, TypeError, RecursionError, pa.ArrowException):
            raise Refused(repr(text)[:120], f"a JSON list for {field}", row) from None
    return pa.array(found, kind)


def _dynamic(extra: pa.RecordBatch) -> pa.Array:
    """The dynamic field of rows: their columns that no field has, and what ``$meta`` holds."""
    found = []
    for row, values in enumerate(values_of(extra.to_struct_array())):
        given = _meta(values.pop(DYNAMIC_FIELD, None), row)
        more = {name: value for name, value in values.items() if value is not None}
        try:
            found.append(json_text({**given, **more}))
        except (ValueError, RecursionError) as error:
            raise Refused(str(error), "a value that JSON holds", row) from None
    return pa.array(found, pa.string())


def _meta(value: Any, row: int) -> Mapping[str, Any]:
    if value is None:
        return {}
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if not isinstance(found, Mapping):
        raise Refused(repr(value)[:120], "a JSON object, or its text", row)
    return found


def filled(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch with the columns of a schema, with nulls in those that it has not."""
    given = dict(zip(batch.schema.names, batch.columns, strict=True))
    found = [given.get(one.name, pa.nulls(batch.num_rows, one.type)) for one in schema]
    return pa.RecordBatch.from_arrays(found, schema=schema)
