"""The REST routes of compaction: `/v2/vectordb/collections/{compact,get_compaction_state}`."""

from dataclasses import dataclass
from typing import Any

from airflow_provider_milvus.local.routes.services import CollectionNameReq, Request, Routes, Services

# The id of a compaction that had nothing to merge.
NOTHING = -1


@dataclass(kw_only=True)
class CompactReq(CollectionNameReq):
    """Body of `compact`."""


@dataclass(kw_only=True)
class GetCompactionStateReq(Request):
    """Body of `get_compaction_state`."""

    job_id: int = 0


def compact(services: Services, request: CompactReq) -> dict[str, int]:
    """Merge small segments where Milvus Lite has enough of them; it is done when the response comes."""
    with services.engine.write_lock:
        merges = services.engine.compact(request.collection(services))
    if not merges:
        return {"compactionID": NOTHING}
    number = services.table.next_id()
    services.compactions[number] = merges
    return {"compactionID": number}


def get_compaction_state(services: Services, request: GetCompactionStateReq) -> dict[str, Any]:
    """How far a compaction is. As on a cluster, one that nobody knows has ended."""
    return {
        "compactionID": request.job_id,
        "state": "Completed",
        "executingPlanNumber": 0,
        "timeoutPlanNumber": 0,
        "completedPlanNumber": services.compactions.get(request.job_id, 0),
    }


ROUTES: Routes = {
    "/collections/compact": (CompactReq, compact),
    "/collections/get_compaction_state": (GetCompactionStateReq, get_compaction_state),
}
