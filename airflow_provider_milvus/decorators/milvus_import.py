"""``@task.milvus_import``: import the rows that a function returns or yields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import DecoratedOperator, context_merge, task_decorator_factory

from airflow_provider_milvus import airflow_compat
from airflow_provider_milvus.operators.import_rows import MilvusRowsImportOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, TaskDecorator


class MilvusImportDecoratedOperator(DecoratedOperator, MilvusRowsImportOperator):
    """Calls the function and imports its rows."""

    template_fields: Sequence[str] = (*MilvusRowsImportOperator.template_fields, *DecoratedOperator.template_fields)
    template_fields_renderers = {
        **MilvusRowsImportOperator.template_fields_renderers,
        **DecoratedOperator.template_fields_renderers,
    }
    custom_operator_name = "@task.milvus_import"
    if not hasattr(DecoratedOperator, "xcom_push"):
        # Airflow 3.0 requires it, and does nothing with it.
        xcom_push = None

    def rows(self, context: Context) -> Any:
        """What the function returns or yields."""
        context_merge(context, self.op_kwargs)
        return self.python_callable(*self.op_args, **airflow_compat.keyword_arguments(self, context))


def milvus_import_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """Import the rows that a function makes into a collection::

        @task.milvus_import(collection_name="documents", stage_to="s3://aws_default@milvus/staging")
        def documents():
            for page in pages():
                yield embed(page)

    The function returns, or yields, DataFrames of pandas or Polars, tables or batches of Arrow, or lists of dicts. It
    runs again in a retry only if it has not ended before; see
    :class:`~airflow_provider_milvus.operators.import_rows.MilvusRowsImportOperator`, whose parameters it takes.
    The task returns the id of the import job.
    """
    return task_decorator_factory(
        python_callable=python_callable, decorated_operator_class=MilvusImportDecoratedOperator, **kwargs
    )
