"""An operator that waits for the import jobs that it has submitted: it commits, reports or aborts them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus import metrics, rest, waiting
from airflow_provider_milvus.exceptions import MilvusImportFailed, MilvusImportRefused, error_of, read_event
from airflow_provider_milvus.lineage import ImportLineage
from airflow_provider_milvus.operators import asset_outlet as asset_outlet_of
from airflow_provider_milvus.operators import progress
from airflow_provider_milvus.operators.base import MilvusWaitOperator
from airflow_provider_milvus.operators.job_results import COMPLETED, UNCOMMITTED, JobResults
from airflow_provider_milvus.operators.two_phase import Checks, TwoPhaseCommit

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_milvus.operators.staging import TaskStaging
    from airflow_provider_milvus.operators.task_load import TaskLoad
    from airflow_provider_milvus.waiting.event import Event


class SubmittedJobsOperator(ImportLineage, MilvusWaitOperator):
    """What happens to import jobs between their submit and the end of the task.

    A subclass submits them in ``execute``, and has the attributes below as parameters.
    """

    collection_name: str
    storage_conn_id: str | None
    durable: bool
    two_phase: bool
    commit: bool
    cancel_on_kill: bool

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._jobs = JobResults()
        self._commit: TwoPhaseCommit | None = None
        # By the record of an earlier try; Milvus may have none any more.
        self._completed: list[str] = []
        self._asset_alias: Any = None

    @abstractmethod
    def load(self, context: Context) -> TaskLoad:
        """The load that this try of the task belongs to."""

    @abstractmethod
    def staging(self, load: TaskLoad, context: Context) -> TaskStaging:
        """The staged files of the load."""

    @abstractmethod
    def checks(self) -> Checks:
        """What must hold before a commit."""

    @property
    def import_job_ids(self) -> list[str]:
        """The ids of the load's jobs, as far as they are known in this process."""
        return list(self._jobs)

    @property
    def import_results(self) -> Mapping[str, Mapping[str, Any]]:
        """The final progress of those that have ended, by their ids."""
        return self._jobs

    def _two_phases(self, context: Context) -> TwoPhaseCommit:
        """The commit of all jobs, of those that an earlier try has seen to be completed as well."""
        store = context.get("task_state_store") if self.durable else None
        self._commit = TwoPhaseCommit(
            [(self.hook, job_id) for job_id in self._jobs], store, self.log, completed=self._completed
        )
        return self._commit

    def wait(self, context: Context, target_state: str, deadline: float | None) -> str | list[str]:
        """Wait for the jobs that still run, and end in :meth:`execute_complete`."""
        running = self._jobs.running
        if not running:
            self._push_progress(context, {})
            return self._end(context)
        several = len(self._jobs) > 1
        first_phase = target_state == UNCOMMITTED
        # Of jobs that are committed together, the first that fails is the end of all.
        fail_fast = first_phase or not several
        commit = self._two_phases(context) if first_phase else None
        next_kwargs = {"jobs": dict(self._jobs)} if several else {}
        wait = waiting.import_wait.ImportWait(
            running if several else running[0],
            target_state=rest.import_jobs.ImportState(target_state),
            poll_interval=self.poll_interval,
            deadline=deadline,
            max_poll_failures=self.max_poll_failures,
            fail_fast=fail_fast,
            reports=progress.reports(self, lambda: context, single=not several),
            log=self.log,
        )
        event = self.hook.run_wait(wait, until=self.defer_at())
        if event is None:
            from airflow_provider_milvus.triggers.import_job import MilvusImportTrigger

            self.defer(
                trigger=MilvusImportTrigger(
                    job_id=wait.job_ids,
                    milvus_conn_id=self.milvus_conn_id,
                    target_state=target_state,
                    poll_interval=self.poll_interval,
                    deadline=deadline,
                    max_poll_failures=self.max_poll_failures,
                    database=self.database,
                    abort_on_kill=commit is not None and not commit.begun and self.cancel_on_kill,
                    fail_fast=fail_fast,
                    storage_conn_id=self.storage_conn_id,
                    report_progress=self.do_xcom_push,
                ),
                method_name="execute_complete",
                kwargs=next_kwargs,
            )
        return self.execute_complete(context, event, **next_kwargs)

    def execute_complete(
        self, context: Context, event: Event | None, jobs: Mapping[str, Mapping[str, Any]] | None = None
    ) -> str | list[str]:
        """End a wait: commit what waits for it, push the final progress, return the ids of the jobs, or fail.

        :param jobs: the ids of the load's jobs, and the final progress of those that were not waited for.
        """
        # The server may quote the keys of the submit. Where they cannot be read any more, the job goes on all the same.
        with suppress(Exception):
            self.hook.storage_fields(self.storage_conn_id)
        event = read_event(event)
        metrics.record_end(event, metrics.tags_of(self, context))
        self._jobs = JobResults.resumed(jobs, event["imports"])
        self._completed = [job_id for job_id, result in (jobs or {}).items() if result]
        for line in waiting.event.failed_file_lines(event):
            self.log.error(line)
        self._push_progress(context, event)
        # The phase that was waited for counts, which is no other where the DAG was edited in between.
        first_phase = event["target_state"] == UNCOMMITTED or (self.two_phase and not event["target_state"])
        if error := error_of(event):
            if first_phase and (len(self._jobs) > 1 or event["status"] in ("timeout", "unreachable")):
                self._abort_unless_begun(context, event["job_id"])
            load = self.load(context)
            load.record_results(result for result in self._jobs.values() if result)
            # Other jobs of the load may have loaded their files.
            if isinstance(error, MilvusImportFailed) and len(self._jobs) == 1:
                self.staging(load, context).remove_failed()
            raise error
        self.log.info("%s", event["message"])
        if not first_phase:
            return self._end(context)
        try:
            if not self.commit:
                self._two_phases(context).require(self.checks())
                return self._end(context)
            self._two_phases(context).commit(self.checks())
        except MilvusImportRefused:
            self._record_aborted(context)
            raise
        self._jobs = self._jobs.committed()
        return self.wait(context, COMPLETED, self.deadline())

    def _abort_unless_begun(self, context: Context, job_ids: str | list[str]) -> None:
        # A job that was never seen has no progress in the event.
        for job_id in [job_ids] if isinstance(job_ids, str) else job_ids:
            self._jobs.setdefault(job_id, {})
        commit = self._two_phases(context)
        if len(self._jobs) > 1:
            with suppress(rest.errors.MilvusError):
                commit.describe()
        commit.abort()

    def _record_aborted(self, context: Context) -> None:
        """Let a clear of the task find or make other files, unless a job is left that could be committed."""
        if self._commit is not None and self._commit.aborted:
            load, failed = self.load(context), rest.import_jobs.ImportState.FAILED.value
            load.record_results({**result, "job_id": job_id, "state": failed} for job_id, result in self._jobs.items())
            self.staging(load, context).remove_failed()

    def _end(self, context: Context) -> str | list[str]:
        """Succeed, which only jobs can that have come to where they should."""
        self._jobs.require((COMPLETED,) if self.commit else (COMPLETED, UNCOMMITTED))
        asset_outlet_of.update(self, context, self._jobs, self._asset_alias)
        load = self.load(context)
        load.finish()
        self.staging(load, context).remove()
        return self._jobs.ids

    def _push_progress(self, context: Context, event: Event) -> None:
        known = progress.with_failed_files([result for result in self._jobs.values() if result], event)
        progress.push(self, context, known, single=len(self._jobs) == 1)

    def on_kill(self) -> None:
        """Abort a two-phase job with one short request; log of any other that it goes on."""
        if not self._jobs:
            self.log.info("Killed before an import job was known; whatever was submitted goes on")
        elif self._commit is not None and self.cancel_on_kill:
            self._commit.abort_quickly()
        else:
            why = "Milvus cannot cancel it"
            if self.two_phase:
                why = "a later try of the task goes on with it" if self.cancel_on_kill else "cancel_on_kill=False"
            for job_id in self._jobs:
                self.log.warning("Import job %s goes on: %s", job_id, why)
