"""A DAG as users write it, which type-checks under mypy --strict and pyright against the installed package.

``scripts/check_dist.py`` checks it; nothing runs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from airflow.providers.common.compat.sdk import DAG, chain, task

from airflow_provider_milvus.exceptions import MilvusError, MilvusImportFailed
from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.operators.alias import MilvusSwapAliasOperator
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.operators.checks import MilvusRowCountCheckOperator
from airflow_provider_milvus.operators.collection import MilvusCreateCollectionOperator, MilvusLoadCollectionOperator
from airflow_provider_milvus.operators.files import plan_imports
from airflow_provider_milvus.operators.index import MilvusCreateIndexOperator
from airflow_provider_milvus.sensors.import_job import MilvusImportSensor
from airflow_provider_milvus.task_groups.blue_green import milvus_blue_green_import

INDEX = [{"fieldName": "vector", "indexType": "AUTOINDEX", "metricType": "COSINE"}]


@task
def import_by_hand(collection_name: str) -> dict[str, object]:
    """Use the hook."""
    hook = MilvusHook("milvus_default", database="books")
    try:
        job_id: str = hook.bulk_import(collection_name, files=[["part-0.parquet"]], options={"timeout": "1h"})
        progress = hook.wait_for_import(job_id, timeout=3600)
    except MilvusImportFailed:
        return {"state": "Failed"}
    except MilvusError as error:
        raise RuntimeError(f"{collection_name}: {error}") from error
    assert not isinstance(progress, list)
    rows: int = progress.imported_rows
    return {"state": progress.state.value, "rows": rows, "count": hook.count(collection_name)}


@task
def list_files() -> list[list[Sequence[str]]]:
    """Plan imports in a task of one's own."""
    return plan_imports("s3://aws_default@bucket/embeddings/*.parquet")


with DAG("typed", schedule="@daily", start_date=datetime(2026, 1, 1), catchup=False):
    create = MilvusCreateCollectionOperator(task_id="create", collection_name="books", dimension=64, if_exists="skip")
    load_files = MilvusBulkImportOperator(
        task_id="load_files",
        collection_name="books",
        files=["books/{{ ds }}.parquet", ["id.npy", "vector.npy"]],
        options={"timeout": "2h"},
        wait_for_completion=False,
    )
    loaded = MilvusImportSensor(task_id="loaded", job_id=load_files.output, deferrable=True, timeout=7200)
    index = MilvusCreateIndexOperator(task_id="index", collection_name="books", index_params=INDEX, deferrable=True)
    serve = MilvusLoadCollectionOperator(task_id="serve", collection_name="books")
    count = MilvusRowCountCheckOperator(task_id="count", collection_name="books", min_rows=1)
    move = MilvusSwapAliasOperator(task_id="move", alias="all_books", collection_name="books")
    replaced = milvus_blue_green_import(
        alias="articles", schema={"fields": []}, index_params=INDEX, files=["articles.parquet"]
    )
    chain(create, load_files, loaded, index, serve, count, move, replaced)
