"""Run whenever an import into a collection completes, whoever started it: another DAG, pymilvus, or the console.

A watcher in the triggerer polls the server; no worker waits. Airflow 3.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.triggers.import_event import MilvusImportEventTrigger

COLLECTION = "digits_deferrable"

# [START watcher]
digits = Asset(
    f"milvus://127.0.0.1:19530/default/{COLLECTION}",
    watchers=[AssetWatcher(name=f"imports into {COLLECTION}", trigger=MilvusImportEventTrigger(COLLECTION))],
)
# [END watcher]


@task
def report(triggering_asset_events: dict[Asset, Any]) -> list[dict[str, Any]]:
    """What was imported, and how many rows the collection has now."""
    imported = [event.extra["payload"] for event in triggering_asset_events[digits]]
    rows = MilvusHook().get_collection_stats(COLLECTION)
    print(f"{COLLECTION} has {rows} rows after {', '.join(job['job_id'] for job in imported)}")
    return imported


with DAG("milvus_digits_on_import", schedule=[digits], catchup=False, tags=["milvus"], doc_md=__doc__):
    report()
