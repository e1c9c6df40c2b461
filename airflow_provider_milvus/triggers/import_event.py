"""The trigger of an asset watcher: an asset is updated whenever an import into a collection completes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Hashable
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.triggers import BaseEventTrigger
from airflow.triggers.base import TriggerEvent

from airflow_provider_milvus import rest, waiting
from airflow_provider_milvus.hooks.milvus import MilvusAsyncHook
from airflow_provider_milvus.waiting.backoff import DEFAULT_POLL_INTERVAL, check_wait

if TYPE_CHECKING:
    from airflow_provider_milvus.waiting.completions import Announced, Completed

# After so long, Airflow has written down an event that a trigger has fired, and started the run that waited for it.
SECONDS_TO_PERSIST = 5.0


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
        open_client = partial(MilvusAsyncHook, self.milvus_conn_id, self.database)
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
        first = not announced.looked
        new = await announced.news(listed)
        if first:
            before = len(listed) - len(new)
            self.log.info("Watching for imports into %s, of which %d completed before", self.collection_name, before)
        if not new:
            return
        try:
            async with MilvusAsyncHook(self.milvus_conn_id, self.database) as client:
                jobs = await waiting.completions.confirm(client, self.collection_name, new)
        except rest.errors.MilvusError as error:
            self.log.warning("Could not look at the completed imports %s, will try again: %s", ", ".join(new), error)
            return
        # Events that come together start one run, which gets the first of them; the others wait for the next event. So
        # the last one comes alone.
        for together in (jobs[:-1], jobs[-1:]):
            for progress in together:
                self.log.info("Import job %s into %s has completed", progress.job_id, self.collection_name)
                yield TriggerEvent({**progress.as_dict(), "database": client.settings.database})  # type: ignore[no-untyped-call]
            if together:
                # Remembered sooner, an event that died with the triggerer would be lost; so it is rather told twice.
                await asyncio.sleep(SECONDS_TO_PERSIST)
                await announced.remember([progress.job_id for progress in together], listed)
        await announced.remember(new, listed)

    async def _store(self) -> waiting.completions.Store | None:
        store: waiting.completions.Store | None = getattr(self, "asset_state_store", None)  # Airflow 3.3 and later
        try:
            if store is not None:
                await store.aget(waiting.completions.KEY)
        except ValueError as error:
            # Equal triggers of two assets are one to Airflow, and it does not know which store they mean.
            self.log.warning("What was announced will not outlive the triggerer; watch one asset only: %s", error)
            return None
        return store


async def _nothing_shared() -> AsyncIterator[None]:
    yield None
