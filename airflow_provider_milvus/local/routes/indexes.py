"""The REST routes of indexes: `/v2/vectordb/indexes/*`."""

import json
from dataclasses import dataclass, field
from typing import Any

from milvus_lite.engine.collection import Collection
from milvus_lite.exceptions import IndexNotFoundError

from airflow_provider_milvus.local.errors import MilvusError
from airflow_provider_milvus.local.lite.engine import is_loaded
from airflow_provider_milvus.local.lite.index_rules import binary_metric
from airflow_provider_milvus.local.lite.kept import Kept
from airflow_provider_milvus.local.lite.valid_names import check_index_name
from airflow_provider_milvus.local.lite.vector_types import BINARY, held_types
from airflow_provider_milvus.local.routes.binding import property_text, required
from airflow_provider_milvus.local.routes.services import CollectionNameReq, Routes, Services

INVALID_PARAMETER, COLLECTION_LOADED = 1100, 104
# Those of `ConfigableIndexParams` in pkg/util/indexparams.
PROPERTIES = ("mmap.enabled", "indexoffsetcache.enabled", "warmup")
SWITCHES, TRUTHS = PROPERTIES[:2], ("true", "false", "1", "0", "t", "f")
# What clients also write among the parameters.
BESIDE_PARAMS = ("index_type", "metric_type")


@dataclass(kw_only=True)
class IndexParam:
    """One of `indexParams`. Without an `index_name` the index is called after its field."""

    field_name: str = required()
    index_name: str = ""
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


@dataclass(kw_only=True)
class DropIndexPropertiesReq(IndexReq):
    """Body of `drop_properties`."""

    property_keys: list[str] = field(default_factory=list)


def build_indexes(services: Services, db_name: str, collection: Collection, index_params: list[IndexParam]) -> None:
    """Create each index; one that is there already in the same form is left alone, as by Milvus."""
    had_index = collection.has_index()
    kept = services.engine.kept(collection)
    for param in index_params:
        check_index_name(param.index_name)
        index_type = param.index_type or str(param.params.get("index_type") or "")
        collection.create_index(
            param.field_name,
            {
                "index_type": index_type,
                "metric_type": param.metric_type or param.params.get("metric_type"),
                "params": {name: value for name, value in param.params.items() if name not in BESIDE_PARAMS},
            },
        )
        kept.index_names.setdefault(param.field_name, param.index_name or param.field_name)
        if index_type:
            kept.index_types.setdefault(param.field_name, index_type.upper())
        if held_types(collection.schema).get(param.field_name) == BINARY:
            kept.index_metrics.setdefault(
                param.field_name, binary_metric(param.metric_type or param.params.get("metric_type"))
            )
    services.engine.keep(db_name, collection, kept)
    if not had_index:
        # Nobody has loaded it yet. Milvus Lite has called it loaded all the time; on a cluster it could not be.
        collection.release()


def create(services: Services, request: IndexParamReq) -> None:
    """Build indexes."""
    with services.engine.write_lock:
        build_indexes(services, request.db_name, request.collection(services), request.index_params)


def list_indexes(services: Services, request: CollectionNameReq) -> list[str]:
    """The names of the collection's indexes."""
    collection = request.collection(services)
    kept = services.engine.kept(collection)
    return [kept.index_name(field) for field in collection.list_indexes()]


def describe(services: Services, request: IndexReq) -> list[dict[str, Any]]:
    """One index; Milvus Lite builds at once, so it is always finished."""
    collection = request.collection(services)
    kept = services.engine.kept(collection)
    field_name = _field_of(collection, kept, request.index_name)
    there = collection.get_index_info(field_name)
    index_type = kept.index_types.get(field_name, there["index_type"])
    rows = services.engine.stored_rows(collection)
    properties = kept.index_properties.get(field_name, {})
    params = {"index_type": index_type, "metric_type": there["metric_type"]}
    if there.get("build_params"):
        params["params"] = json.dumps(there["build_params"])
    return [
        {
            "indexName": request.index_name,
            "fieldName": field_name,
            "indexType": index_type,
            "metricType": there["metric_type"],
            "totalRows": rows,
            "indexedRows": rows,
            "pendingRows": 0,
            "indexState": "Finished",
            "failReason": "",
            "minIndexVersion": 0,
            "maxIndexVersion": 0,
            **{key: properties.get(key, "") for key in ("mmap.enabled", "indexoffsetcache.enabled")},
            "indexParams": [{"key": key, "value": value} for key, value in params.items()],
        }
    ]


def drop(services: Services, request: IndexReq) -> None:
    """Drop one index."""
    with services.engine.write_lock:
        collection = request.collection(services)
        kept = services.engine.kept(collection)
        field_name = _field_of(collection, kept, request.index_name)
        collection.drop_index(field_name)
        kept.forget_index(field_name)
        services.engine.keep(request.db_name, collection, kept)


def alter_properties(services: Services, request: IndexReqWithProperties) -> None:
    """Set properties of an index of a collection that is not loaded. They are kept: Milvus Lite has no use for them."""
    _alter(services, request, {key: property_text(value) for key, value in request.properties.items()}, [])


def drop_properties(services: Services, request: DropIndexPropertiesReq) -> None:
    """Remove properties of an index."""
    _alter(services, request, {}, request.property_keys)


def _alter(services: Services, request: IndexReq, properties: dict[str, str], dropped: list[str]) -> None:
    for key in [*properties, *dropped]:
        if key not in PROPERTIES:
            raise MilvusError(INVALID_PARAMETER, f"{key} is not a configable index property: invalid parameter")
        if key in SWITCHES and properties.get(key, "true").lower() not in TRUTHS:
            raise MilvusError(
                INVALID_PARAMETER,
                f"invalid {key} value: {properties[key]}, expected: true, false: invalid parameter",
            )
    with services.engine.write_lock:
        collection = request.collection(services)
        if is_loaded(collection):
            raise MilvusError(
                COLLECTION_LOADED,
                "can't alter index on loaded collection, please release the collection first: "
                f"collection already loaded[collection={collection.name}]",
            )
        kept = services.engine.kept(collection)
        field_name = _field_of(collection, kept, request.index_name)
        there = kept.index_properties.get(field_name, {}) | properties
        kept.index_properties[field_name] = {key: value for key, value in there.items() if key not in dropped}
        services.engine.keep(request.db_name, collection, kept)


def _field_of(collection: Collection, kept: Kept, name: str) -> str:
    for field_name in collection.list_indexes():
        if kept.index_name(field_name) == name:
            return str(field_name)
    raise IndexNotFoundError(f"index not found[indexName={name}]")


ROUTES: Routes = {
    "/indexes/create": (IndexParamReq, create),
    "/indexes/list": (CollectionNameReq, list_indexes),
    "/indexes/describe": (IndexReq, describe),
    "/indexes/drop": (IndexReq, drop),
    "/indexes/alter_properties": (IndexReqWithProperties, alter_properties),
    "/indexes/drop_properties": (DropIndexPropertiesReq, drop_properties),
}
