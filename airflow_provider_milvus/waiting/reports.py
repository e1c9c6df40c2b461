"""What a waiting task reports of its jobs while they run. The import view in Airflow's UI shows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from airflow_provider_milvus.rest.import_jobs import ImportJob, ImportProgress
from airflow_provider_milvus.waiting.event import MAX_REASON_LENGTH, bounded, bounded_text

XCOM_KEY = "import_progress"
INTERVAL_SECONDS = 60.0
# Of all jobs of a report together.
MAX_FILES = 50

Report = list[dict[str, Any]]
# The last progress of a job, and what a list of jobs reported later, if it did.
Known = tuple[ImportProgress, ImportJob | None]


class Reports:
    """Sends reports on, at most one a minute.

    :param send: gets the progress of all jobs as dicts of JSON values. What it raises ends no wait.
    :param first_after: seconds to the first report.
    :param clock: the time in seconds.
    """

    __slots__ = ("_clock", "_next", "_send")

    def __init__(
        self, send: Callable[[Report], None], *, first_after: float = 0.0, clock: Callable[[], float] | None = None
    ) -> None:
        self._send = send
        self._clock = clock or time.monotonic
        self._next = self._clock() + first_after

    def offer(self, jobs: Callable[[], Iterable[Known]], log: Any) -> None:
        """Send a report of these jobs, unless the last one was sent less than a minute ago."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + INTERVAL_SECONDS
        try:
            self._send(report(jobs()))
        except Exception as error:
            log.warning("The progress could not be reported: %s", bounded_text(str(error)))


def report(jobs: Iterable[Known]) -> Report:
    """The progress of jobs with their files: those that failed before others, and no more than 50 in all."""
    known = list(jobs)
    entries = [_entry(progress, listed) for progress, listed in known]
    room = MAX_FILES
    for failed in (True, False):
        for (progress, _), entry in zip(known, entries, strict=True):
            files = [file for file in progress.files if file.failed is failed][:room]
            entry["files"] += [
                {
                    "name": bounded_text(file.name),
                    "state": bounded_text(file.state),
                    "progress": file.progress,
                    "imported_rows": file.imported_rows,
                    "total_rows": file.total_rows,
                    "reason": bounded_text(file.reason, MAX_REASON_LENGTH),
                }
                for file in files
            ]
            room -= len(files)
    return entries


def _entry(progress: ImportProgress, listed: ImportJob | None) -> dict[str, Any]:
    entry = {key: bounded(value) for key, value in progress.as_dict().items()}
    if listed is not None:
        entry |= {"state": listed.state.value, "progress": listed.progress}
    return {**entry, "files": [], "file_count": len(progress.files)}


def labelled(
    jobs: Iterable[Mapping[str, Any]], *, single: bool, milvus_conn_id: str, database: str | None, two_phase: bool
) -> Any:
    """The value of the XCom ``import_progress``: jobs, with their server's connection; one dict where ``single``."""
    labels = {"milvus_conn_id": milvus_conn_id, "database": database, **({"two_phase": True} if two_phase else {})}
    value = [{**job, **labels} for job in jobs]
    return next(iter(value), None) if single else value
