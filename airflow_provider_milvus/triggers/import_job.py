"""The wait for import jobs, in the triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_milvus import imports
from airflow_provider_milvus.hooks.milvus import MilvusAsyncHook
from airflow_provider_milvus.imports.pacing import DEFAULT_MAX_POLL_FAILURES, DEFAULT_POLL_INTERVAL

# Airflow fails a task whose trigger fires before the executor has told the scheduler that the deferring worker is done,
# which takes up to a worker heartbeat (5 s).
MIN_AGE = 6.0


class MilvusImportTrigger(BaseTrigger):
    """Wait for import jobs without holding a worker slot.

    It fires once, with the event described in :mod:`airflow_provider_milvus.imports.waiting`, no sooner than six
    seconds after it was started. It only reads, so that a triggerer that takes it over from another can start it again.

    :param job_id: one id, or a list of ids.
    :param milvus_conn_id: a connection of the type ``milvus``.
    :param poll_interval: the most seconds between two looks.
    :param deadline: epoch seconds after which it fires with ``timeout``; ``None`` waits for ever.
    :param max_poll_failures: failed looks in a row after which it fires with ``unreachable``.
    :param database: instead of the connection's database.
    """

    def __init__(
        self,
        job_id: str | Sequence[str],
        milvus_conn_id: str,
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        deadline: float | None = None,
        max_poll_failures: int = DEFAULT_MAX_POLL_FAILURES,
        database: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.job_id = job_id
        self.milvus_conn_id = milvus_conn_id
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.max_poll_failures = max_poll_failures
        self.database = database

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class path and the arguments that start it again. There is no secret in them."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "job_id": self.job_id,
                "milvus_conn_id": self.milvus_conn_id,
                "poll_interval": self.poll_interval,
                "deadline": self.deadline,
                "max_poll_failures": self.max_poll_failures,
                "database": self.database,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Ask until the wait has ended, then fire."""
        started = time.monotonic()
        wait = imports.waiting.ImportWait(
            self.job_id,
            poll_interval=self.poll_interval,
            deadline=self.deadline,
            max_poll_failures=self.max_poll_failures,
            log=self.log,
        )
        async with MilvusAsyncHook(self.milvus_conn_id, self.database) as hook:
            event = await imports.waiting.await_for(wait, hook.get_import_progress)
        await asyncio.sleep(MIN_AGE - (time.monotonic() - started))
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]
