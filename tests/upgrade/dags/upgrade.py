"""Tasks that wait in every way, and a run that an import starts; their files are read by both versions."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.sensors.import_job import MilvusImportSensor

# Where it is since 0.1.0.
from airflow_provider_milvus.triggers.import_job import MilvusImportEventTrigger

HOW = {
    "files": ["vectors.parquet"],
    "milvus_conn_id": "milvus_slow",
    # A busy Airflow that stops and starts uses up some.
    "retries": 20,
    "retry_delay": timedelta(seconds=1),
    "poll_interval": 2,
}


def collection(task_id: str) -> str:
    return f"{{{{ dag_run.conf['name'] }}}}_{task_id}"


with DAG("waits", schedule=None, catchup=False):
    for name, more in {
        "deferred": {"deferrable": True},
        "in_the_worker": {},
        "two_phase": {"deferrable": True, "two_phase": True, "expected_rows": 100},
        "submitted": {"wait_for_completion": False},
    }.items():
        load = MilvusBulkImportOperator(task_id=name, collection_name=collection(name), **HOW, **more)
    sensor = MilvusImportSensor(
        task_id="sensor", job_id=load.output, milvus_conn_id="milvus_slow", poke_interval=2, deferrable=True
    )

watched = Asset(
    f"{os.environ['AIRFLOW_CONN_MILVUS_DEFAULT']}/default/watched",
    watchers=[AssetWatcher(name="watched", trigger=MilvusImportEventTrigger("watched", poll_interval=2))],
)

with DAG("after_watched", schedule=[watched], catchup=False):

    @task
    def job_ids(triggering_asset_events: dict) -> list[str]:
        return [
            event.extra["payload"]["job_id"]
            for key, events in triggering_asset_events.items()
            if isinstance(key, Asset)
            for event in events
        ]

    job_ids()
