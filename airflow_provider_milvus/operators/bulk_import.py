"""The operator that loads files into a collection."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_milvus import links
from airflow_provider_milvus.operators import asset_outlet as asset_outlet_of
from airflow_provider_milvus.operators import import_source, progress
from airflow_provider_milvus.operators import staging as task_staging
from airflow_provider_milvus.operators.base import DEFAULT_DEFERRABLE, push_xcom
from airflow_provider_milvus.operators.job_results import COMPLETED, UNCOMMITTED, JobResults
from airflow_provider_milvus.operators.parameters import check_choice, check_dict, check_flag, check_name
from airflow_provider_milvus.operators.submitted_jobs import SubmittedJobsOperator
from airflow_provider_milvus.operators.task_load import TaskLoad
from airflow_provider_milvus.operators.two_phase import FOOTERS, Checks, check_parameters, require_support

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath, XComArg

    from airflow_provider_milvus.rest.import_jobs import ImportProgress, ImportSource
    from airflow_provider_milvus.staging.manifest import Manifest, StagedLoad


class MilvusBulkImportOperator(SubmittedJobsOperator):
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
    :param defer_after: seconds that a deferrable operator polls in the worker before it defers (5): a short job needs
        no triggerer.
    :param poll_interval: the longest time between two polls of the job, in seconds (10); a young job is polled more
        often.
    :param timeout: seconds to wait for the job, which goes on afterwards; the task's ``execution_timeout`` holds as
        well, deferred or not. With two phases, each is waited for so long.
    :param max_poll_failures: failed polls in a row after which to give up (120).
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
        :class:`~airflow_provider_milvus.rest.import_jobs.ImportProgress` of each job; anything but a true value, and an
        exception, aborts.
    :param cancel_on_kill: whether a killed task aborts its two-phase job. An ordinary job cannot be cancelled.
    :param asset_outlet: whether success updates the asset ``milvus://host:port/database/collection`` of the
        collection. The event's extra has ``job_id``, ``rows`` and ``seconds`` (of the job). An asset of this URI among
        ``outlets`` gets the same. Airflow must know outlets when it parses the DAG, so this is not for a mapped task,
        nor for templates in ``collection_name``, ``database`` and ``milvus_conn_id``.
    :param stage_from: instead of ``files``: a URL with a pattern of files in any place that Airflow can read; they are
        copied to ``stage_to`` once for all tries, see ``docs/staging.md``. (templated)
    :param stage_to: the URL of a folder in the bucket that the server reads; ``files_root`` goes with it. (templated)
    :param keep_staged: whether the copies are kept after a completed import. They are removed after a permanent
        failure, and kept after any other.
    :param cast: ``"safe"`` rewrites Parquet files that do not fit, and fails for a value that would be lost.
    :param check_files: whether to check the files before anything is submitted; ``"full"`` reads every row.
    :param milvus_version: of the server, for check and cast, such as ``"2.5"``; the newest without it. (templated)
    :raises ValueError: for bad parameters, before anything is sent.
    """

    template_fields: Sequence[str] = (
        *(*SubmittedJobsOperator.template_fields, "collection_name", *import_source.FIELDS, "partition_name"),
        *("options", "storage_conn_id", "expected_rows", "min_rows", "stage_from", "stage_to", "milvus_version"),
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
        load = self.load(context)
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
        return self.wait(context, UNCOMMITTED if self.two_phase else COMPLETED, deadline)

    def _sources(self, load: TaskLoad, context: Context) -> list[ImportSource]:
        """The files, as many sources as there must be imports."""
        parameters, staged = self._parameters, self.staging(load, context)
        source = staged.source() if self.stages else parameters.source(load, self.log)
        if source is None:
            return []
        staged.check(source, parameters.bucket)
        self.hook.check_source(source, self.storage_conn_id)
        # Or a connection without keys would be found when a submit has been recorded.
        self.hook.storage_fields(self.storage_conn_id)
        self.checks()
        if self.expected_rows == FOOTERS and parameters.bucket is not None:
            parameters.bucket.check_rows(import_source.paths(source))
        return import_source.split(source, wait_for_completion=self.wait_for_completion, log=self.log)

    def load(self, context: Context) -> TaskLoad:
        """The load that this try of the task belongs to."""
        return TaskLoad(self, context)

    def staging(self, load: TaskLoad, context: Context) -> task_staging.TaskStaging:
        """The staged files of the load."""
        return task_staging.TaskStaging(self, load, context)

    def checks(self) -> Checks:
        """What must hold before a commit."""
        return Checks.of(self.expected_rows, self.min_rows, self.check, self._parameters.bucket)
