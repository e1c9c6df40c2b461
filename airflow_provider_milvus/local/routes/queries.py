"""The REST routes that read entities: `/v2/vectordb/entities/{query,get,search,hybrid_search}`."""

from dataclasses import dataclass, field
from typing import Any

from milvus_lite.engine.collection import Collection
from milvus_lite.schema.types import DataType

from airflow_provider_milvus.local.errors import MilvusError, not_supported
from airflow_provider_milvus.local.lite.hybrid import Hits, Rerank, merged, scored
from airflow_provider_milvus.local.routes.binding import missing_fields, required
from airflow_provider_milvus.local.routes.collections import check_consistency_level, require_loaded, require_partitions
from airflow_provider_milvus.local.routes.responses import Reply
from airflow_provider_milvus.local.routes.rows import (
    COUNT,
    expression,
    fields_to_read,
    keys_of,
    primary_field,
    shown_rows,
    sparse,
)
from airflow_provider_milvus.local.routes.services import CollectionNameReq, Routes, Services

INVALID_PARAMETER = 1100
INVALID_JSON, MISSING_PARAMETER = 1801, 1802
DEFAULT_LIMIT = 100
MAX_LIMIT = 16384
VECTORS = (DataType.FLOAT_VECTOR, DataType.SPARSE_FLOAT_VECTOR)
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


def query(services: Services, request: QueryReqV2) -> Reply:
    """The rows for which the filter holds, or their number."""
    collection = _readable(services, request)
    partitions = request.partition_names or None
    where = expression(request.filter, request.expr_params)
    if COUNT in request.output_fields:
        if where is None and partitions is None:
            rows = [{COUNT: collection.num_entities}]
        else:
            found = collection.query(where, output_fields=[primary_field(collection).name], partition_names=partitions)
            rows = [{COUNT: len(found)}]
        return Reply(shown_rows(request, collection, rows), {"cost": 0})
    if where is None and request.limit == 0:
        raise MilvusError(INVALID_PARAMETER, "empty expression should be used with limit: invalid parameter")
    _check_window(request.limit, request.offset)
    rows = collection.query(
        where,
        output_fields=fields_to_read(collection, request.output_fields),
        partition_names=partitions,
        limit=request.limit or None,
        offset=request.offset,
    )
    return Reply(shown_rows(request, collection, rows), {"cost": 0})


def get(services: Services, request: CollectionIDReq) -> Reply:
    """The rows with these primary keys."""
    given = request.id if isinstance(request.id, list) else [request.id]
    collection = _readable(services, request)
    rows = collection.get(
        keys_of(collection, given),
        partition_names=request.partition_names or None,
        output_fields=fields_to_read(collection, request.output_fields),
    )
    return Reply(shown_rows(request, collection, rows), {"cost": 0})


def search(services: Services, request: SearchReqV2) -> Reply:
    """The nearest rows of each vector, one vector's after the other's."""
    collection = _readable(services, request)
    _check_search_by(services, request)
    anns_field = _vector_field(collection, request.anns_field)
    vectors = _vectors_of(collection, anns_field, request.ids) if request.ids else request.data
    one = SubSearchReq(
        data=vectors,
        anns_field=anns_field,
        filter=request.filter,
        expr_params=request.expr_params,
        limit=request.limit,
        offset=request.offset,
        params=request.search_params,
    )
    found = scored(_search(collection, request, one), _metric(collection, anns_field, None))
    return _reply(request, collection, found)


def hybrid_search(services: Services, request: HybridSearchReq) -> Reply:
    """The nearest rows of several searches, merged."""
    collection = _readable(services, request)
    _check_limits(request.limit, request.offset)
    strategy = request.rerank.strategy or "rrf"
    if not request.search or strategy not in ("rrf", "weighted"):
        problem = "no search request" if not request.search else f"unsupported rank type {strategy}"
        raise MilvusError(INVALID_PARAMETER, f"{problem}: invalid parameter")
    routes = []
    for one in request.search:
        one.anns_field = _vector_field(collection, one.anns_field)
        one.limit = one.limit or request.limit
        metric = _metric(collection, one.anns_field, one.metric_type or None)
        routes.append((metric, _search(collection, request, one)))
    rerank = Rerank(
        strategy,
        request.rerank.params,
        request.limit,
        request.offset,
        request.grouping_field or None,
        request.group_size or 1,
    )
    return _reply(request, collection, merged(routes, rerank))


def _search(collection: Collection, request: GroupReq, one: SubSearchReq) -> Hits:
    _check_limits(one.limit, one.offset)
    params = _search_params(one.params)
    hybrid = isinstance(request, HybridSearchReq)
    fields = fields_to_read(collection, request.output_fields) if request.output_fields else []
    if hybrid and request.grouping_field and fields is not None:
        fields = [*fields, request.grouping_field]
    group = {"group_by_field": request.grouping_field, "strict_group_size": request.strict_group_size}
    found: Hits = collection.search(
        [_query_vector(collection, one.anns_field, vector) for vector in one.data],
        top_k=one.limit,
        metric_type=_metric(collection, one.anns_field, one.metric_type or params.get("metricType")),
        partition_names=request.partition_names or None,
        expr=expression(one.filter, one.expr_params),
        output_fields=fields,
        anns_field=one.anns_field,
        radius=params.get("radius"),
        range_filter=params.get("range_filter"),
        offset=one.offset,
        search_params=params,
        **({**group, "group_size": request.group_size or 1} if request.grouping_field and not hybrid else {}),
    )
    return found


def _reply(request: GroupReq, collection: Collection, found: Hits) -> Reply:
    primary = primary_field(collection).name
    hits = [hit for hits in found for hit in hits]
    rows = [{**hit["entity"], primary: hit["id"], "distance": hit["distance"]} for hit in hits]
    # Without a hit there is no `topks`.
    beside = {"cost": 0, "topks": [len(hits) for hits in found]} if hits else {"cost": 0}
    return Reply(shown_rows(request, collection, rows), beside)


def _readable(services: Services, request: ReadReq) -> Collection:
    check_consistency_level(request.consistency_level)
    collection = request.described(services)
    require_loaded(collection)
    require_partitions(collection, request.partition_names)
    return collection


def _check_search_by(services: Services, request: SearchReqV2) -> None:
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


def _vector_field(collection: Collection, name: str) -> str:
    names = [one.name for one in collection.schema.fields if one.dtype in VECTORS]
    if not name and len(names) > 1:
        raise _bad_search(
            f"search without annsField, but already found multiple vector fields: [{names[0]}, {names[1]},,,]: "
            "invalid parameter"
        )
    if name and name not in names:
        raise _bad_search(f"cannot find a vector field: field not found[field={name}]")
    return name or names[0]


def _vectors_of(collection: Collection, anns_field: str, ids: list[Any]) -> list[Any]:
    keys, primary = keys_of(collection, ids), primary_field(collection).name
    rows = {row[primary]: row[anns_field] for row in collection.get(keys, output_fields=[primary, anns_field])}
    missing = [key for key in keys if key not in rows]
    if missing:
        raise MilvusError(INVALID_PARAMETER, f"no entities with the primary keys {missing}: invalid parameter")
    return [rows[key] for key in keys]


def _query_vector(collection: Collection, anns_field: str, value: Any) -> Any:
    one = next(one for one in collection.schema.fields if one.name == anns_field)
    if one.dtype == DataType.FLOAT_VECTOR and isinstance(value, list) and len(value) != one.dim:
        raise _bad_search(
            f"dimension: {one.dim}, but length of []float: {len(value)}: "
            f"invalid parameter[expected=FloatVector][actual={str(value)[:200]}]"
        )
    return sparse(value)


def _search_params(given: dict[str, Any]) -> dict[str, Any]:
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


def _metric(collection: Collection, field_name: str, metric: Any) -> str:
    """The metric to search with, which is that of the index: Milvus Lite would search with any."""
    own: str = collection.resolve_search_metric(field_name, None)
    wanted: str = collection.resolve_search_metric(field_name, metric)
    if wanted != own:
        raise MilvusError(
            INVALID_PARAMETER, f"metric type not match: invalid parameter[expected={own}][actual={wanted}]"
        )
    return wanted


def _check_window(limit: int, offset: int) -> None:
    if limit < 0 or offset < 0 or limit + offset > MAX_LIMIT:
        raise MilvusError(
            INVALID_PARAMETER,
            "invalid max query result window, "
            f"(offset+limit) should be in range [1, {MAX_LIMIT}], but got {limit + offset}: invalid parameter",
        )


def _check_limits(limit: int, offset: int) -> None:
    for name, number in (("topk", limit), ("offset", offset or 1), ("offset+topk", limit + offset)):
        if not 1 <= number <= MAX_LIMIT:
            raise MilvusError(
                INVALID_PARAMETER,
                f"{name} [{number}] is invalid, it should be in range [1, {MAX_LIMIT}], but got {number}: "
                "invalid parameter",
            )


def _bad_search(problem: str) -> MilvusError:
    return MilvusError(INVALID_JSON, f"can only accept json format request, error: {problem}")


ROUTES: Routes = {
    "/entities/query": (QueryReqV2, query),
    "/entities/get": (CollectionIDReq, get),
    "/entities/search": (SearchReqV2, search),
    "/entities/hybrid_search": (HybridSearchReq, hybrid_search),
    "/entities/advanced_search": (HybridSearchReq, hybrid_search),
}
