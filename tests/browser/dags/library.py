"""Imports that the import view shows: one that runs, some that have ended, and two that wait for a person."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator

TWO_PHASE = {"two_phase": True, "commit": False}

with DAG("library", schedule=None, catchup=False):
    MilvusBulkImportOperator(
        task_id="load_articles",
        collection_name="articles",
        files=["articles-1.parquet", "articles-2.parquet", "articles-3.parquet"],
        milvus_conn_id="milvus_slow",
    )
    MilvusBulkImportOperator(
        task_id="load_reviews", collection_name="reviews", files=["reviews-1.parquet", "wrong-dimension.parquet"]
    )
    MilvusBulkImportOperator.partial(task_id="load_authors", collection_name="authors").expand(
        files=[["authors-1.parquet"], ["authors-2.parquet"]]
    )
    MilvusBulkImportOperator(task_id="stage_books", collection_name="books", files=["books-1.parquet"], **TWO_PHASE)
    MilvusBulkImportOperator(task_id="stage_maps", collection_name="maps", files=["maps-1.parquet"], **TWO_PHASE)
