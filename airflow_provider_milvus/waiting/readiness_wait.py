"""The wait until a collection is loaded or its indexes are built: what was seen, what to do next, and how it ended.

A :class:`ReadinessWait` sends nothing and sleeps nowhere, as an
:class:`~airflow_provider_milvus.waiting.import_wait.ImportWait` does for import jobs. It ends in an *event*, a plain
dict of JSON values with ``status``, ``message`` for a person, and ``states``, the figures of what was waited for:

===============  ==================================================================
``status``       meaning
===============  ==================================================================
``success``      all of it is ready
``failed``       the server gave up on a part of it, and says why
``timeout``      the deadline passed; the server goes on
``unreachable``  the server could not be asked often enough, or refuses to answer
===============  ==================================================================
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from airflow_provider_milvus.rest.errors import MilvusError
from airflow_provider_milvus.waiting import backoff

if TYPE_CHECKING:
    from airflow_provider_milvus.rest.collections import IndexState, LoadState
    from airflow_provider_milvus.waiting.import_wait import Event, Log

    State = IndexState | LoadState

TOLD_SECONDS = 60.0


class ReadinessWait:
    """The state of one wait.

    :param what: what is waited for, in words.
    :param poll_interval: the most seconds between two looks; a young wait looks more often.
    :param deadline: epoch seconds after which the wait ends with ``timeout``; ``None`` waits for ever.
    :param max_poll_failures: looks in a row that may fail before the wait ends with ``unreachable``.
    :param log: gets a line when what was seen has changed, at most one a minute.
    :param clock: the time in epoch seconds.
    :param chance: a uniform random number between two bounds.
    """

    def __init__(
        self,
        what: str,
        *,
        poll_interval: float = backoff.DEFAULT_POLL_INTERVAL,
        deadline: float | None = None,
        max_poll_failures: int = backoff.DEFAULT_MAX_POLL_FAILURES,
        log: Log | None = None,
        clock: Callable[[], float] = time.time,
        chance: backoff.Jitter | None = None,
    ) -> None:
        self._what = what
        self._poll_interval = poll_interval
        self._deadline = deadline
        self._max_poll_failures = max_poll_failures
        self._log: Log = logging.getLogger(__name__) if log is None else log
        self._clock = clock
        self._chance = {"jitter": chance} if chance else {}
        self._started = clock()
        self._states: Sequence[State] | None = None
        self._told, self._told_at = "", 0.0
        self._error: MilvusError | None = None
        self._failures, self._trouble_since = 0, 0.0

    def record_status(self, states: Sequence[State]) -> None:
        """Take in the answers of one look."""
        self._states = states
        self._error, self._failures, self._trouble_since = None, 0, 0.0
        now = self._clock()
        # How the wait ended is in the event, whose message the task logs.
        if not self._ready and self._seen != self._told and now >= self._told_at + TOLD_SECONDS:
            self._told, self._told_at = self._seen, now
            self._log.info("%s: %s", self._what, self._seen)

    def record_error(self, error: MilvusError) -> None:
        """Take in that a look failed."""
        now = self._clock()
        self._error = error
        self._failures += 1
        self._trouble_since = self._trouble_since or now
        if self._failures == 1:
            self._log.warning("Could not look whether it is ready: %s: %s", self._what, error)

    def delay(self) -> float:
        """Seconds to the next look: the poll interval, or a back-off after trouble, never past the deadline."""
        now = self._clock()
        if self._failures:
            ceiling = backoff.ceiling(now - self._trouble_since, self._poll_interval)
            retry_after = getattr(self._error, "retry_after", None)
            delay = backoff.backoff(self._failures, retry_after, ceiling=ceiling, **self._chance)
        else:
            delay = backoff.interval(now - self._started, self._poll_interval, **self._chance)
        return delay if self._deadline is None else min(delay, max(0.0, self._deadline - now))

    def event(self) -> Event | None:
        """How the wait ended, or ``None`` while it goes on."""
        if failures := [state.failure for state in self._states or () if state.failure]:
            return self._event("failed", "; ".join(failures))
        if self._error and (not self._error.retryable or self._failures >= self._max_poll_failures):
            return self._event("unreachable", f"gave up after {self._failures} failed looks: {self._error}")
        if not self._error and self._ready:
            return self._event("success", self._seen)
        if self._deadline is not None and self._clock() >= self._deadline:
            return self._event("timeout", f"not ready in time, Milvus goes on: {self._seen or 'it never answered'}")
        return None

    @property
    def _ready(self) -> bool:
        return self._states is not None and all(state.ready for state in self._states)

    @property
    def _seen(self) -> str:
        return "; ".join(state.text for state in self._states or ())

    def _event(self, status: str, message: str) -> Event:
        states = [asdict(state) for state in self._states or ()]
        return {"status": status, "message": f"{self._what}: {message}", "states": states}


def wait_for(
    wait: ReadinessWait,
    ask: Callable[[], Sequence[State]],
    *,
    until: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Event | None:
    """Look again and again until the wait has ended.

    :param until: epoch seconds after which to leave off with ``None``, after at least one look.
    """
    while True:
        try:
            wait.record_status(ask())
        except MilvusError as error:
            wait.record_error(error)
        if event := wait.event():
            return event
        delay = wait.delay()
        if until is not None and time.time() + delay > until:
            return None
        sleep(delay)


async def watch(wait: ReadinessWait, ask: Callable[[], Awaitable[Sequence[State]]]) -> Event:
    """The same on an event loop."""
    while True:
        try:
            wait.record_status(await ask())
        except MilvusError as error:
            wait.record_error(error)
        if event := wait.event():
            return event
        await asyncio.sleep(wait.delay())
