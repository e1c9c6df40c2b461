"""The wait of a deferred task for import jobs, in the triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_milvus import airflow_compat, rest, waiting
from airflow_provider_milvus.hooks.milvus import MilvusAsyncHook
from airflow_provider_milvus.waiting.backoff import DEFAULT_MAX_POLL_FAILURES, DEFAULT_POLL_INTERVAL

if TYPE_CHECKING:
    pass

# Airflow fails a task whose trigger fires before the executor has told the scheduler that the deferring worker is done,
# which takes up to a worker heartbeat (5 s).
MIN_AGE = 6.0
AIRFLOW_KILLS_TRIGGERS = hasattr(BaseTrigger, "on_kill")
FINAL_STATES = ("failed", "success", "skipped", "upstream_failed", "removed")

_airflow_has_answered = False


class MilvusImportTrigger(BaseTrigger):
    """Wait for import jobs without holding a worker slot.

    It fires once, with the event described in :mod:`airflow_provider_milvus.waiting.import_wait`, no sooner than six
    seconds after it was started. It only reads, so that a triggerer that takes it over from another can start it again.

    A kill of the deferred task (mark failed, mark success; Airflow 3.3 and later) aborts a two-phase job.

    :param job_id: one id, or a list of ids.
    :param milvus_conn_id: a connection of the type ``milvus``.
    :param goal: the state that is waited for, ``Completed`` or ``Uncommitted``.
    :param poll_interval: the most seconds between two looks.
    :param deadline: epoch seconds after which it fires with ``timeout``; ``None`` waits for ever.
    :param max_poll_failures: failed looks in a row after which it fires with ``unreachable``.
    :param database: instead of the connection's database.
    :param abort_on_kill: whether a kill aborts the job; only a two-phase job can be aborted.
    :param fail_fast: whether the first failed job ends the wait, or the last of all jobs to end.
    """

    def __init__(
        self,
        job_id: str | Sequence[str],
        milvus_conn_id: str,
        goal: str = "Completed",
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        deadline: float | None = None,
        max_poll_failures: int = DEFAULT_MAX_POLL_FAILURES,
        database: str | None = None,
        abort_on_kill: bool = False,
        fail_fast: bool = True,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.job_id = job_id
        self.milvus_conn_id = milvus_conn_id
        self.goal = goal
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.max_poll_failures = max_poll_failures
        self.database = database
        self.abort_on_kill = abort_on_kill
        self.fail_fast = fail_fast
        self._fired = False

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class path and the arguments that start it again. There is no secret in them."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "job_id": self.job_id,
                "milvus_conn_id": self.milvus_conn_id,
                "goal": self.goal,
                "poll_interval": self.poll_interval,
                "deadline": self.deadline,
                "max_poll_failures": self.max_poll_failures,
                "database": self.database,
                "abort_on_kill": self.abort_on_kill,
                "fail_fast": self.fail_fast,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Ask until the wait has ended, then fire."""
        started = time.monotonic()
        if self.abort_on_kill and AIRFLOW_KILLS_TRIGGERS:
            await self._ask_airflow_once()
        wait = waiting.import_wait.ImportWait(
            self.job_id,
            goal=rest.import_jobs.ImportState(self.goal),
            poll_interval=self.poll_interval,
            deadline=self.deadline,
            max_poll_failures=self.max_poll_failures,
            fail_fast=self.fail_fast,
            log=airflow_compat.shared_logger(self),
        )
        event = await waiting.poller.watch(
            (self.milvus_conn_id, self.database),
            partial(MilvusAsyncHook, self.milvus_conn_id, self.database),
            wait,
        )
        await asyncio.sleep(MIN_AGE - (time.monotonic() - started))
        self._fired = True
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def _ask_airflow_once(self) -> None:
        """Let Airflow give its first answer now: it takes the triggerer seconds, in which a killed job would go on."""
        global _airflow_has_answered
        if not _airflow_has_answered:
            _airflow_has_answered = True
            with suppress(Exception):  # nobody needs the answer
                await self._task_has_ended()

    async def on_kill(self) -> None:
        """Abort a two-phase job whose task was ended by a person; say of any other that it goes on."""
        # Airflow cancels this again and again, about once a second, until it has ended; what has begun must go on.
        self._killing = asyncio.create_task(self._after_kill())
        await asyncio.shield(self._killing)

    async def _after_kill(self) -> None:
        if self._fired or not await self._task_has_ended():
            return
        for job_id in waiting.import_wait.as_list(self.job_id):
            if not self.abort_on_kill:
                why = "Milvus cannot cancel it" if self.goal == "Completed" else "it was not to be aborted"
                self.log.warning("Import job %s goes on: %s", job_id, why)
                continue
            async with MilvusAsyncHook(self.milvus_conn_id, self.database) as hook:
                try:
                    await hook.abort_import(job_id)
                except rest.errors.MilvusError as error:
                    self.log.warning("Import job %s could not be aborted: %s", job_id, error)
                else:
                    self.log.info("Import job %s was aborted; nothing of it was visible", job_id)

    async def _task_has_ended(self) -> bool:
        """Whether the task is in a final state.

        Airflow also calls ``on_kill`` where nobody killed the task: when a stalled triggerer wakes up after its
        triggers have moved to another, and when the task was cleared and a new try has already taken the job over.
        """
        ti = self.task_instance
        if ti is None:
            return False
        return any(state in FINAL_STATES for state in await airflow_compat.task_states(ti))


def __getattr__(name: str) -> Any:
    # Triggers that an earlier version has stored name the class by this module.
    if name == "MilvusImportEventTrigger":
        from airflow_provider_milvus.triggers.import_event import MilvusImportEventTrigger

        return MilvusImportEventTrigger
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
