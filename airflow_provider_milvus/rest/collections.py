"""``/collections/*``: the requests that create, report, load and drop collections, and their responses.

https://milvus.io/api-reference/restful/v2.6.x/v2/Collection%20(v2)/Create.md and its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from airflow_provider_milvus.rest import indexes
from airflow_provider_milvus.rest.decoding import LISTS
from airflow_provider_milvus.rest.envelope import Request
from airflow_provider_milvus.rest.indexes import checked_index_params
from airflow_provider_milvus.rest.names import about_collection, checked_name
from airflow_provider_milvus.rest.schemas import check_schema
from airflow_provider_milvus.rest.values import count, first, nothing, percent, record, text, texts


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
        "collectionName": checked_name("collection_name", collection_name),
        "dimension": dimension,
        "metricType": metric_type,
        "schema": schema,
        "indexParams": None if index_params is None else checked_index_params(index_params),
        "params": params,
    }
    return Request("/collections/create", body, nothing, repeatable=False)


def has_collection(collection_name: str) -> Request[bool]:
    """Whether the collection exists."""
    return about_collection("/collections/has", collection_name, lambda data: record(data).get("has") is True)


def describe_collection(collection_name: str) -> Request[Mapping[str, Any]]:
    """The collection's schema, indexes and load state, as the server sends them."""
    return about_collection("/collections/describe", collection_name, record)


def list_collections() -> Request[list[str]]:
    """The names of the database's collections."""
    return Request("/collections/list", {}, texts, limit=LISTS)


def drop_collection(collection_name: str) -> Request[None]:
    """Drop the collection and its rows."""
    return about_collection("/collections/drop", collection_name, nothing)


def load_collection(collection_name: str) -> Request[None]:
    """Begin to load the collection for search; :func:`get_load_state` reports the end."""
    return about_collection("/collections/load", collection_name, nothing)


def refresh_load(collection_name: str) -> Request[None]:
    """Make a loaded collection see rows that were imported since."""
    return about_collection("/collections/refresh_load", collection_name, nothing)


def get_load_state(collection_name: str) -> Request[LoadState]:
    """How far the collection is loaded."""
    return about_collection("/collections/get_load_state", collection_name, _load_state)


def get_collection_stats(collection_name: str) -> Request[int]:
    """The number of rows by the server's statistics: deleted and duplicate rows count, loading is not needed."""
    return about_collection("/collections/get_stats", collection_name, lambda data: count(record(data)["rowCount"]))


def readiness(collection_name: str, index_names: Sequence[str] | None) -> list[Request[Any]]:
    """The requests that show whether these indexes are built or, without names, the collection is loaded."""
    if index_names is None:
        return [get_load_state(collection_name)]
    return [indexes.describe_index(collection_name, name) for name in index_names]


def _load_state(data: Any) -> LoadState:
    collection = record(data)
    state = text(first(collection, "loadState")).removeprefix("LoadState")
    return LoadState(state, 100 if state == "Loaded" else percent(collection.get("loadProgress")))
