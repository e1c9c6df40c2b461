"""``/indexes/*``: the requests that build and report indexes, and their responses.

https://milvus.io/api-reference/restful/v2.6.x/v2/Index%20(v2)/Create.md and its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from airflow_provider_milvus.rest.envelope import Request
from airflow_provider_milvus.rest.names import about_collection, checked_name
from airflow_provider_milvus.rest.values import count, first, nothing, record, records, text, texts


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


def create_index(collection_name: str, index_params: Sequence[Mapping[str, Any]]) -> Request[None]:
    """Begin to build indexes; ``index_params`` in the REST API's spelling (``fieldName``, ``indexType``, …)."""
    body = {
        "collectionName": checked_name("collection_name", collection_name),
        "indexParams": checked_index_params(index_params),
    }
    return Request("/indexes/create", body, nothing)


def list_indexes(collection_name: str) -> Request[list[str]]:
    """The names of the collection's indexes."""
    return about_collection("/indexes/list", collection_name, texts)


def describe_index(collection_name: str, index_name: str) -> Request[IndexState]:
    """How far an index is built."""
    body = {"collectionName": checked_name("collection_name", collection_name), "indexName": index_name}
    return Request("/indexes/describe", body, _index_state)


def index_names(description: Mapping[str, Any], fields: Sequence[str]) -> list[str]:
    """The names of the indexes on these fields, in a collection's description."""
    indexes = records(description.get("indexes"))
    return [text(index.get("indexName")) for index in indexes if index.get("fieldName") in fields]


def checked_index_params(value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise ValueError(f"index_params must be a list with at least one index, got {value!r}")
    for index in value:
        if not isinstance(index, Mapping) or not text(index.get("fieldName")):
            raise ValueError(
                f"index_params: each index must be an object with 'fieldName', as Milvus's REST API spells it; "
                f"got {index!r}"
            )
    return list(value)


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
