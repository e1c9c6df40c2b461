"""The REST routes that read entities: `/v2/vectordb/entities/{query,get,search,hybrid_search}`."""

from typing import Any

from milvus_lite.engine.collection import Collection

from airflow_provider_milvus.local.errors import MilvusError
from airflow_provider_milvus.local.lite.counting import count_rows
from airflow_provider_milvus.local.lite.hybrid import Hits, Rerank, merged, scored
from airflow_provider_milvus.local.lite.vector_types import held_types
from airflow_provider_milvus.local.routes.collection_requests import check_consistency_level
from airflow_provider_milvus.local.routes.loading import require_loaded, require_partitions
from airflow_provider_milvus.local.routes.responses import Reply
from airflow_provider_milvus.local.routes.rows import (
    COUNT,
    expression,
    fields_to_read,
    keys_of,
    primary_field,
    shown_rows,
)
from airflow_provider_milvus.local.routes.search_requests import (
    INVALID_PARAMETER,
    CollectionIDReq,
    GroupReq,
    HybridSearchReq,
    QueryReqV2,
    ReadReq,
    SearchReqV2,
    SubSearchReq,
    check_group,
    check_ids,
    check_limits,
    check_search_by,
    check_window,
    metric_of,
    query_vectors,
    refuse_aggregation,
    search_params,
    vector_field,
)
from airflow_provider_milvus.local.routes.services import Routes, Services


def query(services: Services, request: QueryReqV2) -> Reply:
    """The rows for which the filter holds, or their number."""
    collection = _readable(services, request)
    partitions = request.partition_names or None
    where = expression(request.filter, request.expr_params)
    refuse_aggregation(request.output_fields)
    if COUNT in request.output_fields:
        count = count_rows(collection, where, partitions)
        return Reply(shown_rows(request, collection, [{COUNT: count}]), {"cost": 0})
    if where is None and request.limit == 0:
        raise MilvusError(INVALID_PARAMETER, "empty expression should be used with limit: invalid parameter")
    check_window(request.limit, request.offset)
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
    check_search_by(services, request)
    anns_field = vector_field(services, collection, request.anns_field)
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
    found = scored(_search(collection, request, one), metric_of(collection, anns_field, None))
    return _reply(request, collection, found)


def hybrid_search(services: Services, request: HybridSearchReq) -> Reply:
    """The nearest rows of several searches, merged."""
    collection = _readable(services, request)
    check_limits(request.limit, request.offset)
    strategy = request.rerank.strategy or "rrf"
    if not request.search or strategy not in ("rrf", "weighted"):
        problem = "no search request" if not request.search else f"unsupported rank type {strategy}"
        raise MilvusError(INVALID_PARAMETER, f"{problem}: invalid parameter")
    routes = []
    for one in request.search:
        one.anns_field = vector_field(services, collection, one.anns_field)
        one.limit = one.limit or request.limit
        metric = metric_of(collection, one.anns_field, one.metric_type or None)
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
    check_limits(one.limit, one.offset)
    params = search_params(one.params)
    metric = one.metric_type or params.get("metricType") or params.get("metric_type")
    vectors = query_vectors(collection, one.anns_field, one.data)
    hybrid = isinstance(request, HybridSearchReq)
    check_group(collection, request.grouping_field)
    fields = fields_to_read(collection, request.output_fields) if request.output_fields else []
    if hybrid and request.grouping_field and fields is not None:
        fields = [*fields, request.grouping_field]
    group = {"group_by_field": request.grouping_field, "strict_group_size": request.strict_group_size}
    found: Hits = collection.search(
        vectors,
        top_k=one.limit,
        metric_type=metric_of(collection, one.anns_field, metric),
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


def _vectors_of(collection: Collection, anns_field: str, ids: list[Any]) -> list[Any]:
    check_ids(ids, primary_field(collection))
    keys, primary = keys_of(collection, ids), primary_field(collection).name
    rows = {row[primary]: row[anns_field] for row in collection.get(keys, output_fields=[primary, anns_field])}
    missing = [key for key in keys if key not in rows]
    if missing:
        raise MilvusError(INVALID_PARAMETER, f"no entities with the primary keys {missing}: invalid parameter")
    held = anns_field in held_types(collection.schema)
    return [tuple(rows[key]) if held else rows[key] for key in keys]


ROUTES: Routes = {
    "/entities/query": (QueryReqV2, query),
    "/entities/get": (CollectionIDReq, get),
    "/entities/search": (SearchReqV2, search),
    "/entities/hybrid_search": (HybridSearchReq, hybrid_search),
    "/entities/advanced_search": (HybridSearchReq, hybrid_search),
}
