"""The operators that commit or abort two-phase imports of other tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_milvus import metrics, waiting
from airflow_provider_milvus.exceptions import MilvusCommitIncomplete, error_of, read_event
from airflow_provider_milvus.operators import approval as approvals
from airflow_provider_milvus.operators import progress
from airflow_provider_milvus.operators.job_results import COMPLETED, UNCOMMITTED
from airflow_provider_milvus.operators.parameters import check_choice, check_flag
from airflow_provider_milvus.operators.server_jobs import Jobs, MilvusJobsOperator
from airflow_provider_milvus.operators.two_phase import Checks, TwoPhaseCommit, check_callable
from airflow_provider_milvus.rest.errors import MilvusError, MilvusImportJobNotFound

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_milvus.operators.approval import Approval
    from airflow_provider_milvus.rest.import_jobs import ImportProgress
    from airflow_provider_milvus.waiting.event import Event


class MilvusCommitImportOperator(MilvusJobsOperator):
    """Commit two-phase imports together: all of them or none.

    The jobs are waited for until all are ``Uncommitted``, and checked together. If one has failed, a check refuses, or
    a person rejects them, all are aborted; none of their rows was ever visible. Otherwise all are committed and waited
    for. Milvus commits one job after the other, so for a moment readers can see the rows of some: import into
    collections that nobody reads yet where that matters (``docs/blue-green.md``).

    A commit that was begun is finished by any retry and any clear, without a check or an approval, and never aborted.
    The ids of the jobs are returned, and their final progress is pushed as ``import_progress``.

    https://milvus.io/docs/import-data.md

    :param job_id: one id, a list of ids such as ``import_files.output["job_id"]`` of a mapped task or of several, or
        for several servers a dict of connection id to either. (templated)
    :param expected_rows: commit only if all jobs together have this many rows. (templated)
    :param min_rows: commit no fewer rows. (templated)
    :param check: called before the commit with the
        :class:`~airflow_provider_milvus.rest.import_jobs.ImportProgress` of each job; anything but a true value, and an
        exception, aborts.
    :param approval: whether a person decides, on Airflow 3.1 and later: ``True``, or an
        :class:`~airflow_provider_milvus.operators.approval.Approval`. A rejection and its timeout abort.
    :param recall: shown to that person: the output of a
        :class:`~airflow_provider_milvus.operators.recall.MilvusRecallCheckOperator`. (templated)
    :param cancel_on_kill: whether a killed task aborts the jobs. While a person is waited for no process of the task
        runs: put a :class:`MilvusAbortImportOperator` behind this task, as a teardown.
    :param deferrable: whether to wait in the triggerer, holding no worker slot.
    :param defer_after: seconds that a deferrable operator polls in the worker before it defers (5).
    :param poll_interval: the longest time between two polls, in seconds (10); a young wait polls more often.
    :param timeout: seconds in which all jobs must become ``Uncommitted``, or all are aborted, and then again as many
        in which they must become ``Completed``. ``None`` waits for ever.
    :param max_poll_failures: failed polls in a row after which to give up (120).
    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    :raises ValueError: for bad parameters, before anything is sent.
    """

    template_fields: Sequence[str] = (*MilvusJobsOperator.template_fields, "expected_rows", "min_rows", "recall")

    def __init__(
        self,
        *,
        expected_rows: int | str | None = None,
        min_rows: int | str | None = None,
        check: Callable[[ImportProgress], bool] | None = None,
        approval: bool | Approval = False,
        recall: Any = None,
        cancel_on_kill: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_callable(check)
        check_flag("cancel_on_kill", cancel_on_kill)
        self.expected_rows = expected_rows
        self.min_rows = min_rows
        self.check = check
        self.approval: Any = approvals.checked(approval)
        self.recall = recall
        self.cancel_on_kill = cancel_on_kill
        self._commit: TwoPhaseCommit = TwoPhaseCommit([], None, self.log)

    def execute(self, context: Context) -> list[str]:
        """Wait, check, commit."""
        self.check_templated()
        self._checks()
        jobs = self.jobs()
        if not jobs:
            self.log.info("job_id is an empty list: there is nothing to commit")
            return []
        self.resume(context, jobs)
        committed: list[str] = self.wait_for(context, jobs, UNCOMMITTED, self.deadline(), list(jobs))
        return committed

    def resume(self, context: Context, jobs: Jobs) -> None:
        self._commit = TwoPhaseCommit(self.with_hooks(jobs), context.get("task_state_store"), self.log)

    def _checks(self) -> Checks:
        return Checks.of(self.expected_rows, self.min_rows, self.check)

    def aborted_on_kill(self, jobs: Jobs, target_state: str) -> dict[str, list[str]]:
        if target_state != UNCOMMITTED or not self.cancel_on_kill or self._commit.begun:
            return {}
        return {conn_id: list(job_ids) for conn_id, job_ids in jobs.items()}

    def end_wait(self, context: Context, event: Event | None, jobs: Jobs) -> Event:
        event = read_event(event)
        metrics.record_end(event, metrics.tags_of(self, context))
        for line in waiting.event.failed_file_lines(event):
            self.log.error(line)
        error = error_of(event)
        if error is None:
            self.log.info("%s", event["message"])
            return event
        first_phase = event["target_state"] == UNCOMMITTED
        if first_phase and event["status"] in ("failed", "unknown"):
            # Whether a commit was begun decides what is to be done, and the states of all jobs show that.
            self._decide(context, jobs)
        elif first_phase:
            self._commit.abort()
        raise error

    def reached(self, context: Context, jobs: Jobs, target_state: str) -> list[str]:
        if target_state == UNCOMMITTED:
            return self._decide(context, jobs)
        progress.push_of_servers(self, context, self._commit.describe())
        return [job_id for job_ids in jobs.values() for job_id in job_ids]

    def _decide(self, context: Context, jobs: Jobs) -> list[str]:
        found = self._commit.require(self._checks())
        if self.approval is not None and not self._commit.begun:
            try:
                approvals.of_jobs(found, self.recall).request(self, context, self.approval, jobs=jobs)
            except Exception:
                self._commit.abort()
                raise
        return self._commit_all(context, jobs)

    def execute_approved(self, context: Context, event: Any, jobs: Jobs) -> list[str]:
        """Go on with the response of a person."""
        self.resume(context, jobs)
        try:
            by = approvals.approver(event)
        except Exception:
            self._commit.abort()
            raise
        self.log.info("Approved by %s", by)
        approvals.of_jobs(self._commit.jobs, None).record(self, context, by)
        return self._commit_all(context, jobs)

    def _commit_all(self, context: Context, jobs: Jobs) -> list[str]:
        self._commit.commit(self._checks())
        committed: list[str] = self.wait_for(context, jobs, COMPLETED, self.deadline(), list(jobs))
        return committed

    def on_kill(self) -> None:
        """Abort the jobs with short requests, unless their commit has begun."""
        if self.cancel_on_kill:
            self._commit.abort_quickly()


class MilvusAbortImportOperator(MilvusJobsOperator):
    """Abort two-phase imports that are not committed, and wait until they are gone; return the ids of those.

    Their final progress is pushed as ``import_progress``.

    It can run twice, and after everything else: as a teardown behind imports and their commit it leaves no job
    uncommitted, whatever failed, was rejected or was killed. Jobs that are committed, have failed or were never
    submitted are left as they are. Of jobs that were to be committed together and of which some are, none is
    aborted: finish their commit instead.

    .. code-block:: python

        abort = MilvusAbortImportOperator(task_id="abort", job_id=import_files.output["job_id"])
        import_files >> commit >> abort.as_teardown()

    A task with ``trigger_rule="one_failed"`` or ``"all_done"`` instead of a teardown would end a failed run as
    succeeded, since Airflow takes the state of a run from its last tasks.

    :param job_id: one id, a list of ids, ``None`` for a job that was not submitted, or for several servers a dict of
        connection id to either. (templated)
    :param if_committed: what to do with jobs of which some are committed: ``"fail"`` leaves all as they are and fails,
        ``"abort"`` aborts the others.
    :param deferrable: whether to wait in the triggerer, holding no worker slot.
    :param defer_after: seconds that a deferrable operator polls in the worker before it defers (5).
    :param poll_interval: the longest time between two polls, in seconds (10); a young wait polls more often.
    :param timeout: seconds in which the jobs must be gone. ``None`` waits for ever.
    :param max_poll_failures: failed polls in a row after which to give up (120).
    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    :raises ValueError: for bad parameters, before anything is sent.
    :raises MilvusCommitIncomplete: where ``if_committed`` demands it.
    """

    def __init__(self, *, if_committed: Literal["fail", "abort"] = "fail", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_choice("if_committed", if_committed, ("fail", "abort"))
        self.if_committed = if_committed

    def execute(self, context: Context) -> list[str]:
        """Abort what can be aborted, and wait."""
        self.check_templated()
        jobs = TwoPhaseCommit(self.with_hooks(self.jobs()), None, self.log).describe()
        running = [job for job in jobs if job.progress and not (job.committed or job.failed)]
        committed = [job.id for job in jobs if job.committed]
        if running and committed and self.if_committed == "fail":
            raise MilvusCommitIncomplete(
                f"import job {', '.join(committed)} is committed and {', '.join(job.id for job in running)} is not: "
                f"clear the task that commits them, which then finishes it, or give if_committed='abort'"
            )
        if not running:
            self.log.info("None of %d import jobs waits for its commit", len(jobs))
            return []
        aborted: dict[str, list[str]] = {}
        errors: list[MilvusError] = []
        for job in running:
            try:
                job.hook.abort_import(job.id)
            except MilvusImportJobNotFound:
                # Milvus keeps the records of jobs that have not ended, so somebody else has ended this one.
                self.log.info("Import job %s: the server has no record of it any more", job.id)
                continue
            except MilvusError as error:
                self.log.warning("Import job %s could not be aborted: %s", job.id, error)
                errors.append(error)
                continue
            self.log.info("Import job %s was aborted; nothing of it was visible", job.id)
            aborted.setdefault(job.hook.milvus_conn_id, []).append(job.id)
        if errors:
            raise errors[0]
        if not aborted:
            return []
        gone: list[str] = self.wait_for(context, aborted, COMPLETED, self.deadline(), list(aborted))
        return gone

    def end_wait(self, context: Context, event: Event | None, jobs: Jobs) -> Event:
        event = read_event(event)
        # An aborted job is a failed one, and the record of one that has failed may be gone.
        if event["status"] in ("timeout", "unreachable") and (error := error_of(event)):
            raise error
        return event

    def reached(self, context: Context, jobs: Jobs, target_state: str) -> list[str]:
        described = TwoPhaseCommit(self.with_hooks(jobs), None, self.log).describe()
        progress.push_of_servers(self, context, described)
        return [job_id for job_ids in jobs.values() for job_id in job_ids]
