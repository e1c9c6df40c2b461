"""All import jobs that the view knows, merged once per refresh for all browsers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_milvus import rest
from airflow_provider_milvus.rest.values import text
from airflow_provider_milvus.ui import api_server
from airflow_provider_milvus.ui.job import Job, Key, Task, of_progress, of_record, of_report
from airflow_provider_milvus.ui.milvus_server import CONCURRENT_REQUESTS, REFRESH_SECONDS, Server
from airflow_provider_milvus.ui.shared_value import SharedValue
from airflow_provider_milvus.waiting.reports import XCOM_KEY

DAYS = 7.0
MAX_XCOMS = 20_000
MAX_JOBS = 50_000
MAX_SERVERS = 32
DATABASE_SECONDS = 30.0
# How long a request waits for a merge before it shows the last one.
STALE_SECONDS = 1.0
# How long a request waits for Milvus before it shows what it knows already.
MAX_WAIT_SECONDS = 2.0


@dataclass(slots=True)
class Entry:
    """One job: what tasks have reported, which tasks those are, and what Milvus reports."""

    key: Key
    reported: Job | None = None
    live: Job | None = None
    tasks: list[Task] = field(default_factory=list)
    dag_ids: frozenset[str] = frozenset()

    @property
    def created(self) -> float:
        """When the job was created, as far as that is known."""
        jobs = [job for job in (self.live, self.reported) if job is not None]
        return next((job.created for job in jobs if job.created), 0.0) or max(job.as_of for job in jobs)

    def best(self, *, live: bool) -> Job | None:
        """The job as it is: what Milvus reports, completed by what tasks have reported.

        :param live: whether what Milvus reports may be used.
        """
        known, found = self.reported, self.live if live else None
        if found is None or known is None:
            return found or known
        if known.ended and not found.ended:  # the record of the list is older than the task's last poll
            return known
        merged = replace(found, two_phase=found.two_phase or known.two_phase)
        if not found.has_rows and known.ended >= found.ended:
            rows = {name: getattr(known, name) for name in ("imported_rows", "total_rows", "file_size", "completed")}
            merged = replace(merged, **rows, files=known.files, file_count=known.file_count, has_rows=True)
            merged.created = known.created or merged.created
            merged.reason = found.reason or known.reason
        return merged


class Board:
    """The jobs of all servers that tasks of the last days have used."""

    def __init__(self) -> None:
        self._requests = asyncio.Semaphore(CONCURRENT_REQUESTS)
        self.servers: dict[tuple[str, str | None], Server] = {}
        self.entries: SharedValue[dict[Key, Entry]] = SharedValue(
            self._merge, interval=REFRESH_SECONDS, time_limit=DATABASE_SECONDS
        )

    async def get(self) -> dict[Key, Entry]:
        """The entries by job, the newest first.

        :raises RuntimeError: where Airflow's database has never responded.
        """
        # Only the first browser waits; the others see what is there already.
        entries = await self.entries.get(DATABASE_SECONDS if self.entries.value is None else STALE_SECONDS)
        if entries is None:
            raise RuntimeError(self.entries.error or "Airflow's database does not respond")
        return entries

    async def describe(self, entries: Iterable[Entry], max_wait: float = MAX_WAIT_SECONDS) -> None:
        """Let Milvus describe the jobs of a page, and update their entries."""
        by_server: dict[tuple[str, str | None], list[Entry]] = {}
        for entry in entries:
            by_server.setdefault(entry.key[:2], []).append(entry)
        servers = [(self.servers[where], found) for where, found in by_server.items() if where in self.servers]
        await asyncio.gather(
            *(server.describe([entry.key.job_id for entry in found], max_wait) for server, found in servers)
        )
        for server, found in servers:
            for entry in found:
                job = _described(server, entry.key)
                if job is not None and (entry.live is None or job.as_of >= entry.live.as_of):
                    entry.live = job

    async def _merge(self) -> dict[Key, Entry]:
        rows = await asyncio.to_thread(api_server.newest_xcoms, XCOM_KEY, days=DAYS, limit=MAX_XCOMS)
        entries = await asyncio.to_thread(lambda: dict(_reported(rows)))
        for where in dict.fromkeys(key[:2] for key in entries):
            if where not in self.servers and len(self.servers) < MAX_SERVERS:
                self.servers[where] = Server(*where, self._requests)
        await asyncio.gather(*(server.records.get(MAX_WAIT_SECONDS) for server in self.servers.values()))
        return await asyncio.to_thread(self._with_records, entries)

    def _with_records(self, entries: dict[Key, Entry]) -> dict[Key, Entry]:
        for server in list(self.servers.values()):
            for key, job in _listed(server):
                if key in entries or len(entries) < MAX_JOBS:
                    entries.setdefault(key, Entry(key)).live = _described(server, key, job) or job
        newest_first = sorted(entries.values(), key=lambda entry: (entry.created, entry.key.job_id), reverse=True)
        return {entry.key: entry for entry in newest_first}


def _reported(rows: Iterable[api_server.XComRow]) -> Iterator[tuple[Key, Entry]]:
    """The jobs that tasks have reported; of several reports of a job the newest counts, and one of its end most."""
    entries: dict[Key, Entry] = {}
    for row in rows:
        task = Task(row.dag_id, row.run_id, row.task_id, row.map_index)
        for report in row.value if isinstance(row.value, list) else [row.value]:
            job = of_report(report, row.pushed)
            if job is None or len(entries) >= MAX_JOBS:
                continue
            entry = entries.setdefault(job.key, Entry(job.key))
            if entry.reported is None or (job.ended and not entry.reported.ended):
                entry.reported = job
            entry.tasks.append(task)
    for key, entry in entries.items():
        entry.dag_ids = frozenset(task.dag_id for task in entry.tasks)
        yield key, entry


def _listed(server: Server) -> Iterator[tuple[Key, Job]]:
    records: Mapping[str, Any] = {} if server.records.error else server.records.value or {}
    for job_id, record in records.items():
        key = Key(server.conn_id, server.database, text(job_id, 200))
        yield key, of_record(key, rest.import_jobs.parse_job(record), server.records.fetched)


def _described(server: Server, key: Key, listed: Job | None = None) -> Job | None:
    """The job as Milvus described it, unless a later list shows another state."""
    found = server.described(key.job_id)
    if found is None or found.progress is None or server.records.error:
        return None
    job = of_progress(key, found.progress, found.as_of, found.rate)
    if listed is not None and listed.as_of > job.as_of and listed.state != job.state:
        return replace(
            job,
            state=listed.state,
            progress=listed.progress,
            reason=listed.reason,
            as_of=listed.as_of,
            # The rows of a job that still ran, shown as those of one that has ended, would seem too few.
            has_rows=not listed.ended,
        )
    return job
