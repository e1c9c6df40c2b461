"""Every night new vectors of all rows replace the old ones under their readers, once a person has agreed.

Airflow 3.1. The job that makes the vectors writes Parquet files into the bucket of Milvus. They are imported into a
version of their own, which is compared with the one that serves by golden queries. Then a person sees the rows of both
and the recall, and approves the switch. It is paused until it has a bucket and a schema of yours.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus.example_dags.handwritten_digits import INDEX, SCHEMA
from airflow_provider_milvus.operators.approval import Approval
from airflow_provider_milvus.task_groups.blue_green import milvus_blue_green_import

with DAG(
    "milvus_nightly_reembedding",
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    tags=["milvus"],
    doc_md=__doc__,
):
    # [START nightly]
    milvus_blue_green_import(
        alias="documents",
        schema=SCHEMA,
        index_params=INDEX,
        files_from="s3://aws_default@milvus-bucket/embeddings/{{ ds }}/*.parquet",
        expected_rows="footers",
        recall={"keys": [1, 7, 13], "min_recall": 0.95, "min_overlap": 0.8},
        approval=Approval(timeout=8 * 3600),
        options={"timeout": "2h"},
        deferrable=True,
        default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
    )
    # [END nightly]
