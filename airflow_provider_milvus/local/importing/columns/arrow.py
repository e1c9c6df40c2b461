"""One column of an Arrow batch."""

import pyarrow as pa
from milvus_lite.analyzer.sparse import sparse_to_bytes
from milvus_lite.schema.types import DataType, FieldSchema

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.columns.json_values import json_text, json_value
from airflow_provider_milvus.local.importing.columns.python_values import by_value, from_values
from airflow_provider_milvus.local.importing.columns.scalars import check_scalars
from airflow_provider_milvus.local.importing.columns.vectors import is_list, parse_sparse, to_array, vector_column


def convert_column(field: FieldSchema, column: pa.Array, kind: pa.DataType) -> pa.Array:
    if field.dtype == DataType.FLOAT_VECTOR:
        return vector_column(field, column)
    if field.dtype == DataType.SPARSE_FLOAT_VECTOR:
        return by_value(field, column.to_pylist(), lambda value: sparse_to_bytes(parse_sparse(value)), kind)
    if field.dtype == DataType.JSON:
        return by_value(field, column.to_pylist(), lambda value: json_text(json_value(value)), kind)
    check_kind(field, column.type)
    converted = _cast(field, column, kind)
    check_scalars(field, converted)
    return converted


def check_valid(name: str, column: pa.Array) -> None:
    """Arrow takes over what a file holds; text that is no UTF-8 would only be noticed by whoever reads the rows."""
    try:
        column.validate(full=True)
    except pa.ArrowException as error:
        raise ImportDataError(str(error), row=_first_invalid(column), field=name) from None


def _first_invalid(column: pa.Array) -> int | None:
    # A slice of a dictionary array still has the whole dictionary, so it does not tell the row.
    for row in range(0 if pa.types.is_dictionary(column.type) else len(column)):
        try:
            column.slice(row, 1).validate(full=True)
        except pa.ArrowException:
            return row
    return None


def check_kind(field: FieldSchema, source: pa.DataType) -> None:
    types = pa.types
    accepted = {
        DataType.BOOL: types.is_boolean(source),
        DataType.FLOAT: types.is_floating(source) or types.is_integer(source),
        DataType.DOUBLE: types.is_floating(source) or types.is_integer(source),
        DataType.VARCHAR: types.is_string(source) or types.is_large_string(source),
        DataType.ARRAY: is_list(source),
    }
    if not accepted.get(field.dtype, types.is_integer(source)):
        raise ImportDataError(f"expected {field.dtype.name}, the file has {source}", field=field.name)
    if field.dtype == DataType.ARRAY and field.element_type is not None:
        check_kind(FieldSchema(field.name, field.element_type), source.value_type)


def _cast(field: FieldSchema, column: pa.Array, kind: pa.DataType) -> pa.Array:
    try:
        return column.cast(kind)
    except pa.ArrowException:
        # The cast does not say which row it failed on; going value by value does.
        return to_array(field, column.to_pylist(), kind)


def with_default(field: FieldSchema, column: pa.Array) -> pa.Array:
    if not column.null_count:
        return column
    return column.fill_null(from_values(field, [field.default_value], column.type)[0])
