"""Operators on the files of imports: they are found, checked and staged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_milvus import airflow_compat, staging, submission
from airflow_provider_milvus.client.storage import BucketFiles
from airflow_provider_milvus.exceptions import MilvusFilesRefused
from airflow_provider_milvus.operators.base import MilvusCollectionOperator, push_xcom
from airflow_provider_milvus.operators.parameters import check_choice, check_dict, check_flag, check_list
from airflow_provider_milvus.operators.staging import (
    CASTS,
    bucket_of,
    copy_files,
    folder_name,
    log_report,
    refuse,
    target_of,
    urls_of,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath


def plan_imports(
    files_from: str | ObjectStoragePath, files_root: str | ObjectStoragePath | None = None
) -> list[list[Sequence[str]]]:
    """The imports that the files of a URL need: for each, what :class:`MilvusBulkImportOperator` takes as ``files``.

    Files are sorted, ``.npy`` files of one folder are one set, and the imports are as few as Milvus allows (1,024 sets
    in one). For use inside a ``@task``; :class:`MilvusPlanImportsOperator` is a task that does it.

    :param files_from: a URL with a pattern, as in :class:`~airflow_provider_milvus.client.storage.BucketFiles`.
    :param files_root: the bucket's root, where that is not the bucket of ``files_from``.
    :raises ValueError: where nothing matches, or what matches cannot be imported.
    """
    return submission.files.split(BucketFiles(files_from, files_root).sets())


class MilvusPlanImportsOperator(BaseOperator):
    """Find files, and return the imports that they need, for a mapped import operator::

        plan = MilvusPlanImportsOperator(task_id="plan", files_from="s3://milvus/embeddings/{{ ds }}/*.parquet")
        MilvusBulkImportOperator.partial(task_id="load", collection_name="documents").expand(files=plan.output)

    Each import is a task instance of its own, recorded and retried by itself. The imports are as few as Milvus allows:
    1,024 file sets in one.

    :param files_from: a URL with a pattern, or an Airflow ``ObjectStoragePath``, as in
        :class:`~airflow_provider_milvus.client.storage.BucketFiles`: ``s3://aws_default@bucket/folder/*.parquet``.
        (templated)
    :param files_root: the URL of what is the bucket's root for Milvus, where that is not the bucket of ``files_from``;
        local files need it. (templated)
    :param count_rows: whether to push the XCom ``rows``, the number of rows by the footers of the files, which must be
        Parquet files then. With ``do_xcom_push=False`` neither the plan nor ``rows`` reaches another task.
    :raises ValueError: where nothing matches, or what matches cannot be imported.
    """

    template_fields: Sequence[str] = ("files_from", "files_root")
    ui_color = "#e0f4ff"

    def __init__(
        self,
        *,
        files_from: str | ObjectStoragePath,
        files_root: str | ObjectStoragePath | None = None,
        count_rows: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_flag("count_rows", count_rows)
        self.files_from = files_from
        self.files_root = files_root
        self.count_rows = count_rows

    def execute(self, context: Context) -> list[list[Sequence[str]]]:
        """Find the files and split them into imports."""
        bucket = BucketFiles(self.files_from, self.files_root)
        sets = bucket.sets()
        if self.count_rows:
            rows = bucket.rows([key for files in sets for key in files])
            push_xcom(self, context, "rows", rows)
        plan = submission.files.split(sets)
        self.log.info("%s file sets in %d import(s): %s", f"{len(sets):,}", len(plan), bucket.source)
        return plan


class MilvusCheckFilesOperator(MilvusCollectionOperator):
    """Fail unless Milvus would take files; the error has all reasons: file, column, found, needed, and how to cast.

    Footers and headers are read, and the first 1,000 rows of each file, and held against the collection as the server
    describes it and against what the readers of its version take. Needs the extra ``[staging]``.

    :param collection_name: the collection that the files are meant for. (templated)
    :param files_from: a URL with a pattern, or an Airflow ``ObjectStoragePath``, as in
        :class:`~airflow_provider_milvus.client.storage.BucketFiles`. (templated)
    :param files: instead: keys below ``files_root``, as an import operator takes them. (templated)
    :param files_root: the URL of what is the bucket's root for Milvus. (templated)
    :param full: whether to read every row.
    :param options: those of the import: ``sep`` and ``nullkey`` of CSV files count. (templated)
    :param milvus_version: the server's, such as ``"2.5"``; the newest without it. (templated)
    :param fail: whether to fail; without it, the report is returned, and its findings are logged.
    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    :raises ValueError: for bad parameters, and where nothing matches.
    :raises MilvusFilesRefused: where Milvus would fail the import.
    """

    template_fields: Sequence[str] = (
        *MilvusCollectionOperator.template_fields,
        *("files_from", "files", "files_root", "options", "milvus_version"),
    )

    def __init__(
        self,
        *,
        files_from: str | ObjectStoragePath | None = None,
        files: Sequence[str | Sequence[str]] | None = None,
        files_root: str | ObjectStoragePath | None = None,
        full: bool = False,
        options: Mapping[str, Any] | None = None,
        milvus_version: str | None = None,
        fail: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_flag("full", full)
        check_flag("fail", fail)
        if (files_from is None) == (files is None):
            raise ValueError("give either files_from, or files with files_root")
        if files is not None and files_root is None:
            raise ValueError("files are keys in a bucket: give files_root, the URL of its root, such as 's3://bucket'")
        self.files_from = files_from
        self.files = files
        self.files_root = files_root
        self.full = full
        self.options = options
        self.milvus_version = milvus_version
        self.fail = fail

    def check_templated(self) -> None:
        super().check_templated()
        check_list("files", self.files, single=True)
        check_dict("options", self.options)

    def execute(self, context: Context) -> dict[str, Any]:
        """Check the files; the report as a dict: ``files``, ``rows``, ``bytes`` and ``findings``."""
        self.check_templated()
        rules = staging.reader_rules.rules_of(self.milvus_version)
        if self.files_from is not None:
            bucket = BucketFiles(self.files_from, self.files_root)
            sets: Sequence[Any] = bucket.sets()
        else:
            bucket = bucket_of("files_root", self.files_root, self.files_root)
            sets = [self.files] if isinstance(self.files, str) else airflow_compat.evaluated(self.files or [])
        report = staging.preflight.check_files(
            staging.folder.Folder(*bucket.folder),
            sets,
            target_of(self.hook, self.collection_name),
            rules,
            options=self.options,
            full=self.full,
        )
        log_report(report, self.log)
        if self.fail:
            refuse(report, self.collection_name)
        return report.as_dict()


class MilvusStageFilesOperator(MilvusCollectionOperator):
    """Copy files into the bucket that the Milvus server reads; return what an import operator takes as ``files``::

        stage = MilvusStageFilesOperator(
            task_id="stage",
            collection_name="documents",
            stage_from="gs://google_default@warehouse/day/*.parquet",
            stage_to="s3://aws_default@milvus/staging",
        )
        MilvusBulkImportOperator(task_id="load", collection_name="documents", files=stage.output)

    A retry copies only what is missing. The copies stay: an import operator with ``stage_from`` stages by itself and
    removes the copies when the import has completed. Needs the extra ``[staging]``.

    :param collection_name: the collection that the files are meant for. (templated)
    :param stage_from: a URL with a pattern of files in any place that Airflow can read. (templated)
    :param stage_to: the URL of a folder in the bucket that the server reads. (templated)
    :param files_root: the URL of what is the bucket's root for Milvus, where that is not the bucket of ``stage_to``;
        local files need it. (templated)
    :param cast: ``"safe"`` rewrites Parquet files that do not fit, and fails for a value that would be lost.
    :param milvus_version: the server's, for the cast; the newest without it. (templated)
    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    :raises MilvusFilesRefused: for a file that cannot be rewritten without a loss.
    """

    template_fields: Sequence[str] = (
        *MilvusCollectionOperator.template_fields,
        *("stage_from", "stage_to", "files_root", "milvus_version"),
    )

    def __init__(
        self,
        *,
        stage_from: str | ObjectStoragePath,
        stage_to: str | ObjectStoragePath,
        files_root: str | ObjectStoragePath | None = None,
        cast: Literal["none", "safe"] = "none",
        milvus_version: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_choice("cast", cast, CASTS)
        self.stage_from = stage_from
        self.stage_to = stage_to
        self.files_root = files_root
        self.cast = cast
        self.milvus_version = milvus_version

    def execute(self, context: Context) -> list[list[str]] | list[str]:
        """Copy the files; their keys, or their URLs on Zilliz Cloud, for ``object_urls``."""
        self.check_templated()
        bucket = bucket_of("stage_to", self.stage_to, self.files_root)
        identity = airflow_compat.identity(context["ti"])
        key = "/".join(part for part in (bucket.key, folder_name(identity, 0)) if part)
        staged = staging.manifest.StagedLoad(staging.folder.Folder(*bucket.folder), key)
        try:
            manifest = copy_files(self, staged, lambda: target_of(self.hook, self.collection_name))
        except staging.casts.RowsRefused as error:
            raise MilvusFilesRefused(str(error)) from None
        if self.hook.settings.on_zilliz_cloud:
            return urls_of(bucket, manifest.sets)
        return manifest.sets
