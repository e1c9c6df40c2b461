"""The wait for one import job or for several: what was seen, what to do next, and how it ended.

An :class:`ImportWait` sends nothing and sleeps nowhere. The four waits of this package (poke, reschedule, synchronous
and deferred) feed it with answers and errors and do what it says, so that they cannot drift apart. It ends in an
*event*: a plain dict of JSON values that travels from the triggerer to the task as it is.

===============  ================================================================================================
``status``       meaning
===============  ================================================================================================
``success``      every job is ``Completed``, or ``Uncommitted`` where that was waited for
``failed``       a job is ``Failed``; ``healable`` tells whether time may heal its reason
``timeout``      the deadline passed; the jobs go on
``unknown``      the server has no record of a job (any more): it may have succeeded or failed
``unreachable``  the server could not be asked often enough, or refuses to answer; the jobs go on
===============  ================================================================================================

Every event has ``job_id`` (as it was asked for), ``goal`` (the state that was waited for), ``status``, ``message`` for
a person, and ``imports``, the figures of each job seen so far; a ``failed`` one has ``failed_files`` as well.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from airflow_provider_milvus.rest.errors import MilvusError, MilvusImportJobNotFound
from airflow_provider_milvus.rest.import_jobs import ImportJob, ImportProgress, ImportState
from airflow_provider_milvus.waiting import backoff
from airflow_provider_milvus.waiting.outcome import Outcome, failure_reason, heals_with_time, outcome

Event = dict[str, Any]


class Log(Protocol):
    """What is needed of a logger; Airflow's and the standard library's both are one."""

    def info(self, event: Any, /, *args: Any) -> Any: ...

    def warning(self, event: Any, /, *args: Any) -> Any: ...


# Right after create the coordinator may not list the job yet, so one "does not exist" proves nothing.
LOOKS_FOR_A_MISSING_JOB = 3
# What changed is told at once if it is the state or so many percent, else after so many seconds.
TOLD_PERCENT = 10
TOLD_SECONDS = 60.0
MAX_FILES_IN_EVENT = 50
ENDED = (Outcome.DONE, Outcome.FAILED)
MAX_REASON_LENGTH = 1000


class _Job:
    __slots__ = ("first_rows", "first_seen", "missing", "progress", "told", "told_at", "warned")

    def __init__(self) -> None:
        self.progress: ImportProgress | None = None
        self.first_seen = 0.0
        self.first_rows = 0
        self.missing = 0
        self.warned = ""
        self.told = ("", 0, 0)
        self.told_at = 0.0


class ImportWait:
    """The state of one wait.

    :param job_ids: one id, or a list of them; an event has them in the same form.
    :param goal: the state that is waited for: ``Completed``, or ``Uncommitted`` for the first phase of a two-phase
        import.
    :param poll_interval: the most seconds between two looks; a young job is looked at more often.
    :param deadline: epoch seconds after which the wait ends with ``timeout``; ``None`` waits for ever.
    :param max_poll_failures: looks in a row that may fail before the wait ends with ``unreachable``.
    :param fail_fast: whether the first failed job ends the wait, or the last of all jobs to end.
    :param log: gets a line when a job's state changed or its percent did by ten, and at most one a minute when less
        did.
    :param clock: the time in epoch seconds.
    :param chance: a uniform random number between two bounds.
    """

    __slots__ = (
        "_chance",
        "_clock",
        "_error",
        "_failures",
        "_jobs",
        "_log",
        "_max_poll_failures",
        "_missing",
        "_started",
        "_trouble_since",
        "_warned_at",
        "deadline",
        "fail_fast",
        "goal",
        "job_ids",
        "poll_interval",
    )

    def __init__(
        self,
        job_ids: str | Sequence[str],
        *,
        goal: ImportState = ImportState.COMPLETED,
        poll_interval: float = backoff.DEFAULT_POLL_INTERVAL,
        deadline: float | None = None,
        max_poll_failures: int = backoff.DEFAULT_MAX_POLL_FAILURES,
        fail_fast: bool = True,
        log: Log | None = None,
        clock: Callable[[], float] = time.time,
        chance: backoff.Jitter = random.uniform,
    ) -> None:
        ids = as_list(job_ids)
        self.job_ids = ids if _is_list(job_ids) else ids[0]
        self.goal = goal
        self.deadline = deadline
        self.poll_interval = poll_interval
        self._max_poll_failures = max_poll_failures
        self.fail_fast = fail_fast
        self._log: Log = logging.getLogger(__name__) if log is None else log
        self._clock = clock
        self._chance = chance
        self._jobs = {job_id: _Job() for job_id in ids}
        self._started = clock()
        self._missing = 0
        self._failures = 0
        self._error: MilvusError | None = None
        self._trouble_since = self._warned_at = 0.0

    @property
    def pending(self) -> list[str]:
        """The ids that the next look must ask for."""
        return [i for i, job in self._jobs.items() if outcome(job.progress, self.goal) not in ENDED]

    @property
    def remaining(self) -> float:
        """Seconds to the deadline, infinitely many without one."""
        return math.inf if self.deadline is None else max(0.0, self.deadline - self._clock())

    @property
    def seen(self) -> list[ImportProgress]:
        """The last answer for each job that was answered for, in the order of the ids."""
        return [job.progress for job in self._jobs.values() if job.progress]

    @property
    def doubtful(self) -> bool:
        """Whether a job was not found, but not often enough to believe it, and the server answers."""
        return not self._failures and self._missing > 0

    def record_status(self, job_id: str, progress: ImportProgress) -> None:
        """Take in an answer."""
        job = self._jobs[job_id]
        before, job.progress = job.progress, progress
        self._answered(job)
        if before is None:
            job.first_seen, job.first_rows = self._clock(), progress.imported_rows
        # How a job ended is in the event, whose message the task logs.
        ended = outcome(progress, self.goal) in ENDED and len(self._jobs) == 1
        figures = (progress.state_text, progress.progress, progress.imported_rows)
        if not ended and self._is_worth_telling(job, figures):
            self._log.info("%s%s", _line(progress), self._rate(job))
        if len(self._jobs) > 1 and outcome(progress, self.goal) is Outcome.FAILED:
            self._log.warning("Import job %s failed: %s", job_id, failure_reason(progress))
        self._warn_once(job)

    def record_summary(self, job_id: str, listed: ImportJob) -> None:
        """Take in what a list of jobs says of one that goes on. It is told, and decides nothing."""
        job = self._jobs[job_id]
        self._answered(job)
        if self._is_worth_telling(job, (listed.state.value, listed.progress, job.told[2])):
            self._log.info("Import job %s: %s, %d %%", job_id, listed.state.value, listed.progress)

    def record_error(self, job_id: str, error: MilvusError) -> bool:
        """Take in that a job could not be asked for.

        :return: whether the trouble is the job's own, so that asking for the others makes sense.
        """
        if isinstance(error, MilvusImportJobNotFound):
            self._answered(self._jobs[job_id], missing=True)
            return True
        now = self._clock()
        self._failures += 1
        self._error = error
        self._trouble_since = self._trouble_since or now
        if self._failures == 1 or now >= self._warned_at + TOLD_SECONDS:
            self._warned_at = now
            self._log.warning("Could not ask for import job %s (%d in a row): %s", job_id, self._failures, error)
        return False

    def delay(self) -> float:
        """Seconds to the next look: the poll interval, or a back-off after trouble, never far past the deadline."""
        now = self._clock()
        if self._failures:
            ceiling = backoff.ceiling(now - self._trouble_since, self.poll_interval)
            retry_after = getattr(self._error, "retry_after", None)
            delay = backoff.backoff(self._failures, retry_after, ceiling=ceiling, jitter=self._chance)
        elif self._missing:
            delay = min(self.poll_interval, backoff.FIRST_BACKOFF)
        else:
            delay = backoff.interval(now - self._started, self.poll_interval, self._chance)
        return delay if self.deadline is None else min(delay, self.remaining)

    def event(self) -> Event | None:
        """How the wait ended, or ``None`` while it goes on."""
        outcomes = {job_id: outcome(job.progress, self.goal) for job_id, job in self._jobs.items()}
        failed = [job_id for job_id, found in outcomes.items() if found is Outcome.FAILED]
        if failed and (self.fail_fast or all(found in ENDED for found in outcomes.values())):
            return self._failed(failed)
        gone = [job_id for job_id, job in self._jobs.items() if job.missing >= LOOKS_FOR_A_MISSING_JOB]
        if gone:
            return self._event("unknown", _gone_message(gone, {i: self._jobs[i].progress for i in gone}))
        if all(found is Outcome.DONE for found in outcomes.values()):
            return self._event("success", "; ".join(map(self._summary, self._jobs.values())))
        if self._error and (not self._error.retryable or self._failures >= self._max_poll_failures):
            return self._event(
                "unreachable",
                f"gave up asking for import job {', '.join(self.pending)} after {self._failures} failed looks; it may "
                f"still be running. The last error: {self._error}",
            )
        if self.deadline is not None and self._clock() >= self.deadline:
            if failed:
                return self._failed(failed)
            states = ", ".join(f"{i} ({self._state(i)})" for i in self.pending)
            return self._event(
                "timeout",
                f"import job {states} had not come to {self.goal} at {_iso(self.deadline)}",
            )
        return None

    def _event(self, status: str, message: str) -> Event:
        figures = [progress.as_dict() for progress in self.seen]
        return {
            "job_id": self.job_ids,
            "goal": self.goal.value,
            "status": status,
            "message": message,
            "imports": figures,
        }

    def _failed(self, job_ids: list[str]) -> Event:
        failed = [progress for job_id in job_ids if (progress := self._jobs[job_id].progress)]
        reasons = "; ".join(
            f"import job {progress.job_id} into {progress.collection_name or '(unnamed collection)'} failed: "
            f"{failure_reason(progress)}"
            for progress in failed
        )
        files = [
            {"job_id": progress.job_id, "name": file.name, "reason": (file.reason or file.state)[:MAX_REASON_LENGTH]}
            for progress in failed
            for file in progress.failed_files
        ]
        return {
            **self._event("failed", reasons),
            "healable": all(map(heals_with_time, failed)),
            "failed_files": files[:MAX_FILES_IN_EVENT],
            "failed_file_count": len(files),
        }

    def _state(self, job_id: str) -> str:
        progress = self._jobs[job_id].progress
        return f"{progress.state_text}, {progress.progress} %" if progress else "never seen"

    def _answered(self, job: _Job, *, missing: bool = False) -> None:
        """The server has answered: the end of any trouble with it."""
        self._missing += missing - (job.missing > 0)
        job.missing = job.missing + 1 if missing else 0
        if self._failures:
            if not missing:
                self._log.info("Milvus answers again after %d failed looks", self._failures)
            self._failures, self._error, self._trouble_since = 0, None, 0.0

    def _is_worth_telling(self, job: _Job, figures: tuple[str, int, int]) -> bool:
        (state, percent, _), now = figures, self._clock()
        telling = figures != job.told and (
            state != job.told[0] or abs(percent - job.told[1]) >= TOLD_PERCENT or now >= job.told_at + TOLD_SECONDS
        )
        if telling:
            job.told, job.told_at = figures, now
        return telling

    def _rate(self, job: _Job) -> str:
        """Rows a second since the first look, once rows have come in."""
        seconds = self._clock() - job.first_seen
        rows = job.progress.imported_rows - job.first_rows if job.progress else 0
        return f", {rows / seconds:,.0f} rows/s" if rows > 0 and seconds > 0 else ""

    def _summary(self, job: _Job) -> str:
        progress = job.progress
        if progress is None:
            return ""
        return (
            f"Import job {progress.job_id} {progress.state_text}: {progress.imported_rows:,} rows, "
            f"{progress.file_size:,} bytes, {len(progress.files)} file(s) "
            f"into {progress.collection_name or '(unnamed collection)'}{_duration(progress)}"
        )

    def _warn_once(self, job: _Job) -> None:
        progress = job.progress
        if progress is None or progress.state_text == job.warned:
            return
        if progress.state is ImportState.UNKNOWN:
            self._log.warning(
                "Import job %s is in the state %r, which this version does not know; taken as still running",
                progress.job_id,
                progress.state_text,
            )
        elif outcome(progress, self.goal) is Outcome.NEEDS_COMMIT:
            self._log.warning(
                "Import job %s is Uncommitted: its rows stay invisible until somebody commits it", progress.job_id
            )
        else:
            return
        job.warned = progress.state_text


def wait_for(
    wait: ImportWait,
    ask: Callable[[str], ImportProgress],
    *,
    until: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Event | None:
    """Look again and again until the wait has ended.

    :param ask: gets the progress of one job.
    :param until: epoch seconds after which to leave off with ``None``, after at least one look.
    """
    while True:
        for job_id in wait.pending:
            try:
                wait.record_status(job_id, ask(job_id))
            except MilvusError as error:
                if not wait.record_error(job_id, error):
                    break
        if event := wait.event():
            return event
        delay = wait.delay()
        if until is not None and time.time() + delay > until and not wait.doubtful:
            return None
        sleep(delay)


def report(event: Event) -> list[str]:
    """A line for each failed file of an event, with its reason, and one for those that it leaves out."""
    files = event.get("failed_files", [])
    lines = [f"Import job {file['job_id']}: file {file['name']} failed: {file['reason']}" for file in files]
    left_out = event.get("failed_file_count", 0) - len(files)
    return [*lines, f"… and {left_out} more failed files"] if left_out > 0 else lines


def flat(values: Sequence[Any]) -> list[Any]:
    """What an operator with several jobs returns, or a mapped one, whose instances may have several jobs themselves."""
    return [one for each in values for one in (flat(each) if _is_list(each) else [each])]


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def as_list(job_ids: str | Sequence[str]) -> list[str]:
    """One id or several, as a list without repeats. A template that is rendered natively makes a number of an id.

    :raises ValueError: naming ``job_id``, for anything that is not a non-empty text or a list of those.
    """
    given: list[Any] = flat(job_ids) if _is_list(job_ids) else [job_ids]
    ids = [str(i) if type(i) is int else i for i in given]
    # A list that a template made a text of is no id.
    if not ids or not all(isinstance(i, str) and i.strip() and not set(i) & set("[]{}, ") for i in ids):
        raise ValueError(
            f"job_id must be the id of an import job, or a list of ids, each a string; got {job_ids!r}. "
            f"The operator's output, or its XCom 'job_id', is such a value"
        )
    return list(dict.fromkeys(ids))


def _line(progress: ImportProgress) -> str:
    total = f" of {progress.total_rows:,}" if progress.total_rows else ""
    return (
        f"Import job {progress.job_id}: {progress.state_text}, {progress.progress} %, "
        f"{progress.imported_rows:,}{total} rows"
    )


def _gone_message(job_ids: list[str], last: dict[str, ImportProgress | None]) -> str:
    seen = ", ".join(f"{i} (last seen {p.state_text}, {p.progress} %)" for i, p in last.items() if p)
    never = ", ".join(i for i in job_ids if last[i] is None)
    parts = []
    if seen:
        parts.append(f"the record of import job {seen} is gone")
    if never:
        parts.append(f"the server has no record of import job {never}: wrong id, another server, or expired")
    return (
        f"{'; '.join(parts)}. Milvus drops the record of an ended job after 3 hours (48 hours from 2.6.24 and 3.0.2), "
        f"so the import may have completed or failed: count the collection's rows before you load the files again"
    )


def seconds_between(begin: str, end: str) -> float | None:
    """The seconds between two of Milvus's times; ``None`` where one of them is no time."""
    try:
        return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()
    except (ValueError, TypeError):
        return None


def _duration(progress: ImportProgress) -> str:
    seconds = seconds_between(progress.create_time, progress.complete_time)
    return f" in {seconds:,.0f} s" if seconds and seconds > 0 else ""


def _iso(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="seconds")
