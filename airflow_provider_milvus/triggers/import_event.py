"""The trigger of an asset watcher: an asset is updated whenever an import into a collection completes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Hashable, Sequence
from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.triggers import BaseEventTrigger
from airflow.triggers.base import TriggerEvent

from airflow_provider_milvus import metrics, waiting
from airflow_provider_milvus.hooks.milvus import MilvusAsyncHook
from airflow_provider_milvus.waiting.backoff import DEFAULT_POLL_INTERVAL, check_wait

if TYPE_CHECKING:
    from airflow_provider_milvus.rest.import_jobs import ImportProgress
    from airflow_provider_milvus.waiting.completions import Announced, Completed

# After so long, Airflow has written down an event that a trigger has fired, and started the run that waited for it.
SECONDS_TO_PERSIST = 5.0
# Where 0.1.0 has the class, so that each version finds it. Airflow drops a watcher whose trigger has another class path
# than before, and adds it again only when it reads the DAG file once more (3.3, add_asset_trigger_references).
CLASS_PATH = "airflow_provider_milvus.triggers.import_job.MilvusImportEventTrigger"


def _opener(milvus_conn_id: str, database: str | None) -> waiting.poller.OpenClient:
    return metrics.counted_client(partial(MilvusAsyncHook, milvus_conn_id, database), milvus_conn_id)


class MilvusImportEventTrigger(BaseEventTrigger):
    """Update an asset whenever an import into a collection completes, whoever started it. For an ``AssetWatcher``.

    Airflow 3.0 and later. There is one event for each job, whose payload has the job's final progress: ``job_id``,
    ``imported_rows``, ``collection_name``, ``database``, ``create_time``, ``complete_time`` and others. Imports that
    completed before the watcher first started produce no event.

    From Airflow 3.3 on, the watchers of one connection and database share one poll loop, and what was announced is kept
    in the asset's state store: an import that completes while no triggerer runs is announced at the next start, and
    none twice except where a triggerer dies within five seconds after an event. Before 3.3 every watcher polls for
    itself, and what completes while the triggerer restarts is missed.

    https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/event-scheduling.html

    :param collection_name: its own name; an alias is not followed.
    :param milvus_conn_id: a connection of the type ``milvus``.
    :param database: instead of the connection's database.
    :param poll_interval: longest time between two polls, in seconds.
    :param queue: the trigger queue of the triggerers that run it (Airflow 3.4 and later).
    :raises ValueError: for bad parameters.
    """

    def __init__(
        self,
        collection_name: str,
        milvus_conn_id: str = "milvus_default",
        database: str | None = None,
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        queue: str | None = None,
    ) -> None:
        super().__init__(**_queue_argument(queue))  # type: ignore[no-untyped-call]
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
            CLASS_PATH
            if type(self) is MilvusImportEventTrigger
            else f"{type(self).__module__}.{type(self).__qualname__}",
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
        """The polls of a server, for all watchers of its collections."""
        log = logging.getLogger(cls.__module__)
        open_client = _opener(kwargs["milvus_conn_id"], kwargs["database"])
        async for completed in waiting.completions.poll(open_client, kwargs["poll_interval"], log):
            yield completed

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Completed | None]) -> AsyncIterator[TriggerEvent]:
        """The events of this watcher's collection."""
        announced = waiting.completions.Announced(await self._store())
        async for completed in shared_stream:
            if completed is None:
                break
            async for event in self._events(announced, completed):
                yield event
        # The server lists the jobs of one collection only, so that there is nothing to share.
        open_client = _opener(self.milvus_conn_id, self.database)
        own = waiting.completions.poll(open_client, self.poll_interval, self.log, self.collection_name)
        async for completed in own:
            async for event in self._events(announced, completed or {}):
                yield event

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch for itself, where Airflow has no shared streams."""
        async for event in self.filter_shared_stream(_nothing_shared()):
            yield event

    async def _events(self, announced: Announced, completed: Completed) -> AsyncIterator[TriggerEvent]:
        listed = completed.get(self.collection_name, ())
        try:
            jobs, others, database = await self._new_jobs(announced, listed)
        except Exception as error:
            # Whatever it is, the next poll may succeed; an error that gets out would end the watcher.
            self.log.warning("Completed imports could not be fetched, next attempt at the next poll: %s", error)
            return
        # Events that come together start one run, which gets the first of them; the others wait for the next event. So
        # the last one comes alone.
        for together in (jobs[:-1], jobs[-1:]):
            for progress in together:
                self.log.info("Import job %s into %s has completed", progress.job_id, self.collection_name)
                payload = {key: waiting.event.bounded(value) for key, value in progress.as_dict().items()}
                yield TriggerEvent({**payload, "database": database})  # type: ignore[no-untyped-call]
            if together:
                # Remembered sooner, an event that died with the triggerer would be lost; this way it is repeated.
                await asyncio.sleep(SECONDS_TO_PERSIST)
                await self._remember(announced, [progress.job_id for progress in together], listed)
        if others:
            await self._remember(announced, others, listed)

    async def _new_jobs(
        self, announced: Announced, listed: Sequence[str]
    ) -> tuple[list[ImportProgress], list[str], str | None]:
        """The completed jobs to announce, the ids of those that are none of this collection, and its database."""
        is_first = not announced.has_polled
        new = await announced.unannounced(listed)
        if is_first:
            before = len(listed) - len(new)
            self.log.info("Watching for imports into %s, of which %d completed before", self.collection_name, before)
        if not new:
            return [], [], None
        async with MilvusAsyncHook(self.milvus_conn_id, self.database) as client:
            jobs, others, failed = await waiting.completions.confirm(client, self.collection_name, new)
        if failed:
            ids = waiting.messages.joined(failed, len(failed))
            error = next(iter(failed.values()))
            self.log.warning("Poll of completed import job %s failed, next attempt at the next poll: %s", ids, error)
        return jobs, others, client.settings.database

    async def _remember(self, announced: Announced, job_ids: Sequence[str], listed: Sequence[str]) -> None:
        try:
            await announced.remember(job_ids, listed)
        except Exception as error:
            self.log.warning("What was announced could not be stored; a restart may announce it again: %s", error)

    async def _store(self) -> waiting.completions.Store | None:
        store: waiting.completions.Store | None = getattr(self, "asset_state_store", None)  # Airflow 3.3 and later
        try:
            if store is not None:
                await store.aget(waiting.completions.KEY)
        except ValueError as error:
            # Equal triggers of two assets are one to Airflow, and it does not know which store they mean.
            self.log.warning(
                "Two assets are watched with equal triggers, so what was announced is kept in memory alone, and may be "
                "announced again after a restart of the triggerer; watch one asset only: %s",
                error,
            )
            return None
        except Exception as error:
            self.log.warning("What was announced could not be read, next attempt at the next poll: %s", error)
        return store


def _queue_argument(queue: str | None) -> dict[str, Any]:
    """``queue`` for a base class that has it; Airflow reads it when a DAG is processed, and never stores it with us."""
    if queue is None:
        return {}
    if "queue" not in signature(BaseEventTrigger.__init__).parameters:
        raise ValueError(f"queue={queue!r} needs Airflow 3.4, whose asset watchers can have one; leave it out")
    return {"queue": queue}


async def _nothing_shared() -> AsyncIterator[None]:
    yield None
