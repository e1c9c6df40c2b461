"""The bodies of the requests that read entities, and the checks of what a search names."""

from dataclasses import dataclass, field
from typing import Any

from milvus_lite.engine.collection import Collection
from milvus_lite.schema.types import DataType

from airflow_provider_milvus.local.errors import MilvusError, not_supported
from airflow_provider_milvus.local.routes.binding import missing_fields, required
from airflow_provider_milvus.local.routes.loading import VECTORS
from airflow_provider_milvus.local.routes.rows import sparse
from airflow_provider_milvus.local.routes.services import CollectionNameReq, Services

INVALID_PARAMETER = 1100
INVALID_JSON, MISSING_PARAMETER = 1801, 1802
DEFAULT_LIMIT = 100
MAX_LIMIT = 16384
# Search parameters that mean what a field of the request means, which Milvus Lite would not find there.
FIELDS_IN_PARAMS = ("group_by_field", "group_by_fields", "group_size", "strict_group_size", "order_by_fields", "offset")


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


def vector_field(collection: Collection, name: str) -> str:
    """The vector field that is searched, which need not be named where there is one."""
    names = [one.name for one in collection.schema.fields if one.dtype in VECTORS]
    if not name and len(names) > 1:
        raise bad_search(
            f"search without annsField, but already found multiple vector fields: [{names[0]}, {names[1]},,,]: "
            "invalid parameter"
        )
    if name and name not in names:
        raise bad_search(f"cannot find a vector field: field not found[field={name}]")
    return name or names[0]


def query_vector(collection: Collection, anns_field: str, value: Any) -> Any:
    """A vector as Milvus Lite takes it."""
    one = next(one for one in collection.schema.fields if one.name == anns_field)
    if one.dtype == DataType.FLOAT_VECTOR and isinstance(value, list) and len(value) != one.dim:
        raise bad_search(
            f"dimension: {one.dim}, but length of []float: {len(value)}: "
            f"invalid parameter[expected=FloatVector][actual={str(value)[:200]}]"
        )
    return sparse(value)


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
    for name in FIELDS_IN_PARAMS:
        if name in params:
            raise not_supported(f"the search parameter {name}")
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
