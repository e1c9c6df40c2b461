"""An import job as the view shows it: what tasks have reported of it, and what Milvus reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from airflow_provider_milvus import waiting
from airflow_provider_milvus.rest.import_jobs import ImportJob, ImportProgress
from airflow_provider_milvus.rest.values import count, percent, text

ENDED = ("Completed", "Failed")
# What a two-phase job can be in before its commit.
BEFORE_COMMIT = ("Pending", "Importing", "Uncommitted")
# Milvus makes the id of a job of the time and a counter of so many bits.
COUNTER_BITS = 18
OLDEST_ID_MS, NEWEST_ID_MS = 1_500_000_000_000, 4_000_000_000_000


class Key(NamedTuple):
    """What distinguishes jobs: two servers may use the same id."""

    conn_id: str
    database: str | None
    job_id: str


class Task(NamedTuple):
    """The task instance that reports a job."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int


@dataclass(slots=True)
class Job:
    """A job, from one source: a task's report or Milvus.

    :param as_of: when it was so, in epoch seconds.
    :param created: when it was created, in epoch seconds; 0 where that is not known.
    :param live: whether Milvus reports it.
    """

    key: Key
    as_of: float
    state: str = ""
    progress: int = 0
    imported_rows: int = 0
    total_rows: int = 0
    file_size: int = 0
    reason: str = ""
    collection: str = ""
    created: float = 0.0
    completed: float = 0.0
    two_phase: bool = False
    live: bool = False
    has_rows: bool = True
    rate: float = 0.0
    files: list[dict[str, Any]] = field(default_factory=list)
    file_count: int = 0

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def can_commit(self) -> bool:
        return self.live and self.state == "Uncommitted"

    @property
    def can_abort(self) -> bool:
        return self.live and (self.state == "Uncommitted" or (self.two_phase and self.state in BEFORE_COMMIT))

    def timing(self, now: float) -> dict[str, float | None]:
        """Age, duration, rows a second and seconds left, each ``None`` where it is not known."""
        began = self.created
        end = self.completed if self.ended else now
        duration = max(0.0, end - began) if began and end else None
        # A job that rests before its commit reads no rows, however long it rests.
        reads = self.state not in ("Uncommitted", "Committing")
        rate = self.rate or (self.imported_rows / duration if duration and reads else 0.0)
        left = None
        if not self.ended and duration:
            if rate and self.total_rows > self.imported_rows:
                left = (self.total_rows - self.imported_rows) / rate
            elif not self.imported_rows and 0 < self.progress < 100:
                left = duration * (100 - self.progress) / self.progress
        return {"age": now - began if began else None, "duration": duration, "rate": rate or None, "left": left}


def of_report(entry: Any, pushed: float) -> Job | None:
    """A job of a task's XCom ``import_progress``; ``None`` for anything that is none."""
    if not isinstance(entry, Mapping):
        return None
    job_id, conn_id = text(entry.get("job_id"), 200), text(entry.get("milvus_conn_id"), 250)
    if not job_id or not conn_id:
        return None
    files = entry.get("files")
    shown = [_file(file) for file in files if isinstance(file, Mapping)] if isinstance(files, list) else []
    return Job(
        Key(conn_id, text(entry.get("database"), 250) or None, job_id),
        pushed,
        state=text(entry.get("state"), 100),
        progress=percent(entry.get("progress")),
        imported_rows=count(entry.get("imported_rows")),
        total_rows=count(entry.get("total_rows")),
        file_size=count(entry.get("file_size")),
        reason=text(entry.get("reason")),
        collection=text(entry.get("collection_name")),
        created=seconds(entry.get("create_time")) or time_of_id(job_id),
        completed=seconds(entry.get("complete_time")),
        two_phase=entry.get("two_phase") is True,
        files=shown,
        file_count=max(count(entry.get("file_count")), len(shown)),
    )


def of_record(key: Key, listed: ImportJob, as_of: float) -> Job:
    """A job of Milvus's list, which has neither rows nor files."""
    return Job(
        key,
        as_of,
        state=listed.state.value,
        progress=100 if listed.state.value == "Completed" else listed.progress,
        reason=listed.reason,
        collection=listed.collection_name,
        created=time_of_id(key.job_id),
        live=True,
        has_rows=False,
    )


def of_progress(key: Key, progress: ImportProgress, as_of: float, rate: float = 0.0) -> Job:
    """A job that Milvus has described."""
    return Job(
        key,
        as_of,
        state=progress.state_text,
        progress=progress.progress,
        imported_rows=progress.imported_rows,
        total_rows=progress.total_rows,
        file_size=progress.file_size,
        reason=progress.reason,
        collection=progress.collection_name,
        created=seconds(progress.create_time) or time_of_id(key.job_id),
        completed=seconds(progress.complete_time),
        live=True,
        rate=rate,
        files=[
            {
                "name": file.name,
                "state": file.state,
                "progress": file.progress,
                "imported_rows": file.imported_rows,
                "total_rows": file.total_rows,
                "reason": file.reason,
            }
            for file in progress.files
        ],
        file_count=len(progress.files),
    )


def _file(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: text(entry.get(name)) for name in ("name", "state", "reason")},
        "progress": percent(entry.get("progress")),
        **{name: count(entry.get(name)) for name in ("imported_rows", "total_rows")},
    }


def seconds(time_text: Any) -> float:
    """A time of Milvus in epoch seconds; 0 for anything that is no time."""
    try:
        return datetime.fromisoformat(time_text).timestamp() if time_text else 0.0
    except (ValueError, TypeError, OverflowError, OSError):
        return 0.0


def time_of_id(job_id: str) -> float:
    """When Milvus gave a job its id, in epoch seconds; 0 where it is no id of Milvus."""
    milliseconds = int(job_id) >> COUNTER_BITS if job_id.isascii() and job_id.isdecimal() and len(job_id) < 20 else 0
    return milliseconds / 1000 if OLDEST_ID_MS < milliseconds < NEWEST_ID_MS else 0.0


def as_json(job: Job, now: float) -> dict[str, Any]:
    """What goes to the browser of a job, without its files."""
    bounded = waiting.event.bounded
    return {
        "conn_id": job.key.conn_id,
        "database": job.key.database,
        "job_id": job.key.job_id,
        "state": job.state,
        "progress": job.progress,
        "imported_rows": job.imported_rows if job.has_rows else None,
        "total_rows": job.total_rows if job.has_rows else None,
        "file_size": job.file_size,
        "reason": bounded(job.reason),
        "collection": bounded(job.collection),
        "created": job.created or None,
        "completed": job.completed or None,
        "two_phase": job.two_phase or job.state == "Uncommitted",
        "source": "milvus" if job.live else "task",
        "as_of": job.as_of,
        "file_count": job.file_count,
        "failed_files": sum(1 for file in job.files if file["state"] == "Failed" or file["reason"]),
        **job.timing(now),
    }
