"""Tests of an Airflow on Celery, where anything may die. ``make test-celery`` runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from airflow_celery import on_celery
from airflow_standalone import Service

# What it needs is not in the environment of the other tests.
collect_ignore_glob = [] if on_celery() else ["test_*.py"]
# `vectors.parquet` fits into it as often as it is loaded: its ids are no primary key, which Milvus makes up.
SCHEMA = {
    "autoId": True,
    "fields": [
        {"fieldName": "row_id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "id", "dataType": "Int64"},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": "8"}},
    ],
}


@pytest.fixture(scope="session")
def call_milvus(milvus: dict[str, Service]) -> Callable[..., Any]:
    """The data that the server of a connection responds with, past Airflow."""

    def call(conn_id: str, route: str, **body: Any) -> Any:
        url = f"{milvus[conn_id].url}/v2/vectordb/{route}"
        response = httpx.post(url, json=body, trust_env=False, timeout=60).json()
        assert response["code"] == 0, response
        return response["data"]

    return call


@pytest.fixture(scope="session")
def create_collection(call_milvus: Callable[..., Any]) -> Callable[[str, str], Any]:
    """Create a collection that shows how often files were loaded into it."""
    return lambda conn_id, name: call_milvus(conn_id, "collections/create", collectionName=name, schema=SCHEMA)
