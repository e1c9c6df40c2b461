"""Imports that complete, whoever started them.

One poll lists the jobs of a server for everybody who watches a collection of it. Each watcher then looks for those of
its own collection that it has not announced yet. The server's list does not tell equally named collections of two
databases apart, and has no figures: so what is new is looked up in the list of the one collection, and described.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Protocol

from airflow_provider_milvus.rest.errors import (
    MilvusAuthError,
    MilvusCollectionNotFound,
    MilvusDatabaseNotFound,
    MilvusServerError,
)
from airflow_provider_milvus.rest.import_jobs import ImportProgress, ImportState, completed_by_collection
from airflow_provider_milvus.waiting import backoff
from airflow_provider_milvus.waiting.import_wait import TOLD_SECONDS, Log
from airflow_provider_milvus.waiting.poller import LIST_SHARE, Client, OpenClient

# By the name of their collection, the ids of all completed jobs that the server has records of.
Completed = Mapping[str, Sequence[str]]
KEY = "announced_import_jobs"
# Ids are remembered for longer than the server lists them, since a list that is read in pages can miss one.
MAX_REMEMBERED = 2_000


async def poll(
    open_client: OpenClient, poll_interval: float, log: Log, collection_name: str | None = None
) -> AsyncIterator[Completed | None]:
    """Look at a server again and again, for ever, and tell at each look what is completed.

    Trouble is logged, at most once a minute, and backed off from; it never ends the poll. After it the connection is
    read anew, since its credentials may have been mended.

    :param poll_interval: seconds between two looks; more where the list takes the server more than 5 % of it.
    :param collection_name: whose jobs to list; ``None`` for those of all collections.
    :yields: the completed jobs by collection; ``None`` where the server lists no jobs but of one collection.
    """
    now = asyncio.get_running_loop().time
    failures, trouble_since, told_at = 0, 0.0, -math.inf
    while True:
        try:
            async with open_client() as client:
                while True:
                    began = now()
                    try:
                        completed = completed_by_collection(await client.list_import_records(collection_name))
                    except MilvusCollectionNotFound:
                        completed = {}  # not created yet
                    spared = (now() - began) * (1 / LIST_SHARE - 1)
                    failures = 0
                    yield completed
                    await asyncio.sleep(max(backoff.interval(math.inf, poll_interval), spared))
        except Exception as error:
            if collection_name is None and _refuses(error):
                yield None
            failures += 1
            trouble_since = now() if failures == 1 else trouble_since
            if now() >= told_at + TOLD_SECONDS:
                told_at = now()
                log.warning("Could not look for completed imports (%d in a row): %s", failures, error)
            ceiling = backoff.ceiling(now() - trouble_since, poll_interval)
            await asyncio.sleep(backoff.backoff(failures, getattr(error, "retry_after", None), ceiling=ceiling))


def _refuses(error: Exception) -> bool:
    """Whether the server has understood the question and will never answer it."""
    if not isinstance(error, MilvusServerError) or isinstance(error, MilvusAuthError | MilvusDatabaseNotFound):
        return False
    return error.code is not None and not error.retryable


async def confirm(client: Client, collection_name: str, job_ids: Iterable[str]) -> list[ImportProgress]:
    """What those of the jobs came to that are of this collection, in the client's database, and completed.

    :raises MilvusError: where the server could not be asked.
    """
    try:
        records = await client.list_import_records(collection_name)
    except MilvusCollectionNotFound:
        return []
    found = [await client.get_import_progress(job_id) for job_id in job_ids if job_id in records]
    return [progress for progress in found if progress.state is ImportState.COMPLETED]


class Store(Protocol):
    """Airflow's state store of an asset."""

    async def aget(self, key: str, default: Any = None) -> Any: ...

    async def aset(self, key: str, value: Any) -> None: ...


class Announced:
    """Which completed jobs of a collection were announced.

    What was completed before the first look is not news.

    :param store: keeps it across restarts; ``None`` where Airflow has no such store, and then every start is the first.
    """

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self._ids: dict[str, None] | None = None

    @property
    def looked(self) -> bool:
        """Whether there was a first look."""
        return self._ids is not None

    async def news(self, listed: Sequence[str]) -> list[str]:
        """Those of the completed jobs that the server lists which were not announced yet."""
        if self._ids is None:
            self._ids = await self._stored()
            if self._ids is None:
                await self.remember(listed, listed)
                return []
        if self._ids.keys() >= set(listed):
            return []
        # Another triggerer may have announced them while this one was stalled.
        self._ids.update(await self._stored() or {})
        return [job_id for job_id in listed if job_id not in self._ids]

    async def remember(self, job_ids: Iterable[str], listed: Sequence[str]) -> None:
        """Take jobs for announced; the oldest that the server does not list any more are forgotten."""
        ids = {**(self._ids or {}), **dict.fromkeys(job_ids)}
        gone = [job_id for job_id in ids if job_id not in set(listed)]
        for job_id in gone[: max(0, len(ids) - MAX_REMEMBERED)]:
            del ids[job_id]
        self._ids = ids
        if self._store is not None:
            await self._store.aset(KEY, list(ids))

    async def _stored(self) -> dict[str, None] | None:
        found = await self._store.aget(KEY) if self._store is not None else None
        return dict.fromkeys(found) if isinstance(found, list) else None
