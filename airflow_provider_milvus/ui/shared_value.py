"""A value that all requests of an api-server process share, whatever the number of browsers."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from airflow_provider_milvus import waiting
from airflow_provider_milvus.rest.errors import MilvusError

T = TypeVar("T")

# The part of the time that fetching may take.
SHARE = 0.05
# A value that is fetched slowly is not older than this all the same.
MAX_INTERVAL_SECONDS = 120.0


class SharedValue(Generic[T]):
    """Fetched on demand, once at a time, and so seldom that it takes at most 5 % of the time.

    :param fetch: makes the value; an error keeps the last one.
    :param interval: the shortest time between two fetches, in seconds.
    :param time_limit: seconds after which a fetch is given up.
    :ivar value: the last one, ``None`` at first.
    :ivar fetched: when it was fetched, in epoch seconds.
    :ivar error: why the last fetch failed, empty where it did not.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[T]],
        *,
        interval: float,
        time_limit: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._interval = interval
        self._time_limit = time_limit
        self._clock = clock
        self._next = -math.inf
        self._task: asyncio.Task[None] | None = None
        self._outage = waiting.backoff.Backoff(clock=clock)
        self.value: T | None = None
        self.fetched = 0.0
        self.error = ""

    def expire(self) -> None:
        """Let the next request fetch it again."""
        self._next = -math.inf

    async def get(self, max_wait: float) -> T | None:
        """The value. It is fetched first where that is due, for so many seconds at most; then it is the last one."""
        if self._task is None and self._clock() >= self._next:
            self._task = asyncio.create_task(self._refresh())
        if self._task is not None and max_wait > 0:
            await asyncio.wait([self._task], timeout=max_wait)
        return self.value

    async def _refresh(self) -> None:
        began = self._clock()
        self._next = math.inf
        try:
            async with asyncio.timeout(self._time_limit):
                self.value = await self._fetch()
        except TimeoutError:
            self._fail(f"no complete response within {self._time_limit:g} s", TimeoutError())
        except Exception as error:
            # An error of Milvus is without secrets; of any other the kind alone is shown.
            self._fail(str(error) if isinstance(error, MilvusError) else type(error).__name__, error)
        else:
            self.error, self.fetched = "", time.time()
            self._outage.reset()
            cost = self._clock() - began
            pause = min(MAX_INTERVAL_SECONDS, max(self._interval, cost / SHARE))
            self._next = min(self._next, began + pause)
        finally:
            self._task = None

    def _fail(self, text: str, error: Exception) -> None:
        self.error = waiting.event.bounded_text(text)
        self._outage.record_error(error)
        self._next = self._clock() + max(self._interval, self._outage.delay())
