"""Columns of vectors that are held as 32-bit floats, from what Milvus's readers take for each of their types."""

import base64
import binascii
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from milvus_lite.schema.types import FieldSchema

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.columns.fields import VECTOR_ELEMENTS, type_error
from airflow_provider_milvus.local.importing.columns.scalars import first_true
from airflow_provider_milvus.local.importing.json_text import parse
from airflow_provider_milvus.local.lite.vector_types import (
    BINARY,
    HALF_FLOATS,
    INT8,
    bytes_of,
    from_bytes,
    held_type,
    rounded,
)

_INTEGERS = {BINARY: (0, 255, "Uint"), INT8: (-128, 127, "Int")}


def held_column(field: FieldSchema, column: pa.Array) -> pa.Array:
    """Lists of floats from an Arrow column: of bytes as lists or binary, of floats, or of 8-bit integers."""
    kind = held_type(field)
    if pa.types.is_binary(column.type):
        sizes, flat = pc.binary_length(column), np.frombuffer(b"".join(column.drop_null().to_pylist()), np.uint8)
    else:
        elements = column.drop_null().flatten()
        if elements.null_count:
            raise ImportDataError("array element is not allowed to be null value", field=field.name)
        sizes, flat = pc.list_value_length(column), elements.to_numpy(zero_copy_only=False)
    floats = flat.dtype.kind == "f"
    expected = field.dim if floats else bytes_of(kind, field.dim)
    if (row := first_true(pc.and_kleene(column.is_valid(), pc.not_equal(sizes, expected)))) is not None:
        raise ImportDataError(f"expected {expected} but got {sizes[row]}", row=row, field=field.name)
    held = rounded(kind, flat) if floats else from_bytes(kind, flat.view(np.uint8), field.dim).reshape(-1)
    # By NumPy: older releases of pyarrow take no offsets that were computed by Arrow beside a mask.
    ends = np.cumsum(pc.if_else(column.is_valid(), field.dim, 0).to_numpy(zero_copy_only=False))
    offsets = pa.array(np.append(0, ends), pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(held, pa.float32()), mask=column.is_null())


def held_values(field: FieldSchema, values: list[Any]) -> list[list[float] | None]:
    """Lists of floats from values of JSON: bytes of a binary vector, numbers of any other."""
    return [None if value is None else _held_value(field, value, row) for row, value in enumerate(values)]


def _held_value(field: FieldSchema, value: Any, row: int) -> list[float]:
    kind = held_type(field)
    if not isinstance(value, list | tuple):
        raise type_error(field, value, row)
    bits = 8 if kind == BINARY else 1
    if len(value) * bits != field.dim:
        raise ImportDataError(f"expected dim '{field.dim}', got dim '{len(value) * bits}'", row=row, field=field.name)
    for one in value:
        if type(one) not in VECTOR_ELEMENTS:
            raise type_error(field, one, row)
        if kind in _INTEGERS:
            _check_integer(field, one, row)
    if kind == BINARY:
        found: list[float] = from_bytes(kind, bytes(value), field.dim)[0].tolist()
        return found
    try:
        found = rounded(kind, np.array(value, np.float64)).tolist()
    except OverflowError:
        raise ImportDataError("value is not a number or infinity", row=row, field=field.name) from None
    return found


def _check_integer(field: FieldSchema, number: int | float, row: int) -> None:
    lowest, highest, name = _INTEGERS[held_type(field)]
    if type(number) is not int or not lowest <= number <= highest:
        problem = "invalid syntax" if type(number) is not int or number < min(lowest, 0) else "value out of range"
        text = f'strconv.Parse{name}: parsing "{json.dumps(number)}": {problem}'
        raise ImportDataError(text, row=row, field=field.name)


def held_cell(field: FieldSchema, cell: str) -> Any:
    """A value of JSON from a cell of CSV, in which Go reads bytes as base64, too, and a null as zero."""
    value = parse(cell)
    if held_type(field) == BINARY and isinstance(value, str):
        try:
            return list(base64.b64decode(value, validate=True))
        except binascii.Error as error:
            raise ValueError(str(error)) from None
    value = [] if value is None else value
    return [0 if one is None else one for one in value] if isinstance(value, list) else value


def bytes_target(kind: str) -> pa.DataType:
    """The Arrow type that Milvus's Parquet reader wants."""
    return pa.list_(pa.int8() if kind == INT8 else pa.uint8())


def takes(kind: str, source: pa.DataType, float_halves: bool) -> bool:
    """Whether Milvus's Parquet reader takes a column of this type, or a list of it, where it is a list."""
    if pa.types.is_binary(source):
        return kind != INT8
    element = source.value_type if pa.types.is_list(source) or pa.types.is_fixed_size_list(source) else None
    if kind in HALF_FLOATS and float_halves and element in (pa.float32(), pa.float64()):
        return True
    return bool(element == bytes_target(kind).value_type)


def numpy_widths(kind: str, dim: int, float_halves: bool) -> dict[str, int]:
    """By type of elements, how many of them a row of a NumPy array has."""
    if kind == INT8:
        return {"i1": dim}
    floats = {"f4": dim, "f8": dim} if kind in HALF_FLOATS and float_halves else {}
    return {"u1": bytes_of(kind, dim), **floats}
