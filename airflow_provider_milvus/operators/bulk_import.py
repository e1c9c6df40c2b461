"""The operator that loads files into a collection."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_provider_milvus import airflow_compat, rest, submission, waiting
from airflow_provider_milvus.exceptions import (
    MilvusImportOutcomeUnknown,
    MilvusImportRefused,
    MilvusTwoPhaseUnsupported,
    error_of,
    read_event,
)
from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.waiting.backoff import (
    DEFAULT_MAX_POLL_FAILURES,
    DEFAULT_POLL_INTERVAL,
    check_wait,
    whole_number,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import AssetAlias, Context, ObjectStoragePath

    from airflow_provider_milvus.client.storage import BucketFiles
    from airflow_provider_milvus.rest.envelope import Request
    from airflow_provider_milvus.rest.import_jobs import ImportJob, ImportProgress, ImportSource, ImportState
    from airflow_provider_milvus.submission.record import EarlierTries, Store
    from airflow_provider_milvus.submission.submitter import Load, Submission
    from airflow_provider_milvus.waiting.event import Event


FOOTERS = "footers"


class MilvusBulkImportOperator(BaseOperator):
    """Load files into a Milvus collection with a bulk-import job.

    Milvus reads the files itself, out of the bucket that it is configured with; nothing passes through the worker. The
    job's id is pushed to XCom as ``job_id`` the moment Milvus has accepted it, and returned; its final figures are
    pushed as ``import_progress``. More files than Milvus takes in one import (1,024 entries) are several jobs, as few
    as possible: then all three are lists.

    The files are loaded once, whatever dies in between: what is about to be sent is recorded first, and a retry goes
    on with the job of the try before it (see ``docs/exactly-once.md`` for what holds on which Airflow and Milvus).
    Clearing a task that succeeded loads its files again.

    A job that Milvus failed fails the task without a retry, with the reason of every failed file in the log; only where
    time can heal the reason (a job timeout, a full disk, no free slot) do the task's retries apply.

    https://milvus.io/docs/import-data.md

    :param collection_name: an existing collection. (templated)
    :param files: keys in the bucket of the Milvus server. An entry is one Parquet, JSON, JSONL or CSV file, or a list
        of ``.npy`` files, one per field. (templated)
    :param files_from: instead of ``files``: a URL with a pattern that is looked up when the task runs, such as
        ``s3://aws_default@bucket/folder/*.parquet``, or an Airflow ``ObjectStoragePath``; see
        :class:`~airflow_provider_milvus.client.storage.BucketFiles`. A retry loads what the first try found (Airflow
        3.3). (templated)
    :param files_root: of ``files_from``: the URL of what is the bucket's root for Milvus, where that is not the bucket;
        local files need it. (templated)
    :param object_urls: Zilliz Cloud: URLs of files or folders in object storage. (templated)
    :param volume_name: Zilliz Cloud: the volume that ``data_paths`` lie in. (templated)
    :param data_paths: Zilliz Cloud: paths in the volume. (templated)
    :param partition_name: an existing partition; the collection's default without it. (templated)
    :param options: import options of Milvus, each value a string, such as ``{"timeout": "90m"}``. Without a timeout a
        job that hangs is never ended by Milvus. (templated)
    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    :param storage_conn_id: Zilliz Cloud: a connection whose login and password are the keys of the object storage.
        (templated)
    :param wait_for_completion: whether to wait until the job has ended; without it, a
        :class:`~airflow_provider_milvus.sensors.import_job.MilvusImportSensor` waits downstream. For one job only: of
        several, one may have to be submitted again.
    :param deferrable: whether to wait in the triggerer, holding no worker slot.
    :param defer_after: seconds that a deferrable operator waits by itself first, so that a short job needs no
        triggerer.
    :param poll_interval: the most seconds between two looks at the job; a young job is looked at more often.
    :param timeout: seconds to wait for the job, which goes on afterwards; the task's ``execution_timeout`` holds as
        well, deferred or not. With two phases, each is waited for so long.
    :param max_poll_failures: failed looks in a row after which to give up.
    :param durable: whether to record the submission. Without it, every try loads the files again.
    :param on_unknown_outcome: what to do where the server has no record (any more) of the job of an earlier try:
        ``"fail"``, or ``"resubmit"``, which loads the rows twice if that job had loaded them.
    :param two_phase: Milvus 3: wait until all rows are read and none is visible, check them, then commit. Whatever goes
        wrong before the commit aborts the job. For one job only: several cannot be committed in one step.
    :param expected_rows: two-phase: commit only this many rows; ``"footers"`` reads the number from the Parquet files
        of ``files_from``. (templated)
    :param min_rows: two-phase: commit no fewer rows. (templated)
    :param check: two-phase: called with the job's
        :class:`~airflow_provider_milvus.rest.import_jobs.ImportProgress` before the commit; ``False`` or an exception
        aborts it.
    :param cancel_on_kill: whether a killed task aborts its two-phase job. An ordinary job cannot be cancelled.
    :param asset_outlet: whether success updates the asset ``milvus://host:port/database/collection`` of the
        collection. The event's extra has ``job_id``, ``rows`` and ``seconds`` (of the job). An asset of this URI among
        ``outlets`` is told the same.
    :raises ValueError: for bad parameters, before anything is sent.
    """

    template_fields: Sequence[str] = (
        "collection_name",
        "files",
        "files_from",
        "files_root",
        "object_urls",
        "volume_name",
        "data_paths",
        "partition_name",
        "options",
        "milvus_conn_id",
        "database",
        "storage_conn_id",
        "expected_rows",
        "min_rows",
    )
    template_fields_renderers = {"files": "json", "object_urls": "json", "data_paths": "json", "options": "json"}
    ui_color = "#e0f4ff"

    def __init__(
        self,
        *,
        collection_name: str,
        files: Sequence[str | Sequence[str]] | None = None,
        files_from: str | ObjectStoragePath | None = None,
        files_root: str | ObjectStoragePath | None = None,
        object_urls: Sequence[str | Sequence[str]] | None = None,
        volume_name: str | None = None,
        data_paths: Sequence[str | Sequence[str]] | None = None,
        partition_name: str | None = None,
        options: Mapping[str, str] | None = None,
        milvus_conn_id: str = MilvusHook.default_conn_name,
        database: str | None = None,
        storage_conn_id: str | None = None,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        defer_after: float = 5.0,
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        timeout: float | None = None,
        max_poll_failures: int = DEFAULT_MAX_POLL_FAILURES,
        durable: bool = True,
        on_unknown_outcome: Literal["fail", "resubmit"] = "fail",
        two_phase: bool = False,
        expected_rows: int | str | None = None,
        min_rows: int | str | None = None,
        check: Callable[[ImportProgress], bool] | None = None,
        cancel_on_kill: bool = True,
        asset_outlet: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_wait(
            poll_interval=poll_interval, max_poll_failures=max_poll_failures, timeout=timeout, defer_after=defer_after
        )
        if on_unknown_outcome not in ("fail", "resubmit"):
            raise ValueError(f"on_unknown_outcome must be 'fail' or 'resubmit', got {on_unknown_outcome!r}")
        if two_phase and not wait_for_completion:
            raise ValueError("two_phase=True commits at the end of the wait; leave wait_for_completion=True")
        if asset_outlet and not wait_for_completion:
            raise ValueError(
                "asset_outlet=True updates an asset when the rows are there; leave wait_for_completion=True"
            )
        for name, value in (("expected_rows", expected_rows), ("min_rows", min_rows), ("check", check)):
            if value is not None and not two_phase:
                raise ValueError(f"{name} is checked before a commit; it needs two_phase=True, got {name}={value!r}")
        if check is not None and not callable(check):
            raise ValueError(f"check must be a function of the import's progress, got {check!r}")
        others = (files, object_urls, volume_name, data_paths)
        if files_from is not None and any(other is not None for other in others):
            raise ValueError("files_from finds the files; leave out files, object_urls, volume_name and data_paths")
        if files_from is None and files_root is not None:
            raise ValueError(f"files_root={str(files_root)!r} goes with files_from, which is not given")
        if files_from is None and expected_rows == FOOTERS:
            raise ValueError(f"expected_rows={FOOTERS!r} goes with files_from, which is not given")
        self.collection_name = collection_name
        self.files = files
        self.files_from = files_from
        self.files_root = files_root
        self.object_urls = object_urls
        self.volume_name = volume_name
        self.data_paths = data_paths
        self.partition_name = partition_name
        self.options = options
        self.milvus_conn_id = milvus_conn_id
        self.database = database
        self.storage_conn_id = storage_conn_id
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.defer_after = defer_after
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.max_poll_failures = max_poll_failures
        self.durable = durable
        self.on_unknown_outcome = on_unknown_outcome
        self.two_phase = two_phase
        self.expected_rows = expected_rows
        self.min_rows = min_rows
        self.check = check
        self.cancel_on_kill = cancel_on_kill
        self.asset_outlet = asset_outlet
        self._asset_alias: AssetAlias | None = None
        if asset_outlet:
            from airflow_provider_milvus.assets import alias_of

            self._asset_alias = alias_of(milvus_conn_id, database, collection_name)
            self.outlets = [*self.outlets, self._asset_alias]
        # The ids of the load's jobs, in order, and the final figures of those that are not waited for any more.
        self._jobs: dict[str, Mapping[str, Any]] = {}

    @cached_property
    def hook(self) -> MilvusHook:
        """The hook that this task sends its requests with."""
        return MilvusHook(self.milvus_conn_id, self.database)

    def execute(self, context: Context) -> str | list[str]:
        """Start the jobs, or find those that an earlier try started; wait for them if asked to."""
        # Anew: where several runs share a process, as in `dag.test`, Airflow's copies of this operator share the dict.
        self._jobs = {}
        deadline = self._deadline(time.time())
        load_of_try = self._load_of_try(context)
        sources = self._sources(context, load_of_try[0])
        loads = [self._load(context, load_of_try, index, source) for index, source in enumerate(sources, 1)]
        self._check_files_are_the_same(context, loads)
        if self.two_phase:
            self._check_two_phase_is_known()
        for load, source in zip(loads, sources, strict=True):
            submitted = self._submit(context, load, source, deadline)
            self._jobs[submitted.job_id] = submitted.result
            context["ti"].xcom_push(key="job_id", value=list(self._jobs) if len(sources) > 1 else submitted.job_id)
        if not self.wait_for_completion:
            self._finished(context)
            return self._result
        return self._wait(context, self._goal, deadline)

    @property
    def _result(self) -> str | list[str]:
        ids = list(self._jobs)
        return ids if len(ids) > 1 else ids[0]

    def _sources(self, context: Context, load_number: int) -> list[ImportSource]:
        """The files, as many sources as there must be imports."""
        source = rest.import_jobs.ImportSource(
            files=self.files if self._bucket is None else self._found_files(context, self._bucket, load_number),
            object_urls=self.object_urls,
            volume_name=self.volume_name,
            data_paths=self.data_paths,
        )
        self.hook.check_source(source, self.storage_conn_id)
        # Or a connection without keys would be found when a submit has been recorded.
        self.hook.storage_fields(self.storage_conn_id)
        sources = submission.files.batches(source)
        if len(sources) > 1:
            for name, value, unfit in (
                ("two_phase", self.two_phase, True),
                ("wait_for_completion", self.wait_for_completion, False),
            ):
                if value is unfit:
                    raise ValueError(
                        f"{name}={value} is for one import, and {len(source.file_names()):,} file sets need "
                        f"{len(sources)}: write fewer and larger files, or plan imports with "
                        f"MilvusPlanImportsOperator, each of which is a task of its own"
                    )
            self.log.info("%s file sets need %d imports", f"{len(source.file_names()):,}", len(sources))
        self._check_rows_asked_for(source)
        return sources

    def _check_rows_asked_for(self, source: ImportSource) -> None:
        for name, value in (("expected_rows", self.expected_rows), ("min_rows", self.min_rows)):
            if value is None:
                continue
            if self._bucket is not None and (name, value) == ("expected_rows", FOOTERS):
                self._bucket.check_rows([path for files in source.fields()["files"] for path in files])
            else:
                whole_number(name, value, minimum=0)

    def _check_files_are_the_same(self, context: Context, loads: Sequence[Load]) -> None:
        first, digests = loads[0], [load.digest for load in loads]
        others = submission.record.other_files(self._store(context), first.load_number, first.target, digests)
        if others:
            raise ValueError(
                f"files are others than those of an earlier try, whose import jobs {', '.join(others)} have loaded "
                f"some of them, or may have: give the same files again, mended where they are, and load any others "
                f"with another task"
            )

    @cached_property
    def _bucket(self) -> BucketFiles | None:
        from airflow_provider_milvus.client.storage import BucketFiles

        return None if self.files_from is None else BucketFiles(self.files_from, self.files_root)

    def _found_files(self, context: Context, bucket: BucketFiles, load_number: int) -> list[list[str]]:
        store, source = self._store(context), f"{bucket.source} files_root={str(self.files_root)!r}"
        failed = submission.record.all_failed(store, load_number)
        try:
            sets = submission.files.listed_once(store, source, bucket.sets, load_number=load_number, find_again=failed)
        except submission.record.UnreadableRecord as error:
            self._resubmit_or_fail(error)
            sets = submission.files.listed_once(store, source, bucket.sets, load_number=load_number, find_again=True)
        self.log.info("%s: %s file sets", bucket.source, f"{len(sets):,}")
        return sets

    @property
    def _goal(self) -> ImportState:
        states = rest.import_jobs.ImportState
        return states.UNCOMMITTED if self.two_phase else states.COMPLETED

    def _check_two_phase_is_known(self) -> None:
        """Ask to abort a job that cannot exist: only a server that knows the route looks for it."""
        try:
            self.hook.abort_import("0")
        except rest.errors.MilvusRouteNotFound as error:
            raise MilvusTwoPhaseUnsupported(
                f"two_phase=True needs Milvus 3; this server cannot commit or abort, and nothing was sent: {error}"
            ) from error
        except rest.errors.MilvusServerError as error:
            self.log.debug("The server knows two-phase imports: %s", error)

    def _load_of_try(self, context: Context) -> tuple[int, EarlierTries]:
        store, unrecorded = self._store(context), airflow_compat.load_of_try(context, self)
        try:
            return submission.record.load_of_try(store, self._clear_count(context), unrecorded)
        except submission.record.UnreadableRecord as error:
            self._resubmit_or_fail(error)
            submission.record.begin(store, unrecorded.number)
            return unrecorded.number, "none"

    def _resubmit_or_fail(self, error: Exception) -> None:
        """Go on after a record that cannot be read only where the user wants to load again."""
        message = f"{error}: an earlier try may have started an import, or not"
        if self.on_unknown_outcome != "resubmit":
            raise self._outcome_unknown(message) from error
        self.log.warning("Going on, since on_unknown_outcome='resubmit', although %s", message)

    def _load(self, context: Context, load_of_try: tuple[int, EarlierTries], index: int, source: ImportSource) -> Load:
        started = getattr(context.get("dag_run"), "start_date", None)
        # A job id means nothing on another server, and the server does not hold it against the database. Options tell
        # how to load and not what: whoever raises a timeout between two tries does not want the rows a second time.
        files, body = source.fields(), _Client(self, source).request().body
        where = {name: value for name, value in body.items() if name not in (*files, "options")}
        where |= {"connection": self.milvus_conn_id, "database": self.hook.settings.database}
        return submission.submitter.Load(
            identity=airflow_compat.identity(context["ti"]),
            load_number=load_of_try[0],
            digest=submission.submitter.digest({**where, **files}),
            target=submission.submitter.digest(where),
            files=source.file_names(),
            earlier_tries=load_of_try[1],
            run_started_at=started.timestamp() if started else 0.0,
            batch_index=index,
        )

    def _submit(self, context: Context, load: Load, source: ImportSource, deadline: float | None) -> Submission:
        """The import's job, old or new."""
        submitted = submission.submitter.Submitter(
            _Client(self, source),
            self._store(context),
            load,
            durable=self.durable,
            log=self.log,
            resubmit_unknown=self.on_unknown_outcome == "resubmit",
            deadline=deadline,
            max_failures=self.max_poll_failures,
        ).submit()
        self.log.info(
            "Import job %s into %s: %s", submitted.job_id or "(none)", self.collection_name, submitted.outcome
        )
        if submitted.outcome is submission.submitter.SubmitOutcome.UNKNOWN:
            raise self._outcome_unknown(submitted.message)
        return submitted

    def _outcome_unknown(self, message: str) -> MilvusImportOutcomeUnknown:
        return MilvusImportOutcomeUnknown(
            f"{message}. Count the rows of {self.collection_name}: if they are there, mark this task as succeeded; if "
            f"not, or if twice is no harm, run it with on_unknown_outcome='resubmit'"
        )

    def _store(self, context: Context) -> Store | None:
        store: Store | None = context.get("task_state_store") if self.durable else None  # Airflow 3.3 and later
        return store

    def _clear_count(self, context: Context) -> int:
        return airflow_compat.clear_count(context["ti"], self.retries)

    def _finished(self, context: Context) -> None:
        submission.record.finish(self._store(context), self._clear_count(context))

    def _wait(self, context: Context, goal: ImportState, deadline: float | None) -> str | list[str]:
        if all(self._jobs.values()):
            self._push_figures(context)
            return self._end(context)
        open_jobs = [job_id for job_id, ended in self._jobs.items() if not ended]
        several = len(self._jobs) > 1
        more = {"jobs": self._jobs} if several else {}
        wait = waiting.import_wait.ImportWait(
            open_jobs if several else open_jobs[0],
            target_state=goal,
            poll_interval=self.poll_interval,
            deadline=deadline,
            max_poll_failures=self.max_poll_failures,
            fail_fast=not several,
            log=self.log,
        )
        event = self.hook.run_wait(wait, until=time.time() + self.defer_after if self.deferrable else None)
        if event is None:
            from airflow_provider_milvus.triggers.import_job import MilvusImportTrigger

            self.defer(
                trigger=MilvusImportTrigger(
                    job_id=wait.job_ids,
                    milvus_conn_id=self.milvus_conn_id,
                    target_state=goal.value,
                    poll_interval=self.poll_interval,
                    deadline=deadline,
                    max_poll_failures=self.max_poll_failures,
                    database=self.database,
                    abort_on_kill=self.two_phase and self.cancel_on_kill,
                    fail_fast=wait.fail_fast,
                ),
                method_name="execute_complete",
                kwargs=more,
            )
        return self.execute_complete(context, event, **more)

    def _deadline(self, now: float) -> float | None:
        seconds = [self.timeout] if self.timeout is not None else []
        # Airflow 3 does not enforce execution_timeout while a task is deferred, and enforces it by itself otherwise.
        if self.deferrable and self.execution_timeout is not None:
            seconds.append(self.execution_timeout.total_seconds())
        return now + min(seconds) if seconds else None

    def execute_complete(
        self, context: Context, event: Event | None, jobs: Mapping[str, Mapping[str, Any]] | None = None
    ) -> str | list[str]:
        """End a wait: commit what waits for it, push the final figures, return what the jobs' ids are or fail.

        :param jobs: the ids of the load's jobs, and the final figures of those that were not waited for.
        """
        event = read_event(event)
        for line in waiting.event.failed_file_lines(event):
            self.log.error(line)
        seen = {job["job_id"]: job for job in event["imports"]}
        self._jobs = {**(jobs or {}), **seen}
        self._push_figures(context)
        committed = not self.two_phase or event["target_state"] != self._goal
        if error := error_of(event):
            if not committed and event["status"] in ("timeout", "unreachable"):
                self._abort(event["job_id"])
            submission.record.record_results(self._store(context), seen.values())
            raise error
        self.log.info("%s", event["message"])
        return self._end(context) if committed else self._commit(context, event["job_id"])

    def _end(self, context: Context) -> str | list[str]:
        """All jobs have completed."""
        if self.outlets:
            self._update_assets(context, list(self._jobs.values()))
        self._finished(context)
        return self._result

    def _push_figures(self, context: Context) -> None:
        if figures := [ended for ended in self._jobs.values() if ended]:
            value = figures if len(self._jobs) > 1 else figures[0]
            context["ti"].xcom_push(key="import_progress", value=value)

    def _update_assets(self, context: Context, figures: Sequence[Mapping[str, Any]]) -> None:
        from airflow_provider_milvus import assets

        begin, end = min(job["create_time"] for job in figures), max(job["complete_time"] for job in figures)
        extra = {
            "job_id": self._result,
            "rows": sum(job["imported_rows"] for job in figures),
            "seconds": waiting.messages.seconds_between(begin, end),
        }
        asset = assets.asset_of(self.hook.settings, self.collection_name)
        assets.update(context["outlet_events"], self.outlets, asset, extra, self._asset_alias)

    def _commit(self, context: Context, job_id: str) -> str | list[str]:
        """Check the rows of the first phase, commit them and wait for the second phase."""
        try:
            progress = self.hook.get_import_progress(job_id)
            if progress.state is rest.import_jobs.ImportState.UNCOMMITTED:
                self._check(progress)
            self._send_commit(progress)
        except Exception:
            # A commit that was carried out although it looks as if it failed cannot be aborted any more.
            self._abort(job_id)
            raise
        self.log.info("Import job %s: committed", job_id)
        self._jobs = {job_id: {}}
        return self._wait(context, rest.import_jobs.ImportState.COMPLETED, self._deadline(time.time()))

    def _send_commit(self, progress: ImportProgress) -> None:
        try:
            self.hook.commit_import(progress.job_id)
        except rest.errors.MilvusRouteNotFound as error:
            raise MilvusTwoPhaseUnsupported(
                f"this server knows no two-phase imports and has loaded the {progress.imported_rows:,} rows of import "
                f"job {progress.job_id} at once: they are visible, unchecked and cannot be aborted"
            ) from error

    def _check(self, progress: ImportProgress) -> None:
        expected, least = (None if rows is None else int(rows) for rows in (self._expected(progress), self.min_rows))
        reason = waiting.outcome.refusal(progress.imported_rows, expected, least)
        if reason is None and self.check is not None and not self.check(progress):
            reason = "the given check refused it"
        if reason:
            raise MilvusImportRefused(
                f"import job {progress.job_id} was not committed: {reason}. Nothing of it was visible"
            )

    def _expected(self, progress: ImportProgress) -> int | str | None:
        if self._bucket is None or self.expected_rows != FOOTERS:
            return self.expected_rows
        return self._bucket.rows([file.name.lstrip("/") for file in progress.files])

    def _abort(self, job_id: str, **limits: Any) -> None:
        """Abort a two-phase job, and say what came of it."""
        try:
            self.hook.call(rest.import_jobs.abort(job_id), **limits)
        except rest.errors.MilvusError as error:
            self.log.warning("Import job %s could not be aborted: %s", job_id, error)
        else:
            self.log.info("Import job %s was aborted; nothing of it was visible", job_id)

    def on_kill(self) -> None:
        """Abort a two-phase job with one short request; say of any other that it goes on."""
        if not self._jobs:
            self.log.info("Killed before an import job was known; whatever was submitted goes on")
            return
        for job_id in self._jobs:
            if self.two_phase and self.cancel_on_kill:
                self._abort(job_id, retries=0, timeout=3.0)
            else:
                why = "it was not to be aborted" if self.two_phase else "Milvus cannot cancel it"
                self.log.warning("Import job %s goes on: %s", job_id, why)


class _Client:
    """The requests of one operator, as a submission makes them."""

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

    def list_jobs(self) -> Sequence[ImportJob]:
        return self._operator.hook.list_import_jobs(self._operator.collection_name, retries=0)
