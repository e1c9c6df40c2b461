"""A Milvus server as the view reads it: one list for all browsers, and descriptions of the jobs on the page."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_milvus import waiting
from airflow_provider_milvus.hooks.milvus import MilvusAsyncHook
from airflow_provider_milvus.rest.errors import MilvusImportJobNotFound
from airflow_provider_milvus.rest.import_jobs import ImportProgress
from airflow_provider_milvus.ui.job import ENDED
from airflow_provider_milvus.ui.shared_value import SharedValue

log = logging.getLogger(__name__)

REFRESH_SECONDS = 5.0
TIME_LIMIT_SECONDS = 10.0
# Of all servers together.
CONCURRENT_REQUESTS = 4
# Descriptions of one server in a refresh, whatever the number of browsers.
MAX_DESCRIBED = 100
MAX_REMEMBERED = 5_000
RATE_SECONDS = 60.0


class Described:
    """The last description of a job, and the rows of those before it."""

    __slots__ = ("as_of", "progress", "rows")

    def __init__(self) -> None:
        self.progress: ImportProgress | None = None
        self.as_of = 0.0
        self.rows: deque[tuple[float, int]] = deque(maxlen=64)

    def record(self, progress: ImportProgress, now: float) -> None:
        self.progress, self.as_of = progress, now
        self.rows.append((now, progress.imported_rows))
        while self.rows[0][0] < now - RATE_SECONDS:
            self.rows.popleft()

    @property
    def rate(self) -> float:
        """Rows a second in the last minute, 0 where they did not grow."""
        (began, before), (ended, after) = self.rows[0], self.rows[-1]
        running = self.progress is not None and self.progress.state.value not in ENDED
        return (after - before) / (ended - began) if running and ended > began and after > before else 0.0


class Server:
    """The server of a connection.

    :param requests: bounds the requests of all servers together.
    """

    def __init__(self, conn_id: str, database: str | None, requests: asyncio.Semaphore) -> None:
        self.conn_id, self.database = conn_id, database
        self._requests = requests
        self._described: OrderedDict[str, Described] = OrderedDict()
        self._describing: dict[str, asyncio.Task[None]] = {}
        self._budget, self._budget_from = 0, 0.0
        self.records: SharedValue[Mapping[str, Mapping[str, Any]]] = SharedValue(
            self._list, interval=REFRESH_SECONDS, time_limit=TIME_LIMIT_SECONDS
        )

    def hook(self) -> MilvusAsyncHook:
        """The hook, a new one for each use: so a connection that was changed is read again."""
        return MilvusAsyncHook(self.conn_id, self.database)

    def described(self, job_id: str) -> Described | None:
        """The last description of a job, if there is one."""
        found = self._described.get(job_id)
        return found if found is not None and found.progress is not None else None

    async def describe(self, job_ids: Iterable[str], max_wait: float) -> None:
        """Describe jobs, unless that was done for another browser just now; wait so many seconds at most."""
        if self.records.error:
            return
        wanted = list(job_ids)
        due = [one for one in wanted if one not in self._describing and self._is_due(one) and self._may_describe()]
        if due:
            task = asyncio.create_task(self._describe(due))
            self._describing.update(dict.fromkeys(due, task))
        tasks = {self._describing[job_id] for job_id in wanted if job_id in self._describing}
        if tasks:
            await asyncio.wait(tasks, timeout=max_wait)

    async def call(self, request: Any) -> None:
        """Send one request of a person.

        :raises MilvusError: where there is no response, or the response is an error.
        """
        async with asyncio.timeout(TIME_LIMIT_SECONDS), self.hook() as hook:
            await hook.call(request)

    def forget(self, job_id: str) -> None:
        """Describe and list again at the next request."""
        self._described.pop(job_id, None)
        self.records.expire()

    def _is_due(self, job_id: str) -> bool:
        found = self.described(job_id)
        if found is None or found.progress is None:
            return True
        return found.progress.state.value not in ENDED and time.time() >= found.as_of + REFRESH_SECONDS

    def _may_describe(self) -> bool:
        now = time.monotonic()
        if now >= self._budget_from + REFRESH_SECONDS:
            self._budget, self._budget_from = MAX_DESCRIBED, now
        self._budget -= 1
        return self._budget >= 0

    async def _list(self) -> Mapping[str, Mapping[str, Any]]:
        async with self._requests, self.hook() as hook:
            return await hook.list_import_records()

    async def _describe(self, job_ids: list[str]) -> None:
        try:
            async with asyncio.timeout(TIME_LIMIT_SECONDS), self._requests, self.hook() as hook:
                pool = waiting.request_pool.RequestPool(hook.get_import_progress, self._record)
                try:
                    await pool.run(job_ids, stop=lambda: False)
                finally:
                    await pool.close()
        except Exception as error:
            # The list has the states; the next refresh tries again.
            log.debug("Import jobs of %s could not be described: %s", self.conn_id, type(error).__name__)
        finally:
            for job_id in job_ids:
                self._describing.pop(job_id, None)

    def _record(self, job_id: str, response: ImportProgress | Exception) -> None:
        if isinstance(response, Exception):
            if isinstance(response, MilvusImportJobNotFound):
                self._described.pop(job_id, None)
            return
        found = self._described.setdefault(job_id, Described())
        self._described.move_to_end(job_id)
        found.record(response, time.time())
        while len(self._described) > MAX_REMEMBERED:
            self._described.popitem(last=False)
