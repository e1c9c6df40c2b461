"""``/entities/*``: the requests that read rows, and their responses.

https://milvus.io/api-reference/restful/v2.6.x/v2/Vector%20(v2)/Query.md and its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_milvus.rest.decoding import ROWS
from airflow_provider_milvus.rest.envelope import Request
from airflow_provider_milvus.rest.errors import MilvusProtocolError
from airflow_provider_milvus.rest.names import checked_name
from airflow_provider_milvus.rest.values import count, records


def query(
    collection_name: str,
    filter: str = "",
    *,
    output_fields: Sequence[str] | None = None,
    limit: int | None = None,
    offset: int | None = None,
) -> Request[list[Mapping[str, Any]]]:
    """The rows for which the filter expression holds; ``limit`` defaults to the server's 100."""
    body = {
        "collectionName": collection_name,
        "filter": filter,
        "outputFields": output_fields,
        "limit": limit,
        "offset": offset,
    }
    return Request("/entities/query", body, records, limit=ROWS)


def count_rows(collection_name: str, filter: str = "") -> Request[int]:
    """How many rows a query would find. The collection must be loaded."""
    body = {
        "collectionName": checked_name("collection_name", collection_name),
        "filter": filter,
        "outputFields": ["count(*)"],
        "consistencyLevel": "Strong",
    }
    return Request("/entities/query", body, _row_count)


def search(
    collection_name: str,
    data: Sequence[Any],
    *,
    anns_field: str,
    limit: int | None = None,
    filter: str = "",
    output_fields: Sequence[str] | None = None,
    search_params: Mapping[str, Any] | None = None,
) -> Request[list[Mapping[str, Any]]]:
    """The nearest rows of each vector in ``data``, best first, the hits of all vectors in one flat list."""
    body = {
        "collectionName": collection_name,
        "data": data,
        "annsField": anns_field,
        "limit": limit,
        "filter": filter,
        "outputFields": output_fields,
        "searchParams": search_params,
    }
    return Request("/entities/search", body, records, limit=ROWS)


def _row_count(data: Any) -> int:
    rows = records(data)
    if not rows or "count(*)" not in rows[0]:
        raise MilvusProtocolError("the response to count(*) holds no count")
    return count(rows[0]["count(*)"])
