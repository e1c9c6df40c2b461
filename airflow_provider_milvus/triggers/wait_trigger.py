"""What the triggers of deferred tasks have in common: one event, not too soon, whatever happens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from airflow.triggers.base import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from airflow_provider_milvus.waiting.event import Event

# Airflow fails a task whose trigger fires before the executor has notified the scheduler that the deferring worker is
# done, which takes up to a worker heartbeat (5 s).
MIN_AGE_SECONDS = 6.0


class MilvusWaitTrigger(BaseTrigger):
    """A trigger that fires once, no sooner than six seconds after it was started.

    It only reads, so that a triggerer that takes it over from another can start it again. An error ends the task with
    an event that has its text: a trigger that raises would fail the task without the reason.
    """

    _fired = False

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the wait has ended, then fire."""
        started = time.monotonic()
        try:
            event = await self._wait()
        except Exception as error:
            # Its text alone: the errors below it, in a traceback, may quote what a connection holds.
            event = self._error_event(f"{type(error).__name__}: {error}")
        await asyncio.sleep(MIN_AGE_SECONDS - (time.monotonic() - started))
        self._fired = True
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def _wait(self) -> Event:
        """Poll until the wait has ended."""
        raise NotImplementedError

    def _error_event(self, reason: str) -> Event:
        """The event of a wait that could not begin or go on."""
        raise NotImplementedError
