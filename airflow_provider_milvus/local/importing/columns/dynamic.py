"""The dynamic field: keys that no field of the collection has, and the column `$meta`."""

import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.columns.fields import META
from airflow_provider_milvus.local.importing.json_text import parse


def merged_meta(extra: dict[str, Any], row: int) -> dict[str, Any]:
    """The dynamic fields of a row: keys of no field, and those of an object, or of its JSON text, under `$meta`."""
    if META not in extra:
        return extra
    given = object_of(extra[META], row)
    twice = given.keys() & extra.keys()
    if twice:
        raise ImportDataError(f"duplicated key is not allowed, key={min(twice)}", row=row, field=META)
    return {**{key: value for key, value in extra.items() if key != META}, **given}


def object_of(value: Any, row: int) -> dict[str, Any]:
    """The object that `$meta` is, or that its text holds; the text null is the empty one."""
    if isinstance(value, str):
        try:
            value = parse(value, finite=True)
        except (ValueError, RecursionError):
            raise ImportDataError(
                "illegal value for dynamic field, not a JSON format string", row=row, field=META
            ) from None
        value = {} if value is None else value
    if not isinstance(value, dict):
        raise ImportDataError("illegal value for dynamic field, not a JSON object", row=row, field=META)
    return value


def meta_column(fields: Iterable[dict[str, Any]], names: frozenset[str]) -> pa.Array:
    """What Milvus Lite stores. A key that is a field's name is never seen on a cluster: the field hides it."""
    return pa.array([_text(one, names, row) for row, one in enumerate(fields)], pa.string())


def _text(fields: dict[str, Any], names: frozenset[str], row: int) -> str | None:
    if not names.isdisjoint(fields):
        fields = {key: value for key, value in fields.items() if key not in names}
    try:
        return json.dumps(fields, sort_keys=True, allow_nan=False) if fields else None
    except (ValueError, TypeError, RecursionError) as error:
        raise ImportDataError(str(error), row=row, field=META) from None
