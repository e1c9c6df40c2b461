"""Who sees the view, and what Airflow's auth manager lets them see and do.

A job belongs to the DAGs whose tasks have reported it, and is shown to users who may read one of them. What Milvus
reports of it, which may be more than that DAG knows, is shown to users who may read all of them. A job that no task has
reported may be any DAG's: it is shown to users who may read every DAG and the connection. Only users who may trigger
all DAGs of a job can commit or abort it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_milvus.ui import api_server
from airflow_provider_milvus.ui.board import Entry
from airflow_provider_milvus.ui.job import Job


@dataclass
class Audience:
    """The user of one request."""

    request: Any
    user: Any
    readable: set[str]
    reads_all: bool
    _connections: dict[str, bool] = field(default_factory=dict)
    _triggers: dict[str, bool] = field(default_factory=dict)

    @classmethod
    async def of(cls, request: Any, user: Any) -> Audience:
        """The user, with the DAGs that they may read now."""
        readable = await asyncio.to_thread(api_server.readable_dag_ids, user)
        everything = await asyncio.to_thread(api_server.all_dag_ids)
        return cls(request, user, readable, everything <= readable)

    def may_see(self, entry: Entry) -> bool:
        """Whether the job is shown at all. It may block once for each connection."""
        if entry.dag_ids:
            return not self.readable.isdisjoint(entry.dag_ids)
        return self.reads_all and self._may_read_connection(entry.key.conn_id)

    def may_see_live(self, entry: Entry) -> bool:
        """Whether what Milvus reports of the job is shown."""
        return entry.dag_ids <= self.readable if entry.dag_ids else self.may_see(entry)

    async def may_act(self, entry: Entry) -> bool:
        """Whether the user may commit or abort the job."""
        if not entry.dag_ids or not entry.dag_ids <= self.readable:
            return False
        return await asyncio.to_thread(lambda: all(map(self._may_trigger, entry.dag_ids)))

    async def rights(self, entry: Entry, job: Job) -> dict[str, bool]:
        """What the user may do with a job in its state."""
        allowed = (job.can_commit or job.can_abort) and await self.may_act(entry)
        return {"can_commit": allowed and job.can_commit, "can_abort": allowed and job.can_abort}

    def _may_read_connection(self, conn_id: str) -> bool:
        if conn_id not in self._connections:
            self._connections[conn_id] = api_server.may_read_connection(self.user, conn_id)
        return self._connections[conn_id]

    def _may_trigger(self, dag_id: str) -> bool:
        if dag_id not in self._triggers:
            self._triggers[dag_id] = api_server.may_trigger(self.request, self.user, dag_id)
        return self._triggers[dag_id]
