"""The REST routes of collections: `/v2/vectordb/collections/*`."""

from dataclasses import dataclass, field
from typing import Any

from airflow_provider_milvus.local.errors import MilvusError, not_supported
from airflow_provider_milvus.local.lite.kept import shown
from airflow_provider_milvus.local.routes.binding import property_text, required
from airflow_provider_milvus.local.routes.collection_requests import (
    CollectionReq,
    check_time_to_live,
    check_version,
    properties_of,
    quick_schema,
)
from airflow_provider_milvus.local.routes.indexes import IndexParam, build_indexes
from airflow_provider_milvus.local.routes.loading import load_collection, load_state, require_partitions
from airflow_provider_milvus.local.routes.responses import Reply
from airflow_provider_milvus.local.routes.schemas import describe_field, describe_function
from airflow_provider_milvus.local.routes.services import CollectionNameReq, Request, Routes, Services
from airflow_provider_milvus.local.routes.unsupported import refuse_properties

MISSING_PARAMETER = 1802


@dataclass(kw_only=True)
class RenameCollectionReq(CollectionNameReq):
    """Body of `rename`."""

    new_collection_name: str = required()
    new_db_name: str = ""


@dataclass(kw_only=True)
class CollectionReqWithProperties(CollectionNameReq):
    """Body of `alter_properties`."""

    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class DropCollectionPropertiesReq(CollectionNameReq):
    """Body of `drop_properties`."""

    property_keys: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class LoadStateReq(CollectionNameReq):
    """Body of `get_load_state`."""

    partition_names: list[str] = field(default_factory=list)


def create(services: Services, request: CollectionReq) -> None:
    """Create a collection; it is indexed and loaded too when an index is given, as in the quick setup."""
    quick = not request.schema.fields
    schema = quick_schema(request) if quick else request.schema.build()
    check_version(schema, services.version)
    properties = properties_of(request)
    index_params = request.index_params
    if quick:
        index_params = [IndexParam(field_name=request.vector_field_name, metric_type=request.metric_type)]
    for one in index_params:
        if one.field_name not in {known.name for known in schema.fields}:
            raise MilvusError(
                MISSING_PARAMETER, f"missing required parameters, error: `{one.field_name}` hasn't defined in schema"
            )
    with services.engine.write_lock:
        collection = services.engine.db.create_collection(
            request.collection_name, schema, properties, database_name=request.db_name
        )
        if index_params:
            build_indexes(services, request.db_name, collection, index_params)
            load_collection(collection)


def has(services: Services, request: CollectionNameReq) -> dict[str, bool]:
    """Whether the collection exists."""
    return {"has": services.engine.db.has_collection(request.collection_name, database_name=request.db_name)}


def list_collections(services: Services, request: Request) -> list[str]:
    """The names of the database's collections."""
    names: list[str] = services.engine.db.list_collections(database_name=request.db_name)
    return names


def describe(services: Services, request: CollectionNameReq) -> Reply:
    """The collection's schema, indexes and load state."""
    collection = request.described(services)
    schema = collection.schema
    kept = services.engine.kept(collection)
    newer = {"structFields": [], "externalSource": "", "externalSpec": ""} if services.version.number >= (3, 0) else {}
    indexes = {name: collection.get_index_info(name) for name in collection.list_indexes()}
    described = {
        "collectionName": collection.name,
        "collectionID": services.engine.collection_id(collection),
        "description": kept.description,
        "autoId": any(one.auto_id for one in schema.fields),
        "enableDynamicField": schema.enable_dynamic_field,
        "fields": [
            describe_field(number, one, one.name == kept.clustering_key) for number, one in enumerate(schema.fields)
        ],
        "functions": [describe_function(number, one) for number, one in enumerate(schema.functions)],
        "aliases": services.engine.db.list_aliases(collection.name, database_name=request.db_name),
        "indexes": [
            {"indexName": kept.index_name(name), "fieldName": name, "metricType": info["metric_type"]}
            for name, info in indexes.items()
        ],
        "load": load_state(collection),
        "shardsNum": kept.shards,
        "partitionsNum": kept.partitions or len(collection.list_partitions()),
        "consistencyLevel": kept.consistency_level,
        "properties": [{"key": key, "value": str(value)} for key, value in shown(schema.properties).items()],
    }
    return Reply(described | newer, {"message": ""})


def alter_properties(services: Services, request: CollectionReqWithProperties) -> None:
    """Set properties of a collection; those that are not named stay."""
    check_time_to_live(request.properties, {})
    refuse_properties(request.properties)
    _alter(services, request, {key: property_text(value) for key, value in request.properties.items()}, [])


def drop_properties(services: Services, request: DropCollectionPropertiesReq) -> None:
    """Remove properties of a collection."""
    _alter(services, request, {}, request.property_keys)


def _alter(services: Services, request: CollectionNameReq, properties: dict[str, Any], keys: list[str]) -> None:
    with services.engine.write_lock:
        services.engine.db.alter_collection_properties(
            request.collection_name, properties, keys, database_name=request.db_name
        )


def drop(services: Services, request: CollectionNameReq) -> None:
    """Drop the collection; nothing happens where there is none."""
    with services.engine.write_lock:
        services.engine.db.drop_collection(request.collection_name, database_name=request.db_name)


def truncate(services: Services, request: CollectionNameReq) -> None:
    """Remove all rows of the collection, and nothing else of it."""
    with services.engine.write_lock:
        services.engine.db.truncate_collection(request.collection_name, database_name=request.db_name)


def rename(services: Services, request: RenameCollectionReq) -> None:
    """Give the collection another name."""
    if request.new_db_name not in ("", request.db_name):
        raise not_supported("moving a collection to another database (newDbName)")
    with services.engine.write_lock:
        services.engine.db.rename_collection(
            request.collection_name, request.new_collection_name, database_name=request.db_name
        )


def load(services: Services, request: CollectionNameReq) -> None:
    """Load the collection. As on a cluster, every vector field must have an index first."""
    with services.engine.write_lock:
        load_collection(request.collection(services))


def refresh_load(services: Services, request: CollectionNameReq) -> None:
    """Show the rows that were imported since the collection was loaded."""
    with services.engine.write_lock:
        services.engine.refresh(request.collection(services))


def release(services: Services, request: CollectionNameReq) -> None:
    """Release the collection."""
    with services.engine.write_lock:
        request.collection(services).release()


def get_load_state(services: Services, request: LoadStateReq) -> Reply | dict[str, Any]:
    """How far the collection is loaded, and so each of its partitions."""
    collection = request.collection(services)
    require_partitions(collection, request.partition_names)
    state = load_state(collection)
    if state != "LoadStateLoaded":
        return {"loadState": state}
    return Reply({"loadState": state, "loadProgress": 100}, {"message": ""})


def get_stats(services: Services, request: CollectionNameReq) -> dict[str, int]:
    """The number of rows, seen or not; the collection need not be loaded."""
    return {"rowCount": services.engine.stored_rows(request.collection(services))}


def flush(services: Services, request: CollectionNameReq) -> None:
    """Write rows in memory to segment files."""
    with services.engine.write_lock:
        request.collection(services).flush()


ROUTES: Routes = {
    "/collections/create": (CollectionReq, create),
    "/collections/has": (CollectionNameReq, has),
    "/collections/list": (Request, list_collections),
    "/collections/describe": (CollectionNameReq, describe),
    "/collections/alter_properties": (CollectionReqWithProperties, alter_properties),
    "/collections/drop_properties": (DropCollectionPropertiesReq, drop_properties),
    "/collections/drop": (CollectionNameReq, drop),
    "/collections/truncate": (CollectionNameReq, truncate),
    "/collections/rename": (RenameCollectionReq, rename),
    "/collections/load": (CollectionNameReq, load),
    "/collections/refresh_load": (CollectionNameReq, refresh_load),
    "/collections/release": (CollectionNameReq, release),
    "/collections/get_load_state": (LoadStateReq, get_load_state),
    "/collections/get_stats": (CollectionNameReq, get_stats),
    "/collections/flush": (CollectionNameReq, flush),
}
