"""An import in every way to wait, for those who take away what it needs, and a mapped import of fifty file sets."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.sensors.import_job import MilvusImportSensor

# Milvus 2.6 knows no idempotency key and no second phase.
DAGS: dict[str, dict[str, Any]] = {
    "outages": {"milvus_conn_id": "milvus_patient"},
    "outages_2_6": {"milvus_conn_id": "milvus_old"},
    "outages_not_durable": {"milvus_conn_id": "milvus_old", "durable": False},
}
IMPORTS: dict[str, dict[str, Any]] = {
    "synchronous": {},
    "deferrable": {"deferrable": True, "defer_after": 0},
    "two_phase": {"deferrable": True, "defer_after": 0, "two_phase": True, "expected_rows": 100},
    # The last one, whose job the sensors wait for.
    "submit": {"wait_for_completion": False},
}
SENSORS: dict[str, dict[str, Any]] = {
    "poke_sensor": {"poke_interval": 2},
    # Airflow fails a task that runs again before its scheduler knows that the process of the last poke has ended.
    "reschedule_sensor": {"poke_interval": 30, "mode": "reschedule"},
    "deferrable_sensor": {"poke_interval": 2, "deferrable": True, "defer_after": 0},
}

for dag_id, arguments in DAGS.items():
    with DAG(
        dag_id,
        schedule=None,
        catchup=False,
        max_active_tasks=100,
        params={"collection": "none"},
        default_args={**arguments, "retries": 100, "retry_delay": timedelta(seconds=1)},
    ):
        for task_id, how in IMPORTS.items():
            if not how.get("two_phase") or arguments["milvus_conn_id"] != "milvus_old":
                submit = MilvusBulkImportOperator(
                    task_id=task_id,
                    collection_name="{{ params.collection }}",
                    # A file of its own: the job of another task with the same files can be taken for one's own.
                    files=[f"{task_id}.parquet"],
                    poll_interval=2,
                    **how,
                )
        for task_id, how in SENSORS.items():
            MilvusImportSensor(task_id=task_id, job_id=submit.output, **how)

with DAG("fifty_file_sets", schedule=None, catchup=False, max_active_tasks=100):
    MilvusBulkImportOperator.partial(
        task_id="load",
        collection_name="fifty",
        milvus_conn_id="milvus_slow",
        deferrable=True,
        defer_after=0,
        # A task that stays queued for longer than the short timeout here is queued again, and may be delivered twice.
        retries=3,
        retry_delay=timedelta(seconds=1),
    ).expand(files=[["vectors.parquet"]] * 50)
