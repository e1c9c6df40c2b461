"""The wait of a deferred task for import jobs, in the triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger

from airflow_provider_milvus import airflow_compat, metrics, rest, waiting
from airflow_provider_milvus.hooks.milvus import MilvusAsyncHook
from airflow_provider_milvus.triggers.wait_trigger import MilvusWaitTrigger
from airflow_provider_milvus.waiting.backoff import DEFAULT_MAX_POLL_FAILURES, DEFAULT_POLL_INTERVAL, check_wait

if TYPE_CHECKING:
    from airflow_provider_milvus.waiting.event import Event

AIRFLOW_KILLS_TRIGGERS = hasattr(BaseTrigger, "on_kill")
FINAL_STATES = ("failed", "success", "skipped", "upstream_failed", "removed")

# Of all triggers of a process together: each goes through the triggerer's one connection to Airflow.
MAX_REPORTS_PER_SECOND = 2
SECONDS_TO_REPORT = 10.0

_airflow_has_responded = False
_next_report = 0.0


@lru_cache
def _opener(
    milvus_conn_id: str, database: str | None, storage_conn_id: str | None, job_kind: str
) -> waiting.poller.OpenClient:
    """One for all triggers of a connection and a kind of jobs."""
    open_client = partial(MilvusAsyncHook, milvus_conn_id, database, storage_conn_id, job_kind)
    return metrics.counted_client(open_client, milvus_conn_id)


class MilvusImportTrigger(MilvusWaitTrigger):
    """Wait for import jobs without holding a worker slot.

    It fires once, with the event described in :mod:`airflow_provider_milvus.waiting.event`, no sooner than six seconds
    after it was started.

    A kill of the deferred task (mark failed, mark success; Airflow 3.3 and later) aborts a two-phase job.

    :param job_id: one id, or a list of ids.
    :param milvus_conn_id: a connection of the type ``milvus``.
    :param target_state: the state that is waited for, ``Completed`` or ``Uncommitted``.
    :param poll_interval: longest time between two polls, in seconds.
    :param deadline: epoch seconds after which it fires with ``timeout``; ``None`` for no limit.
    :param max_poll_failures: failed polls in a row after which it fires with ``unreachable``.
    :param database: instead of the connection's database.
    :param abort_on_kill: whether a kill aborts the job; only a two-phase job can be aborted.
    :param abort_also: further jobs that such a kill aborts, by the connection of their server.
    :param fail_fast: whether the first failed job ends the wait, or the last of all jobs to end.
    :param storage_conn_id: Zilliz Cloud: the connection whose keys are redacted in all that the server sends.
    :param report_progress: whether to push the jobs' progress to XCom, at most once a minute.
    :param job_kind: of the jobs, see :mod:`airflow_provider_milvus.rest.job_kinds`.
    :param goal: ``target_state`` of a trigger that version 0.1.0 has stored.
    """

    def __init__(
        self,
        job_id: str | Sequence[str],
        milvus_conn_id: str,
        target_state: str = "Completed",
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        deadline: float | None = None,
        max_poll_failures: int = DEFAULT_MAX_POLL_FAILURES,
        database: str | None = None,
        abort_on_kill: bool = False,
        fail_fast: bool = True,
        storage_conn_id: str | None = None,
        report_progress: bool = True,
        goal: str | None = None,
        abort_also: Mapping[str, Sequence[str]] | None = None,
        job_kind: str = "import",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.job_id = job_id
        self.milvus_conn_id = milvus_conn_id
        self.target_state = target_state if goal is None else goal
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.max_poll_failures = max_poll_failures
        self.database = database
        self.abort_on_kill = abort_on_kill
        self.fail_fast = fail_fast
        self.storage_conn_id = storage_conn_id
        self.report_progress = report_progress
        self._reporting: asyncio.Task[None] | None = None
        self.abort_also = abort_also or {}
        self.job_kind = job_kind

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class path and the arguments that start it again. There is no secret in them."""
        arguments: dict[str, Any] = {
            "job_id": self.job_id,
            "milvus_conn_id": self.milvus_conn_id,
            "poll_interval": self.poll_interval,
            "deadline": self.deadline,
            "max_poll_failures": self.max_poll_failures,
            "database": self.database,
            "abort_on_kill": self.abort_on_kill,
            "fail_fast": self.fail_fast,
        }
        if self.target_state != "Completed":
            # Left out where it can be: version 0.1.0 does not know it, and may be the one that reads this.
            arguments["target_state"] = self.target_state
        if self.storage_conn_id is not None:
            arguments["storage_conn_id"] = self.storage_conn_id
        if not self.report_progress:
            arguments["report_progress"] = False
        if self.abort_also:
            arguments["abort_also"] = self.abort_also
        if self.job_kind != rest.job_kinds.IMPORT:
            arguments["job_kind"] = self.job_kind
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def _wait(self) -> Event:
        check_wait(poll_interval=self.poll_interval, max_poll_failures=self.max_poll_failures, deadline=self.deadline)
        if self.abort_on_kill and AIRFLOW_KILLS_TRIGGERS:
            await self._request_task_state_once()
        wait = waiting.import_wait.ImportWait(
            self.job_id,
            target_state=rest.import_jobs.ImportState(self.target_state),
            poll_interval=self.poll_interval,
            deadline=self.deadline,
            max_poll_failures=self.max_poll_failures,
            fail_fast=self.fail_fast,
            reports=self._reports(),
            noun=rest.job_kinds.JOB_KINDS[self.job_kind].noun,
            log=airflow_compat.shared_logger(self),
        )
        server = (self.milvus_conn_id, self.database, self.storage_conn_id, self.job_kind)
        try:
            with metrics.waiting_jobs(len(wait.pending)):
                return await waiting.poller.watch(server, _opener(*server), wait)
        finally:
            await self._last_report()

    # -- reports ---------------------------------------------------------------------------------------------------

    def _reports(self) -> waiting.reports.Reports | None:
        if not self.report_progress or not airflow_compat.triggers_push_xcom() or self.task_instance is None:
            return None
        # The task has reported before it was deferred.
        return waiting.reports.Reports(self._report, first_after=waiting.reports.INTERVAL_SECONDS)

    def _report(self, jobs: waiting.reports.Report) -> None:
        """Push the progress beside the poll loop, unless other triggers of this process have just done so."""
        global _next_report
        now = time.monotonic()
        if now < _next_report or not (self._reporting is None or self._reporting.done()):
            return
        _next_report = now + 1 / MAX_REPORTS_PER_SECOND
        self._reporting = asyncio.create_task(self._push(jobs))

    async def _push(self, jobs: waiting.reports.Report) -> None:
        value = waiting.reports.labelled(
            jobs,
            single=not waiting.job_ids.is_list(self.job_id),
            milvus_conn_id=self.milvus_conn_id,
            database=self.database,
            two_phase=self.abort_on_kill or self.target_state == "Uncommitted",
        )
        try:
            await airflow_compat.push_xcom(self.task_instance, waiting.reports.XCOM_KEY, value)
        except Exception as error:
            self.log.debug("The progress could not be reported: %s", error)

    async def _last_report(self) -> None:
        """Let a report end before the task reports the final progress, which it would overwrite."""
        if self._reporting is not None:
            await asyncio.wait([self._reporting], timeout=SECONDS_TO_REPORT)

    def _error_event(self, reason: str) -> Event:
        shown = waiting.job_ids.shortened(self.job_id)
        try:
            job_ids: Any = waiting.job_ids.as_list(self.job_id)
        except ValueError:
            job_ids = shown
        else:
            job_ids = job_ids if waiting.job_ids.is_list(self.job_id) else job_ids[0]
        return waiting.event.import_event(
            job_ids,
            waiting.event.bounded_text(str(self.target_state)),
            "unreachable",
            f"import job {shown} could not be polled with the connection {self.milvus_conn_id!r}; it may still be "
            f"running: {reason}",
        )

    async def _request_task_state_once(self) -> None:
        """Let Airflow send its first response now: it takes seconds, in which a killed job would go on."""
        global _airflow_has_responded
        if not _airflow_has_responded:
            _airflow_has_responded = True
            with suppress(Exception):  # the state itself is not needed
                await self._task_has_ended()

    async def on_kill(self) -> None:
        """Abort a two-phase job whose task was ended by a person; log of any other that it goes on."""
        # Airflow cancels this about once a second, until it has ended; what has begun must go on.
        self._killing = asyncio.create_task(self._after_kill())
        await asyncio.shield(self._killing)

    async def _after_kill(self) -> None:
        if self._fired or not await self._task_has_ended():
            return
        job_ids = waiting.job_ids.as_list(self.job_id)
        if not self.abort_on_kill:
            why = "Milvus cannot cancel it" if self.target_state == "Completed" else "it was not to be aborted"
            for job_id in job_ids:
                self.log.warning("Import job %s goes on: %s", job_id, why)
            return
        await self._abort_all(self.milvus_conn_id, job_ids)
        for conn_id, others in self.abort_also.items():
            await self._abort_all(conn_id, others)

    async def _abort_all(self, conn_id: str, job_ids: Sequence[str]) -> None:
        try:
            async with MilvusAsyncHook(conn_id, self.database, self.storage_conn_id) as hook:
                for job_id in job_ids:
                    await self._abort(hook, job_id)
        except Exception as error:
            self.log.warning("Import job %s could not be aborted: %s", ", ".join(job_ids), error)

    async def _abort(self, hook: MilvusAsyncHook, job_id: str) -> None:
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
