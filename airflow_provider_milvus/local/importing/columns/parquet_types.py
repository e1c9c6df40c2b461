"""Which Arrow types Milvus reads into which fields (`isArrowDataTypeConvertible` of its Parquet reader)."""

import pyarrow as pa
from milvus_lite.schema.types import DataType, FieldSchema

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.columns.fields import may_be_missing
from airflow_provider_milvus.local.importing.columns.held_vectors import bytes_target, takes
from airflow_provider_milvus.local.importing.file_rules import FileRules
from airflow_provider_milvus.local.lite.vector_types import held_type

_STORED = {
    DataType.BOOL: pa.bool_(),
    DataType.INT8: pa.int8(),
    DataType.INT16: pa.int16(),
    DataType.INT32: pa.int32(),
    DataType.INT64: pa.int64(),
    DataType.FLOAT: pa.float32(),
    DataType.DOUBLE: pa.float64(),
    **dict.fromkeys(
        (
            DataType.VARCHAR,
            DataType.JSON,
            DataType.GEOMETRY,
            DataType.TIMESTAMPTZ,
            DataType.SPARSE_FLOAT_VECTOR,
        ),
        pa.string(),
    ),
}
_INTEGERS = (pa.int8(), pa.int16(), pa.int32(), pa.int64())
_FLOATS = (pa.float32(), pa.float64())
_INDICES = tuple(map(pa.list_, (pa.int32(), pa.uint32(), pa.int64(), pa.uint64())))
_VALUES = tuple(map(pa.list_, _FLOATS))
_NAMES = {pa.string(): "utf8", pa.large_string(): "large_utf8", pa.float32(): "float32", pa.float64(): "float64"}


def check_parquet_type(field: FieldSchema, source: pa.DataType, rules: FileRules) -> None:
    """Raises ImportDataError for a column that Milvus does not read into the field."""
    target, source = _target(field), seen_type(source)
    if not _convertible(field, source, target, rules):
        raise ImportDataError(
            f"type mis-match, expect arrow type '{arrow_name(target)}', get arrow data type '{arrow_name(source)}'",
            field=field.name,
        )
    # Milvus's reader of nullable vectors knows one type only.
    if field.dtype == DataType.FLOAT_VECTOR and not held_type(field) and field.nullable and is_list(source):
        element = source.value_type
        if element != pa.float32():
            raise ImportDataError(
                f"expect nullable 'FloatVector' type, but got '{arrow_name(element)}' type", field=field.name
            )


def seen_type(kind: pa.DataType) -> pa.DataType:
    """The type that Arrow's Go library finds: it takes views for what they are views of."""
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_list(kind) or pa.types.is_list_view(kind):
        return pa.list_(seen_type(kind.value_type))
    return kind


def arrow_name(kind: pa.DataType) -> str:
    """A type as Arrow's Go library writes it."""
    if pa.types.is_list(kind):
        return f"list<item: {arrow_name(kind.value_type)}, nullable>"
    return _NAMES.get(kind) or str(kind)


def is_list(kind: pa.DataType) -> bool:
    """Whether it is a list that Milvus reads."""
    return bool(pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind))


def _target(field: FieldSchema) -> pa.DataType:
    if held_type(field):
        return bytes_target(held_type(field))
    if field.dtype == DataType.FLOAT_VECTOR:
        return pa.list_(pa.float32())
    if field.dtype == DataType.ARRAY:
        return pa.list_(_STORED[field.element_type])
    return _STORED[field.dtype]


def _convertible(field: FieldSchema, source: pa.DataType, target: pa.DataType, rules: FileRules) -> bool:
    if pa.types.is_null(source):
        return may_be_missing(field)
    if pa.types.is_struct(source):
        return field.dtype == DataType.SPARSE_FLOAT_VECTOR and _is_sparse(source)
    if pa.types.is_fixed_size_list(source) and not rules.fixed_size_lists:
        return False
    if held_type(field):
        return takes(held_type(field), source, rules.float_halves)
    if is_list(source):
        return bool(pa.types.is_list(target)) and _widens(source.value_type, target.value_type)
    return _widens(source, target)


def _widens(source: pa.DataType, target: pa.DataType) -> bool:
    if source in _INTEGERS:
        return target in _FLOATS or target in _INTEGERS[_INTEGERS.index(source) :]
    if source in _FLOATS:
        return target in _FLOATS
    return source in (pa.bool_(), pa.string()) and source == target


def _is_sparse(source: pa.StructType) -> bool:
    indices, values = source.get_field_index("indices"), source.get_field_index("values")
    if min(indices, values) < 0:
        return False
    return _lists(source[indices].type, _INDICES) and _lists(source[values].type, _VALUES)


def _lists(kind: pa.DataType, accepted: tuple[pa.DataType, ...]) -> bool:
    # The name of the element is of no matter.
    return bool(pa.types.is_list(kind)) and pa.list_(kind.value_type) in accepted
