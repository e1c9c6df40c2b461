"""Reading numbers, texts and records that servers spell in more than one way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_milvus.rest.decoding import MAX_INTEGER, MAX_TEXT, bounded, clean
from airflow_provider_milvus.rest.errors import MilvusProtocolError


def record(value: Any) -> Mapping[str, Any]:
    """``value`` as a JSON object; a list of one object counts as that object (an old spelling of create)."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        raise MilvusProtocolError(f"expected a JSON object, got {type(value).__name__}")
    return value


def records(value: Any) -> list[Mapping[str, Any]]:
    """``value`` as a list of JSON objects; ``null`` is an empty list."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise MilvusProtocolError(f"expected a JSON list, got {type(value).__name__}")
    return [item if type(item) is dict else record(item) for item in value]


def texts(value: Any) -> list[str]:
    """``value`` as a list of texts; ``null`` is an empty list."""
    if not isinstance(value, list | None):
        raise MilvusProtocolError(f"expected a list of names, got {type(value).__name__}")
    return [text(name) for name in value or []]


def nothing(value: Any) -> None:
    """For a response that matters by its code alone."""


def first(data: Mapping[str, Any], *names: str) -> Any:
    """The first of these fields that is there and not ``null``."""
    for name in names:
        value = data.get(name)
        if value is not None:
            return value
    return None


def text(value: Any, limit: int = MAX_TEXT) -> str:
    """A string for a string or a number, else an empty one.

    It has at most ``limit`` characters, and can be encoded and stored anywhere.
    """
    if isinstance(value, str):
        return clean(value, limit)
    return "" if isinstance(value, bool) or not isinstance(value, int | float) else str(bounded(value))


def count(value: Any) -> int:
    """A whole number from 0 to 2**63-1, from a number or its text; 0 for anything else."""
    number = _number(value)
    return min(MAX_INTEGER, max(0, int(number))) if number is not None else 0


def percent(value: Any) -> int:
    """Progress as 0 to 100.

    Servers send whole percents; pymilvus's page documents a fraction from 0 to 1. A number written with a
    decimal point that is not above 1 is that fraction.
    """
    number = value if type(value) is int else _number(value)
    if number is None:
        return 0
    if isinstance(number, float) and 0 < number <= 1:
        number *= 100
    return min(100, max(0, int(number)))


def _number(value: Any) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = int(value) if value.strip().lstrip("+-").isdigit() and len(value) < 20 else float(value)
        except ValueError:
            return None
    return bounded(value) if isinstance(value, int | float) else None
