"""An import that updates an asset, and runs that assets start."""

from __future__ import annotations

import os

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.sensors.import_job import MilvusImportSensor
from airflow_provider_milvus.triggers.import_event import MilvusImportEventTrigger

SERVER = os.environ["AIRFLOW_CONN_MILVUS_DEFAULT"]
VECTORS = ["vectors.parquet"]


@task
def extras(triggering_asset_events: dict) -> list[dict]:
    # An event that came through an alias is there a second time, under the alias.
    return [
        event.extra for key, events in triggering_asset_events.items() if isinstance(key, Asset) for event in events
    ]


with DAG("assets_reported", schedule=None, catchup=False):
    MilvusBulkImportOperator(task_id="load", collection_name="updated", files=VECTORS, asset_outlet=True)

with DAG("assets_after_update", schedule=[Asset(f"{SERVER}/default/updated")], catchup=False):
    extras()

watched = Asset(
    f"{SERVER}/default/watched",
    watchers=[AssetWatcher(name="watched", trigger=MilvusImportEventTrigger("watched", poll_interval=2))],
)

with DAG("assets_after_watched", schedule=[watched], catchup=False):
    extras()

with DAG("start_from_trigger", schedule=None, catchup=False):
    into = {"collection_name": "vectors", "milvus_conn_id": "milvus_slow", "wait_for_completion": False}
    submit = MilvusBulkImportOperator(task_id="submit", files=VECTORS, **into)
    submit_mapped = MilvusBulkImportOperator.partial(task_id="submit_mapped", **into).expand(files=[VECTORS])
    how = {"milvus_conn_id": "milvus_slow", "poke_interval": 2, "deferrable": True, "start_from_trigger": True}
    MilvusImportSensor(task_id="sensor", job_id=submit.output, **how)
    MilvusImportSensor.partial(task_id="mapped_sensor", **how).expand(job_id=submit_mapped.output)
