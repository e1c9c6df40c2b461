"""What a job's progress means to somebody who waits for it."""

from __future__ import annotations

from enum import Enum

from airflow_provider_milvus.rest.import_jobs import ImportProgress, ImportState

# A job that failed for one of these reasons may well succeed when it is submitted again later.
_TRANSIENT_REASONS = ("import timeout", "disk quota", "no slot", "slot exhausted", "memory limit")


class Outcome(Enum):
    """What became of a job, as far as its last progress shows."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    NEEDS_COMMIT = "needs commit"
    UNKNOWN = "unknown"


def outcome(progress: ImportProgress | None, target_state: ImportState = ImportState.COMPLETED) -> Outcome:
    """Decide by a job's state alone; ``progress`` in percent never decides.

    :param progress: the last progress, or ``None`` where the server knows no such job.
    :param target_state: ``Completed``, or ``Uncommitted`` for the first phase of a two-phase import.
    """
    if progress is None:
        return Outcome.UNKNOWN
    if progress.state in (target_state, ImportState.COMPLETED):
        return Outcome.DONE
    if progress.state is ImportState.FAILED:
        return Outcome.FAILED
    if progress.state is ImportState.UNCOMMITTED:
        return Outcome.NEEDS_COMMIT
    return Outcome.RUNNING


def refusal(rows: int, expected_rows: int | None, min_rows: int | None) -> str | None:
    """Why so many rows are not right, or ``None``."""
    if expected_rows is not None and rows != expected_rows:
        return f"it has {rows:,} rows, and expected_rows={expected_rows:,}"
    if min_rows is not None and rows < min_rows:
        return f"it has {rows:,} rows, and min_rows={min_rows:,}"
    return None


def is_transient(progress: ImportProgress) -> bool:
    """Whether a failed job may succeed when the same files are submitted again later."""
    reason = failure_reason(progress).lower()
    return any(text in reason for text in _TRANSIENT_REASONS)


def failure_reason(progress: ImportProgress) -> str:
    """The job's reason, else its first file's, else a sentence that Milvus gave none."""
    return (
        progress.reason
        or next((file.reason for file in progress.failed_files if file.reason), "")
        or "Milvus gave no reason; its data node's log has it"
    )
