"""The cells of a CSV file: text that a field's type is read from."""

from collections.abc import Callable
from datetime import tzinfo
from functools import partial
from typing import Any

import msgspec
import pyarrow as pa
from milvus_lite.schema.types import DataType, FieldSchema

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.columns.fields import FLOATS, INTEGERS, type_name
from airflow_provider_milvus.local.importing.columns.held_vectors import held_cell
from airflow_provider_milvus.local.importing.columns.python_values import by_value, checked_json, value_column
from airflow_provider_milvus.local.importing.columns.sparse import sparse_from_text
from airflow_provider_milvus.local.importing.columns.vector_texts import checked_text, parse_vectors
from airflow_provider_milvus.local.importing.go_syntax import parse_bool, parse_float, parse_int
from airflow_provider_milvus.local.importing.json_text import first_value, parse
from airflow_provider_milvus.local.lite.vector_types import held_type


def cell_column(field: FieldSchema, cells: list[str | None], kind: pa.DataType, zone: tzinfo) -> pa.Array:
    """A column of what Milvus Lite stores, from cells of which None is allowed. Raises ImportDataError."""
    if field.dtype == DataType.SPARSE_FLOAT_VECTOR:
        return by_value(field, cells, sparse_from_text, kind)
    if field.dtype == DataType.JSON:
        return by_value(field, cells, checked_json, kind)
    if held_type(field):
        return value_column(field, _read(field, cells, partial(held_cell, field)), kind, zone)
    if field.dtype == DataType.FLOAT_VECTOR and (vectors := _vectors(field, cells)) is not None:
        return vectors
    read = _reader(field.dtype)
    if read is None:
        return value_column(field, cells, kind, zone)
    return value_column(field, _read(field, cells, read), kind, zone)


def _reader(kind: DataType) -> Callable[[str], Any] | None:
    if kind in INTEGERS:
        return parse_int
    if kind in FLOATS:
        return parse_float
    return {DataType.BOOL: parse_bool, DataType.FLOAT_VECTOR: _vector, DataType.ARRAY: _array}.get(kind)


def _read(field: FieldSchema, cells: list[str | None], read: Callable[[str], Any]) -> list[Any]:
    values = []
    for row, cell in enumerate(cells):
        try:
            values.append(None if cell is None else read(cell))
        except (ValueError, RecursionError) as error:
            raise ImportDataError(
                f"expected type '{type_name(field.dtype)}', got {(cell or '')[:100]!r}: {error}",
                row=row,
                field=field.name,
            ) from None
    return values


def _vectors(field: FieldSchema, cells: list[str | None]) -> pa.Array | None:
    """The column if all cells are vectors of the field, in the syntax that JSON has for them."""
    try:
        return parse_vectors(field, [None if cell is None else checked_text(cell) for cell in cells])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _vector(cell: str) -> Any:
    value = parse(cell)
    # Go leaves a zero where it reads a null into a list of numbers, and an empty list for a null.
    value = [] if value is None else value
    return [0.0 if one is None else one for one in value] if isinstance(value, list) else value


def _array(cell: str) -> Any:
    value = first_value(cell)
    return [] if value is None else value
