"""``/jobs/import/*``: the requests that start, report, list, commit and abort import jobs, and their responses.

https://milvus.io/api-reference/restful/v2.6.x/v2/Import%20(v2)/Create.md and its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any

from airflow_provider_milvus.rest.decoding import LISTS
from airflow_provider_milvus.rest.envelope import Request
from airflow_provider_milvus.rest.errors import MilvusProtocolError
from airflow_provider_milvus.rest.import_source import EXTENSIONS, MAX_FILE_GROUPS, ImportSource, check_options
from airflow_provider_milvus.rest.values import count, first, percent, record, records, text

__all__ = [
    "EXTENSIONS",
    "MAX_FILE_GROUPS",
    "FileProgress",
    "ImportJob",
    "ImportProgress",
    "ImportSource",
    "ImportState",
    "abort",
    "check_options",
    "commit",
    "completed_by_collection",
    "create",
    "describe",
    "list_jobs",
    "parse_job",
    "parse_progress",
]

# Of a response: twice as many files as Milvus takes by default, and a set of some 60 NumPy files in one name.
MAX_FILES = 2 * MAX_FILE_GROUPS
MAX_FILE_NAME = 64_000
# More digits than a 64-bit number has.
USUAL_ID = 24
# Milvus's own limit, in bytes.
MAX_IDEMPOTENCY_KEY = 256


class ImportState(StrEnum):
    """The public states of an import job. ``Completed`` and ``Failed`` are final, all others pass."""

    PENDING = "Pending"
    IMPORTING = "Importing"
    UNCOMMITTED = "Uncommitted"
    COMMITTING = "Committing"
    COMPLETED = "Completed"
    FAILED = "Failed"
    UNKNOWN = "Unknown"
    """A state of a server newer than this package; the job is still running. ``raw["state"]`` has its text."""

    @classmethod
    def read(cls, value: Any) -> ImportState:
        name = value if type(value) is str else text(value)
        return _STATES.get(name, cls.UNKNOWN)


# Enums look a value up slowly, and a list has ten thousand. "InProgress" is Importing in Zilliz Cloud's list.
_STATES = {state.value: state for state in ImportState} | {"InProgress": ImportState.IMPORTING}


@dataclass(frozen=True)
class FileProgress:
    """One file of an import job, or one set of NumPy files. Sizes in bytes, ``progress`` in percent."""

    name: str
    state: str
    progress: int
    imported_rows: int
    total_rows: int
    file_size: int
    reason: str
    complete_time: str

    @property
    def failed(self) -> bool:
        return self.state == "Failed" or bool(self.reason)


@dataclass(frozen=True)
class ImportProgress:
    """What ``describe`` reports of an import job.

    Sizes are bytes, ``progress`` whole percent; times are the server's RFC 3339 text, empty where it sends
    none. ``progress`` is for showing: it falls to 0 when a job fails. ``raw`` is the server's own object,
    without secrets, and with values that can be stored anywhere.
    """

    job_id: str
    state: ImportState
    progress: int
    imported_rows: int
    total_rows: int
    file_size: int
    reason: str
    collection_name: str
    create_time: str
    complete_time: str
    files: tuple[FileProgress, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def failed_files(self) -> tuple[FileProgress, ...]:
        return tuple(file for file in self.files if file.failed)

    @property
    def state_text(self) -> str:
        """The state as the server spells it."""
        return text(self.raw.get("state"), 100) or self.state.value

    def as_dict(self) -> dict[str, Any]:
        """The job without its files, as a small dict of JSON values."""
        return {
            "job_id": self.job_id,
            "state": self.state_text,
            "progress": self.progress,
            "imported_rows": self.imported_rows,
            "total_rows": self.total_rows,
            "file_size": self.file_size,
            "reason": self.reason,
            "collection_name": self.collection_name,
            "create_time": self.create_time,
            "complete_time": self.complete_time,
        }


@dataclass(frozen=True)
class ImportJob:
    """One record of ``list``. Zilliz Cloud sends neither ``progress`` nor ``reason``."""

    job_id: str
    collection_name: str
    state: ImportState
    progress: int
    reason: str


def create(
    collection_name: str,
    source: ImportSource,
    *,
    partition_name: str | None = None,
    options: Mapping[str, Any] | None = None,
    storage: Mapping[str, str] | None = None,
    idempotency_key: str | None = None,
) -> Request[str]:
    """Start an import job; the response is its id.

    Sent twice it loads twice, so it is not repeatable.

    :param idempotency_key: Milvus from 2.6.24 and 3.0.2 on returns the id of the job that it started for the same key;
        older servers ignore it.
    :param storage: Zilliz Cloud: ``accessKey``, ``secretKey`` and ``token`` of the object storage.
    """
    if not isinstance(collection_name, str) or not collection_name.strip():
        raise ValueError(f"collection_name must be the name of a collection, got {collection_name!r}")
    if partition_name is not None and (not isinstance(partition_name, str) or not partition_name.strip()):
        raise ValueError(
            f"partition_name must be the name of a partition, or None for the default one, got {partition_name!r}"
        )
    if idempotency_key is not None:
        _check_idempotency_key(idempotency_key)
    return Request(
        "/jobs/import/create",
        {
            "collectionName": collection_name,
            "partitionName": partition_name,
            **source.fields(),
            "options": check_options(options) or None,
            **(storage or {}),
        },
        _job_id,
        repeatable=False,
        control_plane=True,
        headers={"Idempotency-Key": idempotency_key} if idempotency_key else {},
        secrets=tuple((storage or {}).values()),
    )


def _check_idempotency_key(key: Any) -> None:
    """Milvus takes the printable characters of ASCII; HTTP would drop spaces at either end."""
    good = isinstance(key, str) and key.isascii() and key.isprintable() and key == key.strip()
    if not good or not 1 <= len(key) <= MAX_IDEMPOTENCY_KEY:
        raise ValueError(
            f"idempotency_key must be 1 to {MAX_IDEMPOTENCY_KEY} printable ASCII characters without a space at either "
            f"end, such as 'books-2026-01-31', got {key!r:.120}"
        )


def describe(job_id: str) -> Request[ImportProgress]:
    """Report an import job. Servers before 2.4.13 know the same call as ``get_progress``."""
    make = partial(
        Request[ImportProgress],
        body=_job_body(job_id),
        parse=partial(parse_progress, job_id=str(job_id)),
        control_plane=True,
    )
    return make("/jobs/import/describe", fallback=make("/jobs/import/get_progress"))


def list_jobs(
    collection_name: str | None = None, *, page: int | None = None, page_size: int | None = None
) -> Request[dict[str, Mapping[str, Any]]]:
    """List the records of import jobs by job id, of one collection or of all; :func:`parse_job` reads one.

    :param page: counted from 1; only Zilliz Cloud pages, a self-hosted server sends everything at once.
    """
    body = {"collectionName": collection_name, "currentPage": page, "pageSize": page_size}
    return Request("/jobs/import/list", body, _records_by_id, control_plane=True, limit=LISTS)


def commit(job_id: str) -> Request[None]:
    """Make the rows of an uncommitted two-phase job visible (Milvus 3)."""
    return Request("/jobs/import/commit", _job_body(job_id), _nothing, control_plane=True)


def abort(job_id: str) -> Request[None]:
    """Discard a two-phase job that is not committed yet (Milvus 3)."""
    return Request("/jobs/import/abort", _job_body(job_id), _nothing, control_plane=True)


def _job_body(job_id: str | int) -> dict[str, str]:
    if type(job_id) is int:  # a template that is rendered natively makes a number of an id
        job_id = str(job_id)
    if not isinstance(job_id, str) or not job_id.strip():
        raise ValueError(f"job_id must be the id of an import job as a string, got {job_id!r:.120}")
    return {"jobId": job_id.strip()}


def _job_id(data: Any) -> str:
    job_id = text(first(record(data), "jobId", "jobID"))
    if not job_id:
        raise MilvusProtocolError("the server accepted the import but named no job id")
    return job_id


def _nothing(data: Any) -> None:
    return None


def parse_progress(data: Any, job_id: str = "") -> ImportProgress:
    """``describe``'s data as a value; what is missing or malformed is 0 or empty, never an exception but one.

    :param job_id: the id that was requested, where the response names none.
    :raises MilvusProtocolError: where it is no object or names no state.
    """
    job = record(data)
    if not text(job.get("state")):
        raise MilvusProtocolError("the response names no job state")
    state = ImportState.read(job["state"])
    details = _files(job.get("details"))
    return ImportProgress(
        job_id=text(first(job, "jobId", "jobID")) or job_id,
        state=state,
        progress=100 if state is ImportState.COMPLETED else percent(job.get("progress")),
        imported_rows=count(first(job, "importedRows", "importRows")),
        total_rows=count(job.get("totalRows")),
        file_size=count(job.get("fileSize")),
        reason=text(job.get("reason")),
        collection_name=text(job.get("collectionName")),
        create_time=text(job.get("createTime")),
        complete_time=text(job.get("completeTime")),
        files=tuple(map(_file, details)),
        raw={**job, "details": details} if isinstance(job.get("details"), list) else job,
    )


def _files(details: Any) -> list[dict[str, Any]]:
    """The details of files; those of failed ones first where there are more than any job has."""
    entries = [entry for entry in details if isinstance(entry, dict)] if isinstance(details, list) else []
    if len(entries) > MAX_FILES:
        entries.sort(key=lambda entry: entry.get("state") != "Failed" and not entry.get("reason"))
    return entries[:MAX_FILES]


def _file(entry: Mapping[str, Any]) -> FileProgress:
    name = text(entry.get("fileName"), MAX_FILE_NAME)
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    return FileProgress(
        name=name,
        state=text(entry.get("state")),
        progress=percent(entry.get("progress")),
        imported_rows=count(first(entry, "importedRows", "importRows")),
        total_rows=count(entry.get("totalRows")),
        file_size=count(entry.get("fileSize")),
        reason=text(entry.get("reason")),
        complete_time=text(entry.get("completeTime")),
    )


def parse_job(job: Mapping[str, Any]) -> ImportJob:
    """A record of ``list`` as a value; what is missing or malformed is 0 or empty."""
    return ImportJob(
        job_id=_listed_id(job),
        collection_name=text(job.get("collectionName")),
        state=ImportState.read(job.get("state")),
        progress=percent(job.get("progress")),
        reason=text(job.get("reason")),
    )


def completed_by_collection(listed: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """The ids of the completed ones of listed jobs, by the name of their collection."""
    found: dict[str, list[str]] = {}
    for job_id, job in listed.items():
        if ImportState.read(job.get("state")) is ImportState.COMPLETED:
            found.setdefault(text(job.get("collectionName")), []).append(job_id)
    return found


def _records_by_id(data: Any) -> dict[str, Mapping[str, Any]]:
    page = {"records": data} if isinstance(data, list) else record(data or {})
    return {_listed_id(job): job for job in records(page.get("records"))}


def _listed_id(job: Mapping[str, Any]) -> str:
    job_id = job.get("jobId")
    # The usual case, ten thousand times over.
    if type(job_id) is str and len(job_id) < USUAL_ID and job_id.isdecimal():
        return job_id
    return text(first(job, "jobId", "jobID"))
