"""Tasks whose connections hold secrets, malformed ones among them, and whose server sends back what it was sent."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.sensors.import_job import MilvusImportSensor

NAMES = ("echo", "later", "refused", "host", "proxies", "key", "space")

with DAG("secrets", schedule=None, catchup=False):
    for name in NAMES:
        how = {"milvus_conn_id": f"milvus_{name}", "max_poll_failures": 1, "timeout": 20}
        for deferrable in (False, True):
            way = {"deferrable": deferrable, "defer_after": 0, **how}
            kind = "deferrable" if deferrable else "synchronous"
            MilvusBulkImportOperator(
                task_id=f"load_{name}_{kind}",
                collection_name="c",
                files=["a.parquet"],
                on_unknown_outcome="fail",
                **way,
            )
            MilvusImportSensor(task_id=f"wait_{name}_{kind}", job_id="1", poke_interval=1, **way)
