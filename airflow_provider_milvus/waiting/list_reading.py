"""What one list of import jobs has of the jobs that subscribers wait for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Mapping
from itertools import islice
from typing import Any, TypeVar

from airflow_provider_milvus.rest.import_jobs import ImportState, parse_job
from airflow_provider_milvus.waiting.subscriber import PolledJob, Subscriber
from airflow_provider_milvus.waiting.wait import LOG_INTERVAL_SECONDS

# So many jobs are cheaper to describe than to list, whatever else the server has records of.
MAX_DESCRIBED = 4
RUNNING = (ImportState.PENDING, ImportState.IMPORTING, ImportState.COMMITTING)
# Progress lines of all jobs together; each costs as much CPU as ten jobs of a list.
MAX_LOG_LINES_PER_SECOND = 40
# Other tasks of the event loop run after so many seconds of work.
MAX_BLOCKING_SECONDS = 0.02
# The clock is read after so many.
ITEMS_AT_A_TIME = 50

Records = Mapping[str, Mapping[str, Any]]
T = TypeVar("T")


class ListReading:
    """Reads a list, some jobs at a time, and reports to the subscribers what changed.

    :param records: the list, by job id.
    :param jobs: the jobs that are waited for, by id.
    :param since: when the poll began; who is due by then has been polled.
    """

    def __init__(self, records: Records, jobs: Mapping[str, PolledJob], *, since: float, now: float) -> None:
        self.to_describe: list[str] = []
        self._records = records
        self._jobs = jobs
        self._since = since
        self._now = now
        self._incomplete: set[Subscriber] = set()
        self._is_ours = self._was_found = False

    @property
    def is_foreign(self) -> bool:
        """Whether it has none of the jobs that exist: it is another database's, or these credentials see nothing."""
        return self._was_found and not self._is_ours

    def has_polled(self, subscriber: Subscriber) -> bool:
        """Whether it was a poll for this one: it was due, or the list has all its jobs."""
        return subscriber.early <= self._since or subscriber not in self._incomplete

    def read(self, job_ids: Iterable[str]) -> None:
        """Read what it has of these jobs."""
        for job_id in job_ids:
            job, record = self._jobs.get(job_id), self._records.get(job_id)
            if job is None:
                continue
            if record is None:
                self._miss(job_id, job)
                continue
            self._is_ours = self._is_ours or job.is_due(self._since)
            if job.runs and record.get("state") == job.state and self._now < job.log_at:
                continue  # the usual case, ten thousand times over
            if self._compare(job_id, job, record):
                self.to_describe.append(job_id)

    def _miss(self, job_id: str, job: PolledJob) -> None:
        self._incomplete.update(job.subscribers)
        if job.is_due(self._since):
            self.to_describe.append(job_id)
            # One that was just created may not be listed yet.
            self._was_found = self._was_found or job.collection != ""

    def _compare(self, job_id: str, job: PolledJob, record: Mapping[str, Any]) -> bool:
        """Report to the subscribers of a job what changed; whether it must be described."""
        listed, state = parse_job(record), record.get("state")
        has_changed, log = state != job.state, True
        is_news = has_changed or self._now >= job.log_at
        if is_news:
            # Jobs that were started together are not logged together, and thousands less often than a few.
            interval = max(LOG_INTERVAL_SECONDS, len(self._jobs) / MAX_LOG_LINES_PER_SECOND)
            log = interval == LOG_INTERVAL_SECONDS or not has_changed
            job.log_at = self._now + (random.uniform(1.0, 2.0) if log else random.random()) * interval
            job.state = state
        job.collection = listed.collection_name
        job.runs = listed.state in RUNNING
        if listed.state in (ImportState.COMPLETED, ImportState.FAILED):
            return True
        if not job.runs:
            return is_news or any(one.wait.target_state is listed.state for one in job.subscribers)
        for subscriber in job.subscribers:
            subscriber.report(subscriber.wait.record_summary, job_id, listed, log)
        return False


def are_worth_a_list(subscribers: Iterable[Subscriber]) -> bool:
    """Whether these wait for so many jobs that a list of them is cheaper than to describe each."""
    job_ids: set[str] = set()
    for subscriber in subscribers:
        job_ids.update(subscriber.wait.pending)
        if len(job_ids) > MAX_DESCRIBED:
            return True
    return False


async def in_turns(items: Iterable[T]) -> AsyncIterator[list[T]]:
    """The items, some at a time, with a turn for other tasks of the event loop now and then."""
    loop, left = asyncio.get_running_loop(), iter(items)
    until = loop.time() + MAX_BLOCKING_SECONDS
    while some := list(islice(left, ITEMS_AT_A_TIME)):
        yield some
        if loop.time() >= until:
            await asyncio.sleep(0)
            until = loop.time() + MAX_BLOCKING_SECONDS
