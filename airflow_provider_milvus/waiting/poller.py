"""One poll loop for all the waits on one server.

A triggerer runs thousands of waits on one event loop. They subscribe here, and one loop polls for all of them: a few
jobs are described one by one, many are read with one ``list``. What ``list`` reports counts only for a job that runs:
one that ended, failed or is missing is described, which also gives its row counts and the reasons of its files.

An outage of the server is the loop's, and its back-off holds for everybody; an error of one job is that job's alone.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections.abc import Callable, Hashable, Iterable
from contextlib import AbstractAsyncContextManager
from functools import partial
from itertools import islice
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from airflow_provider_milvus.rest.errors import MilvusAuthError, MilvusError, MilvusImportJobNotFound
from airflow_provider_milvus.rest.import_jobs import ImportProgress
from airflow_provider_milvus.waiting import backoff
from airflow_provider_milvus.waiting.event import Event
from airflow_provider_milvus.waiting.import_wait import ImportWait
from airflow_provider_milvus.waiting.list_cost import ListPace, Metered
from airflow_provider_milvus.waiting.list_reading import ListReading, Records, are_worth_a_list, in_turns
from airflow_provider_milvus.waiting.request_pool import CONCURRENT, RequestPool, Response
from airflow_provider_milvus.waiting.subscriber import PolledJob, Subscriber, pending_jobs
from airflow_provider_milvus.waiting.wait import LAST_POLL_SECONDS

MIN_GAP_SECONDS = backoff.MIN_POLL_INTERVAL
# A list that takes longer goes on beside descriptions of some of its jobs.
SLOW_LIST_SECONDS = 5.0
DESCRIBED_BESIDE_LIST = 100
# Jobs whose last request failed or was slow are described beside the others, so many at a time.
MAX_SUSPECTS_IN_FLIGHT = 16
# Credentials that are refused are read again from the connection, unless they were read less than this ago.
MIN_CREDENTIALS_AGE_SECONDS = 60.0


class Client(Protocol):
    """The two requests of the loop."""

    async def get_import_progress(self, job_id: str) -> ImportProgress: ...

    async def list_import_records(self, collection_name: str | None) -> Records: ...


OpenClient = Callable[[], AbstractAsyncContextManager[Client]]


async def watch(server: Hashable, open_client: OpenClient, wait: ImportWait) -> Event:
    """Subscribe to the one loop of this event loop for a server, until the wait has ended.

    :param server: what distinguishes the servers; the same value shares a loop.
    :param open_client: makes the loop's client, for the first subscriber and when credentials have changed.
    :raises Exception: what ``open_client`` raises, for every subscriber.
    """
    pollers = _pollers.setdefault(asyncio.get_running_loop(), {})
    poller = pollers.get(server)
    if poller is None:
        poller = pollers[server] = Poller(open_client, partial(pollers.pop, server))
    return await poller.subscribe(wait)


_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Poller]] = WeakKeyDictionary()


class _StaleClient(Exception):
    """The credentials were refused and may have been changed since the client was opened."""


class Poller:
    """The loop of one server; it begins with its first subscriber and ends with its last.

    :param open_client: makes its client.
    :param on_empty: is called as soon as there is no subscriber any more.
    """

    def __init__(self, open_client: OpenClient, on_empty: Callable[[], Any]) -> None:
        self._open_client = open_client
        self._on_empty = on_empty
        self._loop = asyncio.get_running_loop()
        self._subscribers: dict[Subscriber, None] = {}
        self._jobs: dict[str, PolledJob] = {}
        self._suspects: set[str] = set()
        self._pace = ListPace()
        self._slow_list: asyncio.Task[Records] | None = None
        self._outage = backoff.Backoff(clock=self._loop.time)
        self._failures_in_a_row = 0
        self._probes: frozenset[str] = frozenset()
        self._last_error: MilvusError | None = None
        self._is_stale = False
        self._last = self._next = self._loop.time() - MIN_GAP_SECONDS
        self._opened = 0.0
        self._wake = asyncio.Event()
        # In a context of its own, or what the loop logs would be in the task log of its first subscriber.
        self._task = self._loop.create_task(self._run(), context=contextvars.Context())

    async def subscribe(self, wait: ImportWait) -> Event:
        """Poll for this wait too, until it has ended."""
        subscriber = Subscriber(wait, self._loop.time())
        self._subscribers[subscriber] = None
        for job_id in wait.pending:
            job = self._jobs.get(job_id)
            if job is None:
                job = self._jobs[job_id] = PolledJob()
            job.subscribers[subscriber] = None
            job.forget()  # the new subscriber has not logged its state
        soon = max(subscriber.due, self._last + MIN_GAP_SECONDS)
        if not self._outage.failures and soon < self._next:
            self._next = soon
            self._wake.set()
        timer = None
        if wait.deadline is not None:
            timer = self._loop.call_later(wait.remaining + LAST_POLL_SECONDS, subscriber.end_if_over)
        try:
            return await subscriber.done
        finally:
            if timer:
                timer.cancel()
            await self._unsubscribe(subscriber)

    async def _unsubscribe(self, subscriber: Subscriber) -> None:
        del self._subscribers[subscriber]
        for job_id in subscriber.wait.pending:
            self._remove(subscriber, job_id)
        if not self._subscribers:
            self._on_empty()
            self._task.cancel()
            # The last one sees the client closed.
            await asyncio.wait([self._task])

    def _remove(self, subscriber: Subscriber, job_id: str) -> None:
        """Poll a job no more on behalf of this subscriber."""
        job = self._jobs.get(job_id)
        if job is None or subscriber not in job.subscribers:
            return
        del job.subscribers[subscriber]
        if not job.subscribers:
            del self._jobs[job_id]
            self._suspects.discard(job_id)

    async def _run(self) -> None:
        try:
            while True:
                try:
                    async with self._open_client() as client:
                        await self._poll_with(client)
                except _StaleClient:
                    self._is_stale = False
        except Exception as error:
            for subscriber in self._subscribers:
                subscriber.fail(error)

    async def _poll_with(self, client: Client) -> None:
        self._opened = self._loop.time()
        pool = RequestPool(client.get_import_progress, self._deliver)
        try:
            while True:
                await self._pause()
                await self._poll(client, pool)
        finally:
            # Before the client is closed.
            await pool.close()
            if slow_list := self._slow_list:
                self._slow_list = None
                slow_list.cancel()
                await asyncio.wait([slow_list])

    async def _pause(self) -> None:
        while (delay := self._next - self._loop.time()) > 0:
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), delay)
            except TimeoutError:
                break

    # -- one poll --------------------------------------------------------------------------------------------------

    async def _poll(self, client: Client, pool: RequestPool) -> None:
        self._last = now = self._loop.time()
        due = [subscriber for subscriber in self._subscribers if subscriber.early <= now]
        to_describe: Iterable[str] | None = None
        error: MilvusError | None = None
        if are_worth_a_list(due) and not self._pace.is_refused(scope := self._scope(), now):
            poll_interval = min(subscriber.wait.poll_interval for subscriber in due)
            if now < (paced := self._pace.next_time(poll_interval)) and not self._slow_list:
                self._next = paced
                return
            try:
                records = await self._list(client, scope)
                if records is None:
                    job_ids = list(pending_jobs(due))
                    to_describe = random.sample(job_ids, min(len(job_ids), DESCRIBED_BESIDE_LIST))
                else:
                    # Those that were not due yet have been polled as well.
                    due, to_describe = await self._read(scope, records)
            except MilvusError as found:
                if self._is_outdated(found):
                    raise _StaleClient from found
                if found.retryable:
                    error, to_describe = found, ()
                    await self._record_errors(pending_jobs(due), found)
                else:
                    self._pace.refuse(scope, self._last)
        if to_describe is None:
            to_describe = pending_jobs(due)
        error = await self._describe(pool, to_describe) or error
        if self._is_stale:
            raise _StaleClient
        await self._plan(due, error)

    async def _list(self, client: Client, scope: str | None) -> Records | None:
        """The records of a list, or ``None`` while it is slow: then it goes on, and a later poll reads them."""
        if self._slow_list is None:
            self._slow_list = self._loop.create_task(self._metered_list(client, scope))
            await asyncio.wait([self._slow_list], timeout=SLOW_LIST_SECONDS)
        if not self._slow_list.done():
            return None
        done, self._slow_list = self._slow_list, None
        return done.result()

    async def _metered_list(self, client: Client, scope: str | None) -> Records:
        began, request = self._loop.time(), Metered(client.list_import_records(scope))
        records = await request
        self._pace.record(began, self._loop.time(), request.cost)
        return records

    def _scope(self) -> str | None:
        """The collection to list the jobs of, where they are all of one, else ``None`` for all collections."""
        names = {job.collection for job in self._jobs.values()}
        name = names.pop() if len(names) == 1 else None
        return None if self._pace.is_refused(name, self._last) else name or None

    async def _read(self, scope: str | None, records: Records) -> tuple[list[Subscriber], list[str]]:
        """Report to all subscribers what a list has.

        :return: the subscribers that have been polled by it, and the ids of the jobs that have to be described.
        """
        self._recover()
        subscribers = list(self._subscribers)
        reading = ListReading(records, self._jobs, since=self._last, now=self._loop.time())
        # The ids alone, as so many pairs would make Python search for garbage among all it has.
        async for job_ids in in_turns(list(self._jobs)):
            reading.read(job_ids)
        if reading.is_foreign:
            self._pace.refuse(scope, self._last)
        return list(filter(reading.has_polled, subscribers)), reading.to_describe

    async def _describe(self, pool: RequestPool, job_ids: Iterable[str]) -> MilvusError | None:
        """Fetch the progress of jobs, several at a time; the error if the server does not respond at present."""
        ids = list(job_ids)
        if not ids:
            return None
        suspects = [job_id for job_id in ids if job_id in self._suspects or pool.is_slow(job_id)]
        others = [job_id for job_id in ids if job_id not in self._suspects and not pool.is_slow(job_id)]
        if self._outage.failures or not others:
            others, suspects = [*others, *suspects], []
        free = max(0, MAX_SUSPECTS_IN_FLIGHT - len(pool))
        for job_id in islice((job_id for job_id in suspects if job_id not in pool), free):
            pool.start(job_id)
        enough = min(CONCURRENT, len(others))
        self._failures_in_a_row, self._probes = 0, frozenset(others)

        def is_down() -> bool:
            return self._failures_in_a_row >= (1 if self._outage.failures else enough)

        left = await pool.run(
            others,
            limit=lambda: 1 if self._outage.failures else CONCURRENT,
            stop=lambda: self._is_stale or is_down(),
        )
        if not is_down() or self._last_error is None:
            return None
        await self._record_errors(left, self._last_error)
        return self._last_error

    def _deliver(self, job_id: str, response: Response) -> None:
        if self._is_outdated(response):
            return
        if isinstance(response, MilvusError) and response.retryable:
            # One that failed before is no sign of an outage.
            self._failures_in_a_row += job_id in self._probes
            self._last_error = response
        else:
            self._failures_in_a_row = 0
            self._recover()
        job = self._jobs.get(job_id)
        if job is None:
            return
        if isinstance(response, MilvusError):
            if not isinstance(response, MilvusImportJobNotFound):
                self._suspects.add(job_id)
            self._record_error(job_id, job, response)
            return
        self._suspects.discard(job_id)
        for subscriber in list(job.subscribers):
            if isinstance(response, Exception):
                subscriber.fail(response)
                continue
            job.collection = response.collection_name
            subscriber.report(subscriber.wait.record_status, job_id, response)
            subscriber.end_if_over()
            if not subscriber.wait.is_pending(job_id):
                self._remove(subscriber, job_id)  # it waits for others of its jobs

    async def _record_errors(self, job_ids: Iterable[str], error: MilvusError) -> None:
        """Report to the subscribers of these jobs, each once, that the poll failed."""
        reported: set[Subscriber] = set()
        async for some in in_turns(job_ids):
            for job_id in some:
                if job := self._jobs.get(job_id):
                    self._record_error(job_id, job, error, reported)

    def _record_error(
        self, job_id: str, job: PolledJob, error: MilvusError, reported: set[Subscriber] | None = None
    ) -> None:
        job.forget()
        for subscriber in list(job.subscribers):
            if reported is not None:
                if subscriber in reported:
                    continue
                reported.add(subscriber)
            subscriber.report(subscriber.wait.record_error, job_id, error)
            subscriber.end_if_over()

    # -- the time of the next poll -----------------------------------------------------------------------------------

    async def _plan(self, due: list[Subscriber], error: MilvusError | None) -> None:
        now = self._loop.time()
        async for some in in_turns(due):
            for subscriber in some:
                subscriber.schedule(now)
        if error is not None:
            self._outage.record_error(error)
            longest = max((subscriber.wait.poll_interval for subscriber in due), default=0.0)
            self._next = now + self._outage.delay(longest)
            for subscriber in due:
                subscriber.due = subscriber.early = self._next
            return
        earliest = min((one.due for one in self._subscribers if not one.done.done()), default=now)
        self._next = max(earliest, self._last + MIN_GAP_SECONDS)

    def _recover(self) -> None:
        self._outage.reset()

    def _is_outdated(self, response: object) -> bool:
        """Whether the credentials were refused that may have been changed since the client was opened."""
        if isinstance(response, MilvusAuthError) and self._loop.time() > self._opened + MIN_CREDENTIALS_AGE_SECONDS:
            self._is_stale = True
        return self._is_stale
