"""Deferred two-phase imports, for those who kill them."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator

for name in ("marked_failed", "cleared", "moved"):
    with DAG(f"kills_{name}", schedule=None, catchup=False):
        MilvusBulkImportOperator(
            task_id="load",
            collection_name=name,
            files=["vectors.parquet"],
            milvus_conn_id="milvus_slow",
            two_phase=True,
            deferrable=True,
            defer_after=0,
        )
