"""Sentences about import jobs, for logs and events. Those about many jobs name the first of them and count the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice

from airflow_provider_milvus.rest.import_jobs import ImportProgress
from airflow_provider_milvus.waiting.event import MAX_REASON_LENGTH, bounded_text
from airflow_provider_milvus.waiting.outcome import failure_reason

MAX_JOBS_IN_MESSAGE = 20
IMPORT_JOB = "import job"
# What Milvus reports of a Parquet column that has another type than its field (importutilv2/parquet/util.go).
WRONG_TYPE = "type mis-match, expect arrow type"
HOW_TO_CAST = "check_files=True reports all such columns, and how to cast each"


def joined(texts: Iterable[str], total: int, separator: str = ", ") -> str:
    """The first of ``total`` texts, and how many more there are."""
    shown = list(islice(texts, MAX_JOBS_IN_MESSAGE))
    more = total - len(shown)
    return separator.join([*shown, f"and {more:,} more"] if more > 0 else shown)


def progress_line(progress: ImportProgress, noun: str = IMPORT_JOB) -> str:
    """State, percent and rows of a running job."""
    total = f" of {progress.total_rows:,}" if progress.total_rows else ""
    return (
        f"{noun.capitalize()} {progress.job_id}: {bounded_text(progress.state_text)}, {progress.progress} %, "
        f"{progress.imported_rows:,}{total} rows"
    )


def state(progress: ImportProgress | None) -> str:
    """The last known state of a job and its percent."""
    return f"{bounded_text(progress.state_text)}, {progress.progress} %" if progress else "never seen"


def reason(progress: ImportProgress) -> str:
    """Why a job failed."""
    return bounded_text(failure_reason(progress), MAX_REASON_LENGTH)


def completed(progress: ImportProgress, noun: str = IMPORT_JOB) -> str:
    """What a job has loaded."""
    return (
        f"{noun.capitalize()} {progress.job_id} {bounded_text(progress.state_text)}: {progress.imported_rows:,} rows, "
        f"{progress.file_size:,} bytes, {len(progress.files)} file(s) into {_collection(progress)}{_duration(progress)}"
    )


def failed(progress: ImportProgress, noun: str = IMPORT_JOB) -> str:
    """That a job failed, and why."""
    why = reason(progress)
    hint = f"; {HOW_TO_CAST}" if WRONG_TYPE in why else ""
    return f"{noun} {progress.job_id} into {_collection(progress)} failed: {why}{hint}"


def gone(job_ids: Sequence[str], last: Sequence[ImportProgress | None], noun: str = IMPORT_JOB) -> str:
    """That the records of jobs are gone, and what that means.

    :param last: the last known progress of each.
    """
    pairs = list(zip(job_ids, last, strict=True))
    seen = [f"{job_id} (last seen {state(progress)})" for job_id, progress in pairs if progress]
    never = [job_id for job_id, progress in pairs if not progress]
    parts = []
    if seen:
        parts.append(f"the record of {noun} {joined(seen, len(seen))} is gone")
    if never:
        ids = joined(never, len(never))
        parts.append(f"the server has no record of {noun} {ids}: wrong id, another server, or expired")
    return (
        f"{'; '.join(parts)}. Milvus drops the record of an ended job after 3 hours (48 hours from 2.6.24 and 3.0.2), "
        f"so it may have completed or failed: count the collection's rows before you load the files again"
    )


def time_text(epoch: float) -> str:
    """A time in ISO 8601, or its seconds where it is beyond the calendar."""
    try:
        return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return f"{epoch:g} s"


def seconds_between(begin: str, end: str) -> float | None:
    """The seconds between two of Milvus's times; ``None`` where one of them is no time."""
    try:
        return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def _collection(progress: ImportProgress) -> str:
    return bounded_text(progress.collection_name) or "(unnamed collection)"


def _duration(progress: ImportProgress) -> str:
    seconds = seconds_between(progress.create_time, progress.complete_time)
    return f" in {seconds:,.0f} s" if seconds and seconds > 0 else ""
