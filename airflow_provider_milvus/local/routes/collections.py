"""The REST routes of collections: `/v2/vectordb/collections/*`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from milvus_lite.engine.collection import Collection
from milvus_lite.exceptions import CollectionNotLoadedError, IndexNotFoundError, PartitionNotFoundError
from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema

from airflow_provider_milvus.local.errors import MilvusError, not_supported
from airflow_provider_milvus.local.lite.engine import is_loaded
from airflow_provider_milvus.local.routes.binding import required
from airflow_provider_milvus.local.routes.indexes import IndexParam, build_indexes
from airflow_provider_milvus.local.routes.responses import Reply
from airflow_provider_milvus.local.routes.schemas import TYPES, Schema, describe_field, describe_function
from airflow_provider_milvus.local.routes.services import CollectionNameReq, Request, Routes, Services

INVALID_PARAMETER = 1100
MISSING_PARAMETER = 1802
UNEXPECTED = 65535
# Milvus Lite would keep these and not act on them.
UNSUPPORTED_PROPERTIES = ("collection.ttl.seconds", "ttl.seconds", "ttl_field", "partitionkey.isolation")
UNSUPPORTED_PARAMS = ("ttlSeconds", "ttlField", "partitionKeyIsolation")
QUICK_TYPES = ("FloatVector", "BinaryVector", "Float16Vector", "BFloat16Vector", "SparseFloatVector")
CONSISTENCY_LEVELS = ("Strong", "Session", "Bounded", "Eventually", "Customized")
VECTORS = (DataType.FLOAT_VECTOR, DataType.SPARSE_FLOAT_VECTOR)


@dataclass(kw_only=True)
class CollectionReq(Request):
    """Body of `create`: a `dimension` alone (quick setup) or a `schema`."""

    collection_name: str = required()
    dimension: int = 0
    metric_type: str = ""
    id_type: str = "Int64"
    auto_id: bool = False
    vector_field_type: str = ""
    consistency_level: str = ""
    properties: dict[str, Any] = field(default_factory=dict)
    primary_field_name: str = "id"
    vector_field_name: str = "vector"
    params: dict[str, Any] = field(default_factory=dict)
    schema: Schema = field(default_factory=Schema)
    index_params: list[IndexParam] = field(default_factory=list)


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


@dataclass(kw_only=True)
class GetCompactionStateReq(Request):
    """Body of `get_compaction_state`."""

    job_id: Any = required()


def create(services: Services, request: CollectionReq) -> None:
    """Create a collection; it is indexed and loaded too when an index is given, as in the quick setup."""
    _check_properties(request.properties)
    for name in UNSUPPORTED_PARAMS:
        if name in request.params:
            raise not_supported(f"the parameter {name}")
    check_consistency_level(request.consistency_level or str(request.params.get("consistencyLevel") or ""))
    quick = not request.schema.fields
    schema = _quick_schema(request) if quick else request.schema.build()
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
            request.collection_name, schema, database_name=request.db_name
        )
        if index_params:
            build_indexes(collection, index_params)
            collection.load()


def _quick_schema(request: CollectionReq) -> CollectionSchema:
    kind = request.vector_field_type or "FloatVector"
    if kind not in QUICK_TYPES:
        raise _invalid(
            f"vectorFieldType can only be [{', '.join(QUICK_TYPES)}], default: FloatVector", QUICK_TYPES, kind
        )
    if kind not in TYPES:
        raise not_supported(f"the vectorFieldType {kind}")
    if kind == "SparseFloatVector" and request.dimension:
        raise _invalid("dimension should not be specified for SparseFloatVector quick create", [0], request.dimension)
    if kind != "SparseFloatVector" and request.dimension <= 0:
        raise _invalid(
            "dimension is required for quickly create collection(default metric type: COSINE)",
            ["collectionName & dimension"],
            "collectionName",
        )
    id_type = {"": "Int64", "int64": "Int64", "Varchar": "VarChar"}.get(request.id_type, request.id_type)
    if id_type not in ("Int64", "VarChar"):
        raise _invalid("idType can only be [Int64, VarChar], default: Int64", ["Int64", "Varchar"], id_type)
    primary = FieldSchema(
        name=request.primary_field_name,
        dtype=TYPES[id_type],
        is_primary=True,
        auto_id=request.auto_id,
        max_length=int(request.params.get("max_length") or 65535) if id_type == "VarChar" else None,
    )
    vector = FieldSchema(name=request.vector_field_name, dtype=TYPES[kind], dim=request.dimension or None)
    return CollectionSchema(fields=[primary, vector], enable_dynamic_field=_is_dynamic(request.params))


def _is_dynamic(params: dict[str, Any]) -> bool:
    text = _property(params.get("enableDynamicField", True))
    if text.lower() not in ("true", "false", "1", "0", "t", "f"):
        raise MilvusError(
            UNEXPECTED,
            f"parse enableDynamicField fail, err:strconv.ParseBool: parsing {json.dumps(text)}: invalid syntax",
        )
    return text.lower() in ("true", "1", "t")


def check_consistency_level(level: str) -> None:
    """Raises MilvusError for a level that there is not. All of them hold: Milvus Lite is always strongly consistent."""
    if level not in ("", *CONSISTENCY_LEVELS):
        raise MilvusError(
            INVALID_PARAMETER,
            f"consistencyLevel can only be [{', '.join(CONSISTENCY_LEVELS)}], default: Bounded, "
            f"err:parameter:'{level}' is incorrect, please check it: invalid parameter",
        )


def _invalid(problem: str, expected: Sequence[Any], actual: Any) -> MilvusError:
    shown = ", ".join(map(str, expected))
    return MilvusError(INVALID_PARAMETER, f"{problem}: invalid parameter[expected={shown}][actual={actual}]")


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
    newer = {"structFields": [], "externalSource": "", "externalSpec": ""} if services.version.number >= (3, 0) else {}
    indexes = [collection.get_index_info(name) for name in collection.list_indexes()]
    described = {
        "collectionName": collection.name,
        "collectionID": services.engine.collection_id(collection),
        "description": "",
        "autoId": any(one.auto_id for one in schema.fields),
        "enableDynamicField": schema.enable_dynamic_field,
        "fields": [describe_field(number, one) for number, one in enumerate(schema.fields)],
        "functions": [describe_function(number, one) for number, one in enumerate(schema.functions)],
        "aliases": services.engine.db.list_aliases(collection.name, database_name=request.db_name),
        "indexes": [
            {"indexName": one["field_name"], "fieldName": one["field_name"], "metricType": one["metric_type"]}
            for one in indexes
        ],
        "load": _load_state(collection),
        "shardsNum": 1,
        "partitionsNum": len(collection.list_partitions()),
        "consistencyLevel": "Strong",
        "properties": [{"key": key, "value": str(value)} for key, value in schema.properties.items()],
    }
    return Reply(described | newer, {"message": ""})


def alter_properties(services: Services, request: CollectionReqWithProperties) -> None:
    """Set properties of a collection; those that are not named stay."""
    _check_properties(request.properties)
    _alter(services, request, {key: _property(value) for key, value in request.properties.items()}, [])


def drop_properties(services: Services, request: DropCollectionPropertiesReq) -> None:
    """Remove properties of a collection."""
    _alter(services, request, {}, request.property_keys)


def _alter(services: Services, request: CollectionNameReq, properties: dict[str, Any], keys: list[str]) -> None:
    with services.engine.write_lock:
        services.engine.db.alter_collection_properties(
            request.collection_name, properties, keys, database_name=request.db_name
        )


def _check_properties(properties: dict[str, Any]) -> None:
    for name in properties:
        if name in UNSUPPORTED_PROPERTIES:
            raise not_supported(f"the property {name}")


def _property(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


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


def load_collection(collection: Collection) -> None:
    """Load the collection. Raises IndexNotFoundError for a vector field without an index."""
    missing = [
        one.name for one in collection.schema.fields if one.dtype in VECTORS and not collection.has_index(one.name)
    ]
    if missing:
        raise IndexNotFoundError(
            f"there is no vector index on field: {missing}, please create index firstly: "
            f"index not found[collection={collection.name}]"
        )
    collection.load()


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
    state = _load_state(collection)
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


def compact(services: Services, request: CollectionNameReq) -> NoReturn:
    """Refused: Milvus Lite compacts by itself."""
    request.collection(services)
    raise not_supported("compaction on request")


def get_compaction_state(services: Services, request: GetCompactionStateReq) -> NoReturn:
    """Refused: Milvus Lite compacts by itself."""
    raise not_supported("compaction on request")


def require_partitions(collection: Collection, names: list[str]) -> None:
    """Raises PartitionNotFoundError, which Milvus Lite itself does not when it reads."""
    for name in names:
        if not collection.has_partition(name):
            raise PartitionNotFoundError(f"partition not found[partition={name}]")


def require_loaded(collection: Collection) -> None:
    """Raises CollectionNotLoadedError, which Milvus Lite itself does not while there is no index at all."""
    if not is_loaded(collection):
        raise CollectionNotLoadedError(f"collection not loaded[collection={collection.name}]")


def _load_state(collection: Collection) -> str:
    if is_loaded(collection):
        return "LoadStateLoaded"
    return "LoadStateLoading" if collection.load_state == "loading" else "LoadStateNotLoad"


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
    "/collections/compact": (CollectionNameReq, compact),
    "/collections/get_compaction_state": (GetCompactionStateReq, get_compaction_state),
}
