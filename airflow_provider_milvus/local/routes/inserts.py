"""Rows of `insert` and `upsert`: JSON values turned into those of their fields, as Milvus's REST handler does it.

It converts more than an import does: a text becomes a number, a number a text, and a missing VarChar is empty.
"""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from milvus_lite.engine.collection import Collection
from milvus_lite.schema.types import DataType, FieldSchema

from airflow_provider_milvus.local.errors import MilvusError
from airflow_provider_milvus.local.importing.go_syntax import parse_float
from airflow_provider_milvus.local.lite.vector_types import held_type, type_of
from airflow_provider_milvus.local.routes.rows import sparse
from airflow_provider_milvus.local.routes.vector_values import held_vector

INVALID_DATA = 1804
WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
TRUE, FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False")


def insertable(collection: Collection, data: list[Any]) -> list[dict[str, Any]]:
    """The rows to insert. Raises MilvusError 1804."""
    if not data:
        raise invalid("missing required parameters")
    schema = collection.schema
    fields = {one.name: one for one in schema.fields}
    rows = []
    for given in data:
        row = {name: value for name, value in given.items() if name not in fields and value is not None}
        if row and not schema.enable_dynamic_field:
            raise invalid("has pass more field without dynamic schema, please check it: invalid parameter")
        if "$meta" in row:
            raise invalid("use the invalid field name($meta) when enable dynamicField: invalid parameter")
        for name, field in fields.items():
            if not _is_left_out(field, given.get(name)):
                row[name] = _converted(field, given.get(name))
        rows.append(row)
    return rows


def invalid(problem: object) -> MilvusError:
    """The refusal of data that cannot be inserted."""
    return MilvusError(INVALID_DATA, f"fail to deal the insert data, error: {problem}")


def _is_left_out(field: FieldSchema, value: Any) -> bool:
    if value is None and (field.nullable or field.default_value is not None):
        return True
    return value in (None, "") and ((field.is_primary and field.auto_id) or field.is_function_output)


def _converted(field: FieldSchema, value: Any) -> Any:
    convert = CONVERSIONS.get(field.dtype)
    try:
        return value if convert is None else convert(field, value)
    except ValueError as error:
        shown = "" if value is None else value if isinstance(value, str) else json.dumps(value)
        raise invalid(f"{error}: invalid parameter[expected={type_of(field)}][actual={shown[:200]}]") from None


def _vector(field: FieldSchema, value: Any) -> Any:
    if value in (None, ""):
        raise ValueError(f"missing vector field: {field.name}")
    if kind := held_type(field):
        return held_vector(kind, field.dim, value)
    parsed = json.loads(value) if isinstance(value, str) else value
    return sparse(parsed) if field.dtype == DataType.SPARSE_FLOAT_VECTOR else parsed


def _whole(field: FieldSchema, value: Any) -> int:
    text = _text(field, value)
    if field.dtype != DataType.INT64:
        text = re.sub(r"\.0+$", "", text)
    if not WHOLE.fullmatch(text):
        raise ValueError(f"field {field.name}: {text[:100]!r} is no whole number")
    return int(text)


def _real(field: FieldSchema, value: Any) -> float:
    return parse_float(value) if isinstance(value, str) else _number(value)


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise ValueError(f"unable to cast {json.dumps(value)[:100]} to a number")
    return float(value)


def _boolean(field: FieldSchema, value: Any) -> bool:
    text = _text(field, value)
    if text not in TRUE + FALSE:
        raise ValueError(f"field {field.name}: {text[:100]!r} is no boolean")
    return text in TRUE


def _text(_field: FieldSchema, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        # As Go writes a number that is none of digits alone: 7.0 as 7, and without an exponent.
        return f"{Decimal(repr(value)):f}".removesuffix(".0")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _array(field: FieldSchema, value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _json(_field: FieldSchema, value: Any) -> Any:
    parsed = value
    if isinstance(value, str):
        try:
            parsed = json.loads(value)
        except ValueError:
            return value
    # Milvus Lite writes objects and lists as JSON by itself, and takes texts alone beside them.
    return json.dumps(parsed) if isinstance(parsed, bool | int | float) else parsed


CONVERSIONS: dict[DataType, Callable[[FieldSchema, Any], Any]] = {
    DataType.FLOAT_VECTOR: _vector,
    DataType.SPARSE_FLOAT_VECTOR: _vector,
    DataType.BOOL: _boolean,
    **dict.fromkeys((DataType.INT8, DataType.INT16, DataType.INT32, DataType.INT64), _whole),
    **dict.fromkeys((DataType.FLOAT, DataType.DOUBLE), _real),
    DataType.VARCHAR: _text,
    DataType.ARRAY: _array,
    DataType.JSON: _json,
}
