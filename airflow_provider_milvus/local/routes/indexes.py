"""The REST routes of indexes: `/v2/vectordb/indexes/*`."""

import json
from dataclasses import dataclass, field
from typing import Any, NoReturn

from milvus_lite.engine.collection import Collection
from milvus_lite.exceptions import IndexNotFoundError
from milvus_lite.schema.types import DataType

from airflow_provider_milvus.local.errors import MilvusError, not_supported
from airflow_provider_milvus.local.lite.collection import nearest_index
from airflow_provider_milvus.local.routes.binding import required
from airflow_provider_milvus.local.routes.services import CollectionNameReq, Routes, Services

INVALID_PARAMETER = 1100
AUTOMATIC = "AUTOINDEX"
DEFAULT_METRICS = {DataType.FLOAT_VECTOR: "COSINE", DataType.SPARSE_FLOAT_VECTOR: "IP"}


@dataclass(kw_only=True)
class IndexParam:
    """One of `indexParams`. Milvus Lite names every index after its field, whatever `indexName` is."""

    field_name: str = required()
    index_type: str = ""
    metric_type: str = ""
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class IndexParamReq(CollectionNameReq):
    """Body of `create`."""

    index_params: list[IndexParam] = required()


@dataclass(kw_only=True)
class IndexReq(CollectionNameReq):
    """Body of `describe` and `drop`."""

    index_name: str = required()


@dataclass(kw_only=True)
class IndexReqWithProperties(IndexReq):
    """Body of `alter_properties`."""

    properties: dict[str, Any] = field(default_factory=dict)


def build_indexes(collection: Collection, index_params: list[IndexParam]) -> None:
    """Create each index; one that is there already in the same form is left alone, as by Milvus."""
    kinds = {one.name: one.dtype for one in collection.schema.fields}
    had_index = collection.has_index()
    for param in index_params:
        kind = kinds.get(param.field_name)
        index_type = param.index_type or str(param.params.get("index_type") or AUTOMATIC)
        if kind == DataType.SPARSE_FLOAT_VECTOR and index_type == AUTOMATIC:
            # Milvus Lite would refuse to choose.
            index_type = "SPARSE_INVERTED_INDEX"
        wanted = nearest_index(
            {
                "index_type": index_type,
                "metric_type": param.metric_type or DEFAULT_METRICS.get(kind),
                "params": {key: value for key, value in param.params.items() if key != "index_type"},
            }
        )
        there = collection.get_index_info(param.field_name)
        if there is None:
            collection.create_index(param.field_name, wanted)
        elif (there["index_type"], there["metric_type"]) != (wanted["index_type"], wanted["metric_type"] or "NONE"):
            raise MilvusError(
                INVALID_PARAMETER,
                f"at most one distinct index is allowed per field, field={param.field_name}: invalid parameter",
            )
    if not had_index:
        # Nobody has loaded it yet. Milvus Lite has called it loaded all the time; on a cluster it could not be.
        collection.release()


def create(services: Services, request: IndexParamReq) -> None:
    """Build indexes."""
    with services.engine.write_lock:
        build_indexes(request.collection(services), request.index_params)


def list_indexes(services: Services, request: CollectionNameReq) -> list[str]:
    """The names of the collection's indexes."""
    names: list[str] = request.collection(services).list_indexes()
    return names


def describe(services: Services, request: IndexReq) -> list[dict[str, Any]]:
    """One index; Milvus Lite builds at once, so it is always finished."""
    collection = request.collection(services)
    there = _existing(collection, request.index_name)
    rows = services.engine.stored_rows(collection)
    params = {"index_type": there["index_type"], "metric_type": there["metric_type"]}
    if there.get("build_params"):
        params["params"] = json.dumps(there["build_params"])
    return [
        {
            "indexName": request.index_name,
            "fieldName": request.index_name,
            "indexType": there["index_type"],
            "metricType": there["metric_type"],
            "totalRows": rows,
            "indexedRows": rows,
            "pendingRows": 0,
            "indexState": "Finished",
            "failReason": "",
            "minIndexVersion": 0,
            "maxIndexVersion": 0,
            "mmap.enabled": "",
            "indexoffsetcache.enabled": "",
            "indexParams": [{"key": key, "value": value} for key, value in params.items()],
        }
    ]


def drop(services: Services, request: IndexReq) -> None:
    """Drop one index."""
    with services.engine.write_lock:
        collection = request.collection(services)
        _existing(collection, request.index_name)
        collection.drop_index(request.index_name)


def alter_properties(services: Services, request: IndexReqWithProperties) -> NoReturn:
    """Refused: an index of Milvus Lite has no properties."""
    request.collection(services)
    raise not_supported("altering the properties of an index")


def _existing(collection: Collection, name: str) -> dict[str, Any]:
    there: dict[str, Any] | None = collection.get_index_info(name)
    if there is None:
        raise IndexNotFoundError(f"index not found[indexName={name}]")
    return there


ROUTES: Routes = {
    "/indexes/create": (IndexParamReq, create),
    "/indexes/list": (CollectionNameReq, list_indexes),
    "/indexes/describe": (IndexReq, describe),
    "/indexes/drop": (IndexReq, drop),
    "/indexes/alter_properties": (IndexReqWithProperties, alter_properties),
}
