"""What operators on import jobs of other tasks have in common: the jobs of several servers, and the wait for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus import airflow_compat, rest, waiting
from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.operators.base import MilvusWaitOperator
from airflow_provider_milvus.operators.job_results import UNCOMMITTED
from airflow_provider_milvus.operators.parameters import check_dict, check_list

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_milvus.waiting.event import Event

Jobs = Mapping[str, Sequence[str]]


class MilvusJobsOperator(MilvusWaitOperator):
    """An operator on import jobs of other tasks, of one server or of several.

    :param job_id: one id, a list of ids such as the output of a mapped task, or a dict of connection id to either.
        (templated)
    """

    template_fields: Sequence[str] = (*MilvusWaitOperator.template_fields, "job_id")

    def __init__(self, *, job_id: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id
        self._hooks: dict[str, MilvusHook] = {}

    def check_templated(self) -> None:
        super().check_templated()
        if isinstance(self.job_id, str) and self.job_id.strip()[:1] == "{":
            check_dict("job_id", self.job_id)
        by_connection = self.job_id if isinstance(self.job_id, Mapping) else {self.milvus_conn_id: self.job_id}
        for job_ids in by_connection.values():
            check_list(
                "job_id", airflow_compat.evaluated(job_ids) if isinstance(job_ids, str | list) else None, single=True
            )

    def jobs(self) -> dict[str, list[str]]:
        """The ids of the jobs by the connection of their server; a task that submitted none has none.

        :raises ValueError: for anything else.
        """
        by_connection = self.job_id if isinstance(self.job_id, Mapping) else {self.milvus_conn_id: self.job_id}
        found = {conn_id: _ids(airflow_compat.evaluated(job_ids)) for conn_id, job_ids in by_connection.items()}
        return {conn_id: job_ids for conn_id, job_ids in found.items() if job_ids}

    def hook_of(self, conn_id: str) -> MilvusHook:
        """The hook of one of the servers."""
        if conn_id not in self._hooks:
            self._hooks[conn_id] = MilvusHook(conn_id, self.database)
        return self._hooks[conn_id]

    def with_hooks(self, jobs: Jobs) -> list[tuple[MilvusHook, str]]:
        """The jobs one by one, each with the hook of its server."""
        return [(self.hook_of(conn_id), job_id) for conn_id, job_ids in jobs.items() for job_id in job_ids]

    def wait_for(
        self, context: Context, jobs: Jobs, target_state: str, deadline: float | None, waiting_for: Sequence[str]
    ) -> Any:
        """Wait for the jobs of one server after the other, and end in :meth:`reached`."""
        for position, conn_id in enumerate(waiting_for):
            wait = waiting.import_wait.ImportWait(
                list(jobs[conn_id]),
                target_state=rest.import_jobs.ImportState(target_state),
                poll_interval=self.poll_interval,
                deadline=deadline,
                max_poll_failures=self.max_poll_failures,
                fail_fast=target_state == UNCOMMITTED,
                log=self.log,
            )
            event = self.hook_of(conn_id).run_wait(wait, until=self.defer_at())
            if event is None:
                self._defer(wait, conn_id, jobs, target_state, list(waiting_for[position + 1 :]))
            self.end_wait(context, event, jobs)
        return self.reached(context, jobs, target_state)

    def _defer(self, wait: Any, conn_id: str, jobs: Jobs, target_state: str, waiting_for: list[str]) -> None:
        from airflow_provider_milvus.triggers.import_job import MilvusImportTrigger

        aborted = self.aborted_on_kill(jobs, target_state)
        self.defer(
            trigger=MilvusImportTrigger(
                job_id=wait.job_ids,
                milvus_conn_id=conn_id,
                target_state=target_state,
                poll_interval=self.poll_interval,
                deadline=wait.deadline,
                max_poll_failures=self.max_poll_failures,
                database=self.database,
                abort_on_kill=bool(aborted),
                abort_also={other: ids for other, ids in aborted.items() if other != conn_id},
                fail_fast=wait.fail_fast,
                report_progress=False,
            ),
            method_name="execute_complete",
            kwargs={
                "jobs": {conn_id: list(ids) for conn_id, ids in jobs.items()},
                "waiting_for": waiting_for,
                "deadline": wait.deadline,
            },
        )

    def execute_complete(
        self,
        context: Context,
        event: Event | None,
        jobs: Jobs,
        waiting_for: Sequence[str] = (),
        deadline: float | None = None,
    ) -> Any:
        """End the wait for the jobs of one server, and go on with the next."""
        self.resume(context, jobs)
        event = self.end_wait(context, event, jobs)
        return self.wait_for(context, jobs, event["target_state"], deadline, waiting_for)

    def resume(self, context: Context, jobs: Jobs) -> None:
        """Called in the process that goes on after a deferral."""

    def aborted_on_kill(self, jobs: Jobs, target_state: str) -> dict[str, list[str]]:
        """The jobs that a kill of the deferred task aborts."""
        return {}

    def end_wait(self, context: Context, event: Event | None, jobs: Jobs) -> Event:
        """Take the event with which the wait for one server's jobs has ended, or fail."""
        raise NotImplementedError

    def reached(self, context: Context, jobs: Jobs, target_state: str) -> Any:
        """Go on once all jobs have come to the state."""
        raise NotImplementedError


def _ids(job_ids: Any) -> list[str]:
    if waiting.job_ids.is_list(job_ids):
        job_ids = [job_id for job_id in waiting.job_ids.flat(job_ids) if job_id is not None]
    return [] if job_ids is None else waiting.job_ids.as_list(job_ids)
