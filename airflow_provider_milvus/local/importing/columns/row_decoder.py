"""Rows of JSON, decoded for one collection: vectors stay texts, since all of a batch are parsed at once."""

from operator import attrgetter
from typing import Any

import msgspec
from milvus_lite.schema.types import DataType, FieldSchema

from airflow_provider_milvus.local.importing.columns.fields import may_be_missing
from airflow_provider_milvus.local.importing.json_text import parse
from airflow_provider_milvus.local.importing.readers import Rows
from airflow_provider_milvus.local.lite.vector_types import held_type


class RowDecoder:
    """Decodes rows that have the fields of a collection and no others.

    Any other row is parsed as any object is, and so are those after it: a file is rarely wrong, or dynamic, just once.
    What is wrong with it is found where all errors are found.
    """

    def __init__(self, fields: list[FieldSchema]) -> None:
        self._names = {field.name: f"field_{number}" for number, field in enumerate(fields)}
        self._row = msgspec.defstruct(
            "Row",
            [(self._names[field.name], _type(field), *_default(field)) for field in fields],
            rename={attribute: name for name, attribute in self._names.items()},
            forbid_unknown_fields=True,
            kw_only=True,
            gc=False,
        )
        self._decode = msgspec.json.Decoder(self._row).decode
        self._fits = True

    def read(self, text: str | bytes) -> Any:
        """A row, or the value of another JSON text. Raises ValueError or RecursionError, as `parse` does."""
        if self._fits:
            try:
                return self._decode(text)
            except (msgspec.MsgspecError, UnicodeError):
                value = parse(text)
                self._fits = False
                return value
        return parse(text)

    def columns(self, rows: Rows) -> dict[str, list[Any]] | None:
        """The values of each field, vectors as texts, if all rows were decoded as rows of the collection."""
        if {self._row}.issuperset(map(type, rows)):
            return {name: list(map(attrgetter(attribute), rows)) for name, attribute in self._names.items()}
        return None

    def objects(self, rows: list[Any]) -> Rows:
        """All rows as objects, each with the keys that it had, or that may be missing."""
        return [row if type(row) is not self._row else self._object(row) for row in rows]

    def _object(self, row: Any) -> dict[str, Any]:
        return {name: _value(getattr(row, attribute)) for name, attribute in self._names.items()}


def stays_text(field: FieldSchema) -> bool:
    """Whether the values of a field are texts of JSON until they become a column."""
    return bool(field.dtype == DataType.FLOAT_VECTOR and not held_type(field))


def _type(field: FieldSchema) -> Any:
    return msgspec.Raw if stays_text(field) else Any


def _value(decoded: Any) -> Any:
    return parse(bytes(decoded)) if isinstance(decoded, msgspec.Raw) else decoded


def _default(field: FieldSchema) -> tuple[None, ...]:
    return (None,) if may_be_missing(field) else ()
