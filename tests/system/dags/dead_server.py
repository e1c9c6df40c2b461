"""Every way to wait for an import, on a server that dies meanwhile; a retry would be seen."""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.sensors.import_job import MilvusImportSensor

with DAG(
    "dead_server",
    schedule=None,
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=1), "milvus_conn_id": "milvus_mortal"},
):
    source = {"collection_name": "vectors", "files": ["vectors.parquet"]}
    MilvusBulkImportOperator(task_id="synchronous_operator", **source)
    MilvusBulkImportOperator(task_id="deferrable_operator", deferrable=True, defer_after=0, **source)
    submit = MilvusBulkImportOperator(task_id="submit", wait_for_completion=False, **source)
    for task_id, how in {
        "poke_sensor": {"poke_interval": 5},
        # Airflow fails a task that runs again before its scheduler knows that the process of the last poke has ended.
        "reschedule_sensor": {"poke_interval": 30, "mode": "reschedule"},
        "deferrable_sensor": {"poke_interval": 2, "deferrable": True, "defer_after": 0},
    }.items():
        MilvusImportSensor(task_id=task_id, job_id=submit.output, timeout=1500, **how)
