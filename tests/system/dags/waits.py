"""Every way to wait for an import, on a server that keeps jobs running and on one that does not."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.sensors.import_job import MilvusImportSensor

LONG = {"collection_name": "vectors", "files": ["vectors.parquet"], "milvus_conn_id": "milvus_waits"}
SHORT = {"collection_name": "vectors", "files": ["vectors.parquet"]}

with DAG("waits", schedule=None, catchup=False):
    submit = MilvusBulkImportOperator(task_id="submit", wait_for_completion=False, **LONG)
    for task_id, how in {
        "poke_sensor": {"poke_interval": 2},
        # Airflow fails a task that runs again before its scheduler knows that the process of the last poke has ended.
        "reschedule_sensor": {"poke_interval": 30, "mode": "reschedule"},
        "deferrable_sensor": {"poke_interval": 2, "deferrable": True, "defer_after": 0},
    }.items():
        MilvusImportSensor(task_id=task_id, job_id=submit.output, milvus_conn_id="milvus_waits", timeout=1500, **how)

    MilvusBulkImportOperator(task_id="synchronous_operator", **LONG)
    MilvusBulkImportOperator(task_id="deferrable_operator", deferrable=True, **LONG)
    MilvusBulkImportOperator(task_id="deferrable_operator_with_a_short_job", deferrable=True, **SHORT)

    mapped = MilvusBulkImportOperator.partial(task_id="mapped_operator", collection_name="vectors").expand(
        files=[["vectors.parquet"], ["vectors.parquet", "more_vectors.parquet"]]
    )
    MilvusImportSensor(task_id="sensor_of_mapped_operator", job_id=mapped.output, poke_interval=2)
