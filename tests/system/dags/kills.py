"""Two-phase imports, deferred and in their own process, for those who kill them."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator

for name, deferrable in {
    "marked_failed": True,
    "cleared": True,
    "moved": True,
    "running_marked_failed": False,
    "running_cleared": False,
}.items():
    with DAG(f"kills_{name}", schedule=None, catchup=False):
        MilvusBulkImportOperator(
            task_id="load",
            collection_name=name,
            files=["vectors.parquet"],
            milvus_conn_id="milvus_kills",
            two_phase=True,
            deferrable=deferrable,
            defer_after=0,
        )
