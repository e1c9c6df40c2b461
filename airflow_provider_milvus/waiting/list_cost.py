"""What a list of jobs costs, and when the next one may be requested.

A list costs CPU here and time of the server. Neither is how long it took: on a busy machine an event loop can be late
by seconds in reading a response that came at once.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

from airflow_provider_milvus.waiting.backoff import MIN_POLL_INTERVAL

# The part of the time that lists may cost.
LIST_SHARE = 0.02
# In these steps the event loop counts the time that it was free in.
TICK_SECONDS = 0.02
# A list that was refused is requested again after so many seconds.
REFUSED_LIST_SECONDS = 300.0

T = TypeVar("T")


class Metered(Generic[T]):
    """A coroutine that measures what it costs while it is awaited.

    ``cpu`` is the CPU seconds of its own steps on the event loop, ``idle`` the seconds in which it waited and the event
    loop was free: a late tick counts as one, however late it is.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self.cpu = 0.0
        self.idle = 0.0

    @property
    def cost(self) -> float:
        """Seconds of CPU and of the server together."""
        return self.cpu + self.idle

    def __await__(self) -> Generator[Any, Any, T]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        self._tick(loop)
        try:
            return (yield from self._steps())
        finally:
            self._timer.cancel()
            # The last tick is not complete.
            self.idle = min(self.idle, loop.time() - began)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self.idle += TICK_SECONDS
        self._timer = loop.call_later(TICK_SECONDS, self._tick, loop)

    def _steps(self) -> Generator[Any, Any, T]:
        step: Any = self._coroutine.send
        argument: Any = None
        while True:
            began = time.thread_time()
            try:
                found = step(argument)
            except StopIteration as end:
                value: T = end.value
                return value
            finally:
                self.cpu += time.thread_time() - began
            try:
                argument = yield found
                step = self._coroutine.send
            except BaseException as error:
                argument, step = error, self._coroutine.throw


class ListPace:
    """When the next list may be requested: so seldom that lists cost at most 2 % of the time, and never less often than
    every two poll intervals.
    """

    def __init__(self) -> None:
        # The cheapest of the last ones counts, since what else runs on a machine makes the others dearer.
        self._costs: deque[float] = deque(maxlen=3)
        self._began = self._ended = 0.0
        self._refused_until: dict[str | None, float] = {}

    def refuse(self, collection_name: str | None, now: float) -> None:
        """Record that the server refuses to list the jobs of a collection, or of all, or lists none of ours."""
        self._refused_until[collection_name] = now + REFUSED_LIST_SECONDS

    def is_refused(self, collection_name: str | None, now: float) -> bool:
        """Whether this list is not to be requested now, since it was refused not long ago."""
        return now < self._refused_until.get(collection_name, 0.0)

    def record(self, began: float, ended: float, cost: float) -> None:
        """Record a list: when it was requested, when it had been read, and what it cost."""
        self._began, self._ended = began, ended
        self._costs.append(cost)

    def next_time(self, poll_interval: float) -> float:
        """When the next list may be requested, on the same clock."""
        if not self._costs:
            return 0.0
        paced = self._ended + min(self._costs) * (1 / LIST_SHARE - 1)
        # The first ones report all jobs as changed, which costs more than any later list.
        intervals = 2 if len(self._costs) == self._costs.maxlen else 1
        return min(paced, max(self._began + intervals * poll_interval, self._ended + MIN_POLL_INTERVAL))
