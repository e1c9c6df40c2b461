"""One column of values of JSON, from a JSON file, from the cells of a CSV file, or from an insert."""

import json
from collections.abc import Callable
from datetime import tzinfo
from typing import Any

import pyarrow as pa
from milvus_lite.exceptions import SchemaValidationError
from milvus_lite.schema.geometry import validate_geometry_wkt
from milvus_lite.schema.types import DataType, FieldSchema

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.columns.fields import FLOATS, JSON_TYPES, type_error, type_name
from airflow_provider_milvus.local.importing.columns.held_vectors import held_values
from airflow_provider_milvus.local.importing.columns.scalars import check_scalars
from airflow_provider_milvus.local.importing.columns.sparse import sparse_from_object
from airflow_provider_milvus.local.importing.columns.timestamps import parse_timestamp
from airflow_provider_milvus.local.importing.columns.vectors import check_vector, gather_vectors, to_array
from airflow_provider_milvus.local.importing.json_text import parse
from airflow_provider_milvus.local.lite.vector_types import held_type

NO_VALUE = type(None)


def value_column(field: FieldSchema, values: list[Any], kind: pa.DataType, zone: tzinfo) -> pa.Array:
    """A column of what Milvus Lite stores, from values of which None is allowed. Raises ImportDataError."""
    if held_type(field):
        return gather_vectors(field, held_values(field, values), kind)
    if field.dtype == DataType.FLOAT_VECTOR:
        for row, value in enumerate(values):
            if value is not None:
                check_vector(field, value, row)
        return gather_vectors(field, values, kind)
    _check_types(field, values)
    if field.dtype == DataType.SPARSE_FLOAT_VECTOR:
        return by_value(field, values, sparse_from_object, kind)
    if field.dtype == DataType.JSON:
        return by_value(field, values, _json, kind)
    if field.dtype == DataType.TIMESTAMPTZ:
        return timestamp_column(field, values, kind, zone)
    if field.dtype == DataType.GEOMETRY:
        return by_value(field, values, geometry, kind)
    if field.dtype in FLOATS:
        # Go parses any number as a float; Arrow refuses integers that a float cannot hold exactly.
        values = [None if value is None else _float(value) for value in values]
    array = _arrays(field, values, kind) if field.dtype == DataType.ARRAY else to_array(field, values, kind)
    check_scalars(field, array)
    return array


def _float(value: int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def _arrays(field: FieldSchema, values: list[Any], kind: pa.DataType) -> pa.Array:
    check_elements(field, values)
    try:
        return to_array(field, values, kind)
    except ImportDataError as error:
        if field.element_type not in (DataType.INT8, DataType.INT16):
            raise
        raise ImportDataError(
            f"{error.message}; Milvus Lite stores {type_name(field.element_type)}, where a cluster stores 32 bits",
            row=error.row,
            field=field.name,
        ) from None


def _check_types(field: FieldSchema, values: list[Any]) -> None:
    accepted = JSON_TYPES[field.dtype] | {NO_VALUE}
    if not accepted.issuperset(map(type, values)):
        row = next(row for row, value in enumerate(values) if type(value) not in accepted)
        raise type_error(field, values[row], row)


def check_elements(field: FieldSchema, values: list[Any]) -> None:
    """Raises ImportDataError for an element of an array that is of another type; Arrow would cut a fraction off."""
    accepted = JSON_TYPES.get(field.element_type, frozenset())
    for row, value in enumerate(values):
        if value is None:
            continue
        if not isinstance(value, list | tuple):
            raise type_error(field, value, row)
        if not accepted.issuperset(map(type, value)):
            wrong = next(one for one in value if type(one) not in accepted)
            raise ImportDataError(
                f"expected element type '{type_name(field.element_type)}' in array field, got {json.dumps(wrong)}",
                row=row,
                field=field.name,
            )


def by_value(field: FieldSchema, values: list[Any], convert: Callable[[Any], Any], kind: pa.DataType) -> pa.Array:
    """A column whose values are converted one by one. Raises ImportDataError for the first that cannot be."""
    converted = []
    for row, value in enumerate(values):
        try:
            converted.append(None if value is None else convert(value))
        except (ValueError, TypeError, RecursionError, SchemaValidationError) as error:
            raise ImportDataError(str(error), row=row, field=field.name) from None
    return to_array(field, converted, kind)


def timestamp_column(field: FieldSchema, values: list[Any], kind: pa.DataType, zone: tzinfo) -> pa.Array:
    """A column of points in time from texts; those without an offset are in `zone`."""
    return by_value(field, values, lambda text: parse_timestamp(text, zone), pa.int64()).cast(kind)


def geometry(text: str) -> str:
    """The text of a geometry, which Milvus Lite stores. Raises SchemaValidationError."""
    validate_geometry_wkt(text)
    return text


def checked_json(text: str) -> str:
    """A text of JSON as it is. Raises ValueError for what is none."""
    parse(text, finite=True)
    return text


def _json(value: str | dict[str, Any]) -> str:
    if isinstance(value, str):
        return checked_json(value)
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
