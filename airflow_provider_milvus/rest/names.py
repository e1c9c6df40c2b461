"""The names in a request: what it is about."""

from __future__ import annotations

from typing import Any

from airflow_provider_milvus.rest.envelope import Request


def checked_name(parameter: str, value: Any) -> str:
    """The name itself.

    :raises ValueError: where it is none.
    """
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{parameter} must be a name, got {value!r}")
    return value


def about_collection(path: str, collection_name: str, parse: Any) -> Request[Any]:
    """A request whose body names a collection, and nothing else."""
    return Request(path, {"collectionName": checked_name("collection_name", collection_name)}, parse)
