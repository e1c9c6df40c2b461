"""The collection's asset as an outlet of an import task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus import airflow_compat

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import AssetAlias, Context

    from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
    from airflow_provider_milvus.operators.job_results import JobResults
    from airflow_provider_milvus.operators.submitted_jobs import SubmittedJobsOperator


def declare(operator: MilvusBulkImportOperator) -> AssetAlias | None:
    """Add the alias that stands for the asset to the operator's outlets, which Airflow reads as it parses the DAG.

    :raises ValueError: where the collection is not known then.
    """
    if not operator.asset_outlet:
        return None
    from airflow_provider_milvus.assets import alias_of

    alias = alias_of(operator.milvus_conn_id, operator.database, operator.collection_name)
    operator.outlets = [*operator.outlets, alias]
    return alias


def refuse_mapped(parameters: Mapping[str, Any]) -> None:
    """Refuse the outlet of a mapped task, of which Airflow knows the outlets of ``partial`` alone: it would be lost.

    :raises ValueError: naming what to declare instead.
    """
    if parameters.get("asset_outlet"):
        raise ValueError(
            "asset_outlet=True is not for a mapped task, of which Airflow knows only the outlets that partial() gets: "
            "leave it out, and give partial() outlets=[Asset('milvus://host:port/database/collection')], which is "
            "updated in the same way"
        )


def refuse_undeclared(operator: MilvusBulkImportOperator, context: Context) -> None:
    """Refuse the same where ``default_args`` have brought it past ``partial``.

    :raises ValueError: naming what to declare instead.
    """
    if context["ti"].map_index not in (-1, None) and not airflow_compat.in_mapped_group(operator):
        refuse_mapped({"asset_outlet": operator.asset_outlet})


def update(operator: SubmittedJobsOperator, context: Context, jobs: JobResults, alias: AssetAlias | None) -> None:
    """Update those of the operator's outlets that are the collection's asset."""
    if not operator.outlets:
        return
    from airflow_provider_milvus import assets

    asset = assets.asset_of(operator.hook.settings, operator.collection_name)
    extra = assets.extra_of(jobs.ids, list(jobs.values()))
    assets.update(context["outlet_events"], operator.outlets, asset, extra, alias)
