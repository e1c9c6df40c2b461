"""One poll loop for all the waits on one server.

A triggerer runs thousands of waits on one event loop. They register here, and one loop looks for all of them: a few
jobs are described one by one, many are read with one ``list``. What ``list`` says is believed only of a job that goes
on: one that ended, failed or is missing is described, which also gives its figures and the reasons of its files.

Trouble with the server is the loop's, and its back-off holds for everybody; trouble with one job is that job's alone.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from itertools import islice
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from airflow_provider_milvus.rest.errors import MilvusAuthError, MilvusError, MilvusImportJobNotFound
from airflow_provider_milvus.rest.import_jobs import ImportProgress, ImportState, parse_job
from airflow_provider_milvus.waiting import backoff
from airflow_provider_milvus.waiting.import_wait import TOLD_SECONDS, Event, ImportWait, as_list

# So many jobs are cheaper to describe than to list, whatever else the server has records of.
FEW = 4
RUNNING = (ImportState.PENDING, ImportState.IMPORTING, ImportState.COMMITTING)
# How many requests are under way at a time; httpx does more work for each, the more connections it has.
CONCURRENT = 4
MIN_GAP = backoff.MIN_POLL_INTERVAL
# Who is due this much of an interval later is looked for as well, or jitter would tear apart what one list can serve.
SLACK = 0.25
# The most of its time that the loop spends on lists, asking and reading.
LIST_SHARE = 0.05
# Other triggers of the event loop get their turn after so many seconds of work.
TURN = 0.02
# Refused lists are tried again after so many seconds.
REFUSED = 300.0
# A deadline is met so many seconds late at most, when a last look takes longer.
LAST_LOOK = 2.0
# Credentials that are refused are read anew from the connection, unless they are as fresh as this.
FRESH = 60.0


Records = Mapping[str, Mapping[str, Any]]


class Client(Protocol):
    """The two questions of the loop."""

    async def get_import_progress(self, job_id: str) -> ImportProgress: ...

    async def list_import_records(self, collection_name: str | None) -> Records: ...


T = TypeVar("T")
OpenClient = Callable[[], AbstractAsyncContextManager[Client]]


async def watch(server: Hashable, open_client: OpenClient, wait: ImportWait) -> Event:
    """Take part in the one loop of this event loop for a server, until the wait has ended.

    :param server: what distinguishes the servers; the same value shares a loop.
    :param open_client: makes the loop's client, when the first waiter comes and when credentials have changed.
    :raises Exception: what ``open_client`` raises, in every waiter.
    """
    watchers = _watchers.setdefault(asyncio.get_running_loop(), {})
    watcher = watchers.get(server)
    if watcher is None:
        watcher = watchers[server] = Watcher(open_client, partial(watchers.pop, server))
    return await watcher.wait(wait)


_watchers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, Watcher]] = WeakKeyDictionary()


class _StaleClient(Exception):
    """The credentials were refused and may have been changed since the client was opened."""


class _Waiter:
    """One wait, and when it wants to be looked for."""

    __slots__ = ("context", "done", "due", "early", "pending", "wait")

    def __init__(self, wait: ImportWait, now: float) -> None:
        self.wait = wait
        self.pending = wait.pending
        self.due = self.early = now
        self.done: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        # Airflow finds the task that a log line belongs to in here.
        self.context = contextvars.copy_context()

    def tell(self, report: Callable[..., Any], *arguments: Any) -> None:
        """Call a method of the wait in the waiter's own context; what it breaks is the waiter's alone."""
        if self.done.done():
            return
        try:
            self.context.run(report, *arguments)
        except Exception as error:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)

    def look_back(self) -> None:
        """After an answer: end the wait if it has come to its end."""
        if self.done.done():
            return
        event = self.wait.event()
        if event:
            self.done.set_result(event)
        else:
            self.pending = self.wait.pending

    def is_all_in(self, records: Mapping[str, Any]) -> bool:
        return all(map(records.__contains__, self.pending))

    def schedule(self, now: float) -> None:
        """Set the time of the next look, and from when on it may be had."""
        interval = self.wait.delay()
        self.due = now + interval
        self.early = self.due - SLACK * interval
        if interval <= 0:  # its deadline has passed
            self.look_back()


class _Job:
    """A job that somebody waits for, and what ``list`` last said of it."""

    __slots__ = ("collection", "runs", "state", "tell_at", "waiters")

    def __init__(self) -> None:
        self.waiters: list[_Waiter] = []
        self.collection = ""
        self.forget()

    def forget(self) -> None:
        """Take the next answer for news, however little it says."""
        self.state: object = None
        self.runs = False
        self.tell_at = 0.0


class Watcher:
    """The loop of one server; it begins with its first waiter and ends with its last.

    :param open_client: makes its client.
    :param on_empty: is called as soon as nobody waits any more.
    """

    def __init__(self, open_client: OpenClient, on_empty: Callable[[], Any]) -> None:
        self._open_client = open_client
        self._on_empty = on_empty
        self._loop = asyncio.get_running_loop()
        self._waiters: dict[_Waiter, None] = {}
        self._jobs: dict[str, _Job] = {}
        self._suspects: set[str] = set()
        self._refused: dict[str | None, float] = {}
        self._list_seconds: deque[float] = deque(maxlen=3)
        self._may_list_at = 0.0
        self._failures = 0
        self._trouble_since = 0.0
        self._last = self._next = self._loop.time() - MIN_GAP
        self._opened = 0.0
        self._wake = asyncio.Event()
        # In a context of its own, or what the loop logs would be in the task log of its first waiter.
        self._task = self._loop.create_task(self._run(), context=contextvars.Context())

    async def wait(self, wait: ImportWait) -> Event:
        """Wait among the others."""
        waiter = _Waiter(wait, self._loop.time())
        self._waiters[waiter] = None
        for job_id in waiter.pending:
            job = self._jobs.get(job_id)
            if job is None:
                job = self._jobs[job_id] = _Job()
            job.waiters.append(waiter)
            job.forget()  # the newcomer has not heard of it
        soon = max(waiter.due, self._last + MIN_GAP)
        if not self._failures and soon < self._next:
            self._next = soon
            self._wake.set()
        timer = None
        if wait.deadline is not None:
            timer = self._loop.call_later(wait.remaining + LAST_LOOK, waiter.look_back)
        try:
            return await waiter.done
        finally:
            if timer:
                timer.cancel()
            await self._leave(waiter)

    async def _leave(self, waiter: _Waiter) -> None:
        del self._waiters[waiter]
        for job_id in as_list(waiter.wait.job_ids):
            self._let_go(waiter, job_id)
        if not self._waiters:
            self._on_empty()
            self._task.cancel()
            # The last one out sees the client closed.
            await asyncio.wait([self._task])

    def _let_go(self, waiter: _Waiter, job_id: str) -> None:
        """Look for a job no more on behalf of this waiter."""
        if (job := self._jobs.get(job_id)) and waiter in job.waiters:
            job.waiters.remove(waiter)
            if not job.waiters:
                del self._jobs[job_id]
                self._suspects.discard(job_id)

    async def _run(self) -> None:
        try:
            while True:
                try:
                    async with self._open_client() as client:
                        self._opened = self._loop.time()
                        while True:
                            await self._pause()
                            await self._look(client)
                except _StaleClient:
                    pass
        except Exception as error:
            for waiter in self._waiters:
                waiter.fail(error)

    async def _pause(self) -> None:
        while (delay := self._next - self._loop.time()) > 0:
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), delay)
            except TimeoutError:
                break

    # -- one look ------------------------------------------------------------------------------------------------

    async def _look(self, client: Client) -> None:
        self._last = now = self._loop.time()
        due = [waiter for waiter in self._waiters if waiter.early <= now]
        job_ids = dict.fromkeys(job_id for waiter in due for job_id in waiter.pending)
        to_describe: Iterable[str] = job_ids
        error: MilvusError | None = None
        if len(job_ids) > FEW and not self._is_refused(scope := self._scope(job_ids)):
            if now < self._may_list_at:
                self._next = self._may_list_at
                return
            try:
                records = await client.list_import_records(scope)
                # Who was not due yet has been looked for as well.
                due = [waiter for waiter in self._waiters if waiter.early <= now or waiter.is_all_in(records)]
                to_describe = await self._read(scope, records, job_ids)
            except MilvusError as trouble:
                self._check_credentials(trouble)
                if trouble.retryable:
                    error, to_describe = trouble, ()
                    await self._miss(job_ids, trouble)
                else:
                    self._refuse(scope)
        error = await self._describe(client, to_describe) or error
        await self._plan(due, error)

    def _scope(self, job_ids: Iterable[str]) -> str | None:
        """The collection to list the jobs of, where they are all of one, else ``None`` for all collections."""
        names = {self._jobs[job_id].collection for job_id in job_ids if job_id in self._jobs}
        name = names.pop() if len(names) == 1 else None
        return None if self._is_refused(name) else name or None

    def _was_answered_for(self, job_id: str) -> bool:
        """Whether a job is known to be there; one that was just created may not be listed yet."""
        return job_id in self._jobs and self._jobs[job_id].collection != ""

    def _refuse(self, scope: str | None) -> None:
        self._refused[scope] = self._loop.time() + REFUSED

    def _is_refused(self, scope: str | None) -> bool:
        return self._loop.time() < self._refused.get(scope, 0.0)

    async def _read(self, scope: str | None, records: Records, due: Iterable[str]) -> list[str]:
        """Tell everybody what a list says; the ids of the jobs that have to be described."""
        now = self._loop.time()
        self._recover()
        doubtful = [job_id for job_id in due if job_id not in records]
        # The ids alone, as so many pairs would make Python look for garbage among all it has.
        async for job_id in self._in_turns(list(self._jobs)):
            job, record = self._jobs.get(job_id), records.get(job_id)
            if job and record is not None and self._compare(job_id, job, record, now):
                doubtful.append(job_id)
        if not any(job_id in records for job_id in due) and any(self._was_answered_for(job_id) for job_id in due):
            self._refuse(scope)  # these credentials see nothing of it, or it is another database's
        self._list_seconds.append(self._loop.time() - self._last)
        # The best of the last times, since the others of the event loop may have had their turn in between.
        self._may_list_at = self._loop.time() + min(self._list_seconds) * (1 / LIST_SHARE - 1)
        return doubtful

    def _compare(self, job_id: str, job: _Job, record: Mapping[str, Any], now: float) -> bool:
        """Tell the waiters of a job what changed; whether it must be described."""
        state = record.get("state")
        changed = state != job.state or now >= job.tell_at
        if job.runs and not changed:
            return False  # the usual case, ten thousand times over
        listed = parse_job(record)
        if changed:
            job.state = state
            # Jobs that were started together are not told of together.
            job.tell_at = now + random.uniform(1.0, 2.0) * TOLD_SECONDS
        job.collection = listed.collection_name
        job.runs = listed.state in RUNNING
        if listed.state in (ImportState.COMPLETED, ImportState.FAILED):
            return True
        if not job.runs:
            return changed or any(waiter.wait.goal is listed.state for waiter in job.waiters)
        for waiter in job.waiters:
            waiter.tell(waiter.wait.record_summary, job_id, listed)
        return False

    async def _describe(self, client: Client, job_ids: Iterable[str]) -> MilvusError | None:
        """Ask for jobs one by one, several at a time; the error if nothing can be asked for at present."""
        # Who failed the last time comes last, so that it holds nobody up.
        waiting = iter(sorted(job_ids, key=lambda job_id: job_id in self._suspects))
        while batch := list(islice(waiting, 1 if self._failures else CONCURRENT)):
            questions = (client.get_import_progress(job_id) for job_id in batch)
            answers = await asyncio.gather(*questions, return_exceptions=True)
            for answer in answers:
                self._check_credentials(answer)
            for job_id, answer in zip(batch, answers, strict=True):
                await self._deliver(job_id, answer)
            trouble = [answer for answer in answers if isinstance(answer, MilvusError) and answer.retryable]
            if len(trouble) == len(batch):
                await self._miss(waiting, trouble[-1])
                return trouble[-1]
            self._recover()
        return None

    async def _deliver(self, job_id: str, answer: ImportProgress | BaseException) -> None:
        job = self._jobs.get(job_id)
        if job is None:
            return
        if isinstance(answer, MilvusError):
            if not isinstance(answer, MilvusImportJobNotFound):
                self._suspects.add(job_id)
            await self._miss([job_id], answer)
            return
        self._suspects.discard(job_id)
        for waiter in list(job.waiters):
            if isinstance(answer, BaseException):
                waiter.fail(answer)
                continue
            job.collection = answer.collection_name
            waiter.tell(waiter.wait.record_status, job_id, answer)
            waiter.look_back()
            if job_id not in waiter.pending:
                self._let_go(waiter, job_id)  # it waits for others of its jobs

    async def _miss(self, job_ids: Iterable[str], error: MilvusError) -> None:
        """Tell the waiters of these jobs, each once, that there was no answer."""
        told: set[_Waiter] = set()
        async for job_id in self._in_turns(job_ids):
            job = self._jobs.get(job_id)
            if job is None:
                continue
            job.forget()
            for waiter in job.waiters:
                if waiter not in told:
                    told.add(waiter)
                    waiter.tell(waiter.wait.record_error, job_id, error)
                    waiter.look_back()

    # -- the time of the next look -------------------------------------------------------------------------------

    async def _plan(self, due: list[_Waiter], error: MilvusError | None) -> None:
        now = self._loop.time()
        async for waiter in self._in_turns(due):
            waiter.schedule(now)
        if error is not None:
            self._failures += 1
            self._trouble_since = self._trouble_since or now
            longest = max((waiter.wait.poll_interval for waiter in due), default=0.0)
            ceiling = backoff.ceiling(now - self._trouble_since, longest)
            self._next = now + backoff.backoff(self._failures, getattr(error, "retry_after", None), ceiling=ceiling)
            for waiter in due:
                waiter.due = waiter.early = self._next
            return
        earliest = min((waiter.due for waiter in self._waiters if not waiter.done.done()), default=now)
        self._next = max(earliest, self._last + MIN_GAP)

    async def _in_turns(self, items: Iterable[T]) -> AsyncIterator[T]:
        """The items, with a turn for the others of the event loop now and then."""
        until = self._loop.time() + TURN
        for item in items:
            yield item
            if self._loop.time() >= until:
                await asyncio.sleep(0)
                until = self._loop.time() + TURN

    def _recover(self) -> None:
        self._failures, self._trouble_since = 0, 0.0

    def _check_credentials(self, answer: object) -> None:
        if isinstance(answer, MilvusAuthError) and self._loop.time() > self._opened + FRESH:
            raise _StaleClient
