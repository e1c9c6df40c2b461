"""The commit of a two-phase import: its rows are checked while none of them is visible, then committed or aborted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus import rest, waiting
from airflow_provider_milvus.exceptions import MilvusImportRefused, MilvusTwoPhaseUnsupported
from airflow_provider_milvus.waiting.backoff import whole_number

if TYPE_CHECKING:
    from airflow_provider_milvus.client.storage import BucketFiles
    from airflow_provider_milvus.hooks.milvus import MilvusHook
    from airflow_provider_milvus.rest.import_jobs import ImportProgress

FOOTERS = "footers"
ABORT_TIMEOUT_SECONDS = 3.0


def check_parameters(two_phase: bool, expected_rows: Any, min_rows: Any, check: Any) -> None:
    """Refuse checks that no commit comes after.

    :raises ValueError: naming the parameter, the value and the remedy.
    """
    for name, value in (("expected_rows", expected_rows), ("min_rows", min_rows), ("check", check)):
        if value is not None and not two_phase:
            raise ValueError(f"{name} is checked before a commit; it needs two_phase=True, got {name}={value!r}")
    if check is not None and not callable(check):
        raise ValueError(f"check must be a function of the import's progress, got {check!r}")


@dataclass(frozen=True)
class Checks:
    """What must hold of an import before it is committed.

    :param expected_rows: it has exactly this many rows.
    :param min_rows: it has no fewer rows.
    :param check: called with the job's progress; anything but a true value refuses it.
    :param footers: the files whose footers hold how many rows are expected, instead of ``expected_rows``.
    """

    expected_rows: int | None = None
    min_rows: int | None = None
    check: Callable[[ImportProgress], bool] | None = None
    footers: BucketFiles | None = None

    @classmethod
    def of(cls, expected_rows: Any, min_rows: Any, check: Any, bucket: BucketFiles | None) -> Checks:
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

    def refusal(self, progress: ImportProgress) -> str | None:
        """Why the import must not be committed, or ``None``."""
        expected = self.expected_rows
        if self.footers is not None:
            expected = self.footers.rows([file.name.lstrip("/") for file in progress.files])
        reason = waiting.outcome.refusal(progress.imported_rows, expected, self.min_rows)
        if reason is None and self.check is not None and not self.check(progress):
            reason = "the given check refused it"
        return reason


class TwoPhaseCommit:
    """The requests around the commit of one server's jobs."""

    def __init__(self, hook: MilvusHook, log: Any) -> None:
        self._hook = hook
        self._log = log

    def require_support(self) -> None:
        """Send an abort of a job that cannot exist: only a server that knows the route searches for it.

        :raises MilvusTwoPhaseUnsupported: where the server has no two-phase imports.
        """
        try:
            self._hook.abort_import("0")
        except rest.errors.MilvusRouteNotFound as error:
            raise MilvusTwoPhaseUnsupported(
                f"two_phase=True needs Milvus 3; this server cannot commit or abort, and nothing was sent: {error}"
            ) from error
        except rest.errors.MilvusServerError as error:
            self._log.debug("The server knows two-phase imports: %s", error)

    def commit(self, job_id: str, checks: Checks) -> None:
        """Check the rows of the first phase and commit them; abort the job where either fails.

        :raises MilvusImportRefused: where a check refuses the rows.
        """
        try:
            progress = self._hook.get_import_progress(job_id)
            if progress.state is rest.import_jobs.ImportState.UNCOMMITTED and (reason := checks.refusal(progress)):
                raise MilvusImportRefused(
                    f"import job {progress.job_id} was not committed: {reason}. Nothing of it was visible"
                )
            self._send_commit(progress)
        except Exception:
            # A commit that was carried out although its response is an error cannot be aborted any more.
            self.abort(job_id)
            raise
        self._log.info("Import job %s: committed", job_id)

    def _send_commit(self, progress: ImportProgress) -> None:
        try:
            self._hook.commit_import(progress.job_id)
        except rest.errors.MilvusRouteNotFound as error:
            raise MilvusTwoPhaseUnsupported(
                f"this server knows no two-phase imports and has loaded the {progress.imported_rows:,} rows of import "
                f"job {progress.job_id} at once: they are visible, unchecked and cannot be aborted"
            ) from error

    def abort(self, job_id: str, **limits: Any) -> None:
        """Abort a job that is not committed, and log the result."""
        try:
            self._hook.call(rest.import_jobs.abort(job_id), **limits)
        except rest.errors.MilvusError as error:
            self._log.warning("Import job %s could not be aborted: %s", job_id, error)
        else:
            self._log.info("Import job %s was aborted; nothing of it was visible", job_id)

    def abort_quickly(self, job_id: str) -> None:
        """Abort with one short request, for a task that is being killed."""
        self.abort(job_id, retries=0, timeout=ABORT_TIMEOUT_SECONDS)
