"""Files of an import task that are checked, and files that are staged for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus import rest, staging, submission
from airflow_provider_milvus.exceptions import MilvusFilesRefused
from airflow_provider_milvus.operators.parameters import check_choice, check_flag

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_milvus.client.storage import BucketFiles
    from airflow_provider_milvus.hooks.milvus import MilvusHook
    from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
    from airflow_provider_milvus.operators.task_load import TaskLoad
    from airflow_provider_milvus.rest.import_jobs import ImportSource
    from airflow_provider_milvus.staging.folder import Folder
    from airflow_provider_milvus.staging.manifest import Manifest, StagedLoad
    from airflow_provider_milvus.staging.preflight import FileReport
    from airflow_provider_milvus.staging.target import Target

CASTS = ("none", "safe")
MAX_FINDINGS_IN_ERROR = 20
MAX_FINDINGS_IN_LOG = 1000


def check_parameters(operator: MilvusBulkImportOperator) -> None:
    """Refuse parameters of staging and checking that make no sense together.

    :raises ValueError: naming the parameter and the remedy.
    """
    check_flag("keep_staged", operator.keep_staged)
    check_choice("cast", operator.cast, CASTS)
    if not isinstance(operator.check_files, bool) and operator.check_files != "full":
        raise ValueError(f"check_files must be True, False or 'full', got {operator.check_files!r}")
    given = [
        name for name in ("files", "files_from", "object_urls", "volume_name") if getattr(operator, name) is not None
    ]
    if operator.stages:
        if given:
            raise ValueError(f"{given[0]} and staging exclude each other: leave {given[0]} out")
        if operator.stage_to is None:
            raise ValueError(
                "stage_to must be the URL of a folder in the bucket that the Milvus server reads, such as "
                "'s3://aws_default@bucket/staging'; it is not given"
            )
        if not operator.wait_for_completion and not operator.keep_staged:
            raise ValueError(
                "staged files are removed when the import has completed: leave wait_for_completion=True, or give "
                "keep_staged=True"
            )
        return
    for name, default in (("stage_to", None), ("cast", "none"), ("keep_staged", False)):
        if getattr(operator, name) != default:
            raise ValueError(f"{name}={str(getattr(operator, name))!r} goes with stage_from, which is not given")
    if operator.check_files and operator.files_from is None and (operator.files is None or operator.files_root is None):
        raise ValueError(
            "check_files reads the files: give files_from, or files with files_root, the URL of the bucket's root"
        )


class TaskStaging:
    """What an import task stages, and how it checks what it is about to load."""

    def __init__(self, operator: MilvusBulkImportOperator, load: TaskLoad, context: Context) -> None:
        self._operator = operator
        self._load = load
        self.context = context

    @cached_property
    def _bucket(self) -> BucketFiles:
        """The folder of ``stage_to`` in the bucket that the Milvus server reads."""
        return bucket_of("stage_to", self._operator.stage_to, self._operator.files_root)

    @cached_property
    def _staged(self) -> StagedLoad:
        key = "/".join(part for part in (self._bucket.key, folder_name(*self._load.identity)) if part)
        folder = staging.folder.Folder(*self._bucket.folder)
        check = (lambda manifest: self._check(folder, manifest.sets)) if self._operator.check_files else None
        return staging.manifest.StagedLoad(folder, key, check)

    @cached_property
    def target(self) -> Target:
        return target_of(self._operator.hook, self._operator.collection_name)

    def source(self) -> ImportSource | None:
        """The staged files, which the first try stages; ``None`` where there are no rows.

        :raises MilvusFilesRefused: for files or rows that do not fit.
        """
        where = f"staged in {self._bucket.source} as {folder_name(*self._load.identity)}"
        sets = self._load.list_files(where, lambda: self._stage().sets)
        if not sets:
            return None
        if self._operator.hook.settings.on_zilliz_cloud:
            return rest.import_jobs.ImportSource(object_urls=urls_of(self._bucket, sets))
        return rest.import_jobs.ImportSource(files=sets)

    def _stage(self) -> Manifest:
        manifest = self._staged.read()
        if manifest is not None:
            self._operator.log.info("Staged by an earlier try: %s file sets", f"{len(manifest.sets):,}")
            return manifest
        try:
            return self._operator.stage(self, self._staged)
        except staging.casts.RowsRefused as error:
            self._staged.remove()
            raise MilvusFilesRefused(str(error)) from None
        except MilvusFilesRefused:
            self._staged.remove()
            raise

    def copies(self, load: StagedLoad) -> Manifest:
        """Copy the files of ``stage_from``."""
        return copy_files(self._operator, load, lambda: self.target)

    def check(self, source: ImportSource, bucket: BucketFiles | None) -> None:
        """Check files that are not staged, unless an import of them was submitted.

        :raises MilvusFilesRefused: where they do not fit.
        """
        operator = self._operator
        if not operator.check_files or operator.stages or self._load.may_have_submitted:
            return
        bucket = bucket or bucket_of("files_root", operator.files_root, operator.files_root)
        self._check(staging.folder.Folder(*bucket.folder), list(source.files or ()))

    def _check(self, folder: Folder, sets: Sequence[str | Sequence[str]]) -> None:
        operator = self._operator
        report = staging.preflight.check_files(
            folder,
            sets,
            self.target,
            staging.reader_rules.rules_of(operator.milvus_version),
            options=operator.options,
            full=operator.check_files == "full",
        )
        log_report(report, operator.log)
        refuse(report, operator.collection_name)

    def remove(self) -> None:
        """Remove what was staged, after the load has completed."""
        if self._operator.stages and not self._operator.keep_staged:
            removed = self._staged.remove()
            self._operator.log.info("Removed %s staged files", f"{removed:,}")

    def remove_failed(self) -> None:
        """Remove what Milvus has refused, so that the next try stages again."""
        if self._operator.stages:
            self._staged.remove()


def copy_files(operator: Any, load: StagedLoad, target: Callable[[], Target]) -> Manifest:
    """Copy the files of an operator's ``stage_from`` into the folder of a load.

    :param target: the collection, for a cast.
    """
    found = bucket_of("stage_from", operator.stage_from)
    rules = staging.reader_rules.rules_of(operator.milvus_version)
    rewriting = staging.copies.Rewriting(target(), rules) if operator.cast == "safe" else None
    source = staging.folder.Folder(found.file_system, "")
    copier = staging.copies.Copier(source, str(operator.stage_from), load, log=operator.log, rewriting=rewriting)
    return copier.run(found.sets_of_paths())


def urls_of(bucket: BucketFiles, sets: Sequence[Sequence[str]]) -> list[str]:
    """Staged files as Zilliz Cloud takes them: one by one, and ``.npy`` files that belong together by their folder."""
    return [bucket.url(keys[0] if len(keys) == 1 else f"{keys[0].rpartition('/')[0]}/") for keys in sets]


def folder_name(identity: Sequence[str], load_number: int) -> str:
    """The folder of a load's staged files: the same for all tries of one load, and for no other load."""
    exact = submission.load.digest({"identity": list(identity), "number": load_number})
    readable = "-".join(re.sub(r"[^\w.-]+", "_", part, flags=re.ASCII)[:40] for part in identity[:2])
    return f"{readable}-{exact[:20]}"


def bucket_of(parameter: str, url: Any, root: Any = None) -> BucketFiles:
    """The files of a URL."""
    from airflow_provider_milvus.client.storage import BucketFiles

    return BucketFiles(url, root, parameter=parameter)


def target_of(hook: MilvusHook, collection_name: str) -> Target:
    """The collection as the server describes it."""
    return staging.target.Target.described(hook.describe_collection(collection_name))


def log_report(report: FileReport, log: Any) -> None:
    """Log what a check found."""
    log.info("Checked %s file sets, %s rows, %s bytes", f"{report.files:,}", f"{report.rows:,}", f"{report.bytes:,}")
    for finding in report.findings[:MAX_FINDINGS_IN_LOG]:
        (log.warning if finding.is_warning else log.error)("%s", finding)


def refuse(report: FileReport, collection_name: str) -> None:
    """Fail where Milvus would refuse a file.

    :raises MilvusFilesRefused: with all reasons, or the first of very many.
    """
    if not report.refused:
        return
    shown = [f"\n- {finding}" for finding in report.refused[:MAX_FINDINGS_IN_ERROR]]
    more = len(report.refused) - len(shown)
    raise MilvusFilesRefused(
        f"the collection {collection_name!r} does not take {len({one.file for one in report.refused}):,} of the "
        f"files of {report.files:,} file sets; nothing was submitted:{''.join(shown)}"
        + (f"\n- and {more:,} more, which are in the log" if more > 0 else "")
    )
