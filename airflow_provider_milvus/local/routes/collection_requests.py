"""The body of `/v2/vectordb/collections/create`, and the checks of what requests about collections may set."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from milvus_lite.schema.types import CollectionSchema, FieldSchema

from airflow_provider_milvus.local.errors import MilvusError, not_supported
from airflow_provider_milvus.local.routes.binding import required
from airflow_provider_milvus.local.routes.indexes import IndexParam
from airflow_provider_milvus.local.routes.schemas import TYPES, Schema
from airflow_provider_milvus.local.routes.services import Request

INVALID_PARAMETER = 1100
UNEXPECTED = 65535
# Milvus Lite would keep these and not act on them.
UNSUPPORTED_PROPERTIES = ("collection.ttl.seconds", "ttl.seconds", "ttl_field", "partitionkey.isolation")
UNSUPPORTED_PARAMS = ("ttlSeconds", "ttlField", "partitionKeyIsolation")
QUICK_TYPES = ("FloatVector", "BinaryVector", "Float16Vector", "BFloat16Vector", "SparseFloatVector")
CONSISTENCY_LEVELS = ("Strong", "Session", "Bounded", "Eventually", "Customized")


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


def quick_schema(request: CollectionReq) -> CollectionSchema:
    """The schema of a collection that is created from a dimension alone."""
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


def check_params(params: dict[str, Any]) -> None:
    """Refuse `params` of `create` that Milvus Lite would not act on."""
    for name in UNSUPPORTED_PARAMS:
        if name in params:
            raise not_supported(f"the parameter {name}")


def check_properties(properties: dict[str, Any]) -> None:
    """Refuse properties that Milvus Lite would not act on."""
    for name in UNSUPPORTED_PROPERTIES:
        if name in properties:
            raise not_supported(f"the property {name}")


def property_text(value: Any) -> str:
    """A property as Milvus keeps it."""
    return value if isinstance(value, str) else json.dumps(value)


def _invalid(problem: str, expected: Sequence[Any], actual: Any) -> MilvusError:
    shown = ", ".join(map(str, expected))
    return MilvusError(INVALID_PARAMETER, f"{problem}: invalid parameter[expected={shown}][actual={actual}]")
