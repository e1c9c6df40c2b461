"""Readers use the old images until the new ones are complete: each run imports into a version of its own.

Readers search through the alias `digits_blue_green`. A run that fails leaves them where they were.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus.example_dags.handwritten_digits import BUCKET, INDEX, SCHEMA, write_files
from airflow_provider_milvus.task_groups.blue_green import milvus_blue_green_import

ALIAS = "digits_blue_green"

with DAG(
    "milvus_digits_blue_green",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    params={"bucket": BUCKET},
    tags=["milvus"],
    doc_md=__doc__,
):
    # [START blue_green]
    blue_green = milvus_blue_green_import(
        alias=ALIAS,
        schema=SCHEMA,
        index_params=INDEX,
        files_from="file://{{ params.bucket }}/digits_blue_green/*.parquet",
        files_root="file://{{ params.bucket }}",
        expected_rows="footers",
        options={"timeout": "10m"},
        timeout=600,
        default_args={"retries": 2},
    )
    # [END blue_green]
    write_files("{{ params.bucket }}", ALIAS, one_per_digit=True) >> blue_green
