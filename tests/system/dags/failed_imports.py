"""Imports that Milvus fails, waited for in every way by tasks that would be retried."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.sensors.import_job import MilvusImportSensor

# On the slow server the job is still running at the first poll, so that it fails while deferred.
WAYS = {
    "waiting": {},
    "deferrable": {"deferrable": True, "defer_after": 0, "milvus_conn_id": "milvus_slow"},
}

with DAG(
    "failed_imports",
    schedule=None,
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=1)},
):
    for name in ("missing_file", "wrong_dimension"):
        source = {"collection_name": "vectors", "files": [f"{name}.parquet"]}
        for way, how in WAYS.items():
            MilvusBulkImportOperator(task_id=f"{way}_operator_{name}", **source, **how)
            submit = MilvusBulkImportOperator(
                task_id=f"submit_for_{way}_sensor_{name}",
                wait_for_completion=False,
                milvus_conn_id=how.get("milvus_conn_id", "milvus_default"),
                **source,
            )
            MilvusImportSensor(task_id=f"{way}_sensor_{name}", job_id=submit.output, poke_interval=2, **how)
