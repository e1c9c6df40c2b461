"""The REST routes of snapshots: `/v2/vectordb/snapshots/*` and `/v2/vectordb/jobs/snapshot/*`, from 3.0.1.

Paths and requests are those of Milvus's documentation and of milvus#52172. What `list` and `describe` of snapshots
respond with is the shape of its SDKs in the spelling of its REST API.
"""

import re
from dataclasses import dataclass
from typing import Any

from airflow_provider_milvus.local.errors import MilvusError
from airflow_provider_milvus.local.lite.snapshots import INVALID_PARAMETER
from airflow_provider_milvus.local.routes.binding import required
from airflow_provider_milvus.local.routes.import_jobs import JobIDReq, OptionalCollectionNameReq
from airflow_provider_milvus.local.routes.services import CollectionNameReq, Request, Routes, Services

# Milvus holds a snapshot's name to the rules of a collection's.
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}", re.ASCII)


@dataclass(kw_only=True)
class SnapshotReq(CollectionNameReq):
    """A request about one snapshot."""

    snapshot_name: str = required()


@dataclass(kw_only=True)
class CreateSnapshotReq(SnapshotReq):
    """Body of `create`."""

    description: str = ""
    compaction_protection_seconds: int = 0


@dataclass(kw_only=True)
class PinSnapshotReq(SnapshotReq):
    """Body of `pin`."""

    ttl_seconds: int = 0


@dataclass(kw_only=True)
class UnpinSnapshotReq(Request):
    """Body of `unpin`."""

    pin_id: int = required()


@dataclass(kw_only=True)
class RestoreSnapshotReq(Request):
    """Body of `restore`."""

    source_collection_name: str = required()
    snapshot_name: str = required()
    target_collection_name: str = required()
    target_db_name: str = ""


def create(services: Services, request: CreateSnapshotReq) -> None:
    """Keep a collection as it is."""
    if not NAME.fullmatch(request.snapshot_name):
        raise MilvusError(INVALID_PARAMETER, f"Invalid snapshot name: {request.snapshot_name}: invalid parameter")
    collection = request.collection(services)
    services.snapshots.create(request.db_name, collection, request.snapshot_name, request.description)


def drop(services: Services, request: SnapshotReq) -> None:
    """Drop a snapshot; there need not be one."""
    services.snapshots.drop(request.collection(services), request.snapshot_name)


def list_snapshots(services: Services, request: CollectionNameReq) -> dict[str, list[str]]:
    """The names of a collection's snapshots."""
    return {"snapshots": services.snapshots.names(request.collection(services))}


def describe(services: Services, request: SnapshotReq) -> dict[str, Any]:
    """What a snapshot is of."""
    return services.snapshots.describe(request.collection(services), request.snapshot_name)


def pin(services: Services, request: PinSnapshotReq) -> dict[str, int]:
    """Keep a snapshot from being dropped."""
    return {"pinId": services.snapshots.pin(request.collection(services), request.snapshot_name, request.ttl_seconds)}


def unpin(services: Services, request: UnpinSnapshotReq) -> None:
    """No longer."""
    services.snapshots.unpin(request.pin_id)


def restore(services: Services, request: RestoreSnapshotReq) -> dict[str, int]:
    """Begin to make a new collection of a snapshot."""
    source = services.engine.collection(request.db_name, request.source_collection_name)
    target_db = request.target_db_name or request.db_name
    job_id = services.snapshots.restore(target_db, source, request.snapshot_name, request.target_collection_name)
    return {"jobId": job_id}


def describe_restore(services: Services, request: JobIDReq) -> dict[str, Any]:
    """How far a restore is."""
    if not request.job_id.isdecimal():
        raise MilvusError(INVALID_PARAMETER, f"expected=int64 jobId, actual={request.job_id}: invalid parameter")
    return services.snapshots.describe_restore(int(request.job_id))


def list_restores(services: Services, request: OptionalCollectionNameReq) -> dict[str, list[dict[str, Any]]]:
    """The restores into a collection, or all of them."""
    return {"records": services.snapshots.restores(request.db_name, request.collection_name)}


ROUTES: Routes = {
    "/snapshots/create": (CreateSnapshotReq, create),
    "/snapshots/drop": (SnapshotReq, drop),
    "/snapshots/list": (CollectionNameReq, list_snapshots),
    "/snapshots/describe": (SnapshotReq, describe),
    "/snapshots/pin": (PinSnapshotReq, pin),
    "/snapshots/unpin": (UnpinSnapshotReq, unpin),
    "/snapshots/restore": (RestoreSnapshotReq, restore),
    "/jobs/snapshot/describe": (JobIDReq, describe_restore),
    "/jobs/snapshot/list": (OptionalCollectionNameReq, list_restores),
}
