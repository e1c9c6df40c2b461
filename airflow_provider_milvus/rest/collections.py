"""The steps around an import: collections, indexes, aliases and entities.

https://milvus.io/api-reference/restful/v2.6.x/v2/Collection%20(v2)/Create.md and its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from airflow_provider_milvus.rest.decoding import LISTS, ROWS
from airflow_provider_milvus.rest.envelope import Request
from airflow_provider_milvus.rest.errors import MilvusProtocolError
from airflow_provider_milvus.rest.schemas import check_schema
from airflow_provider_milvus.rest.values import count, first, percent, record, records, text


@dataclass(frozen=True)
class LoadState:
    """Whether a collection can be searched. ``progress`` in whole percent, 0 while it is not loaded."""

    state: Literal["NotLoad", "Loading", "Loaded"] | str
    progress: int

    @property
    def loaded(self) -> bool:
        return self.state == "Loaded"

    @property
    def ready(self) -> bool:
        return self.loaded

    @property
    def failure(self) -> str:
        """Empty: a server that cannot load responds with an error, and not with a state."""
        return ""

    @property
    def text(self) -> str:
        return f"{self.state}, {self.progress} %"


@dataclass(frozen=True)
class IndexState:
    """How far an index is built. ``fail_reason`` is empty unless the build failed."""

    index_name: str
    field_name: str
    index_type: str
    metric_type: str
    state: Literal["Unissued", "InProgress", "Finished", "Failed"] | str
    total_rows: int
    indexed_rows: int
    fail_reason: str

    @property
    def ready(self) -> bool:
        return self.state == "Finished"

    @property
    def failure(self) -> str:
        """Why it failed; empty unless it did."""
        failed = f"index {self.index_name} of field {self.field_name} failed: {self.fail_reason or '(no reason given)'}"
        return failed if self.state == "Failed" else ""

    @property
    def text(self) -> str:
        return f"index {self.index_name} {self.state}, {self.indexed_rows:,} of {self.total_rows:,} rows"


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

    :raises ValueError: naming the parameter that is wrong.
    """
    if (dimension is None) == (schema is None):
        raise ValueError(f"give either dimension or schema, got dimension={dimension!r}, schema={schema!r}")
    if schema is not None:
        check_schema(schema)
        if metric_type is not None:
            raise ValueError(
                f"metric_type={metric_type!r} goes with dimension; with a schema it is part of index_params"
            )
    elif index_params is not None:
        raise ValueError("index_params goes with schema; the quick setup from a dimension makes an index of its own")
    body = {
        "collectionName": _name("collection_name", collection_name),
        "dimension": dimension,
        "metricType": metric_type,
        "schema": schema,
        "indexParams": None if index_params is None else _index_params(index_params),
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
    return Request("/collections/list", {}, _names, limit=LISTS)


def drop_collection(collection_name: str) -> Request[None]:
    """Drop the collection and its rows."""
    return _collection("/collections/drop", collection_name, _nothing)


def load_collection(collection_name: str) -> Request[None]:
    """Begin to load the collection for search; :func:`get_load_state` reports the end."""
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
    body = {"collectionName": _name("collection_name", collection_name), "indexParams": _index_params(index_params)}
    return Request("/indexes/create", body, _nothing)


def list_indexes(collection_name: str) -> Request[list[str]]:
    """The names of the collection's indexes."""
    return _collection("/indexes/list", collection_name, _names)


def describe_index(collection_name: str, index_name: str) -> Request[IndexState]:
    """How far an index is built."""
    body = {"collectionName": _name("collection_name", collection_name), "indexName": index_name}
    return Request("/indexes/describe", body, _index_state)


def index_names(description: Mapping[str, Any], fields: Sequence[str]) -> list[str]:
    """The names of the indexes on these fields, in a collection's description."""
    indexes = records(description.get("indexes"))
    return [text(index.get("indexName")) for index in indexes if index.get("fieldName") in fields]


def readiness(collection_name: str, index_names: Sequence[str] | None) -> list[Request[Any]]:
    """The requests that show whether these indexes are built or, without names, the collection is loaded."""
    if index_names is None:
        return [get_load_state(collection_name)]
    return [describe_index(collection_name, name) for name in index_names]


def create_alias(collection_name: str, alias: str) -> Request[None]:
    """Give the collection another name. Nothing changes where it has that name already."""
    return Request("/aliases/create", _alias_body(collection_name, alias), _nothing)


def alter_alias(collection_name: str, alias: str) -> Request[None]:
    """Point an existing alias at another collection, in one step of the server."""
    return Request("/aliases/alter", _alias_body(collection_name, alias), _nothing)


def describe_alias(alias: str) -> Request[str]:
    """The name of the collection that the alias leads to."""
    return Request("/aliases/describe", {"aliasName": _name("alias", alias)}, _alias_target)


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
    return Request("/entities/query", body, records, limit=ROWS)


def count_rows(collection_name: str, filter: str = "") -> Request[int]:
    """How many rows a query would find. The collection must be loaded."""
    body = {
        "collectionName": _name("collection_name", collection_name),
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


def _collection(path: str, collection_name: str, parse: Any) -> Request[Any]:
    return Request(path, {"collectionName": _name("collection_name", collection_name)}, parse)


def _alias_body(collection_name: str, alias: str) -> dict[str, str]:
    return {"collectionName": _name("collection_name", collection_name), "aliasName": _name("alias", alias)}


def _name(parameter: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{parameter} must be a name, got {value!r}")
    return value


def _index_params(value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise ValueError(f"index_params must be a list with at least one index, got {value!r}")
    for index in value:
        if not isinstance(index, Mapping) or not text(index.get("fieldName")):
            raise ValueError(
                f"index_params: each index must be an object with 'fieldName', as Milvus's REST API spells it; "
                f"got {index!r}"
            )
    return list(value)


def _nothing(data: Any) -> None:
    return None


def _names(data: Any) -> list[str]:
    if not isinstance(data, list | None):
        raise MilvusProtocolError(f"expected a list of names, got {type(data).__name__}")
    return [text(name) for name in data or []]


def _load_state(data: Any) -> LoadState:
    collection = record(data)
    state = text(first(collection, "loadState")).removeprefix("LoadState")
    return LoadState(state, 100 if state == "Loaded" else percent(collection.get("loadProgress")))


def _index_state(data: Any) -> IndexState:
    index = record(data)
    return IndexState(
        index_name=text(index.get("indexName")),
        field_name=text(index.get("fieldName")),
        index_type=text(index.get("indexType")),
        metric_type=text(index.get("metricType")),
        state=text(first(index, "indexState")).removeprefix("IndexState"),
        total_rows=count(index.get("totalRows")),
        indexed_rows=count(index.get("indexedRows")),
        fail_reason=text(index.get("failReason")),
    )


def _alias_target(data: Any) -> str:
    target = text(record(data).get("collectionName"))
    if not target:
        raise MilvusProtocolError("the response names no collection for the alias")
    return target


def _row_count(data: Any) -> int:
    rows = records(data)
    if not rows or "count(*)" not in rows[0]:
        raise MilvusProtocolError("the response to count(*) holds no count")
    return count(rows[0]["count(*)"])
