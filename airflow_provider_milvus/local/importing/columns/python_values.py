"""One column of Python values."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
from milvus_lite.analyzer.sparse import sparse_to_bytes
from milvus_lite.schema.types import DataType, FieldSchema

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.columns.fields import ELEMENTS
from airflow_provider_milvus.local.importing.columns.json_values import json_text
from airflow_provider_milvus.local.importing.columns.scalars import check_scalars
from airflow_provider_milvus.local.importing.columns.vectors import gather_vectors, to_array


def from_values(field: FieldSchema, values: list[Any], kind: pa.DataType) -> pa.Array:
    """A column from values that Milvus Lite has validated. Raises ImportDataError for what it does not look at."""
    if field.dtype == DataType.FLOAT_VECTOR:
        zeros = [0.0] * (field.dim or 0)
        return gather_vectors(field, [zeros if value is None else value for value in values], kind)
    if field.dtype == DataType.SPARSE_FLOAT_VECTOR:
        return by_value(field, values, sparse_to_bytes, kind)
    if field.dtype == DataType.JSON:
        return by_value(field, values, json_text, kind)
    if field.dtype == DataType.ARRAY:
        check_element_types(field, values)
    array = to_array(field, values, kind)
    check_scalars(field, array)
    return array


def by_value(field: FieldSchema, values: list[Any], convert: Callable[[Any], Any], kind: pa.DataType) -> pa.Array:
    converted = []
    for row, value in enumerate(values):
        try:
            converted.append(None if value is None else convert(value))
        except (ValueError, TypeError, RecursionError) as error:
            raise ImportDataError(str(error), row=row, field=field.name) from None
    return pa.array(converted, kind)


def check_element_types(field: FieldSchema, values: list[Any]) -> None:
    # Arrow cuts the fraction off a number in a list, and takes null for one.
    accepted = ELEMENTS.get(field.element_type, frozenset())
    for row, value in enumerate(values):
        if value is None:
            continue
        if not isinstance(value, list | tuple):
            raise ImportDataError(f"expected an array, got {type(value).__name__}", row=row, field=field.name)
        if accepted.issuperset(map(type, value)):
            continue
        wrong = next(one for one in value if type(one) not in accepted)
        got = "null" if wrong is None else type(wrong).__name__
        raise ImportDataError(f"expected {field.element_type.name} in the array, got {got}", row=row, field=field.name)
