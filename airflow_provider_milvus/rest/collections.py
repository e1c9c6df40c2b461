"""The steps around an import: collections, indexes and entities.

https://milvus.io/api-reference/restful/v2.6.x/v2/Collection%20(v2)/Create.md and its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from airflow_provider_milvus.rest.envelope import Request
from airflow_provider_milvus.rest.errors import MilvusProtocolError
from airflow_provider_milvus.rest.values import count, first, percent, record, records, text


@dataclass(frozen=True)
class LoadState:
    """Whether a collection can be searched. ``progress`` in whole percent, 0 while it is not loaded."""

    state: Literal["NotLoad", "Loading", "Loaded"] | str
    progress: int

    @property
    def loaded(self) -> bool:
        return self.state == "Loaded"


def create_collection(
    collection_name: str,
    *,
    dimension: int | None = None,
    metric_type: str | None = None,
    schema: Mapping[str, Any] | None = None,
    index_params: Sequence[Mapping[str, Any]] | None = None,
    params: Mapping[str, Any] | None = None,
) -> Request[None]:
    """Create a collection, from a dimension alone (Milvus's quick setup) or from a schema.

    ``schema``, ``index_params`` and ``params`` are in the REST API's own spelling.

    :raises ValueError: unless exactly one of ``dimension`` and ``schema`` is given.
    """
    if (dimension is None) == (schema is None):
        raise ValueError(f"give either dimension or schema, got dimension={dimension!r}, schema={schema!r}")
    body = {
        "collectionName": collection_name,
        "dimension": dimension,
        "metricType": metric_type,
        "schema": schema,
        "indexParams": index_params,
        "params": params,
    }
    return Request("/collections/create", body, _nothing, repeatable=False)


def has_collection(collection_name: str) -> Request[bool]:
    """Whether the collection exists."""
    return _collection("/collections/has", collection_name, lambda data: record(data).get("has") is True)


def describe_collection(collection_name: str) -> Request[Mapping[str, Any]]:
    """The collection's schema, indexes and load state, as the server sends them."""
    return _collection("/collections/describe", collection_name, record)


def list_collections() -> Request[list[str]]:
    """The names of the database's collections."""
    return Request("/collections/list", {}, _names)


def drop_collection(collection_name: str) -> Request[None]:
    """Drop the collection and its rows."""
    return _collection("/collections/drop", collection_name, _nothing)


def load_collection(collection_name: str) -> Request[None]:
    """Begin to load the collection for search; ask :func:`get_load_state` for the end."""
    return _collection("/collections/load", collection_name, _nothing)


def refresh_load(collection_name: str) -> Request[None]:
    """Make a loaded collection see rows that were imported since."""
    return _collection("/collections/refresh_load", collection_name, _nothing)


def get_load_state(collection_name: str) -> Request[LoadState]:
    """How far the collection is loaded."""
    return _collection("/collections/get_load_state", collection_name, _load_state)


def get_collection_stats(collection_name: str) -> Request[int]:
    """The number of rows by the server's statistics: deleted and duplicate rows count, loading is not needed."""
    return _collection("/collections/get_stats", collection_name, lambda data: count(record(data)["rowCount"]))


def create_index(collection_name: str, index_params: Sequence[Mapping[str, Any]]) -> Request[None]:
    """Begin to build indexes; ``index_params`` in the REST API's spelling (``fieldName``, ``indexType``, …)."""
    body = {"collectionName": collection_name, "indexParams": list(index_params)}
    return Request("/indexes/create", body, _nothing)


def list_indexes(collection_name: str) -> Request[list[str]]:
    """The names of the collection's indexes."""
    return _collection("/indexes/list", collection_name, _names)


def query(
    collection_name: str,
    filter: str = "",
    *,
    output_fields: Sequence[str] | None = None,
    limit: int | None = None,
) -> Request[list[Mapping[str, Any]]]:
    """The rows for which the filter expression holds; ``limit`` defaults to the server's 100."""
    body = {
        "collectionName": collection_name,
        "filter": filter,
        "outputFields": output_fields,
        "limit": limit,
    }
    return Request("/entities/query", body, records)


def count_rows(collection_name: str, filter: str = "") -> Request[int]:
    """How many rows a query would find. The collection must be loaded."""
    body = {
        "collectionName": collection_name,
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
    return Request("/entities/search", body, records)


def _collection(path: str, collection_name: str, parse: Any) -> Request[Any]:
    return Request(path, {"collectionName": collection_name}, parse)


def _nothing(data: Any) -> None:
    return None


def _names(data: Any) -> list[str]:
    if not isinstance(data, list | None):
        raise MilvusProtocolError(f"expected a list of names, got {type(data).__name__}")
    return [text(name) for name in data or []]


def _load_state(data: Any) -> LoadState:
    answer = record(data)
    state = text(first(answer, "loadState")).removeprefix("LoadState")
    return LoadState(state, 100 if state == "Loaded" else percent(answer.get("loadProgress")))


def _row_count(data: Any) -> int:
    rows = records(data)
    if not rows or "count(*)" not in rows[0]:
        raise MilvusProtocolError("the answer to count(*) holds no count")
    return count(rows[0]["count(*)"])
