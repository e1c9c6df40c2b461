"""One column of an Arrow batch, of a Parquet file or of a NumPy array whose type was checked."""

from datetime import tzinfo

import pyarrow as pa
import pyarrow.compute as pc
from milvus_lite.schema.types import DataType, FieldSchema

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.columns.held_vectors import held_column
from airflow_provider_milvus.local.importing.columns.parquet_types import is_list, seen_type
from airflow_provider_milvus.local.importing.columns.python_values import (
    by_value,
    checked_json,
    geometry,
    timestamp_column,
)
from airflow_provider_milvus.local.importing.columns.scalars import check_scalars, first_true
from airflow_provider_milvus.local.importing.columns.sparse import sparse_column, sparse_from_text
from airflow_provider_milvus.local.importing.columns.vectors import to_array, vector_column
from airflow_provider_milvus.local.lite.vector_types import held_type

_NOTHING = {pa.string(): "", pa.bool_(): False}


def arrow_column(
    field: FieldSchema, column: pa.Array, kind: pa.DataType, zone: tzinfo, null_elements: bool, check_length: bool
) -> pa.Array:
    """A column of what Milvus Lite stores. Raises ImportDataError.

    :param null_elements: whether a null within a list is zero, False or ""; else it is refused.
    :param check_length: whether texts may not be longer than max_length.
    """
    if pa.types.is_null(column.type):
        column = pa.nulls(len(column), kind)
    if (seen := seen_type(column.type)) != column.type:
        # The cast of pyarrow leaves a list of views without its last offset.
        column = _listed(column, column.flatten().cast(seen.value_type)) if _is_view(column) else column.cast(seen)
    if field.dtype == DataType.FLOAT_VECTOR:
        column = held_column(field, column) if held_type(field) else column
        return vector_column(field, column, null_elements)
    if field.dtype == DataType.SPARSE_FLOAT_VECTOR and pa.types.is_struct(column.type):
        return sparse_column(field, column)
    match field.dtype:
        case DataType.SPARSE_FLOAT_VECTOR:
            return by_value(field, column.to_pylist(), sparse_from_text, kind)
        case DataType.JSON:
            by_value(field, column.to_pylist(), checked_json, kind)
            return column
        case DataType.TIMESTAMPTZ:
            return timestamp_column(field, column.to_pylist(), kind, zone)
        case DataType.GEOMETRY:
            return by_value(field, column.to_pylist(), geometry, kind)
    if is_list(column.type):
        column = _array_elements(field, column, null_elements)
    converted = _cast(field, column, kind)
    if check_length:
        check_scalars(field, converted)
    return converted


def check_valid(name: str, column: pa.Array) -> None:
    """Arrow takes over what a file holds; text that is no UTF-8 would only be noticed by whoever reads the rows."""
    try:
        column.validate(full=True)
    except pa.ArrowException as error:
        raise ImportDataError(str(error), row=_first_invalid(column), field=name) from None


def _first_invalid(column: pa.Array) -> int | None:
    for row in range(len(column)):
        try:
            column.slice(row, 1).validate(full=True)
        except pa.ArrowException:
            return row
    return None


def _array_elements(field: FieldSchema, column: pa.Array, null_elements: bool) -> pa.Array:
    if field.nullable and pa.types.is_list(column.type):
        # Milvus takes an empty list for a null, where there may be one.
        column = pc.if_else(pc.equal(pc.list_value_length(column), 0), pa.scalar(None, column.type), column)
    elements = column.flatten()
    if null_elements and elements.null_count:
        column = _listed(column, elements.fill_null(_NOTHING.get(elements.type, 0)))
    return column


def _is_view(column: pa.Array) -> bool:
    return bool(pa.types.is_list_view(column.type))


def _listed(column: pa.Array, elements: pa.Array) -> pa.Array:
    """The lists of a column with these elements in place of theirs."""
    lengths = pc.list_value_length(column).fill_null(0)
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
    return pa.ListArray.from_arrays(offsets, elements, mask=column.is_null())


def _cast(field: FieldSchema, column: pa.Array, kind: pa.DataType) -> pa.Array:
    # A number too large for a float becomes infinity, which is refused; one with too many digits is rounded.
    safe = not (pa.types.is_floating(kind) or (pa.types.is_list(kind) and pa.types.is_floating(kind.value_type)))
    try:
        return column.cast(kind, safe=safe)
    except pa.ArrowException:
        # The cast does not report which row it failed on; going value by value does.
        return to_array(field, column.to_pylist(), kind)


def with_default(field: FieldSchema, column: pa.Array, default: pa.Array) -> pa.Array:
    """The column with the field's default value, an array of one, where it has none."""
    return column.fill_null(default[0]) if column.null_count else column


def refuse_nulls(field: FieldSchema, column: pa.Array) -> None:
    """Raises ImportDataError for a null where none may be."""
    if column.null_count:
        raise ImportDataError(
            "the field is not nullable but the file contains null value",
            row=first_true(column.is_null()),
            field=field.name,
        )
