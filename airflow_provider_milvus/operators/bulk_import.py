"""The operator that loads files into a collection."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_milvus import links, metrics, rest, waiting
from airflow_provider_milvus.exceptions import MilvusImportFailed, MilvusImportRefused, error_of, read_event
from airflow_provider_milvus.lineage import ImportLineage
from airflow_provider_milvus.operators import asset_outlet as asset_outlet_of
from airflow_provider_milvus.operators import import_source, progress
from airflow_provider_milvus.operators import staging as task_staging
from airflow_provider_milvus.operators.base import DEFAULT_DEFERRABLE, MilvusWaitOperator, push_xcom
from airflow_provider_milvus.operators.job_results import COMPLETED, UNCOMMITTED, JobResults
from airflow_provider_milvus.operators.load import TaskLoad
from airflow_provider_milvus.operators.parameters import check_choice, check_dict, check_flag, check_name
from airflow_provider_milvus.operators.two_phase import (
    FOOTERS,
    Checks,
    TwoPhaseCommit,
    check_parameters,
    require_support,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath, XComArg

    from airflow_provider_milvus.rest.import_jobs import ImportProgress, ImportSource
    from airflow_provider_milvus.staging.manifest import Manifest, StagedLoad
    from airflow_provider_milvus.waiting.event import Event


class MilvusBulkImportOperator(ImportLineage, MilvusWaitOperator):
    """Load files into a Milvus collection with a bulk-import job.

    Milvus reads the files itself, out of the bucket that it is configured with; nothing passes through the worker. The
    job's id is pushed to XCom as ``job_id`` the moment Milvus has accepted it, and returned; its final progress is
    pushed as ``import_progress``. More files than Milvus takes in one import (1,024 entries) are several jobs, as few
    as possible: then all three are lists. With ``do_xcom_push=False`` none of them is pushed: no sensor, row check or
    mapped task can use them then, while retries work as they do otherwise.

    The files are loaded once, whatever dies in between: what is about to be sent is recorded first, and a retry goes
    on with the job of the try before it (see ``docs/exactly-once.md`` for what holds on which Airflow and Milvus).
    Clearing a task that succeeded loads its files again. A job that Milvus failed fails the task without a retry, with
    the reason of every failed file in the log; only where the reason is transient (a job timeout, a full disk, no free
    slot) do the task's retries apply.

    https://milvus.io/docs/import-data.md

    :param collection_name: an existing collection. (templated)
    :param files: keys in the bucket of the Milvus server. An entry is one Parquet, JSON, JSONL or CSV file, or a list
        of ``.npy`` files, one per field. (templated)
    :param files_from: instead of ``files``: a URL with a pattern that is listed when the task runs, such as
        ``s3://aws_default@bucket/folder/*.parquet``, or an Airflow ``ObjectStoragePath``; see
        :class:`~airflow_provider_milvus.client.storage.BucketFiles`. A retry loads what the first try found (Airflow
        3.3). (templated)
    :param files_root: of ``files_from``: the URL of what is the bucket's root for Milvus, where that is not the bucket;
        local files need it. (templated)
    :param object_urls: Zilliz Cloud: URLs of files or folders in object storage. (templated)
    :param volume_name: Zilliz Cloud: the volume that ``data_paths`` lie in. (templated)
    :param data_paths: Zilliz Cloud: paths in the volume. (templated)
    :param partition_name: an existing partition; the collection's default without it. (templated)
    :param options: import options of Milvus, such as ``{"timeout": "90m"}``. Without a timeout a job that hangs is
        never ended by Milvus. (templated)
    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    :param storage_conn_id: Zilliz Cloud: a connection with the object storage's keys as login and password. (templated)
    :param wait_for_completion: whether to wait until the job has ended; without it, a
        :class:`~airflow_provider_milvus.sensors.import_job.MilvusImportSensor` waits downstream. For one job only: of
        several, one may have to be submitted again.
    :param deferrable: whether to wait in the triggerer, holding no worker slot.
    :param defer_after: seconds that a deferrable operator waits by itself first: a short job needs no triggerer.
    :param poll_interval: the longest time between two polls of the job, in seconds; a young job is polled more often.
    :param timeout: seconds to wait for the job, which goes on afterwards; the task's ``execution_timeout`` holds as
        well, deferred or not. With two phases, each is waited for so long.
    :param max_poll_failures: failed polls in a row after which to give up.
    :param durable: whether to record the submission. Without it, every try loads the files again.
    :param on_unknown_outcome: what to do where the server has no record (any more) of the job of an earlier try:
        ``"fail"``, or ``"resubmit"``, which loads the rows twice if that job had loaded them.
    :param two_phase: Milvus 3: wait until all rows are read and none is visible, check them, then commit. Any failure
        before the commit aborts the job. Several jobs are committed together or not at all, see ``docs/two-phase.md``.
    :param commit: two-phase: ``False`` ends with the job ``Uncommitted``, for a
        :class:`~airflow_provider_milvus.operators.commit.MilvusCommitImportOperator` downstream.
    :param expected_rows: two-phase: commit only this many rows; ``"footers"`` reads the number from the Parquet files
        of ``files_from``. (templated)
    :param min_rows: two-phase: commit no fewer rows. (templated)
    :param check: two-phase: called before the commit with the
        :class:`~airflow_provider_milvus.rest.import_jobs.ImportProgress` of each job; ``False`` or an exception aborts.
    :param cancel_on_kill: whether a killed task aborts its two-phase job. An ordinary job cannot be cancelled.
    :param asset_outlet: whether success updates the asset ``milvus://host:port/database/collection`` of the
        collection. The event's extra has ``job_id``, ``rows`` and ``seconds`` (of the job). An asset of this URI among
        ``outlets`` gets the same. Airflow must know outlets when it parses the DAG, so this is not for a mapped task,
        nor for templates in ``collection_name``, ``database`` and ``milvus_conn_id``.
    :param stage_from: instead of ``files``: a URL with a pattern of files in any place that Airflow can read; they are
        copied to ``stage_to`` once for all tries, see ``docs/staging.md``. (templated)
    :param stage_to: the URL of a folder in the bucket that the server reads; ``files_root`` goes with it. (templated)
    :param keep_staged: whether the copies stay when the import has completed; before, they always do.
    :param cast: ``"safe"`` rewrites Parquet files that do not fit, and fails for a value that would be lost.
    :param check_files: whether to check the files before anything is submitted; ``"full"`` reads every row.
    :param milvus_version: of the server, for check and cast, such as ``"2.5"``; the newest without it. (templated)
    :raises ValueError: for bad parameters, before anything is sent.
    """

    template_fields: Sequence[str] = (
        *(*MilvusWaitOperator.template_fields, "collection_name", *import_source.FIELDS, "partition_name", "options"),
        *("storage_conn_id", "expected_rows", "min_rows", "stage_from", "stage_to", "milvus_version"),
    )
    template_fields_renderers = {"files": "json", "object_urls": "json", "data_paths": "json", "options": "json"}
    operator_extra_links = links.IMPORT_LINKS

    def __init__(
        self,
        *,
        collection_name: str,
        files: Sequence[str | Sequence[str]] | XComArg | None = None,
        files_from: str | ObjectStoragePath | None = None,
        files_root: str | ObjectStoragePath | None = None,
        object_urls: Sequence[str | Sequence[str]] | None = None,
        volume_name: str | None = None,
        data_paths: Sequence[str | Sequence[str]] | None = None,
        partition_name: str | None = None,
        options: Mapping[str, Any] | None = None,
        storage_conn_id: str | None = None,
        wait_for_completion: bool = True,
        durable: bool = True,
        on_unknown_outcome: Literal["fail", "resubmit"] = "fail",
        two_phase: bool = False,
        commit: bool = True,
        expected_rows: int | str | None = None,
        min_rows: int | str | None = None,
        check: Callable[[ImportProgress], bool] | None = None,
        cancel_on_kill: bool = True,
        asset_outlet: bool = False,
        stage_from: str | ObjectStoragePath | None = None,
        stage_to: str | ObjectStoragePath | None = None,
        keep_staged: bool = False,
        cast: Literal["none", "safe"] = "none",
        check_files: bool | Literal["full"] = False,
        milvus_version: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.collection_name = collection_name
        self.files = files
        self.files_from = files_from
        self.files_root = files_root
        self.object_urls = object_urls
        self.volume_name = volume_name
        self.data_paths = data_paths
        self.partition_name = partition_name
        self.options = options
        self.storage_conn_id = storage_conn_id
        self.wait_for_completion = wait_for_completion
        self.durable = durable
        self.on_unknown_outcome = on_unknown_outcome
        self.two_phase = two_phase
        self.commit = commit
        self.expected_rows = expected_rows
        self.min_rows = min_rows
        self.check = check
        self.cancel_on_kill = cancel_on_kill
        self.asset_outlet = asset_outlet
        self.stage_from = stage_from
        self.stage_to = stage_to
        self.keep_staged = keep_staged
        self.cast = cast
        self.check_files = check_files
        self.milvus_version = milvus_version
        self._check_parameters()
        self._asset_alias = asset_outlet_of.declare(self)
        self._jobs = JobResults()
        self._commit: TwoPhaseCommit | None = None
        # By the record of an earlier try; Milvus may have none any more.
        self._completed: list[str] = []

    @classmethod
    def partial(cls, **kwargs: Any) -> Any:
        """Begin to map the operator."""
        asset_outlet_of.refuse_mapped(kwargs)
        return super().partial(**kwargs)

    def _check_parameters(self) -> None:
        for name in ("wait_for_completion", "durable", "two_phase", "commit", "cancel_on_kill", "asset_outlet"):
            check_flag(name, getattr(self, name))
        check_choice("on_unknown_outcome", self.on_unknown_outcome, ("fail", "resubmit"))
        checks = {"expected_rows": self.expected_rows, "min_rows": self.min_rows, "check": self.check}
        check_parameters(checks, two_phase=self.two_phase, commit=self.commit, asset_outlet=self.asset_outlet)
        at_the_end = {"two_phase": self.two_phase and self.commit, "asset_outlet": self.asset_outlet}
        for name in [*(name for name, value in at_the_end.items() if value), *checks]:
            if getattr(self, name) not in (None, False) and not self.wait_for_completion:
                raise ValueError(f"{name} acts at the end of the wait; leave wait_for_completion=True")
        if self.deferrable and not self.wait_for_completion and not DEFAULT_DEFERRABLE:
            warnings.warn(f"{self.task_id}: deferrable=True has no effect with wait_for_completion=False", stacklevel=2)
        task_staging.check_parameters(self)
        self._parameters.check_combination(self.expected_rows, self.stages or bool(self.check_files))

    def check_templated(self) -> None:
        super().check_templated()
        check_name("collection_name", self.collection_name, what="a collection")
        check_name("partition_name", self.partition_name, what="a partition", optional=True)
        check_name("storage_conn_id", self.storage_conn_id, what="a connection", optional=True)
        check_dict("options", self.options)
        self._parameters.check_values()

    @property
    def import_job_ids(self) -> list[str]:
        """The ids of the load's jobs, as far as they are known in this process."""
        return list(self._jobs)

    @property
    def import_results(self) -> Mapping[str, Mapping[str, Any]]:
        """The final progress of those that have ended, by their ids."""
        return self._jobs

    @property
    def _parameters(self) -> import_source.SourceParameters:
        return import_source.SourceParameters(**{name: getattr(self, name) for name in import_source.FIELDS})

    @property
    def stages(self) -> bool:
        return self.stage_from is not None

    def stage(self, task: task_staging.TaskStaging, load: StagedLoad) -> Manifest:
        """Put the files where Milvus reads them."""
        return task.copies(load)

    def execute(self, context: Context) -> str | list[str]:
        """Start the jobs, or find those that an earlier try started; wait for them unless that is switched off."""
        self.check_templated()
        asset_outlet_of.refuse_undeclared(self, context)
        # Airflow's copies of this operator share the dict where several runs share a process, as in `dag.test`.
        self._jobs, self._commit = JobResults(), None
        deadline = self.deadline()
        load = TaskLoad(self, context)
        sources = self._sources(load, context)
        if not sources:
            self.log.info("There are no rows to import")
            load.finish()
            return []
        imports = load.imports(sources)
        if self.two_phase:
            require_support(self.hook, self.log)
        if not self.commit:
            load.abort_replaced_jobs()
        for one, source in zip(imports, sources, strict=True):
            submitted = load.submit(one, source, deadline)
            self._jobs[submitted.job_id] = submitted.result
            push_xcom(self, context, "job_id", list(self._jobs) if len(sources) > 1 else submitted.job_id)
        self._completed = [job_id for job_id, result in self._jobs.items() if result]
        links.push(self, context)
        if not self.wait_for_completion:
            single = len(sources) == 1
            progress.push(self, context, progress.submitted(self._jobs, self.collection_name), single=single)
            load.finish()
            return self._jobs.ids
        return self._wait(context, UNCOMMITTED if self.two_phase else COMPLETED, deadline)

    def _sources(self, load: TaskLoad, context: Context) -> list[ImportSource]:
        """The files, as many sources as there must be imports."""
        parameters, staged = self._parameters, task_staging.TaskStaging(self, load, context)
        source = staged.source() if self.stages else parameters.source(load, self.log)
        if source is None:
            return []
        staged.check(source, parameters.bucket)
        self.hook.check_source(source, self.storage_conn_id)
        # Or a connection without keys would be found when a submit has been recorded.
        self.hook.storage_fields(self.storage_conn_id)
        self._checks(parameters)
        if self.expected_rows == FOOTERS and parameters.bucket is not None:
            parameters.bucket.check_rows(import_source.paths(source))
        return import_source.split(source, wait_for_completion=self.wait_for_completion, log=self.log)

    def _checks(self, parameters: import_source.SourceParameters) -> Checks:
        return Checks.of(self.expected_rows, self.min_rows, self.check, parameters.bucket)

    def _two_phases(self, context: Context) -> TwoPhaseCommit:
        """The commit of all jobs, of those that an earlier try has seen to be completed as well."""
        store = context.get("task_state_store") if self.durable else None
        self._commit = TwoPhaseCommit(
            [(self.hook, job_id) for job_id in self._jobs], store, self.log, completed=self._completed
        )
        return self._commit

    def _wait(self, context: Context, target_state: str, deadline: float | None) -> str | list[str]:
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
            load = TaskLoad(self, context)
            load.record_results(result for result in self._jobs.values() if result)
            # Other jobs of the load may have loaded their files.
            if isinstance(error, MilvusImportFailed) and len(self._jobs) == 1:
                task_staging.TaskStaging(self, load, context).remove_failed()
            raise error
        self.log.info("%s", event["message"])
        if not first_phase:
            return self._end(context)
        if not self.commit:
            self._two_phases(context).require(self._checks(self._parameters))
            return self._end(context)
        try:
            self._two_phases(context).commit(self._checks(self._parameters))
        except MilvusImportRefused:
            task_staging.TaskStaging(self, TaskLoad(self, context), context).remove_failed()
            raise
        self._jobs = self._jobs.committed()
        return self._wait(context, COMPLETED, self.deadline())

    def _abort_unless_begun(self, context: Context, job_ids: str | list[str]) -> None:
        # A job that was never seen has no progress in the event.
        for job_id in [job_ids] if isinstance(job_ids, str) else job_ids:
            self._jobs.setdefault(job_id, {})
        commit = self._two_phases(context)
        if len(self._jobs) > 1:
            with suppress(rest.errors.MilvusError):
                commit.describe()
        commit.abort()

    def _end(self, context: Context) -> str | list[str]:
        """Succeed, which only jobs can that have come to where they should."""
        self._jobs.require((COMPLETED,) if self.commit else (COMPLETED, UNCOMMITTED))
        asset_outlet_of.update(self, context, self._jobs, self._asset_alias)
        load = TaskLoad(self, context)
        load.finish()
        task_staging.TaskStaging(self, load, context).remove()
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
            why = "the next try goes on with it" if self.two_phase else "Milvus cannot cancel it"
            why = why if self.cancel_on_kill else "cancel_on_kill=False"
            for job_id in self._jobs:
                self.log.warning("Import job %s goes on: %s", job_id, why)
