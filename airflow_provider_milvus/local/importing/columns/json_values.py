"""Values of JSON fields and of the dynamic field."""

import json
from collections.abc import Iterable
from typing import Any

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.columns.fields import META
from airflow_provider_milvus.local.importing.json_text import parse


def json_value(value: Any) -> Any:
    """The value of a JSON field; Milvus reads text in such a field as JSON."""
    if isinstance(value, bytes):
        value = value.decode()
    return parse(value) if isinstance(value, str) else value


def json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def meta_text(fields: dict[str, Any], row: int) -> str | None:
    try:
        return json.dumps(fields, sort_keys=True, allow_nan=False) if fields else None
    except (ValueError, TypeError) as error:
        raise ImportDataError(str(error), row=row, field=META) from None


def dynamic_fields(value: Any, row: int) -> dict[str, Any]:
    try:
        fields = json_value(value)
    except (ValueError, RecursionError):
        fields = None
    if value is not None and not isinstance(fields, dict):
        raise ImportDataError("dynamic fields must be a JSON object", row=row, field=META)
    return fields or {}


def check_names_differ(dynamic: dict[str, Any], others: Iterable[str], row: int) -> None:
    twice = dynamic.keys() & set(others)
    if twice:
        raise ImportDataError(f"duplicated key is not allowed, key={min(twice)}", row=row, field=META)
