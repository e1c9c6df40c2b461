"""Vectors that are held as 32-bit floats, as the REST API spells them: bytes in base64, or numbers."""

import base64
import binascii
import json
from typing import Any

import numpy as np

from airflow_provider_milvus.local.lite.vector_types import (
    BINARY,
    HALF_FLOATS,
    INT8,
    bytes_of,
    from_bytes,
    rounded,
    to_bytes,
)

NUMBERS = {True: (int,), False: (int, float)}


def held_vector(kind: str, dim: int, value: Any) -> list[float]:
    """A vector of a request: base64 of binary vectors and half floats, numbers of all but the binary ones.

    Raises ValueError in the words of Milvus's `checkAndSetData` and `convertQueries2Placeholder`.
    """
    if isinstance(value, str) and kind != INT8:
        return _from_base64(kind, dim, value)
    given = json.loads(value) if isinstance(value, str) else value
    if not isinstance(given, list) or kind == BINARY:
        raise ValueError(f"json: cannot unmarshal {_go_kind(given)} into Go value of type {_go_type(kind)}")
    for one in given:
        if type(one) not in NUMBERS[kind == INT8] or (kind == INT8 and not -128 <= one <= 127):
            shown = f"number {one}" if type(one) in (int, float) else _go_kind(one)
            raise ValueError(f"json: cannot unmarshal {shown} into Go value of type {_go_type(kind)[2:]}")
    if len(given) != dim:
        unit = "int8" if kind == INT8 else "float"
        raise ValueError(f"dimension: {dim}, but length of []{unit}: {len(given)}")
    held: list[float] = rounded(kind, np.array(given, np.float64)).tolist()
    if not np.isfinite(held).all():
        raise ValueError("value is not a number or infinity")
    return held


def shown_vector(kind: str, held: Any) -> str | None:
    """A vector of a response: its bytes in base64, as Go writes bytes."""
    return None if held is None else base64.b64encode(to_bytes(kind, held)).decode()


def _from_base64(kind: str, dim: int, value: str) -> list[float]:
    try:
        raw = base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError(f"illegal base64 data: {error}") from None
    if len(raw) != bytes_of(kind, dim):
        raise ValueError(f"dimension: {dim}, bytesLen: {bytes_of(kind, dim)}, but length of []byte: {len(raw)}")
    held: list[float] = from_bytes(kind, raw, dim)[0].tolist()
    if kind in HALF_FLOATS and not np.isfinite(held).all():
        raise ValueError("value is not a number or infinity")
    return held


def _go_type(kind: str) -> str:
    return {BINARY: "[]uint8", INT8: "[]int8"}.get(kind, "[]float32")


def _go_kind(value: Any) -> str:
    kinds = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}
    return kinds.get(type(value), "null")
