"""What all waits have in common: a deadline, failed polls in a row, and the delay to the next poll.

A wait sends nothing and sleeps nowhere. Whoever polls feeds it with responses and errors, and keeps to its delays, so
that poke, reschedule, synchronous and deferred waiting cannot drift apart. It ends in an event, see
:mod:`airflow_provider_milvus.waiting.event`.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable
from typing import Any, Protocol

from airflow_provider_milvus.waiting import backoff
from airflow_provider_milvus.waiting.event import bounded_text

# A deadline is met so many seconds late at most, when the last poll takes longer.
LAST_POLL_SECONDS = 2.0
LOG_INTERVAL_SECONDS = backoff.LOG_INTERVAL_SECONDS


class Log(Protocol):
    """What is needed of a logger; Airflow's and the standard library's both are one."""

    def info(self, event: Any, /, *args: Any) -> Any: ...

    def warning(self, event: Any, /, *args: Any) -> Any: ...


# Of every wait that has none: ten thousand waits cost Python's garbage collector less without one each.
_NO_FAILURES = backoff.Backoff()


class Wait:
    """The state of one wait.

    :param poll_interval: longest time between two polls, in seconds; a young wait polls more often, and failed polls
        are followed by a back-off of up to a minute.
    :param deadline: epoch seconds after which the wait ends with ``timeout``; ``None`` for no limit.
    :param max_poll_failures: failed polls in a row after which the wait ends with ``unreachable``.
    :param log: gets status changes and failed polls, at most about one line a minute.
    :param clock: the time in epoch seconds.
    :param jitter: a random number between a lower and an upper bound.
    """

    __slots__ = ("_clock", "_failed", "_jitter", "_log", "_max_poll_failures", "_started", "deadline", "poll_interval")

    def __init__(
        self,
        *,
        poll_interval: float = backoff.DEFAULT_POLL_INTERVAL,
        deadline: float | None = None,
        max_poll_failures: int = backoff.DEFAULT_MAX_POLL_FAILURES,
        log: Log | None = None,
        clock: Callable[[], float] | None = None,
        jitter: backoff.Jitter = random.uniform,
    ) -> None:
        self.deadline = deadline
        self.poll_interval = poll_interval
        self._max_poll_failures = max_poll_failures
        self._log: Log = logging.getLogger(__name__) if log is None else log
        self._clock = clock or time.time
        self._jitter = jitter
        self._started = self._clock()
        self._failed = _NO_FAILURES

    @property
    def remaining(self) -> float:
        """Seconds to the deadline, infinitely many without one."""
        return math.inf if self.deadline is None else max(0.0, self.deadline - self._clock())

    def delay(self) -> float:
        """Seconds to the next poll: the poll interval, or a back-off after failed polls, never past the deadline."""
        if self._failed.failures:
            delay = self._failed.delay(self.poll_interval)
        else:
            delay = backoff.interval(self._clock() - self._started, self.poll_interval, self._jitter)
        return delay if self.deadline is None else min(delay, self.remaining)

    @property
    def is_overdue(self) -> bool:
        """Whether the deadline has passed for so long that no further request may be sent."""
        return self.deadline is not None and self._clock() > self.deadline + LAST_POLL_SECONDS

    @property
    def _is_late(self) -> bool:
        return self.deadline is not None and self._clock() >= self.deadline

    @property
    def _is_unreachable(self) -> bool:
        return self._failed.is_exhausted(self._max_poll_failures)

    def _record_failed_poll(self, what: str, error: Exception) -> None:
        if self._failed is _NO_FAILURES:
            self._failed = backoff.Backoff(clock=self._clock, jitter=self._jitter)
        if self._failed.record_error(error):
            self._log.warning(
                "Poll of %s failed (%d in a row): %s", what, self._failed.failures, bounded_text(str(error))
            )

    def _record_response(self) -> None:
        failures = self._failed.reset()
        if failures:
            self._log.info("Milvus responds again after %d failed polls", failures)
