"""Two-phase imports: their rows are checked while none of them is visible, then all jobs are committed or all aborted.

Milvus commits one job at a time. So the first commit is the decision: before it everything can still be aborted, and
once it has begun, whoever comes next finishes it. What shows that it has begun are the states of the jobs themselves
(``Committing``, ``Completed``) and, on Airflow 3.3 and later, a record in the task state store that is written first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus import rest, submission, waiting
from airflow_provider_milvus.exceptions import (
    MilvusCommitIncomplete,
    MilvusImportFailed,
    MilvusImportOutcomeUnknown,
    MilvusImportRefused,
    MilvusTwoPhaseUnsupported,
)
from airflow_provider_milvus.waiting.backoff import whole_number

if TYPE_CHECKING:
    from airflow_provider_milvus.client.storage import BucketFiles
    from airflow_provider_milvus.hooks.milvus import MilvusHook
    from airflow_provider_milvus.rest.import_jobs import ImportProgress
    from airflow_provider_milvus.submission.record import Store

FOOTERS = "footers"
RECORD = "milvus_commit"
# Airflow ends a killed process five seconds after it has notified it.
ABORT_TIMEOUT_SECONDS = 3.0
COMMITTED = (rest.import_jobs.ImportState.COMMITTING, rest.import_jobs.ImportState.COMPLETED)


def check_parameters(checks: Mapping[str, Any], *, two_phase: bool, commit: bool, asset_outlet: bool) -> None:
    """Refuse parameters of an import operator that make no sense with its two phases, or without them.

    :param checks: ``expected_rows``, ``min_rows`` and ``check``.
    :raises ValueError: naming the parameter, the value and the remedy.
    """
    for name, value in checks.items():
        if value is not None and not two_phase:
            raise ValueError(f"{name} is checked before a commit; it needs two_phase=True, got {name}={value!r}")
    check_callable(checks["check"])
    if not commit and not two_phase:
        raise ValueError("commit=False leaves the commit to another task; it needs two_phase=True")
    if not commit and asset_outlet:
        raise ValueError(
            "asset_outlet=True would update the asset before readers see the rows; leave it out, and give the task "
            "that commits outlets=[Asset('milvus://host:port/database/collection')]"
        )


def check_callable(check: Any) -> None:
    """Refuse a check that cannot be called.

    :raises ValueError: naming the parameter and the value.
    """
    if check is not None and not callable(check):
        raise ValueError(f"check must be a function of the import's progress, got {check!r}")


@dataclass(frozen=True)
class Checks:
    """What must hold of imports before they are committed.

    :param expected_rows: together they have exactly this many rows.
    :param min_rows: together they have no fewer rows.
    :param check: called with the progress of each job; anything but a true value refuses all of them.
    :param footers: the files whose footers hold how many rows are expected, instead of ``expected_rows``.
    """

    expected_rows: int | None = None
    min_rows: int | None = None
    check: Callable[[ImportProgress], bool] | None = None
    footers: BucketFiles | None = None

    @classmethod
    def of(cls, expected_rows: Any, min_rows: Any, check: Any, bucket: BucketFiles | None = None) -> Checks:
        """The checks of an operator's parameters, whose numbers may come out of templates as texts.

        :raises ValueError: naming the parameter, for anything but whole numbers.
        """
        footers = bucket if expected_rows == FOOTERS else None
        if footers is not None:
            expected_rows = None
        expected, lower_bound = (
            None if rows is None else whole_number(name, rows, minimum=0)
            for name, rows in (("expected_rows", expected_rows), ("min_rows", min_rows))
        )
        return cls(expected, lower_bound, check, footers)

    def refusal(self, jobs: Sequence[ImportProgress]) -> str | None:
        """Why the imports must not be committed, or ``None``."""
        expected = self.expected_rows
        if self.footers is not None:
            expected = self.footers.rows([file.name.lstrip("/") for job in jobs for file in job.files])
        reason = waiting.outcome.refusal(sum(job.imported_rows for job in jobs), expected, self.min_rows)
        if reason is None and self.check is not None and not all(map(self.check, jobs)):
            reason = "check has returned no true value"
        return reason


@dataclass(frozen=True)
class Job:
    """A job on one of the servers, and what that server reports of it; ``None`` where it has no record of the job."""

    hook: MilvusHook = field(repr=False)
    id: str
    progress: ImportProgress | None = None

    @property
    def committed(self) -> bool:
        return self.progress is not None and self.progress.state in COMMITTED

    @property
    def failed(self) -> bool:
        return self.progress is not None and self.progress.state is rest.import_jobs.ImportState.FAILED


def require_support(hook: MilvusHook, log: Any) -> None:
    """Send an abort of a job that cannot exist: only a server that knows the route searches for it.

    :raises MilvusTwoPhaseUnsupported: where the server has no two-phase imports.
    """
    try:
        hook.abort_import("0")
    except rest.errors.MilvusRouteNotFound as error:
        raise MilvusTwoPhaseUnsupported(
            f"two_phase=True needs Milvus 3; this server cannot commit or abort, and nothing was sent: {error}"
        ) from error
    except rest.errors.MilvusServerError as error:
        log.debug("The server knows two-phase imports: %s", error)


class TwoPhaseCommit:
    """The commit of jobs, of one server or of several: all of them or none.

    :param jobs: the jobs, each with the hook of its server.
    :param store: Airflow's task state store; ``None`` before Airflow 3.3.
    :param completed: those of the jobs that are known to be completed, whose records Milvus may have dropped.
    """

    def __init__(
        self,
        jobs: Sequence[tuple[MilvusHook, str]],
        store: Store | None,
        log: Any,
        *,
        completed: Collection[str] = (),
    ) -> None:
        self.jobs = [Job(hook, job_id) for hook, job_id in jobs]
        """The jobs, without their progress."""
        self._store = store
        self._log = log
        self._completed = completed
        self._digest = submission.load.digest({"jobs": [(job.hook.milvus_conn_id, job.id) for job in self.jobs]})
        self.begun = bool(completed) or self._recorded()
        """Whether a commit was begun, as far as is known without a request."""
        self.aborted = False
        """Whether all jobs were aborted here."""

    def _recorded(self) -> bool:
        entry = self._store.get(RECORD) if self._store is not None else None
        return isinstance(entry, dict) and entry.get("jobs") == self._digest

    def describe(self) -> list[Job]:
        """What the servers report of the jobs now, without those that are known to be completed."""
        found = [Job(job.hook, job.id, _progress(job)) for job in self.jobs if job.id not in self._completed]
        self.begun = self.begun or any(job.committed for job in found)
        return found

    def require(self, checks: Checks) -> list[Job]:
        """Fail, and abort all jobs, unless all can be committed; a commit that was begun is not checked again.

        :return: the jobs as they are now.
        :raises MilvusImportRefused: where a check refuses the rows.
        :raises MilvusImportFailed: where one of the jobs has failed.
        :raises MilvusImportOutcomeUnknown: where a server has no record of a job. Then none is aborted.
        """
        try:
            jobs = self.describe()
            if not self.begun:
                _refuse(jobs, checks)
        except MilvusImportOutcomeUnknown:
            raise
        except Exception:
            self.abort()
            raise
        return jobs

    def commit(self, checks: Checks) -> None:
        """Commit all jobs, or abort them all where one has failed or a check refuses.

        A commit that was begun is never aborted: what fails then is to be sent again by the next try.

        :raises MilvusCommitIncomplete: where some jobs are committed and another cannot be any more.
        """
        jobs = self.require(checks)
        if not self.begun and self._store is not None:
            self._store.set(RECORD, {"version": 1, "jobs": self._digest})
        first_of_all = not self.begun
        self.begun = True
        errors: list[Exception] = []
        for job in jobs:
            try:
                self._send_commit(job)
            except rest.errors.MilvusError as error:
                if first_of_all and not (error.retryable or error.maybe_done):
                    # Nothing is committed, and the server will not commit this job.
                    self._take_back()
                    raise
                self._log.warning("Import job %s is not committed yet: %s", job.id, error)
                errors.append(error)
            first_of_all = False
        if errors:
            raise errors[0]
        if lost := [job.id for job in jobs if job.failed]:
            raise MilvusCommitIncomplete(
                f"import job {', '.join(lost)} failed after the commit of {len(self.jobs)} jobs had begun; all others "
                f"are committed. Load its files again with a task of their own"
            )
        self._log.info("Import job %s: committed", ", ".join(job.id for job in self.jobs))

    def _send_commit(self, job: Job) -> None:
        if job.failed:
            return
        try:
            job.hook.commit_import(job.id)
        except rest.errors.MilvusImportJobNotFound:
            # Milvus keeps the records of jobs that have not ended, so this one has; the wait for it reports that.
            self._log.warning("Import job %s: the server has no record of it any more", job.id)
        except rest.errors.MilvusRouteNotFound as error:
            rows = job.progress.imported_rows if job.progress else 0
            raise MilvusTwoPhaseUnsupported(
                f"this server knows no two-phase imports and has loaded the {rows:,} rows of import job {job.id} at "
                f"once: they are visible, unchecked and cannot be aborted"
            ) from error

    def _take_back(self) -> None:
        self.begun = False
        if self._store is not None:
            self._store.set(RECORD, {"version": 1, "jobs": ""})
        self.abort()

    def abort(self, **limits: Any) -> None:
        """Abort all jobs, and log the results; none of them where a commit was begun."""
        if self.begun:
            self._log.warning(
                "Import job %s is not aborted, since its commit was begun; the next try of this task finishes it",
                ", ".join(job.id for job in self.jobs),
            )
            return
        aborted = [abort_job(job.hook, job.id, self._log, **limits) for job in self.jobs]
        self.aborted = all(aborted)

    def abort_quickly(self) -> None:
        """Abort with one short request for each job, for a task that is being killed."""
        self.abort(retries=0, timeout=ABORT_TIMEOUT_SECONDS)


def abort_job(hook: MilvusHook, job_id: str, log: Any, **limits: Any) -> bool:
    """Abort a job that is not committed, and log the result; whether it is aborted."""
    try:
        hook.call(rest.import_jobs.abort(job_id), **limits)
    except rest.errors.MilvusError as error:
        log.warning("Import job %s could not be aborted: %s", job_id, error)
        return False
    log.info("Import job %s was aborted; nothing of it was visible", job_id)
    return True


def _progress(job: Job) -> ImportProgress | None:
    try:
        return job.hook.get_import_progress(job.id)
    except rest.errors.MilvusImportJobNotFound:
        return None


def _refuse(jobs: Sequence[Job], checks: Checks) -> None:
    """Raise where the jobs must not be committed."""
    if gone := [job.id for job in jobs if job.progress is None]:
        raise MilvusImportOutcomeUnknown(
            f"the server has no record of import job {', '.join(gone)}, so nobody knows whether it was committed: none "
            f"of the {len(jobs)} jobs was committed or aborted now. Count the rows, then commit or abort the others"
        )
    found = [job.progress for job in jobs if job.progress is not None]
    if failed := [waiting.messages.failed(job.progress) for job in jobs if job.failed and job.progress]:
        raise MilvusImportFailed(f"{'; '.join(failed)}. None of the {len(jobs)} jobs was committed")
    if reason := checks.refusal(found):
        names = waiting.messages.joined((job.id for job in jobs), len(jobs))
        raise MilvusImportRefused(f"import job {names} was not committed: {reason}. Nothing of it was visible")
