"""Tasks whose connections hold secrets, malformed ones among them, and whose server sends back what it was sent."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.sensors.import_job import MilvusImportSensor

NAMES = ("echo", "later", "refused", "host", "proxies", "key", "space")
CLOUD = {"object_urls": ["s3://bucket/a.parquet"], "storage_conn_id": "my_bucket"}

with DAG("secrets", schedule=None, catchup=False):
    for name in (*NAMES, "cloud"):
        how = {"milvus_conn_id": f"milvus_{name}", "max_poll_failures": 1, "timeout": 20, "defer_after": 0}
        for deferrable in (False, True):
            MilvusBulkImportOperator(
                task_id=f"load_{name}_{'deferrable' if deferrable else 'synchronous'}",
                collection_name="c",
                deferrable=deferrable,
                **(CLOUD if name == "cloud" else {"files": ["a.parquet"]}),
                **how,
            )
        if name != "cloud":  # a sensor does not know the storage's connection, so it cannot know its keys
            MilvusImportSensor(task_id=f"wait_{name}", job_id="1", poke_interval=1, deferrable=True, **how)
