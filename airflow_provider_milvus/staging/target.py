"""The collection that files are meant for, as ``collections/describe`` shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

from airflow_provider_milvus.rest.schemas import DYNAMIC_FIELD
from airflow_provider_milvus.rest.values import records, text

MAX_TEXT_BYTES = 65535
INTEGERS = {"Int8": pa.int8(), "Int16": pa.int16(), "Int32": pa.int32(), "Int64": pa.int64()}
FLOATS = {"Float": pa.float32(), "Double": pa.float64()}
TEXTS = ("VarChar", "JSON", "Geometry", "Timestamptz")
# Vectors of bytes: the type of an element in Parquet, and how many of them there are for each dimension.
BYTE_VECTORS = {
    "BinaryVector": (pa.uint8(), 1 / 8),
    "Float16Vector": (pa.uint8(), 2),
    "BFloat16Vector": (pa.uint8(), 2),
    "Int8Vector": (pa.int8(), 1),
}
_SCALARS = {"Bool": pa.bool_(), **INTEGERS, **FLOATS, **dict.fromkeys((*TEXTS, "SparseFloatVector"), pa.string())}


@dataclass(frozen=True)
class TargetField:
    """A field of the collection.

    :param type: as Milvus names it: ``Int64``, ``VarChar``, ``FloatVector``.
    :param element_type: of an Array.
    :param is_generated: whether Milvus makes the values itself: an auto-generated key, or a function's output.
    :param max_length: of a text, in bytes.
    """

    name: str
    type: str
    element_type: str = ""
    is_primary: bool = False
    auto_id: bool = False
    is_generated: bool = False
    nullable: bool = False
    has_default: bool = False
    dim: int | None = None
    max_length: int | None = None
    max_capacity: int | None = None

    @property
    def may_be_missing(self) -> bool:
        """Whether a file need not have the field."""
        return self.nullable or self.has_default

    @property
    def element(self) -> TargetField:
        """An element of an Array as a field of its own."""
        return TargetField(self.name, self.element_type, max_length=self.max_length)

    @property
    def arrow_type(self) -> pa.DataType | None:
        """The Arrow type that every version of Milvus reads; ``None`` for a field of a type that is not known here."""
        if self.type == "FloatVector":
            return pa.list_(pa.float32())
        if self.type in BYTE_VECTORS:
            return pa.list_(BYTE_VECTORS[self.type][0])
        if self.type == "Array":
            element = _SCALARS.get(self.element_type)
            return None if element is None else pa.list_(element)
        return _SCALARS.get(self.type)

    @property
    def width(self) -> int | None:
        """How many numbers a vector has in a file."""
        if self.dim is None:
            return None
        return int(self.dim * BYTE_VECTORS[self.type][1]) if self.type in BYTE_VECTORS else self.dim

    def __str__(self) -> str:
        if self.dim is not None:
            return f"{self.type}({self.dim})"
        if self.type == "Array":
            return f"Array of {self.element_type}"
        return self.type


@dataclass(frozen=True)
class Target:
    """The collection: its fields without ``$meta``, and whether it has a dynamic field."""

    fields: tuple[TargetField, ...]
    is_dynamic: bool = False

    @classmethod
    def described(cls, description: Mapping[str, Any]) -> Target:
        """The collection that ``collections/describe`` describes.

        :raises ValueError: where the description has no fields.
        """
        outputs = {name for one in records(description.get("functions")) for name in one.get("outputFieldNames") or ()}
        found = [_field(one, outputs) for one in records(description.get("fields"))]
        if not found:
            raise ValueError("the server describes no fields of the collection")
        fields = tuple(field for field in found if field.name != DYNAMIC_FIELD)
        return cls(fields, bool(description.get("enableDynamicField")))

    @cached_property
    def by_name(self) -> dict[str, TargetField]:
        return {field.name: field for field in self.fields}

    @cached_property
    def given(self) -> tuple[TargetField, ...]:
        """The fields that files have."""
        return tuple(field for field in self.fields if not field.is_generated)

    @property
    def auto_id(self) -> bool:
        return any(field.auto_id for field in self.fields)

    def meta(self, nullable: bool) -> TargetField:
        """The dynamic field as a field of its own."""
        return TargetField(DYNAMIC_FIELD, "JSON", nullable=nullable)


def _field(described: Mapping[str, Any], outputs: set[str]) -> TargetField:
    params = {text(one.get("key")): text(one.get("value")) for one in records(described.get("params"))}
    name, auto_id = text(described.get("name")), bool(described.get("autoId"))
    return TargetField(
        name=name,
        type=text(described.get("type")),
        element_type=text(described.get("elementType")),
        is_primary=bool(described.get("primaryKey")),
        auto_id=auto_id,
        is_generated=auto_id or name in outputs or bool(described.get("isFunctionOutput")),
        nullable=bool(described.get("nullable")),
        has_default=described.get("defaultValue") is not None,
        dim=_number(params.get("dim")),
        max_length=_number(params.get("max_length")),
        max_capacity=_number(params.get("max_capacity")),
    )


def _number(value: str | None) -> int | None:
    return int(value) if value and value.isdecimal() else None
