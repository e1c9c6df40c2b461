"""The REST routes of import jobs: `/v2/vectordb/jobs/import/*`."""

import copy
import json
import re
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_provider_milvus.local.errors import MilvusError, PermissionDenied
from airflow_provider_milvus.local.importing.jobs import (
    COMMITTING,
    COMPLETED,
    FAILED,
    IMPORTING,
    UNCOMMITTED,
    FileProgress,
    Job,
)
from airflow_provider_milvus.local.lite.engine import DEFAULT_DATABASE
from airflow_provider_milvus.local.milvus_versions import Version
from airflow_provider_milvus.local.routes.binding import missing_fields, required
from airflow_provider_milvus.local.routes.import_requests import (
    IMPORT_FAILED,
    INVALID_PARAMETER,
    MAX_NUMBER_CHARS,
    ImportReq,
    check_auto_commit,
    check_files,
    check_key,
    check_target,
    check_there,
    import_failed,
    timeout_seconds,
)
from airflow_provider_milvus.local.routes.services import CollectionNameReq, Request, Routes, Services
from airflow_provider_milvus.local.users import User

# The interceptor of privileges returns an error of gRPC, which has no code of Milvus's.
PERMISSION_DENIED = 65535
IMPORT_FAILED_ON_SERVER = 2101
ASSIGNING, ASSIGNING_PROGRESS = "AssigningIDRange", range(35, 40)


@dataclass(kw_only=True)
class OptionalCollectionNameReq(Request):
    """Body of `list`."""

    collection_name: str = ""


@dataclass(kw_only=True)
class JobIDReq(Request):
    """Body of every request about one job."""

    job_id: str = required()


def create(services: Services, request: ImportReq) -> dict[str, str]:
    """Queue an import job. Whether the files exist and fit is found out by the job, not here.

    With an idempotency key that the collection has seen, the job it started is returned and nothing is queued.
    https://milvus.io/docs/idempotent-import.md
    """
    version = services.version
    if version.two_phase:
        check_auto_commit(request.options)
    options = request.texts
    _check_privilege(services, request)
    collection = request.collection(services)
    check_target(request, collection, has_partition_key=services.engine.buckets_of(collection) is not None)
    groups = [group for group in request.files if group]
    check_files(groups, options, version)
    if version.reads_at_submit:
        check_there(services.runner.bucket, groups)
    timeout = timeout_seconds(options)
    services.runner.expire()
    now = time.time()
    job = Job(
        id=services.table.next_id(),
        db_name=request.db_name,
        collection_name=collection.name,
        collection_id=services.engine.collection_id(collection),
        partition_name=request.partition_name,
        files=[FileProgress(group) for group in groups],
        options=options,
        created_at=now,
        deadline=None if timeout is None else now + timeout / services.runner.settings.speed,
        auto_commit=not version.two_phase or options.get("auto_commit", "").lower() != "false",
    )
    # A client that sends an empty key has none.
    key = request.headers.get("idempotency-key") or None if version.idempotency_keys else None
    # Those that come at the same time must not pass the limit together.
    with services.runner.lock:
        _check_limit(services)
        job_id = _save(services, job, key)
    if job_id == job.id:
        services.runner.submit(job)
    return {version.job_id_key: str(job_id)}


def describe(services: Services, request: JobIDReq) -> dict[str, Any]:
    """State, progress and row counts of one job. The job is found by its id alone, whatever the database."""
    job_id = _parse_id(request.job_id)
    if job_id is None:
        raise MilvusError(IMPORT_FAILED, f"parse job id failed, jobID={request.job_id}, err=%w: importing data failed")
    services.runner.expire()
    job = services.table.get(job_id)
    if job is None:
        raise _unknown_job(services.version, f"import job does not exist, jobID={job_id}")
    if services.version.guarded_jobs:
        _check_privilege_of_job(request, job)
    job = copy.copy(job)  # All of one moment.
    shown_rows = job.importing
    created = {"createTime": _rfc3339(job.created_at)} if services.version.create_time else {}
    return _without_empty_reason(
        {
            "jobId": str(job.id),
            **created,
            "collectionName": job.collection_name,
            "completeTime": _rfc3339(job.completed_at),
            "state": _public_state(services.version, job),
            "progress": job.progress,
            "importedRows": job.imported_rows if shown_rows else 0,
            "totalRows": job.total_rows if shown_rows else 0,
            "reason": job.reason,
            "fileSize": sum(file.size for file in job.files) if _has_details(job) else 0,
            "details": [_file_details(file) for file in job.files] if _has_details(job) else [],
        }
    )


def list_jobs(services: Services, request: OptionalCollectionNameReq) -> dict[str, Any]:
    """All jobs of a collection, or of every database when no collection is named."""
    if services.version.list_needs_collection and not request.collection_name:
        raise missing_fields([(CollectionNameReq, "collection_name")])
    services.runner.expire()
    jobs = [copy.copy(job) for job in services.table]
    if request.collection_name:
        collection = services.engine.collection(request.db_name, request.collection_name)
        wanted = services.engine.collection_id(collection)
        jobs = [job for job in jobs if job.collection_id == wanted]
    user = request.user
    if user is not None and services.version.guarded_jobs:
        jobs = [job for job in jobs if user.may_import(job.db_name, job.collection_name)]
    records = [
        _without_empty_reason(
            {
                "jobId": str(job.id),
                "collectionName": job.collection_name,
                "state": _public_state(services.version, job),
                "progress": job.progress,
                "reason": job.reason,
            }
        )
        for job in jobs
    ]
    return {"records": records}


def commit(services: Services, request: JobIDReq) -> None:
    """Make the rows of a resting two-phase job visible, in the background."""
    job = _ended_by_hand(services, request)
    if job.state in (COMMITTING, COMPLETED):
        return
    if job.state != UNCOMMITTED:
        raise import_failed(f"job {job.id} is in state {job.state}, expected Uncommitted")
    _check_manual(job)
    if not services.runner.commit(job):
        raise import_failed(f"job {job.id} is in state {job.state}, expected Uncommitted")


def abort(services: Services, request: JobIDReq) -> None:
    """Discard a two-phase job that is not committed yet."""
    job = _ended_by_hand(services, request)
    if job.state not in (COMMITTING, COMPLETED):
        _check_manual(job)
        if services.runner.abort(job):
            return
    raise import_failed(f"job {job.id} is in terminal/committed state {job.state}, abort not allowed")


def _ended_by_hand(services: Services, request: JobIDReq) -> Job:
    job_id = _parse_id(request.job_id)
    if job_id is None:
        problem = "value out of range" if re.fullmatch(r"[+-]?\d+", request.job_id, re.ASCII) else "invalid syntax"
        raise MilvusError(
            INVALID_PARAMETER,
            f"strconv.ParseInt: parsing {json.dumps(request.job_id)}: {problem}: "
            f"invalid parameter[expected=int64 jobId][actual={request.job_id}]",
        )
    services.runner.expire()
    job = services.table.get(job_id)
    if job is None:
        raise _unknown_job(services.version, f"job {job_id} not found")
    _check_privilege_of_job(request, job)
    return job


def _check_manual(job: Job) -> None:
    if job.auto_commit:
        raise import_failed(f"job {job.id} is auto-commit, manual commit/abort not allowed")


def _check_privilege(services: Services, request: ImportReq) -> None:
    if request.user is None:
        return
    # A cluster reads the header alone here, so a database that only the body names is refused.
    db_name = request.headers.get("db-name") or DEFAULT_DATABASE
    name = services.engine.db.resolve_collection_name(request.collection_name, db_name)
    if not request.user.may_import(db_name, name):
        raise _denied(request.user, db_name)


def _check_privilege_of_job(request: Request, job: Job) -> None:
    if request.user is not None and not request.user.may_import(job.db_name, job.collection_name):
        raise _denied(request.user, job.db_name)


def _denied(user: User, db_name: str) -> PermissionDenied:
    return PermissionDenied(
        PERMISSION_DENIED,
        f"rpc error: code = PermissionDenied desc = PrivilegeImport: permission deny to {user.name} in the "
        f"`{db_name}` database",
    )


def _parse_id(text: str) -> int | None:
    """A job id as a 64-bit integer."""
    if not re.fullmatch(r"[+-]?\d+", text, re.ASCII) or len(text) > MAX_NUMBER_CHARS:
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


def _check_limit(services: Services) -> None:
    limit = services.runner.settings.max_jobs
    if len(services.table.unfinished()) >= limit:
        raise import_failed(f"The number of jobs has reached the limit, please try again later. (limit={limit})")


def _save(services: Services, job: Job, key: str | None) -> int:
    """Write a new job; returns its id, or that of the job which the idempotency key had before."""
    if key is None:
        services.table.save(job)
        return job.id
    check_key(key)
    return services.table.add(job, key)


def _unknown_job(version: Version, message: str) -> MilvusError:
    if version.system_errors:
        return MilvusError(IMPORT_FAILED_ON_SERVER, f"{message}: importing data failed on server side")
    return import_failed(message)


def _public_state(version: Version, job: Job) -> str:
    # It comes after the files were counted and before they are imported.
    assigning = version.assigns_id_range and job.state == IMPORTING and job.progress in ASSIGNING_PROGRESS
    return ASSIGNING if assigning else job.state


def _has_details(job: Job) -> bool:
    # A cluster lists files only once import tasks exist. A job that failed before lists them too,
    # so that a client can name every bad file.
    return job.importing or job.state == FAILED


def _file_details(file: FileProgress) -> dict[str, Any]:
    progress = 100 * file.imported_rows // file.total_rows if file.total_rows else 0
    return _without_empty_reason(
        {
            "fileName": f"[{' '.join(file.paths)}]",
            "fileSize": file.size,
            "progress": 100 if file.state == COMPLETED else progress,
            "completeTime": _rfc3339(file.completed_at),
            "state": file.state,
            "importedRows": file.imported_rows,
            "totalRows": file.total_rows,
            "reason": file.reason,
        }
    )


def _without_empty_reason(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != "reason" or value}


def _rfc3339(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds").replace("+00:00", "Z")


ROUTES: Routes = {
    "/jobs/import/create": (ImportReq, create),
    "/jobs/import/list": (OptionalCollectionNameReq, list_jobs),
    "/jobs/import/describe": (JobIDReq, describe),
    "/jobs/import/get_progress": (JobIDReq, describe),
    "/jobs/import/commit": (JobIDReq, commit),
    "/jobs/import/abort": (JobIDReq, abort),
}
