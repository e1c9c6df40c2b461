"""Vectors of types that Milvus Lite does not have, held in those of 32-bit floats that it has.

Each value of a Float16, BFloat16 or Int8 vector is such a float, exactly, and so is each bit of a binary vector. So
Milvus Lite finds the same rows as a cluster, with L2 for HAMMING: the square of the distance is the number of bits that
differ. Which type a field has is kept among the properties of the collection, see `kept.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from milvus_lite.schema.types import CollectionSchema, FieldSchema

from airflow_provider_milvus.local.lite.type_names import NAMES

BINARY, FLOAT16, BFLOAT16, INT8 = "BinaryVector", "Float16Vector", "BFloat16Vector", "Int8Vector"
HELD_AS_FLOATS = (BINARY, FLOAT16, BFLOAT16, INT8)
HALF_FLOATS = (FLOAT16, BFLOAT16)
Vectors = np.ndarray[Any, Any]


@dataclass
class VectorField(FieldSchema):  # type: ignore[misc]
    """A field of one of these types; to Milvus Lite it is a FloatVector. Of a binary vector, `dim` counts bits."""

    vector_type: str = ""


def type_of(field: FieldSchema) -> str:
    """The type of a field as Milvus spells it."""
    return held_type(field) or NAMES[field.dtype]


def held_type(field: FieldSchema) -> str:
    """The type of a field whose vectors are held as floats; "" for any other."""
    return str(getattr(field, "vector_type", ""))


def declare(schema: CollectionSchema, types: Mapping[str, str]) -> None:
    """Give these fields of a schema the types that they have on a cluster."""
    for number, field in enumerate(schema.fields):
        if field.name in types and not isinstance(field, VectorField):
            schema.fields[number] = VectorField(**vars(field), vector_type=types[field.name])


def held_types(schema: CollectionSchema) -> dict[str, str]:
    """By name, the types of the fields whose vectors are held as floats."""
    return {field.name: held_type(field) for field in schema.fields if held_type(field)}


def bytes_of(kind: str, dim: int) -> int:
    """How many bytes a vector has on a cluster."""
    return {BINARY: dim // 8, INT8: dim}.get(kind, 2 * dim)


def rounded(kind: str, numbers: Vectors) -> Vectors:
    """Numbers as a field of half floats or integers holds them. One that is too large becomes infinity."""
    with np.errstate(over="ignore"):
        numbers = np.asarray(numbers, np.float32)
        if kind == FLOAT16:
            return numbers.astype(np.float16).astype(np.float32)
    if kind == BFLOAT16:
        # Milvus cuts the last 16 bits off.
        return (numbers.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    return numbers


def from_bytes(kind: str, raw: bytes | Vectors, dim: int) -> Vectors:
    """The vectors that are held for those of these bytes, one a row."""
    given = np.frombuffer(raw, np.uint8) if isinstance(raw, bytes) else np.ascontiguousarray(raw, np.uint8)
    given = given.reshape(-1, bytes_of(kind, dim))
    if kind == BINARY:
        return np.unpackbits(given, axis=1).astype(np.float32)
    if kind == INT8:
        return given.view(np.int8).astype(np.float32)
    if kind == FLOAT16:
        return given.view("<f2").astype(np.float32)
    return (given.view("<u2").astype(np.uint32) << np.uint32(16)).view(np.float32)


def to_bytes(kind: str, held: Vectors) -> bytes:
    """The bytes on a cluster of vectors that are held as floats."""
    held = np.asarray(held, np.float32)
    if kind == BINARY:
        return np.packbits(held.astype(bool), axis=-1).tobytes()
    if kind == INT8:
        return held.astype(np.int8).tobytes()
    if kind == FLOAT16:
        return held.astype("<f2").tobytes()
    return (held.view(np.uint32) >> np.uint32(16)).astype("<u2").tobytes()
