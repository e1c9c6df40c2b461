"""Deferrable imports with the default settings, one DAG for each server."""

from __future__ import annotations

import os

from airflow.sdk import DAG

from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator

for conn_id in os.environ["LATENESS_CONN_IDS"].split():
    with DAG(f"lateness_{conn_id}", schedule=None, catchup=False):
        MilvusBulkImportOperator.partial(
            task_id="load", collection_name="vectors", milvus_conn_id=conn_id, deferrable=True
        ).expand(files=[["vectors.parquet"]] * int(os.environ["LATENESS_IMPORTS"]))
