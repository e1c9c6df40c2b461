"""The wait for one import job or for several: their last progress, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from airflow_provider_milvus.rest.errors import MilvusError, MilvusImportJobNotFound
from airflow_provider_milvus.rest.import_jobs import ImportJob, ImportProgress, ImportState
from airflow_provider_milvus.waiting import messages
from airflow_provider_milvus.waiting.event import Event, failed_files, import_event
from airflow_provider_milvus.waiting.job_ids import as_list, is_list
from airflow_provider_milvus.waiting.outcome import Outcome, is_transient, outcome
from airflow_provider_milvus.waiting.reports import Reports
from airflow_provider_milvus.waiting.wait import LOG_INTERVAL_SECONDS, Wait

# Right after create the coordinator may not list the job yet, so one "does not exist" proves nothing.
POLLS_FOR_A_MISSING_JOB = 3
MISSING_JOB_INTERVAL_SECONDS = 1.0
# A change is logged at once where it is one of the state or of so many percent, else once a minute.
LOG_PERCENT_STEP = 10
ENDED = (Outcome.DONE, Outcome.FAILED)


class _Job:
    __slots__ = ("first_rows", "first_seen", "listed", "logged", "logged_at", "missing", "progress", "warned")

    def __init__(self) -> None:
        self.progress: ImportProgress | None = None
        self.listed: ImportJob | None = None
        self.first_seen = 0.0
        self.first_rows = 0
        self.missing = 0
        self.warned = ""
        self.logged = ("", 0, 0)
        self.logged_at = 0.0


class ImportWait(Wait):
    """The state of one wait for import jobs. Each poll costs in proportion to the jobs that it is about.

    :param job_ids: one id, or a list of them; an event has them in the same form.
    :param target_state: ``Completed``, or ``Uncommitted`` for the first phase of a two-phase import.
    :param fail_fast: whether the first failed job ends the wait, or the last of all jobs to end.
    :param reports: gets the progress of the jobs whenever a change of it is logged.
    :param noun: what messages call such a job.
    :param options: as for every :class:`~airflow_provider_milvus.waiting.wait.Wait`.
    :raises ValueError: for anything that is no id or list of ids.
    """

    __slots__ = (
        *("_failed_jobs", "_gone_jobs", "_jobs", "_missing", "_open", "_reports"),
        *("fail_fast", "job_ids", "noun", "target_state"),
    )

    def __init__(
        self,
        job_ids: str | Sequence[str],
        *,
        target_state: ImportState = ImportState.COMPLETED,
        fail_fast: bool = True,
        reports: Reports | None = None,
        noun: str = messages.IMPORT_JOB,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        ids = as_list(job_ids)
        if not ids:
            raise ValueError(f"job_id must be the id of an import job, or a list of at least one id, got {job_ids!r}")
        self.job_ids = ids if is_list(job_ids) else ids[0]
        self.target_state = target_state
        self.fail_fast = fail_fast
        self._jobs = {job_id: _Job() for job_id in ids}
        # Dicts keep the order of the ids, as a set would not.
        self._open = dict.fromkeys(ids)
        self._failed_jobs: dict[str, None] = {}
        self._gone_jobs: dict[str, None] = {}
        self._missing = 0
        self._reports = reports
        self.noun = noun

    @property
    def pending(self) -> list[str]:
        """The ids of the jobs that have not ended."""
        return list(self._open)

    def is_pending(self, job_id: str) -> bool:
        """Whether a job has not ended, as far as its last progress shows."""
        return job_id in self._open

    @property
    def progress(self) -> list[ImportProgress]:
        """The last progress of each job that was found, in the order of the ids."""
        return [job.progress for job in self._jobs.values() if job.progress]

    @property
    def doubtful(self) -> bool:
        """Whether a job was not found, but not often enough to believe it, and the server responds."""
        return not self._failed.failures and self._missing > 0

    def record_status(self, job_id: str, progress: ImportProgress) -> None:
        """Record a response of ``describe``."""
        job = self._jobs[job_id]
        before, job.progress, job.listed = job.progress, progress, None
        self._record_found(job_id, job)
        if before is None:
            job.first_seen, job.first_rows = self._clock(), progress.imported_rows
        found = outcome(progress, self.target_state)
        self._sort(job_id, found)
        # How a single job ended is in the event, whose message the task logs.
        ended = found in ENDED and len(self._jobs) == 1
        if not ended and self._is_worth_logging(job, progress.state_text, progress.progress, progress.imported_rows):
            self._log.info("%s%s", messages.progress_line(progress, self.noun), self._rate(job))
            self._offer_report()
        if len(self._jobs) > 1 and found is Outcome.FAILED:
            self._log.warning("%s %s failed: %s", self.noun.capitalize(), job_id, messages.reason(progress))
        self._warn_once(job, found)

    def record_summary(self, job_id: str, listed: ImportJob, log: bool = True) -> None:
        """Record what a list of jobs reports of one that runs. It decides nothing.

        :param log: whether a change is worth a log line now.
        """
        job = self._jobs[job_id]
        job.listed = listed
        self._record_found(job_id, job)
        if log and self._is_worth_logging(job, listed.state.value, listed.progress, job.logged[2]):
            self._log.info("%s %s: %s, %d %%", self.noun.capitalize(), job_id, listed.state.value, listed.progress)
            self._offer_report()

    def record_error(self, job_id: str, error: MilvusError) -> bool:
        """Record a failed poll.

        :return: whether the error is the job's own, so that polling the others makes sense.
        """
        if not isinstance(error, MilvusImportJobNotFound):
            self._record_failed_poll(f"{self.noun} {job_id}", error)
            return False
        job = self._jobs[job_id]
        self._failed.reset()
        self._missing += job.missing == 0
        job.missing += 1
        if job.missing >= POLLS_FOR_A_MISSING_JOB:
            self._gone_jobs[job_id] = None
        return True

    def delay(self) -> float:
        """Seconds to the next poll; a job that was not found is polled again soon."""
        if self._missing and self.doubtful:
            return min(self.poll_interval, MISSING_JOB_INTERVAL_SECONDS, self.remaining)
        return super().delay()

    def event(self) -> Event | None:
        """How the wait ended, or ``None`` while it goes on."""
        if self._failed_jobs and (self.fail_fast or not self._open):
            return self._failure()
        if self._gone_jobs:
            gone = list(self._gone_jobs)
            return self._event(
                "unknown", messages.gone(gone, [self._jobs[job_id].progress for job_id in gone], self.noun)
            )
        if not self._open:
            # A job that is done has its progress.
            done = (messages.completed(job.progress, self.noun) for job in self._jobs.values() if job.progress)
            return self._event("success", messages.joined(done, len(self._jobs), "; "))
        if self._is_unreachable:
            ids = messages.joined(self._open, len(self._open))
            return self._event(
                "unreachable",
                f"gave up polling {self.noun} {ids} after {self._failed.failures} failed polls; it may still be "
                f"running. The last error: {self._failed.error}",
            )
        if self._is_late and self.deadline is not None:
            if self._failed_jobs:
                return self._failure()
            states = (f"{job_id} ({messages.state(self._jobs[job_id].progress)})" for job_id in self._open)
            return self._event(
                "timeout",
                f"{self.noun} {messages.joined(states, len(self._open))} had not come to {self.target_state} at "
                f"{messages.time_text(self.deadline)}",
            )
        return None

    def _event(self, status: str, message: str, **more: Any) -> Event:
        imports = [{**job.progress.as_dict(), "job_id": job_id} for job_id, job in self._jobs.items() if job.progress]
        return import_event(self.job_ids, self.target_state.value, status, message, imports, **more)

    def _failure(self) -> Event:
        failed = [progress for job_id in self._failed_jobs if (progress := self._jobs[job_id].progress)]
        files = [
            {"job_id": progress.job_id, "name": file.name, "reason": file.reason or file.state}
            for progress in failed
            for file in progress.failed_files
        ]
        return self._event(
            "failed",
            messages.joined((messages.failed(one, self.noun) for one in failed), len(failed), "; "),
            transient=all(map(is_transient, failed)),
            **failed_files(files),
        )

    def _offer_report(self) -> None:
        if self._reports is not None:
            self._reports.offer(
                lambda: ((job.progress, job.listed) for job in self._jobs.values() if job.progress), self._log
            )

    def _record_found(self, job_id: str, job: _Job) -> None:
        """The server has a record of the job."""
        self._record_response()
        if job.missing:
            self._missing -= 1
            job.missing = 0
            self._gone_jobs.pop(job_id, None)

    def _sort(self, job_id: str, found: Outcome) -> None:
        if found in ENDED:
            self._open.pop(job_id, None)
        else:
            self._open[job_id] = None
        if found is Outcome.FAILED:
            self._failed_jobs[job_id] = None
        else:
            self._failed_jobs.pop(job_id, None)

    def _is_worth_logging(self, job: _Job, state: str, percent: int, rows: int) -> bool:
        if (state, percent, rows) == job.logged:
            return False
        now = self._clock()
        if (
            state == job.logged[0]
            and abs(percent - job.logged[1]) < LOG_PERCENT_STEP
            and now < job.logged_at + LOG_INTERVAL_SECONDS
        ):
            return False
        job.logged, job.logged_at = (state, percent, rows), now
        return True

    def _rate(self, job: _Job) -> str:
        """Rows a second since the first poll, once rows have come in."""
        seconds = self._clock() - job.first_seen
        rows = job.progress.imported_rows - job.first_rows if job.progress else 0
        # A whole division, as a float cannot hold every number that a server may send.
        return f", {rows * 1000 // round(seconds * 1000):,} rows/s" if rows > 0 and seconds >= 0.001 else ""

    def _warn_once(self, job: _Job, found: Outcome) -> None:
        progress = job.progress
        if progress is None or progress.state_text == job.warned:
            return
        if progress.state is ImportState.UNKNOWN:
            self._log.warning(
                "Import job %s is in the state %r, which this version does not know; taken as still running",
                progress.job_id,
                progress.state_text[:100],
            )
        elif found is Outcome.NEEDS_COMMIT:
            self._log.warning(
                "Import job %s is Uncommitted: its rows stay invisible until somebody commits it", progress.job_id
            )
        else:
            return
        job.warned = progress.state_text


def wait_for(
    wait: ImportWait,
    describe: Callable[[str], ImportProgress],
    *,
    until: float | None = None,
    sleep: Callable[[float], None] | None = None,
) -> Event | None:
    """Poll in this process until the wait has ended.

    :param describe: fetches the progress of one job.
    :param until: epoch seconds after which to return ``None``, after at least one poll.
    """
    while True:
        for job_id in wait.pending:
            try:
                wait.record_status(job_id, describe(job_id))
            except MilvusError as error:
                if not wait.record_error(job_id, error):
                    break
            if wait.is_overdue:
                break
        if event := wait.event():
            return event
        delay = wait.delay()
        if until is not None and time.time() + delay > until and not wait.doubtful:
            return None
        (sleep or time.sleep)(delay)
