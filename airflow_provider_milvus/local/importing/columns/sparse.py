"""Sparse vectors, in the two spellings of JSON and as a struct of Parquet; stored as Milvus stores them."""

import json
import struct
from math import isfinite
from typing import Any

import numpy as np
import pyarrow as pa
from milvus_lite.schema.types import FieldSchema

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.go_syntax import parse_uint32
from airflow_provider_milvus.local.importing.json_text import first_value

MAX_INDEX = (1 << 32) - 1
_INDICES, _VALUES = "indices", "values"


def sparse_from_text(text: str) -> bytes:
    """The vector of a JSON text; null is the empty one. Raises ValueError."""
    value = first_value(text)
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"invalid JSON string for SparseFloatVector: {text[:100]!r}")
    return sparse_from_object(value or {})


def sparse_from_object(value: dict[str, Any]) -> bytes:
    """The vector of `{"index": value}` or of `{"indices": [...], "values": [...]}`. Raises ValueError."""
    indices, values = value.get(_INDICES), value.get(_VALUES)
    if isinstance(indices, list) and isinstance(values, list):
        return _encoded([_index(one) for one in indices], values)
    if isinstance(indices, list) or isinstance(values, list):
        raise ValueError("invalid JSON input: a sparse vector has both 'indices' and 'values'")
    return _encoded([parse_uint32(key) for key in value], list(value.values()))


def _index(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"invalid index in a sparse vector: {json.dumps(value)}")
    if not -(1 << 63) <= value < MAX_INDEX:
        raise ValueError(f"index too large in a sparse vector: {value}")
    # As Go converts an int64 to an uint32.
    return value & MAX_INDEX


def _encoded(indices: list[int], values: list[Any]) -> bytes:
    if len(indices) != len(values):
        raise ValueError("indices and values length mismatch")
    for value in values:
        if type(value) not in (int, float) or not isfinite(value):
            raise ValueError(f"invalid value in a sparse vector: {json.dumps(value)}")
    pairs = sorted(zip(indices, values, strict=True))
    for number, (index, value) in enumerate(pairs):
        if index >= MAX_INDEX:
            raise ValueError("invalid index in sparse float vector: must be less than 2^32-1")
        if number and index == pairs[number - 1][0]:
            raise ValueError(f"unsorted or same indices in sparse float vector: {index}")
        if value < 0:
            raise ValueError(f"negative value in sparse float vector: {value}")
    try:
        return b"".join(struct.pack("<If", *pair) for pair in pairs)
    except (OverflowError, struct.error):
        raise ValueError("value too large in a sparse vector") from None


def sparse_column(field: FieldSchema, column: pa.Array) -> pa.Array:
    """A column of structs of two lists, as vectors."""
    indices, values = column.field(_INDICES), column.field(_VALUES)
    stored: list[bytes | None] = []
    for row, valid in enumerate(column.is_valid().to_pylist()):
        if not valid:
            stored.append(None)
            continue
        try:
            stored.append(_of_lists(indices[row], values[row]))
        except ValueError as error:
            raise ImportDataError(str(error), row=row, field=field.name) from None
    return pa.array(stored, pa.binary())


def _of_lists(indices: pa.Scalar, values: pa.Scalar) -> bytes:
    if not (indices.is_valid and values.is_valid):
        raise ValueError("invalid parquet struct for SparseFloatVector: 'indices' or 'values' is null")
    # A null is read as zero, and numbers are converted as Go converts them.
    whole = indices.values.fill_null(0).to_numpy(zero_copy_only=False).astype(np.uint32)
    weights = values.values.fill_null(0).to_numpy(zero_copy_only=False).astype(np.float32)
    if not np.isfinite(weights).all():
        raise ValueError("value is not a number or infinity")
    return _encoded(whole.tolist(), weights.tolist())
