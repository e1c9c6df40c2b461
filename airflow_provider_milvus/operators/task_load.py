"""The loads of an import task: which one a try belongs to, and the requests that start and find its import jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus import airflow_compat, metrics, rest, submission
from airflow_provider_milvus.exceptions import MilvusImportOutcomeUnknown
from airflow_provider_milvus.operators.two_phase import abort_job

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
    from airflow_provider_milvus.rest.envelope import Request
    from airflow_provider_milvus.rest.import_jobs import ImportJob, ImportProgress, ImportSource
    from airflow_provider_milvus.submission.load import Load
    from airflow_provider_milvus.submission.record import EarlierTries, Store
    from airflow_provider_milvus.submission.result import Submission


class TaskLoad:
    """The load that a try of an import task belongs to."""

    def __init__(self, operator: MilvusBulkImportOperator, context: Context) -> None:
        self._operator = operator
        self._context = context
        # Airflow 3.3 and later.
        self.store: Store | None = context.get("task_state_store") if operator.durable else None
        self._clear_count = airflow_compat.clear_count(context["ti"], operator.retries)

    @cached_property
    def _of_try(self) -> tuple[int, EarlierTries]:
        """The number of the load, and what earlier tries may have sent for it."""
        unrecorded = airflow_compat.load_of_try(self._context, self._operator)
        try:
            return submission.record.load_of_try(self.store, self._clear_count, unrecorded)
        except submission.record.UnreadableRecord as error:
            self._resubmit_or_fail(error)
            submission.record.begin(self.store, unrecorded.number)
            return unrecorded.number, "none"

    @property
    def identity(self) -> tuple[tuple[str, ...], int]:
        """What distinguishes the load from every other: that of its task instance, and its number."""
        return airflow_compat.identity(self._context["ti"]), self._of_try[0]

    @property
    def may_have_submitted(self) -> bool:
        """Whether a try of this load has sent an import, or may have."""
        try:
            record = submission.record.read(self.store, 1)
        except submission.record.UnreadableRecord:
            return True
        return (
            record is not None and record.is_of(self._of_try[0]) and (bool(record.job_id) or record.maybe_sent_at != 0)
        )

    def list_files(self, where: str, find: Callable[[], list[list[str]]]) -> list[list[str]]:
        """The file sets of the load, which its first try finds.

        :param where: the files are searched for, in words.
        :param find: searches for them.
        """
        number = self._of_try[0]
        failed = submission.record.all_failed(self.store, number)
        list_once = partial(submission.files.listed_once, self.store, where, find, load_number=number)
        try:
            return list_once(find_again=failed)
        except submission.record.UnreadableRecord as error:
            self._resubmit_or_fail(error)
            return list_once(find_again=True)

    def _resubmit_or_fail(self, error: Exception) -> None:
        """Go on after a record that cannot be read only where the user wants to load again."""
        message = f"{error}: an earlier try may have started an import, or not"
        if self._operator.on_unknown_outcome != "resubmit":
            raise self._outcome_unknown(message) from error
        self._operator.log.warning("Going on, since on_unknown_outcome='resubmit', although %s", message)

    def _outcome_unknown(self, message: str) -> MilvusImportOutcomeUnknown:
        name = self._operator.collection_name
        return MilvusImportOutcomeUnknown(
            f"{message}. Count the rows of {name}: if they are there, mark this task as succeeded; if not, or if twice "
            f"is no harm, run it with on_unknown_outcome='resubmit'"
        )

    def imports(self, sources: Sequence[ImportSource]) -> list[Load]:
        """The imports of the load, which are one for each source.

        :raises ValueError: where an earlier try may have loaded other files.
        """
        loads = [self._import(batch_index, source) for batch_index, source in enumerate(sources, 1)]
        digests = [load.digest for load in loads]
        others = submission.record.other_files(self.store, self._of_try[0], loads[0].target, digests)
        if others:
            raise ValueError(
                f"files are others than those of an earlier try, whose import jobs {', '.join(others)} have loaded "
                f"some of them, or may have: give the same files again, fixed where they are, and load any others "
                f"with another task"
            )
        return loads

    def _import(self, batch_index: int, source: ImportSource) -> Load:
        started = getattr(self._context.get("dag_run"), "start_date", None)
        # A job id means nothing on another server, and the server does not compare it with the database. Options set
        # how to load and not what: a timeout that is raised between two tries must not load the rows a second time.
        files, body = source.fields(), ImportRequests(self._operator, source).request().body
        where = {name: value for name, value in body.items() if name not in (*files, "options")}
        where |= {"connection": self._operator.milvus_conn_id, "database": self._operator.hook.settings.database}
        return submission.load.Load(
            identity=airflow_compat.identity(self._context["ti"]),
            load_number=self._of_try[0],
            digest=submission.load.digest({**where, **files}),
            target=submission.load.digest(where),
            files=source.file_names(),
            earlier_tries=self._of_try[1],
            run_started_at=started.timestamp() if started else 0.0,
            batch_index=batch_index,
        )

    def submit(self, load: Load, source: ImportSource, deadline: float | None) -> Submission:
        """The import's job, which is a new one or that of an earlier try.

        :raises MilvusImportOutcomeUnknown: where the job of an earlier try may have loaded the rows.
        """
        operator = self._operator
        submitted = submission.submitter.Submitter(
            ImportRequests(operator, source),
            self.store,
            load,
            durable=operator.durable,
            log=operator.log,
            resubmit_unknown=operator.on_unknown_outcome == "resubmit",
            deadline=deadline,
            max_failures=operator.max_poll_failures,
        ).submit()
        name = operator.collection_name
        operator.log.info("Import job %s into %s: %s", submitted.job_id or "(none)", name, submitted.outcome)
        if submitted.outcome is submission.result.SubmitOutcome.UNKNOWN:
            raise self._outcome_unknown(submitted.message)
        is_new = submitted.outcome in submission.result.NEW_JOB
        metrics.record_submit(is_new, metrics.tags_of(operator, self._context))
        return submitted

    def abort_replaced_jobs(self) -> None:
        """Abort what an earlier load of the task has left uncommitted, once a clear of it begins another."""
        for job_id in submission.record.jobs_of_earlier_loads(self.store, self._of_try[0]):
            self._operator.log.info("Import job %s is of the load before the clear", job_id)
            abort_job(self._operator.hook, job_id, self._operator.log)

    def record_results(self, results: Iterable[Mapping[str, Any]]) -> None:
        """Record how jobs ended, for a retry after Milvus has dropped its record of them."""
        submission.record.record_results(self.store, results)

    def finish(self) -> None:
        """Record that the task is about to succeed, so that a clear begins another load."""
        submission.record.finish(self.store, self._clear_count)


class ImportRequests:
    """The requests of one import, as a submission makes them."""

    def __init__(self, operator: MilvusBulkImportOperator, source: ImportSource) -> None:
        self._operator = operator
        self._source = source
        options = rest.import_jobs.check_options(operator.options)
        if "auto_commit" in options:
            raise ValueError("options: auto_commit is what two_phase=True sets, and commits; leave it out")
        self._options = {**options, **({"auto_commit": "false"} if operator.two_phase else {})}

    def request(self, idempotency_key: str | None = None, storage: Mapping[str, str] | None = None) -> Request[str]:
        return rest.import_jobs.create(
            self._operator.collection_name,
            self._source,
            partition_name=self._operator.partition_name,
            options=self._options,
            storage=storage,
            idempotency_key=idempotency_key,
        )

    def create(self, idempotency_key: str | None) -> str:
        storage = self._operator.hook.storage_fields(self._operator.storage_conn_id)
        return self._operator.hook.call(self.request(idempotency_key, storage), retries=0)

    def describe(self, job_id: str) -> ImportProgress:
        return self._operator.hook.call(rest.import_jobs.describe(job_id), retries=0)

    def list_job_ids(self) -> Sequence[str]:
        return self._operator.hook.list_import_job_ids(self._operator.collection_name, retries=0)

    def list_jobs(self) -> Sequence[ImportJob]:
        return self._operator.hook.list_import_jobs(self._operator.collection_name, retries=0)
