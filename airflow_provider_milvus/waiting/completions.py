"""Imports that complete, whoever started them.

One poll lists the jobs of a server for all watchers of its collections. Each watcher then selects those of its own
collection that it has not announced yet. The server's list does not distinguish equally named collections of two
databases, and has no row counts: so what is new is searched for in the list of the one collection, and described.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Protocol

from airflow_provider_milvus.rest.errors import (
    MilvusAuthError,
    MilvusCollectionNotFound,
    MilvusConnectionError,
    MilvusDatabaseNotFound,
    MilvusImportJobNotFound,
    MilvusServerError,
)
from airflow_provider_milvus.rest.import_jobs import ImportProgress, ImportState, completed_by_collection
from airflow_provider_milvus.waiting import backoff
from airflow_provider_milvus.waiting.event import bounded_text
from airflow_provider_milvus.waiting.list_cost import ListPace, Metered
from airflow_provider_milvus.waiting.poller import Client, OpenClient
from airflow_provider_milvus.waiting.request_pool import RequestPool, Response
from airflow_provider_milvus.waiting.wait import Log

# By the name of their collection, the ids of all completed jobs that the server has records of.
Completed = Mapping[str, Sequence[str]]
KEY = "announced_import_jobs"
# Ids are remembered for longer than the server lists them, since a list that is read in pages can miss one.
MAX_REMEMBERED = 2_000


async def poll(
    open_client: OpenClient, poll_interval: float, log: Log, collection_name: str | None = None
) -> AsyncIterator[Completed | None]:
    """Poll a server for ever, and report at each poll what is completed.

    Failed polls are logged, at most once a minute, and followed by a back-off; they never end the poll. After one the
    connection is read again, since its credentials may have been fixed.

    :param poll_interval: longest time between two polls, in seconds; up to twice as long where lists are expensive.
    :param collection_name: whose jobs to list; ``None`` for those of all collections.
    :yields: the completed jobs by collection; ``None`` where the server lists no jobs but of one collection.
    """
    now = asyncio.get_running_loop().time
    failed, pace = backoff.Backoff(clock=now), ListPace()
    while True:
        try:
            async with open_client() as client:
                while True:
                    began, request = now(), Metered(client.list_import_records(collection_name))
                    try:
                        completed = completed_by_collection(await request)
                    except MilvusCollectionNotFound:
                        completed = {}  # not created yet
                    pace.record(began, now(), request.cost)
                    failed.reset()
                    yield completed
                    paced = pace.next_time(poll_interval) - now()
                    await asyncio.sleep(max(backoff.interval(math.inf, poll_interval), paced))
        except Exception as error:
            if collection_name is None and _refuses(error):
                yield None
            if failed.record_error(error):
                text = bounded_text(str(error))
                log.warning("Poll for completed imports failed (%d in a row): %s", failed.failures, text)
            await asyncio.sleep(failed.delay(poll_interval))


def _refuses(error: Exception) -> bool:
    """Whether the server has understood the request and will never carry it out."""
    if not isinstance(error, MilvusServerError) or isinstance(error, MilvusAuthError | MilvusDatabaseNotFound):
        return False
    return error.code is not None and not error.retryable


async def confirm(
    client: Client, collection_name: str, job_ids: Iterable[str]
) -> tuple[list[ImportProgress], list[str], dict[str, Exception]]:
    """Fetch the progress of jobs that a list of all collections has as completed. A slow response delays no other.

    :return: the completed ones of this collection in the client's database; the ids of the others; and the errors of
        those whose progress could not be fetched.
    :raises MilvusError: where the list of the collection could not be fetched.
    """
    ids = list(job_ids)
    try:
        records = await client.list_import_records(collection_name)
    except MilvusCollectionNotFound:
        return [], ids, {}
    responses: dict[str, Response] = {}
    pool = RequestPool(client.get_import_progress, responses.__setitem__)
    try:
        await pool.run((job_id for job_id in ids if job_id in records), stop=lambda: False)
    finally:
        await pool.close()
    found: list[ImportProgress] = []
    others: list[str] = []
    errors: dict[str, Exception] = {}
    for job_id in ids:
        if job_id not in records:
            others.append(job_id)
            continue
        response = responses.get(job_id) or MilvusConnectionError("no complete response yet")
        if isinstance(response, ImportProgress) and response.state is ImportState.COMPLETED:
            found.append(response)
        elif isinstance(response, ImportProgress | MilvusImportJobNotFound):
            others.append(job_id)
        else:
            errors[job_id] = response
    return found, others, errors


class Store(Protocol):
    """Airflow's state store of an asset."""

    async def aget(self, key: str, default: Any = None) -> Any: ...

    async def aset(self, key: str, value: Any) -> None: ...


class Announced:
    """Which completed jobs of a collection were announced.

    What was completed before the first poll is not announced.

    :param store: keeps it across restarts; ``None`` where Airflow has no such store, and then every start is the first.
    """

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self._ids: dict[str, None] | None = None

    @property
    def has_polled(self) -> bool:
        """Whether there was a first poll."""
        return self._ids is not None

    async def unannounced(self, listed: Sequence[str]) -> list[str]:
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
        still_listed = set(listed)
        gone = [job_id for job_id in ids if job_id not in still_listed]
        for job_id in gone[: max(0, len(ids) - MAX_REMEMBERED)]:
            del ids[job_id]
        self._ids = ids
        if self._store is not None:
            await self._store.aset(KEY, list(ids))

    async def _stored(self) -> dict[str, None] | None:
        found = await self._store.aget(KEY) if self._store is not None else None
        if not isinstance(found, list):
            return None
        return {job_id: None for job_id in found if isinstance(job_id, str)}
