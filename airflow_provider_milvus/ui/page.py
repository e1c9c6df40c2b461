"""One page of the jobs that a user may see."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_milvus.ui.audience import Audience
from airflow_provider_milvus.ui.board import Board, Entry
from airflow_provider_milvus.ui.job import Job, as_json

MAX_COLLECTIONS = 500
MAX_TASKS = 10


@dataclass(frozen=True)
class Filter:
    """Which jobs are wanted; an empty text takes all.

    :param task: ``dag_id``, ``run_id``, ``task_id`` and ``map_index`` of the task instance whose jobs are wanted.
    """

    conn_id: str = ""
    job_id: str = ""
    collection: str = ""
    state: str = ""
    task: tuple[str, str, str, int] | None = None

    @classmethod
    def of(cls, parameters: Mapping[str, str], map_index: int) -> Filter:
        """The filter of a request's query."""
        plain = {name: parameters.get(name, "") for name in ("conn_id", "job_id", "collection", "state")}
        dag_id, run_id, task_id = (parameters.get(name, "") for name in ("dag_id", "run_id", "task_id"))
        return cls(**plain, task=(dag_id, run_id, task_id, map_index) if dag_id else None)

    def takes_entry(self, entry: Entry) -> bool:
        """Whether a job is wanted, whatever its state."""
        return (
            (not self.conn_id or entry.key.conn_id == self.conn_id)
            and (not self.job_id or entry.key.job_id == self.job_id)
            and (self.task is None or self.task in entry.tasks)
        )


async def page(board: Board, audience: Audience, wanted: Filter, offset: int, limit: int) -> dict[str, Any]:
    """The wanted jobs, the newest first: a part of them, and how many there are in all and in each state."""
    entries = await board.get()
    found, states, collections = await asyncio.to_thread(_select, entries, audience, wanted)
    shown = found[offset : offset + limit]
    await board.describe(entry for entry, job in shown if _needs_description(job) and audience.may_see_live(entry))
    now = time.time()
    return {
        "jobs": [await _row(entry, audience, now) for entry, _ in shown],
        "total": len(found),
        "states": dict(sorted(states.items())),
        "collections": sorted(collections)[:MAX_COLLECTIONS],
        "servers": _servers(board, {entry.key[:2] for entry in entries.values() if audience.may_see(entry)}),
        "now": now,
    }


def _select(
    entries: Mapping[Any, Entry], audience: Audience, wanted: Filter
) -> tuple[list[tuple[Entry, Job]], Counter[str], set[str]]:
    found, states, collections = [], Counter[str](), set()
    for entry in entries.values():
        if not wanted.takes_entry(entry) or not audience.may_see(entry):
            continue
        job = entry.best(live=audience.may_see_live(entry))
        if job is None:
            continue
        if job.collection:
            collections.add(job.collection)
        if wanted.collection and job.collection != wanted.collection:
            continue
        states[job.state] += 1
        if not wanted.state or job.state == wanted.state:
            found.append((entry, job))
    return found, states, collections


def _needs_description(job: Job) -> bool:
    return not job.ended or not job.has_rows


async def _row(entry: Entry, audience: Audience, now: float) -> dict[str, Any]:
    job = entry.best(live=audience.may_see_live(entry))
    assert job is not None  # it was found with the same right
    tasks = [task._asdict() for task in entry.tasks if task.dag_id in audience.readable]
    return {**as_json(job, now), "tasks": tasks[:MAX_TASKS], **await audience.rights(entry, job)}


def _servers(board: Board, visible: set[tuple[str, str | None]]) -> list[dict[str, Any]]:
    """Where the jobs come from: from Milvus itself, or from tasks alone and why."""
    return [
        {
            "conn_id": server.conn_id,
            "database": server.database,
            "live": not server.records.error and server.records.value is not None,
            "error": server.records.error,
            "as_of": server.records.fetched or None,
        }
        for where, server in board.servers.items()
        if where in visible
    ]
