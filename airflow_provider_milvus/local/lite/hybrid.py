"""Hits of searches as a cluster shows them, and those of several searches as one list, by Milvus Lite's rerankers."""

from dataclasses import dataclass
from typing import Any

from milvus_lite.adapter.grpc.function_chain import hit_score_for_chain
from milvus_lite.function.builder import build_hybrid_rerank_chain
from milvus_lite.function.dataframe import DataFrame
from milvus_lite.function.types import GROUP_SCORE_FIELD, ID_FIELD, SCORE_FIELD

# By query, its hits: each with `id`, `distance` and `entity`.
Hits = list[list[dict[str, Any]]]


@dataclass(frozen=True)
class Rerank:
    """How hits are merged: `strategy` "rrf" or "weighted", and how many of them are kept."""

    strategy: str
    params: dict[str, Any]
    limit: int
    offset: int = 0
    group_by: str | None = None
    group_size: int = 1


def merged(routes: list[tuple[str, Hits]], rerank: Rerank) -> Hits:
    """The hits of all routes, each with its metric, best first. Raises ValueError for a strategy that there is not."""
    frames = [DataFrame([[_flat(hit, metric) for hit in hits] for hits in found]) for metric, found in routes]
    chain = build_hybrid_rerank_chain(
        strategy=rerank.strategy,
        params=rerank.params,
        search_params={
            "limit": rerank.limit,
            "offset": rerank.offset,
            "group_by_field": rerank.group_by,
            "group_size": rerank.group_size,
            "metric_types": [metric for metric, _ in routes],
        },
    )
    result = chain.execute(*frames)
    return [[_hit(row) for row in result.chunk(number)] for number in range(result.num_chunks)]


def scored(found: Hits, metric: str) -> Hits:
    """The hits with the scores that a cluster shows: Milvus Lite turns those of BM25 around."""
    return [[{**hit, "distance": hit_score_for_chain(hit, metric)} for hit in hits] for hits in found]


def _flat(hit: dict[str, Any], metric: str) -> dict[str, Any]:
    return {**hit.get("entity", {}), ID_FIELD: hit["id"], SCORE_FIELD: hit_score_for_chain(hit, metric)}


def _hit(row: dict[str, Any]) -> dict[str, Any]:
    entity = {key: value for key, value in row.items() if key not in (ID_FIELD, SCORE_FIELD, GROUP_SCORE_FIELD)}
    return {"id": row[ID_FIELD], "distance": row[SCORE_FIELD], "entity": entity}
