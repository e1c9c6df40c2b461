"""The body of `/v2/vectordb/collections/create`, and the checks of what requests about collections may set."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema

from airflow_provider_milvus.local.errors import MilvusError
from airflow_provider_milvus.local.lite.index_rules import nearest_index
from airflow_provider_milvus.local.lite.kept import CONSISTENCY_LEVELS, Kept
from airflow_provider_milvus.local.lite.schema_rules import VECTORS
from airflow_provider_milvus.local.lite.type_names import TYPES
from airflow_provider_milvus.local.lite.vector_types import INT8, VectorField, held_type, type_of
from airflow_provider_milvus.local.milvus_versions import Version
from airflow_provider_milvus.local.routes.binding import property_text, required
from airflow_provider_milvus.local.routes.indexes import IndexParam
from airflow_provider_milvus.local.routes.schemas import Schema
from airflow_provider_milvus.local.routes.services import Request
from airflow_provider_milvus.local.routes.unsupported import refuse_params, refuse_properties

INVALID_PARAMETER = 1100
UNEXPECTED = 65535
QUICK_TYPES = ("FloatVector", "BinaryVector", "Float16Vector", "BFloat16Vector", "SparseFloatVector")
# Parameters of `create` that a cluster makes properties of.
PROPERTY_PARAMS = (
    "mmap.enabled",
    "warmup.scalarField",
    "warmup.scalarIndex",
    "warmup.vectorField",
    "warmup.vectorIndex",
)
TIMES_TO_LIVE = ("collection.ttl.seconds", "ttl.seconds")
MAX_FIELDS_UNTIL_2_6 = 64
MAX_TIME_TO_LIVE = 3155760000
WARMUPS = ("sync", "async", "disable")


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
    description: str = ""
    properties: dict[str, Any] = field(default_factory=dict)
    primary_field_name: str = "id"
    vector_field_name: str = "vector"
    params: dict[str, Any] = field(default_factory=dict)
    schema: Schema = field(default_factory=Schema)
    index_params: list[IndexParam] = field(default_factory=list)


def quick_schema(request: CollectionReq) -> CollectionSchema:
    """The schema of a collection that is created from a dimension alone."""
    if request.schema.functions:
        raise _invalid("functions are not supported for quickly create collection", ["schema"], "functions")
    kind = request.vector_field_type or "FloatVector"
    if kind not in QUICK_TYPES:
        raise _invalid(
            f"vectorFieldType can only be [{', '.join(QUICK_TYPES)}], default: FloatVector", QUICK_TYPES, kind
        )
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
        max_length=_max_length(request.params) if id_type == "VarChar" else None,
    )
    vector = VectorField(
        name=request.vector_field_name,
        dtype=TYPES.get(kind, DataType.FLOAT_VECTOR),
        dim=request.dimension or None,
        vector_type="" if kind in TYPES else kind,
    )
    # Before there is a collection, as on a cluster.
    nearest_index(vector, {"metric_type": request.metric_type})
    return CollectionSchema(fields=[primary, vector], enable_dynamic_field=_is_dynamic(request.params))


def _max_length(params: dict[str, Any]) -> int:
    text = property_text(params["max_length"]) if params.get("max_length") is not None else "<nil>"
    if not re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
        raise MilvusError(UNEXPECTED, f"strconv.ParseInt: parsing {json.dumps(text)}: invalid syntax")
    return int(text)


def _is_dynamic(params: dict[str, Any]) -> bool:
    text = property_text(params.get("enableDynamicField", True))
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


def properties_of(request: CollectionReq) -> dict[str, str]:
    """The properties of a collection that is to be created, with what a cluster knows of it beside."""
    kept = _kept(request)
    check_time_to_live(request.properties, request.params)
    refuse_properties(request.properties)
    refuse_params(request.params)
    given = {key: property_text(value) for key, value in request.properties.items()}
    given |= {key: property_text(request.params[key]) for key in PROPERTY_PARAMS if key in request.params}
    for key in PROPERTY_PARAMS[1:]:
        if given.get(key, WARMUPS[0]) not in WARMUPS:
            raise MilvusError(INVALID_PARAMETER, f"invalid warmup value for key {key}: {given[key]}: invalid parameter")
    return given | kept.as_property()


def check_time_to_live(properties: dict[str, Any], params: dict[str, Any]) -> None:
    """Raises MilvusError for a time to live that a cluster refuses; one that never ends is as good as none."""
    given = [property_text(properties[key]) for key in TIMES_TO_LIVE if key in properties]
    given += [property_text(params[key]) for key in ("ttlSeconds",) if key in params]
    if len(given) > 1:
        raise MilvusError(INVALID_PARAMETER, "collection TTL is specified multiple times: invalid parameter")
    for text in given:
        if not re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
            raise MilvusError(
                INVALID_PARAMETER,
                "collection ttl property value not valid, parse error: "
                f"strconv.ParseInt: parsing {json.dumps(text)}: invalid syntax: invalid parameter",
            )
        if not -1 <= int(text) <= MAX_TIME_TO_LIVE:
            raise MilvusError(
                INVALID_PARAMETER,
                f"collection TTL is out of range, expect [-1, {MAX_TIME_TO_LIVE}], got {int(text)}: invalid parameter",
            )


def _kept(request: CollectionReq) -> Kept:
    fields = request.schema.fields
    has_partition_key = any(one.is_partition_key for one in fields)
    clustering = [one.field_name for one in fields if one.is_clustering_key]
    if len(clustering) > 1:
        raise MilvusError(
            INVALID_PARAMETER,
            f"there are more than one clustering key, field name = {clustering[0]}, {clustering[1]}: "
            f"collection illegal schema[collection={request.collection_name}]",
        )
    return Kept(
        description=request.description,
        shards=_number(request.params.get("shardsNum"), 1),
        partitions=_number(request.params.get("partitionsNum"), 0) if has_partition_key else 0,
        consistency_level=_consistency_level(request),
        clustering_key=clustering[0] if clustering else "",
    )


def _consistency_level(request: CollectionReq) -> str:
    level, other = request.consistency_level, request.params.get("consistencyLevel")
    if level and other is not None and level != other:
        raise _invalid(
            "top-level consistencyLevel conflicts with params.consistencyLevel", ["same consistencyLevel"], other
        )
    chosen = level or ("" if other is None else str(other))
    if chosen not in ("", *CONSISTENCY_LEVELS):
        raise _invalid(
            f"consistencyLevel can only be [{', '.join(CONSISTENCY_LEVELS)}], default: Bounded",
            CONSISTENCY_LEVELS,
            chosen,
        )
    return chosen or Kept.consistency_level


def _number(value: Any, default: int) -> int:
    # As on a cluster, where a text that is no number counts as none.
    text = property_text(value)
    return int(text) if re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII) and int(text) > 0 else default


def check_version(schema: CollectionSchema, version: Version) -> None:
    """Raises MilvusError for what newer versions take and this one does not."""
    if version.number < (3, 0) and len(schema.fields) > MAX_FIELDS_UNTIL_2_6:
        raise MilvusError(
            INVALID_PARAMETER, f"maximum field's number should be limited to {MAX_FIELDS_UNTIL_2_6}: invalid parameter"
        )
    for one in schema.fields if version.number < (2, 6) else ():
        if held_type(one) == INT8:
            raise MilvusError(INVALID_PARAMETER, f"invalid parameter, data type {INT8} is invalid(case sensitive).")
        if one.nullable and one.dtype in VECTORS:
            raise MilvusError(
                INVALID_PARAMETER,
                f"vector type not support null, type:{type_of(one)}, name:{one.name}: invalid parameter",
            )


def _invalid(problem: str, expected: Sequence[Any], actual: Any) -> MilvusError:
    shown = ", ".join(map(str, expected))
    return MilvusError(INVALID_PARAMETER, f"{problem}: invalid parameter[expected={shown}][actual={actual}]")
