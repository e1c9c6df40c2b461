"""What is known of the fields of a collection."""

from typing import Any

from milvus_lite.schema.types import DataType, FieldSchema

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.lite.vector_types import held_type

META = "$meta"
# A cluster refuses a VarChar without max_length, or with a greater one.
MAX_TEXT_BYTES = 65535
MAX_CAPACITY = 4096
INTEGERS = (DataType.INT8, DataType.INT16, DataType.INT32, DataType.INT64)
FLOATS = (DataType.FLOAT, DataType.DOUBLE)
_NUMBERS = frozenset((int, float))
# What Python's JSON has for a value of a field, or for an element of an array.
JSON_TYPES = {
    DataType.BOOL: frozenset((bool,)),
    **dict.fromkeys(INTEGERS, frozenset((int,))),
    **dict.fromkeys(FLOATS, _NUMBERS),
    **dict.fromkeys((DataType.VARCHAR, DataType.GEOMETRY, DataType.TIMESTAMPTZ), frozenset((str,))),
    **dict.fromkeys((DataType.ARRAY, DataType.FLOAT_VECTOR), frozenset((list, tuple))),
    DataType.JSON: frozenset((str, dict)),
    DataType.SPARSE_FLOAT_VECTOR: frozenset((dict,)),
}
VECTOR_ELEMENTS = _NUMBERS
_NAMES = {DataType.VARCHAR: "VarChar", DataType.JSON: "JSON"}
_GO_TYPES = {
    bool: "bool",
    int: "json.Number",
    float: "json.Number",
    str: "string",
    list: "[]interface {}",
    dict: "map[string]interface {}",
    type(None): "<nil>",
}


def type_name(kind: DataType) -> str:
    """A data type as Milvus writes it: Int64, VarChar, SparseFloatVector."""
    return _NAMES.get(kind) or kind.name.title().replace("_", "")


def type_error(field: FieldSchema, value: Any, row: int) -> ImportDataError:
    """The refusal of a value of another type than the field has."""
    got = _GO_TYPES.get(type(value), type(value).__name__)
    expected = held_type(field) or type_name(field.dtype)
    return ImportDataError(f"expected type '{expected}', got type '{got}'", row=row, field=field.name)


def may_be_missing(field: FieldSchema) -> bool:
    """Whether a file need not have the field."""
    return field.nullable or field.default_value is not None
