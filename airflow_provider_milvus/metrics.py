"""Metrics and spans of import jobs, through Airflow's own metrics and OpenTelemetry; ``docs/metrics.md`` lists them.

Whether and where they are sent is Airflow's setting, and they cost next to nothing where it is off. They never fail
what they are about.

https://airflow.apache.org/docs/apache-airflow/stable/administration-and-deployment/logging-monitoring/metrics.html
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from airflow_provider_milvus import airflow_compat
from airflow_provider_milvus.rest.errors import MilvusError
from airflow_provider_milvus.waiting.messages import seconds_between

if TYPE_CHECKING:
    from airflow_provider_milvus.rest.import_jobs import ImportProgress
    from airflow_provider_milvus.waiting.event import Event
    from airflow_provider_milvus.waiting.list_reading import Records
    from airflow_provider_milvus.waiting.poller import Client, OpenClient

P = ParamSpec("P")
R = TypeVar("R")
Tags = Mapping[str, str]

# A StatsD packet costs as much as counting some hundred polls, so the counts are sent together.
FLUSH_INTERVAL_SECONDS = 10.0
# Parts of the reasons that Milvus gives (internal/datacoord), and the kinds that they are counted as.
REASON_KINDS = {
    "import timeout": "timeout",
    "disk quota": "disk_quota",
    "no slot": "no_slot",
    "slot exhausted": "no_slot",
    "memory limit": "memory_limit",
    "abort": "aborted",
    "dropped": "collection_dropped",
    "importing data failed": "data",
}
_log = logging.getLogger(__name__)


def _harmless(record: Callable[P, None]) -> Callable[P, None]:
    """A metric that cannot be sent must not fail the import that it counts."""

    @wraps(record)
    def recorded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            record(*args, **kwargs)
        except Exception as error:
            _log.debug("Metrics could not be sent: %s", error)

    return recorded


def tags_of(operator: Any, context: Any) -> Tags:
    """What Airflow tags its own metrics of a task with, and the connection."""
    ti = context["ti"]
    return {"dag_id": ti.dag_id, "task_id": ti.task_id, "milvus_conn_id": operator.milvus_conn_id}


# -- of a task ---------------------------------------------------------------------------------------------------------


@_harmless
def record_submit(is_new: bool, tags: Tags) -> None:
    """Count a job that was started, or that an earlier try had started."""
    airflow_compat.stats().incr(f"milvus.imports.{'started' if is_new else 're_attached'}", tags=dict(tags))


@_harmless
def record_end(event: Event | None, tags: Tags) -> None:
    """Count what a wait for imports ended with, and make a span of each job that has ended."""
    if event is None:
        return
    stats, given = airflow_compat.stats(), dict(tags)
    if event["status"] in ("timeout", "unknown", "unreachable"):
        stats.incr(f"milvus.waits.{event['status']}", tags=given)
    for job in event["imports"]:
        if job["state"] == "Completed":
            stats.incr("milvus.imports.completed", tags=given)
            stats.incr("milvus.rows", job["imported_rows"], tags=given)
            stats.incr("milvus.bytes", job["file_size"], tags=given)
        elif job["state"] == "Failed":
            stats.incr(f"milvus.imports.failed.{reason_kind(job['reason'])}", tags=given)
        else:
            continue
        _record_times(stats, job, given)
        _record_span(job, given)


def reason_kind(reason: str) -> str:
    """The kind of reason for which a job failed, in one word."""
    return next((kind for text, kind in REASON_KINDS.items() if text in reason.lower()), "other")


def _record_times(stats: Any, job: Mapping[str, Any], tags: dict[str, str]) -> None:
    ended = _epoch(job["complete_time"])
    if ended is None:
        return
    # Clocks of two machines: a moment before the end is no time.
    stats.timing("milvus.import.time_to_notice", max(0.0, time.time() - ended) * 1000, tags=tags)
    duration = seconds_between(job["create_time"], job["complete_time"])
    if duration is not None:
        stats.timing("milvus.import.duration", max(0.0, duration) * 1000, tags=tags)


def _record_span(job: Mapping[str, Any], tags: Tags) -> None:
    """A span from the creation of the job to its end, below the task's own span."""
    # Who traces has imported it; nobody else is to pay for it.
    trace = sys.modules.get("opentelemetry.trace")
    started = _epoch(job["create_time"])
    if trace is None or started is None:
        return
    attributes = {
        "db.system.name": "milvus",
        "db.collection.name": job["collection_name"],
        "milvus.import.job_id": job["job_id"],
        "milvus.import.state": job["state"],
        "milvus.import.rows": job["imported_rows"],
        "milvus.import.bytes": job["file_size"],
        **{f"airflow.{name}": value for name, value in tags.items()},
    }
    span = trace.get_tracer(__package__).start_span("milvus.import", start_time=_nanoseconds(started))
    span.set_attributes(attributes)
    if job["state"] == "Failed":
        span.set_status(trace.Status(trace.StatusCode.ERROR, job["reason"]))
    span.end(end_time=_nanoseconds(_epoch(job["complete_time"]) or time.time()))


def _epoch(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None


def _nanoseconds(epoch: float) -> int:
    return int(epoch * 1_000_000_000)


# -- of polls ----------------------------------------------------------------------------------------------------------


def counted(fetch: Callable[[str], R], milvus_conn_id: str) -> Callable[[str], R]:
    """Count the polls of a worker."""

    def fetch_and_count(job_id: str) -> R:
        polls = Polls(milvus_conn_id)
        polls.sent = 1
        try:
            return fetch(job_id)
        except MilvusError:
            polls.failed = 1
            raise
        finally:
            polls.flush()

    return fetch_and_count


class Polls:
    """Numbers of polls that are not sent yet."""

    def __init__(self, milvus_conn_id: str) -> None:
        self.sent = 0
        self.failed = 0
        self._tags = {"milvus_conn_id": milvus_conn_id}

    @_harmless
    def flush(self) -> None:
        """Send them."""
        stats = airflow_compat.stats()
        for name, number in (("milvus.polls", self.sent), ("milvus.poll_errors", self.failed)):
            if number:
                stats.incr(name, number, tags=self._tags)


_waiting_jobs = 0


@contextmanager
def waiting_jobs(number: int) -> Iterator[None]:
    """Count jobs as being waited for in this process."""
    global _waiting_jobs
    _waiting_jobs += number
    try:
        yield
    finally:
        _waiting_jobs -= number
        if _waiting_jobs == 0:
            # There may be no further poll that sends it.
            asyncio.get_running_loop().run_in_executor(None, _send_waiting_jobs)


@_harmless
def _send_waiting_jobs() -> None:
    host = socket.gethostname()
    airflow_compat.stats().gauge(f"milvus.waiting_jobs.{host}", _waiting_jobs)
    airflow_compat.stats().gauge("milvus.waiting_jobs", _waiting_jobs, tags={"hostname": host})


def counted_client(client: Callable[[], AbstractAsyncContextManager[Client]], milvus_conn_id: str) -> OpenClient:
    """Count the polls of the clients of a poll loop.

    :param client: makes one.
    """
    return lambda: CountedClient(client(), milvus_conn_id)


class CountedClient:
    """The client of a poll loop, and the number of its polls.

    A poll costs an addition; what is counted is sent every ten seconds, outside of the event loop.

    :param client: makes the client.
    """

    def __init__(self, client: AbstractAsyncContextManager[Client], milvus_conn_id: str) -> None:
        self._opener = client
        self._milvus_conn_id = milvus_conn_id
        self._polls = Polls(milvus_conn_id)
        self._next_flush = 0.0

    async def __aenter__(self) -> CountedClient:
        self._client = await self._opener.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        try:
            await self._opener.__aexit__(*exc_info)
        finally:
            self._flush()

    async def get_import_progress(self, job_id: str) -> ImportProgress:
        self._count()
        try:
            return await self._client.get_import_progress(job_id)
        except MilvusError:
            self._polls.failed += 1
            raise

    async def list_import_records(self, collection_name: str | None) -> Records:
        self._count()
        try:
            return await self._client.list_import_records(collection_name)
        except MilvusError:
            self._polls.failed += 1
            raise

    def _count(self) -> None:
        self._polls.sent += 1
        if time.monotonic() >= self._next_flush:
            self._flush()

    def _flush(self) -> None:
        polls, self._polls = self._polls, Polls(self._milvus_conn_id)
        self._next_flush = time.monotonic() + FLUSH_INTERVAL_SECONDS
        # The first of all metrics resolves the name of the server that they go to.
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, polls.flush)
        loop.run_in_executor(None, _send_waiting_jobs)
