"""``/snapshots/*`` and ``/jobs/snapshot/*``: snapshots of collections and their restores (Milvus 3.0.1).

https://milvus.io/docs/manage-snapshots.md; the routes are those of milvus#52172.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_milvus.rest.decoding import LISTS
from airflow_provider_milvus.rest.envelope import Request
from airflow_provider_milvus.rest.errors import MilvusProtocolError
from airflow_provider_milvus.rest.import_jobs import ImportProgress, parse_progress
from airflow_provider_milvus.rest.names import checked_name
from airflow_provider_milvus.rest.values import first, nothing, record, records, text

# The states of a restore, as those of an import that mean the same to somebody who waits.
STATES = {
    "RestoreSnapshotNone": "Pending",
    "RestoreSnapshotPending": "Pending",
    "RestoreSnapshotExecuting": "Importing",
    "RestoreSnapshotCompleted": "Completed",
    "RestoreSnapshotFailed": "Failed",
}


def flush(collection_name: str) -> Request[None]:
    """Write the collection's rows in memory to storage; a snapshot has no others."""
    return Request("/collections/flush", {"collectionName": checked_name("collection_name", collection_name)}, nothing)


def create_snapshot(collection_name: str, snapshot_name: str, description: str = "") -> Request[None]:
    """Keep the collection as it is now; refused where it has a snapshot of this name already."""
    body = {**_snapshot(collection_name, snapshot_name), "description": description}
    return Request("/snapshots/create", body, nothing, repeatable=False)


def list_snapshots(collection_name: str) -> Request[list[str]]:
    """The names of the collection's snapshots."""
    return Request(
        "/snapshots/list", {"collectionName": checked_name("collection_name", collection_name)}, _names, limit=LISTS
    )


def drop_snapshot(collection_name: str, snapshot_name: str) -> Request[None]:
    """Drop a snapshot. Nothing happens where there is none."""
    return Request("/snapshots/drop", _snapshot(collection_name, snapshot_name), nothing)


def restore_snapshot(collection_name: str, snapshot_name: str, target_collection_name: str) -> Request[str]:
    """Begin to restore a snapshot into a new collection; the response is the id of the job.

    :param collection_name: the collection that the snapshot is of.
    """
    body = {
        "sourceCollectionName": checked_name("collection_name", collection_name),
        "snapshotName": checked_name("snapshot_name", snapshot_name),
        "targetCollectionName": checked_name("target_collection_name", target_collection_name),
    }
    return Request("/snapshots/restore", body, _job_id, repeatable=False)


def describe_restore(job_id: str) -> Request[ImportProgress]:
    """Report the job of a restore, as an import's progress."""
    return Request("/jobs/snapshot/describe", {"jobId": str(job_id)}, lambda data: _progress(data, str(job_id)))


def list_restores(collection_name: str | None = None) -> Request[dict[str, Mapping[str, Any]]]:
    """The records of restore jobs by job id, of all or of one target collection, with the states of imports."""
    body = {"collectionName": collection_name}
    return Request("/jobs/snapshot/list", body, _records_by_id, limit=LISTS)


def _snapshot(collection_name: str, snapshot_name: str) -> dict[str, str]:
    return {
        "collectionName": checked_name("collection_name", collection_name),
        "snapshotName": checked_name("snapshot_name", snapshot_name),
    }


def _names(data: Any) -> list[str]:
    found = data if isinstance(data, list) else first(record(data or {}), "snapshots", "snapshotNames", "records") or []
    if not isinstance(found, list):
        raise MilvusProtocolError(f"expected a list of snapshots, got {type(found).__name__}")
    return [text(first(one, "snapshotName", "name") if isinstance(one, dict) else one) for one in found]


def _job_id(data: Any) -> str:
    job_id = text(first(record(data), "jobId"))
    if not job_id:
        raise MilvusProtocolError("the server accepted the restore but named no job id")
    return job_id


def _as_import(job: Mapping[str, Any]) -> dict[str, Any]:
    state = text(job.get("state"))
    return {**job, "jobId": text(job.get("jobId")), "state": STATES.get(state, state)}


def _progress(data: Any, job_id: str) -> ImportProgress:
    return parse_progress(_as_import(record(data)), job_id)


def _records_by_id(data: Any) -> dict[str, Mapping[str, Any]]:
    jobs = data if isinstance(data, list) else record(data or {}).get("records")
    return {job["jobId"]: job for job in map(_as_import, records(jobs))}
