"""Requests about jobs, a few at a time, each delivered as soon as its response comes. A slow one delays no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from airflow_provider_milvus.rest.errors import MilvusConnectionError
from airflow_provider_milvus.rest.import_jobs import ImportProgress

# How many requests are under way at a time; httpx does more work for each, the more connections it has.
CONCURRENT = 4
# After so many seconds a request goes on beside the others, and its place is free.
SLOW_SECONDS = 1.0
# A timer can fire this much early, and what is left of a second can be too little for a float to add to a time.
TIMER_RESOLUTION_SECONDS = 0.001
MAX_IN_FLIGHT = 64

Fetch = Callable[[str], Awaitable[ImportProgress]]
Response = ImportProgress | Exception


class RequestPool:
    """The requests of one client.

    :param fetch: sends the request about a job.
    :param deliver: gets each response, or the error. It must not raise.
    """

    def __init__(self, fetch: Fetch, deliver: Callable[[str, Response], None]) -> None:
        self._fetch = fetch
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        # In the order of their start.
        self._in_flight: dict[str, tuple[asyncio.Task[None], float]] = {}
        self._slow: set[str] = set()

    def __contains__(self, job_id: str) -> bool:
        """Whether a request about this job is under way."""
        return job_id in self._in_flight

    def __len__(self) -> int:
        return len(self._in_flight)

    def is_slow(self, job_id: str) -> bool:
        """Whether the last response about this job was slow, or is not complete yet."""
        return job_id in self._slow

    def start(self, job_id: str) -> asyncio.Task[None]:
        """Send a request and do not wait for its response."""
        if len(self._in_flight) >= MAX_IN_FLIGHT:
            self._give_up_oldest()
        task = self._loop.create_task(self._request(job_id))
        self._in_flight[job_id] = (task, self._loop.time())
        return task

    async def run(
        self, job_ids: Iterable[str], *, limit: Callable[[], int] = lambda: CONCURRENT, stop: Callable[[], bool]
    ) -> list[str]:
        """Send a request about each of these jobs, and wait for the responses; not for slow ones.

        :param limit: how many at a time.
        :param stop: whether to send no further ones.
        :return: the jobs that no request was sent about.
        """
        queue = iter(job_ids)
        active: dict[asyncio.Task[None], float] = {}
        while True:
            while len(active) < limit() and not stop():
                job_id = next(queue, None)
                if job_id is None:
                    break
                if job_id not in self._in_flight:
                    active[self.start(job_id)] = self._loop.time()
            if not active:
                return list(queue)
            oldest = next(iter(active.values()))
            await asyncio.wait(
                active, timeout=max(0.0, oldest + SLOW_SECONDS - self._loop.time()), return_when=asyncio.FIRST_COMPLETED
            )
            slow_since = self._loop.time() - SLOW_SECONDS + TIMER_RESOLUTION_SECONDS
            self._slow.update(job_id for job_id, (_, started) in self._in_flight.items() if started <= slow_since)
            active = {task: started for task, started in active.items() if not task.done() and started > slow_since}

    async def close(self) -> None:
        """Cancel what is under way."""
        tasks = [task for task, _ in self._in_flight.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _request(self, job_id: str) -> None:
        me, started = asyncio.current_task(), self._loop.time()
        response: Response
        try:
            response = await self._fetch(job_id)
        except Exception as error:
            response = error
        finally:
            if self._in_flight.get(job_id, (None, 0.0))[0] is me:
                del self._in_flight[job_id]
        if self._loop.time() < started + SLOW_SECONDS:
            self._slow.discard(job_id)
        self._deliver(job_id, response)

    def _give_up_oldest(self) -> None:
        job_id, (task, started) = next(iter(self._in_flight.items()))
        task.cancel()
        del self._in_flight[job_id]
        seconds = self._loop.time() - started
        self._deliver(job_id, MilvusConnectionError(f"no complete response within {seconds:.0f} s"))
