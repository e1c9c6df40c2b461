"""The wait until a collection is loaded or its indexes are built: the last known states, and how it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus.rest.errors import MilvusError
from airflow_provider_milvus.waiting.event import Event, bounded_text, readiness_event
from airflow_provider_milvus.waiting.wait import LOG_INTERVAL_SECONDS, Wait

if TYPE_CHECKING:
    from airflow_provider_milvus.rest.collections import LoadState
    from airflow_provider_milvus.rest.indexes import IndexState

    State = IndexState | LoadState


class ReadinessWait(Wait):
    """The state of one wait for a load or for index builds.

    :param subject: what is waited for, in words.
    :param options: as for every :class:`~airflow_provider_milvus.waiting.wait.Wait`.
    """

    __slots__ = ("_logged", "_logged_at", "_states", "_subject")

    def __init__(self, subject: str, **options: Any) -> None:
        super().__init__(**options)
        self._subject = subject
        self._states: Sequence[State] | None = None
        self._logged, self._logged_at = "", 0.0

    def record_status(self, states: Sequence[State]) -> None:
        """Record the responses of one poll."""
        self._states = states
        self._record_response()
        now = self._clock()
        # How the wait ended is in the event, whose message the task logs.
        if not self._is_ready and self._status != self._logged and now >= self._logged_at + LOG_INTERVAL_SECONDS:
            self._logged, self._logged_at = self._status, now
            self._log.info("%s: %s", self._subject, bounded_text(self._status))

    def record_error(self, error: MilvusError) -> None:
        """Record a failed poll."""
        self._record_failed_poll(self._subject, error)

    def event(self) -> Event | None:
        """How the wait ended, or ``None`` while it goes on."""
        if failures := [state.failure for state in self._states or () if state.failure]:
            return self._event("failed", "; ".join(failures))
        if self._is_unreachable:
            return self._event(
                "unreachable", f"gave up after {self._failed.failures} failed polls: {self._failed.error}"
            )
        if not self._failed.failures and self._is_ready:
            return self._event("success", self._status)
        if self._is_late:
            status = self._status or "no poll has succeeded"
            return self._event("timeout", f"not ready in time, Milvus goes on: {status}")
        return None

    @property
    def _is_ready(self) -> bool:
        return self._states is not None and all(state.ready for state in self._states)

    @property
    def _status(self) -> str:
        return "; ".join(state.text for state in self._states or ())

    def _event(self, status: str, message: str) -> Event:
        return readiness_event(status, f"{self._subject}: {message}", [asdict(state) for state in self._states or ()])


def wait_for(
    wait: ReadinessWait,
    fetch: Callable[[], Sequence[State]],
    *,
    until: float | None = None,
    sleep: Callable[[float], None] | None = None,
) -> Event | None:
    """Poll in this process until the wait has ended.

    :param until: epoch seconds after which to return ``None``, after at least one poll.
    """
    while True:
        try:
            wait.record_status(fetch())
        except MilvusError as error:
            wait.record_error(error)
        if event := wait.event():
            return event
        delay = wait.delay()
        if until is not None and time.time() + delay > until:
            return None
        (sleep or time.sleep)(delay)


async def watch(wait: ReadinessWait, fetch: Callable[[], Awaitable[Sequence[State]]]) -> Event:
    """The same on an event loop."""
    while True:
        try:
            wait.record_status(await fetch())
        except MilvusError as error:
            wait.record_error(error)
        if event := wait.event():
            return event
        await asyncio.sleep(wait.delay())
