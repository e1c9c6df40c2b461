"""Rows, keys and filters as the REST API spells them, for all routes of entities."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import numpy as np
from milvus_lite.analyzer.sparse import bytes_to_sparse
from milvus_lite.engine.collection import Collection
from milvus_lite.schema.types import DataType, FieldSchema

from airflow_provider_milvus.local.errors import MilvusError
from airflow_provider_milvus.local.lite.vector_types import held_types
from airflow_provider_milvus.local.routes.services import Request
from airflow_provider_milvus.local.routes.vector_values import shown_vector

INVALID_PARAMETER = 1100
CHECK_PRIMARY_KEY = 1806
COUNT = "count(*)"
# A name in braces stands for a value, but not within a text.
PLACEHOLDER = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|\{(?P<name>\w+)\}""")


def primary_field(collection: Collection) -> FieldSchema:
    """The field of the primary key."""
    return next(one for one in collection.schema.fields if one.is_primary)


def keys_of(collection: Collection, given: list[Any]) -> list[Any]:
    """Primary keys, of which clients may write numbers as texts, and texts as numbers."""
    primary = primary_field(collection)
    return [_int64(one) if primary.dtype == DataType.INT64 else _key_text(one) for one in given]


def expression(text: str, values: Mapping[str, Any]) -> str | None:
    """The filter, with `exprParams` in place of the names in braces; None for a blank one, which holds for all rows."""

    def value(found: re.Match[str]) -> str:
        name = found["name"]
        if name is None:
            return found[0]
        if name not in values:
            raise MilvusError(INVALID_PARAMETER, f"the value of expression template variable {{{name}}} is not found")
        return json.dumps(values[name], ensure_ascii=False)

    return (PLACEHOLDER.sub(value, text) if values else text).strip() or None


def fields_to_read(collection: Collection, names: list[str]) -> list[str] | None:
    """What to read, None for everything."""
    if not names or "*" in names:
        return None
    known = {one.name for one in collection.schema.fields}
    for name in names:
        # What a dynamic field holds can be of any name.
        if name not in known and not collection.schema.enable_dynamic_field:
            raise MilvusError(INVALID_PARAMETER, f"field {name} not exist: invalid parameter")
    return names


def shown_rows(request: Request, collection: Collection, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows as JSON. A client can request Int64 as text, as JavaScript has no such numbers."""
    shown = [_plain(row) for row in rows]
    for name, kind in held_types(collection.schema).items():
        for row in shown:
            if name in row:
                row[name] = shown_vector(kind, row[name])
    if _wants_text(request):
        for name in [COUNT, *(one.name for one in collection.schema.fields if one.dtype == DataType.INT64)]:
            for row in shown:
                if row.get(name) is not None:
                    row[name] = str(row[name])
    return shown


def shown_keys(request: Request, keys: list[Any]) -> list[Any]:
    """Primary keys as JSON."""
    return [str(key) for key in keys] if _wants_text(request) else [_plain(key) for key in keys]


def sparse(value: Any) -> Any:
    """A sparse vector as Milvus Lite has it; JSON has no keys but texts."""
    return {int(index): weight for index, weight in value.items()} if isinstance(value, dict) else value


def _int64(key: Any) -> int:
    if type(key) is int:
        return key
    try:
        return int(key if isinstance(key, str) else "")
    except ValueError:
        raise _bad_key(f"{key!r} is no primary key of type Int64") from None


def _key_text(key: Any) -> str:
    if isinstance(key, str):
        return key
    if type(key) in (int, float):
        return json.dumps(key)
    raise _bad_key(f"{key!r} is no primary key of type VarChar")


def _bad_key(problem: str) -> MilvusError:
    return MilvusError(
        CHECK_PRIMARY_KEY, f"please check the primary key and its' type can only in [int, string], error: {problem}"
    )


def _wants_text(request: Request) -> bool:
    return request.headers.get("accept-type-allow-int64", "").lower() == "false"


def _plain(value: Any) -> Any:
    """The value as JSON knows it."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items() if key != "$meta"}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, bytes):
        return _plain(bytes_to_sparse(value))
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    return value.isoformat() if isinstance(value, datetime) else value
