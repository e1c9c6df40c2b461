"""Who is subscribed to a poll loop, and to which jobs."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Iterable
from typing import Any

from airflow_provider_milvus.waiting.event import Event
from airflow_provider_milvus.waiting.import_wait import ImportWait

# A subscriber that is due this much of an interval later is polled for as well, or jitter would separate what one list
# can serve.
SLACK = 0.25


class Subscriber:
    """One wait, and when it is to be polled."""

    __slots__ = ("context", "done", "due", "early", "wait")

    def __init__(self, wait: ImportWait, now: float) -> None:
        self.wait = wait
        self.due = self.early = now
        self.done: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        # Airflow finds the task that a log line belongs to in here.
        self.context = contextvars.copy_context()

    def report(self, record: Callable[..., Any], *arguments: Any) -> None:
        """Call a method of the wait in the subscriber's own context; an error in it is the subscriber's alone."""
        if self.done.done():
            return
        try:
            self.context.run(record, *arguments)
        except Exception as error:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """End the wait with an error."""
        if not self.done.done():
            self.done.set_exception(error)

    def end_if_over(self) -> None:
        """After a response: end the wait if it has come to its end."""
        if self.done.done():
            return
        try:
            event = self.wait.event()
        except Exception as error:
            self.fail(error)
            return
        if event:
            self.done.set_result(event)

    def schedule(self, now: float) -> None:
        """Set the time of the next poll, and the time from which on another poll counts as it."""
        interval = self.wait.delay()
        self.due = now + interval
        self.early = self.due - SLACK * interval
        if interval <= 0:  # its deadline has passed
            self.end_if_over()


class PolledJob:
    """A job that subscribers wait for, and what ``list`` last reported of it."""

    __slots__ = ("collection", "log_at", "runs", "state", "subscribers")

    def __init__(self) -> None:
        # A dict, since thousands may wait for one job.
        self.subscribers: dict[Subscriber, None] = {}
        self.collection = ""
        self.forget()

    def is_due(self, now: float) -> bool:
        """Whether a poll is due for a subscriber."""
        return any(subscriber.early <= now for subscriber in self.subscribers)

    def forget(self) -> None:
        """Report the next response to the subscribers, whatever it has."""
        self.state: object = None
        self.runs = False
        self.log_at = 0.0


def pending_jobs(subscribers: Iterable[Subscriber]) -> dict[str, None]:
    """The ids of the jobs that these wait for, each once."""
    return dict.fromkeys(job_id for subscriber in subscribers for job_id in subscriber.wait.pending)
