"""What looks at import jobs in the triggerer: for a deferred task, and for an asset."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Hashable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.triggers import BaseEventTrigger
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_milvus import imports, rest
from airflow_provider_milvus.hooks.milvus import MilvusAsyncHook
from airflow_provider_milvus.imports.pacing import DEFAULT_MAX_POLL_FAILURES, DEFAULT_POLL_INTERVAL, check_wait

if TYPE_CHECKING:
    from airflow_provider_milvus.imports.completions import Announced, Completed

# Airflow fails a task whose trigger fires before the executor has told the scheduler that the deferring worker is done,
# which takes up to a worker heartbeat (5 s).
MIN_AGE = 6.0
# After so long, Airflow has written down an event that a trigger has fired, and started the run that waited for it.
SECONDS_TO_PERSIST = 5.0
AIRFLOW_KILLS_TRIGGERS = hasattr(BaseTrigger, "on_kill")
FINAL_STATES = ("failed", "success", "skipped", "upstream_failed", "removed")

_airflow_has_answered = False


class MilvusImportTrigger(BaseTrigger):
    """Wait for import jobs without holding a worker slot.

    It fires once, with the event described in :mod:`airflow_provider_milvus.imports.waiting`, no sooner than six
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
        wait = imports.waiting.ImportWait(
            self.job_id,
            goal=rest.imports.ImportState(self.goal),
            poll_interval=self.poll_interval,
            deadline=self.deadline,
            max_poll_failures=self.max_poll_failures,
            fail_fast=self.fail_fast,
            log=self.logger(),  # one for all
        )
        event = await imports.watcher.watch(
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
        for job_id in imports.waiting.as_list(self.job_id):
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
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
        from asgiref.sync import sync_to_async

        states: Any = await sync_to_async(RuntimeTaskInstance.get_task_states)(
            dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index
        )
        # One state, under a key that a mapped task's index is part of.
        return any(state in FINAL_STATES for state in states.get(ti.run_id, {}).values())


class MilvusImportEventTrigger(BaseEventTrigger):
    """Update an asset whenever an import into a collection completes, whoever started it. For an ``AssetWatcher``.

    Airflow 3.0 and later. There is one event for each job, whose payload has the job's final figures: ``job_id``,
    ``imported_rows``, ``collection_name``, ``database``, ``create_time``, ``complete_time`` and others. What was
    completed when the watcher was started first is no event.

    From Airflow 3.3 on, the watchers of one connection and database share one poll of the server, and what was
    announced is kept in the asset's state store: an import that completes while no triggerer runs is announced at the
    next start, and none twice but where a triggerer dies within five seconds after an event. Before 3.3 every watcher
    asks for itself, and what completes while the triggerer restarts is missed.

    https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/event-scheduling.html

    :param collection_name: its own name; an alias is not followed.
    :param milvus_conn_id: a connection of the type ``milvus``.
    :param database: instead of the connection's database.
    :param poll_interval: seconds between two looks.
    :raises ValueError: for bad parameters.
    """

    def __init__(
        self,
        collection_name: str,
        milvus_conn_id: str = "milvus_default",
        database: str | None = None,
        poll_interval: float = DEFAULT_POLL_INTERVAL,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        if not isinstance(collection_name, str) or not collection_name.strip():
            raise ValueError(f"collection_name must be the name of a collection, got {collection_name!r}")
        check_wait(poll_interval=poll_interval)
        self.collection_name = collection_name
        self.milvus_conn_id = milvus_conn_id
        self.database = database
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class path and the arguments that start it again. There is no secret in them."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "collection_name": self.collection_name,
                "milvus_conn_id": self.milvus_conn_id,
                "database": self.database,
                "poll_interval": self.poll_interval,
            },
        )

    def shared_stream_key(self) -> Hashable:
        """What the watchers that share a poll have in common."""
        return (type(self).__qualname__, self.milvus_conn_id, self.database, self.poll_interval)

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[Completed | None]:
        """The looks at a server, for all watchers of its collections."""
        log = logging.getLogger(cls.__module__)
        open_client = partial(MilvusAsyncHook, kwargs["milvus_conn_id"], kwargs["database"])
        async for completed in imports.completions.poll(open_client, kwargs["poll_interval"], log):
            yield completed

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Completed | None]) -> AsyncIterator[TriggerEvent]:
        """The events of this watcher's collection."""
        announced = imports.completions.Announced(await self._store())
        async for completed in shared_stream:
            if completed is None:
                break
            async for event in self._events(announced, completed):
                yield event
        # The server lists the jobs of one collection only, so that there is nothing to share.
        open_client = partial(MilvusAsyncHook, self.milvus_conn_id, self.database)
        own = imports.completions.poll(open_client, self.poll_interval, self.log, self.collection_name)
        async for completed in own:
            async for event in self._events(announced, completed or {}):
                yield event

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch for itself, where Airflow has no shared streams."""
        async for event in self.filter_shared_stream(_nothing_shared()):
            yield event

    async def _events(self, announced: Announced, completed: Completed) -> AsyncIterator[TriggerEvent]:
        listed = completed.get(self.collection_name, ())
        first = not announced.looked
        new = await announced.news(listed)
        if first:
            before = len(listed) - len(new)
            self.log.info("Watching for imports into %s, of which %d completed before", self.collection_name, before)
        if not new:
            return
        try:
            async with MilvusAsyncHook(self.milvus_conn_id, self.database) as client:
                jobs = await imports.completions.confirm(client, self.collection_name, new)
        except rest.errors.MilvusError as error:
            self.log.warning("Could not look at the completed imports %s, will try again: %s", ", ".join(new), error)
            return
        # Events that come together start one run, which gets the first of them; the others wait for the next event. So
        # the last one comes alone.
        for together in (jobs[:-1], jobs[-1:]):
            for progress in together:
                self.log.info("Import job %s into %s has completed", progress.job_id, self.collection_name)
                yield TriggerEvent({**progress.figures(), "database": client.settings.database})  # type: ignore[no-untyped-call]
            if together:
                # Remembered sooner, an event that died with the triggerer would be lost; so it is rather told twice.
                await asyncio.sleep(SECONDS_TO_PERSIST)
                await announced.remember([progress.job_id for progress in together], listed)
        await announced.remember(new, listed)

    async def _store(self) -> imports.completions.Store | None:
        store: imports.completions.Store | None = getattr(self, "asset_state_store", None)  # Airflow 3.3 and later
        try:
            if store is not None:
                await store.aget(imports.completions.KEY)
        except ValueError as error:
            # Equal triggers of two assets are one to Airflow, and it does not know which store they mean.
            self.log.warning("What was announced will not outlive the triggerer; watch one asset only: %s", error)
            return None
        return store


async def _nothing_shared() -> AsyncIterator[None]:
    yield None
