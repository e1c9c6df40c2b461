"""The bodies of the requests that read entities, and the checks of what a search names."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from milvus_lite.engine.collection import Collection
from milvus_lite.schema.types import DataType, FieldSchema

from airflow_provider_milvus.local.errors import MilvusError, not_supported
from airflow_provider_milvus.local.lite.vector_types import held_type
from airflow_provider_milvus.local.routes.binding import missing_fields, required
from airflow_provider_milvus.local.routes.loading import VECTORS
from airflow_provider_milvus.local.routes.rows import COUNT, sparse
from airflow_provider_milvus.local.routes.services import CollectionNameReq, Services
from airflow_provider_milvus.local.routes.unsupported import refuse_search_params
from airflow_provider_milvus.local.routes.vector_values import held_vector

INVALID_PARAMETER = 1100
FIELD_NOT_FOUND = 1700
INVALID_JSON, MISSING_PARAMETER = 1801, 1802
DEFAULT_LIMIT = 100
AGGREGATE = re.compile(r"\s*(count|sum|avg|min|max)\s*\(.*\)\s*", re.IGNORECASE)
MAX_LIMIT = 16384


@dataclass(kw_only=True)
class ReadReq(CollectionNameReq):
    """What all requests that read have."""

    output_fields: list[str] = field(default_factory=list)
    partition_names: list[str] = field(default_factory=list)
    consistency_level: str = ""


@dataclass(kw_only=True)
class QueryReqV2(ReadReq):
    """Body of `query`."""

    filter: str = ""
    expr_params: dict[str, Any] = field(default_factory=dict)
    limit: int = DEFAULT_LIMIT
    offset: int = 0


@dataclass(kw_only=True)
class CollectionIDReq(ReadReq):
    """Body of `get`."""

    id: Any = required()


@dataclass(kw_only=True)
class GroupReq(ReadReq):
    """What searches have that group their hits."""

    grouping_field: str = ""
    group_size: int = 0
    strict_group_size: bool = False
    limit: int = DEFAULT_LIMIT
    offset: int = 0


@dataclass(kw_only=True)
class SearchReqV2(GroupReq):
    """Body of `search`: by vectors (`data`) or by the keys of rows that have them (`ids`)."""

    data: list[Any] = field(default_factory=list)
    ids: list[Any] = field(default_factory=list)
    anns_field: str = ""
    filter: str = ""
    expr_params: dict[str, Any] = field(default_factory=dict)
    search_params: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class SubSearchReq:
    """One search of a hybrid search."""

    data: list[Any] = required()
    anns_field: str = ""
    filter: str = ""
    expr_params: dict[str, Any] = field(default_factory=dict)
    metric_type: str = ""
    limit: int = 0
    offset: int = 0
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class Rand:
    """How a hybrid search merges what its searches found."""

    strategy: str = ""
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class HybridSearchReq(GroupReq):
    """Body of `hybrid_search`."""

    search: list[SubSearchReq] = field(default_factory=list)
    rerank: Rand = field(default_factory=Rand)


def check_search_by(services: Services, request: SearchReqV2) -> None:
    """Refuse a search that names neither vectors nor keys, or both."""
    if not services.version.search_by_ids:
        request.ids = []
        if not request.data:
            raise missing_fields([(SearchReqV2, "data")])
    if request.ids and request.data:
        raise MilvusError(
            INVALID_PARAMETER,
            "primary keys (ids) and query vectors (data) are mutually exclusive. "
            "Please provide either 'ids' or 'data', not both",
        )
    if not request.ids and not request.data:
        raise MilvusError(
            MISSING_PARAMETER, "either 'ids' (for primary key search) or 'data' (for vector search) must be provided"
        )


def vector_field(services: Services, collection: Collection, name: str) -> str:
    """The vector field that is searched, which need not be named where there is one."""
    names = [one.name for one in collection.schema.fields if one.dtype in VECTORS]
    if not name and len(names) > 1:
        raise bad_search(
            f"search without annsField, but already found multiple vector fields: [{names[0]}, {names[1]},,,]: "
            "invalid parameter"
        )
    if name and name not in names:
        problem = f" named: {name}" if services.version.number < (2, 6) else f": field not found[field={name}]"
        raise bad_search(f"cannot find a vector field{problem}")
    return name or names[0]


def query_vectors(collection: Collection, anns_field: str, values: list[Any]) -> list[Any]:
    """Vectors as Milvus Lite takes them."""
    one = next(one for one in collection.schema.fields if one.name == anns_field)
    if kind := held_type(one):
        try:
            # JSON has no tuples: such a vector comes from a row.
            return [list(value) if isinstance(value, tuple) else held_vector(kind, one.dim, value) for value in values]
        except ValueError as error:
            shown = json.dumps(values)[:200]
            raise bad_search(f"{error}: invalid parameter[expected={kind}][actual={shown}]") from None
    for value in values if one.dtype == DataType.FLOAT_VECTOR else ():
        # A text is for the function that makes a vector of it.
        if isinstance(value, str):
            continue
        if not isinstance(value, list) or any(type(number) not in (int, float) for number in value):
            raise bad_search(f"Mismatch type float32 with value {json.dumps(value)[:200]}")
        if len(value) != one.dim:
            raise bad_search(
                f"dimension: {one.dim}, but length of []float: {len(value)}: "
                f"invalid parameter[expected=FloatVector][actual={json.dumps(values)[:200]}]"
            )
    return [sparse(value) for value in values]


def search_params(given: dict[str, Any]) -> dict[str, Any]:
    """`searchParams` and its `params` as one."""
    inner = given.get("params") or {}
    if not isinstance(inner, dict):
        raise MilvusError(INVALID_PARAMETER, "searchParams.params must be a dict: invalid parameter")
    for key, value in given.items():
        if key in inner and inner[key] != value:
            raise MilvusError(
                INVALID_PARAMETER,
                f"ambiguous parameter: {key}, in search_param: {value}, in search_param.params: {inner[key]}: "
                "invalid parameter",
            )
    params = {**inner, **{key: value for key, value in given.items() if key != "params"}}
    refuse_search_params(params)
    return params


def metric_of(collection: Collection, field_name: str, metric: Any) -> str:
    """The metric to search with, which is that of the index: Milvus Lite would search with any."""
    own: str = collection.resolve_search_metric(field_name, None)
    wanted: str = collection.resolve_search_metric(field_name, metric)
    if wanted != own:
        raise MilvusError(
            INVALID_PARAMETER, f"metric type not match: invalid parameter[expected={own}][actual={wanted}]"
        )
    return wanted


def check_ids(ids: list[Any], primary: FieldSchema) -> None:
    """Refuse keys to search by that are none of this field."""
    for index, one in enumerate(ids if primary.dtype == DataType.INT64 else ()):
        problem = ""
        if isinstance(one, float) and not one.is_integer():
            problem = f"invalid int64 id at index {index}: {one} has fractional part"
        elif isinstance(one, str) and not re.fullmatch(r"[+-]?\d+", one, re.ASCII):
            problem = f"invalid int64 id at index {index}: {one}"
        if problem:
            raise MilvusError(INVALID_PARAMETER, f"{problem}: invalid parameter")


def check_group(collection: Collection, name: str) -> None:
    """Refuse to group hits by a field that there is not."""
    if name and name not in {one.name for one in collection.schema.fields}:
        raise MilvusError(FIELD_NOT_FOUND, f"groupBy field not found in schema: field not found[field={name}]")


def refuse_aggregation(output_fields: list[str]) -> None:
    """Refuse what a query is to compute over its rows: all but their number alone."""
    for name in output_fields:
        if AGGREGATE.fullmatch(name) and output_fields != [COUNT]:
            raise not_supported(f"{name} among the output fields")


def check_window(limit: int, offset: int) -> None:
    """Refuse limits and offsets of a query that Milvus refuses."""
    if limit < 0 or offset < 0 or limit + offset > MAX_LIMIT:
        raise MilvusError(
            INVALID_PARAMETER,
            "invalid max query result window, "
            f"(offset+limit) should be in range [1, {MAX_LIMIT}], but got {limit + offset}: invalid parameter",
        )


def check_limits(limit: int, offset: int) -> None:
    """Refuse limits and offsets of a search that Milvus refuses."""
    for name, number in (("topk", limit), ("offset", offset or 1), ("offset+topk", limit + offset)):
        if not 1 <= number <= MAX_LIMIT:
            raise MilvusError(
                INVALID_PARAMETER,
                f"{name} [{number}] is invalid, it should be in range [1, {MAX_LIMIT}], but got {number}: "
                "invalid parameter",
            )


def bad_search(problem: str) -> MilvusError:
    """The error for a search that does not fit the collection."""
    return MilvusError(INVALID_JSON, f"can only accept json format request, error: {problem}")
