"""The operator that finds files and plans the imports that they need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_milvus import submission
from airflow_provider_milvus.client.storage import BucketFiles
from airflow_provider_milvus.operators.base import push_xcom
from airflow_provider_milvus.operators.parameters import check_flag

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
