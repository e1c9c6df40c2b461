"""An operator whose worker process is killed while it waits for its job."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator

with DAG("killed_worker", schedule=None, catchup=False):
    MilvusBulkImportOperator(
        task_id="load",
        collection_name="loaded_once",
        files=["vectors.parquet"],
        milvus_conn_id="milvus_slow",
        retries=1,
        retry_delay=timedelta(seconds=1),
    )
