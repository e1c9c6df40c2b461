"""A function that makes rows: they are written to files that fit the collection, imported, and the files removed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow.providers.common.compat.sdk import DAG, chain, task

from airflow_provider_milvus.example_dags.handwritten_digits import BUCKET, IMAGES, INDEX, SCHEMA
from airflow_provider_milvus.operators.checks import MilvusRowCountCheckOperator
from airflow_provider_milvus.operators.collection import MilvusCreateCollectionOperator, MilvusLoadCollectionOperator
from airflow_provider_milvus.operators.index import MilvusCreateIndexOperator

COLLECTION = "digits_rows"


# [START rows]
@task.milvus_import(
    collection_name=COLLECTION,
    stage_to="file://{{ params.bucket }}/staging",
    files_root="file://{{ params.bucket }}",
    options={"timeout": "10m"},
    timeout=600,
)
def import_rows() -> Iterator[dict[str, Any]]:
    """The images, one by one."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        yield {"id": number, "vector": image.tolist(), "label": int(label)}


# [END rows]

with DAG(
    "milvus_digits_rows",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    params={"bucket": BUCKET},
    tags=["milvus"],
    doc_md=__doc__,
):
    create_collection = MilvusCreateCollectionOperator(
        task_id="create_collection", collection_name=COLLECTION, schema=SCHEMA, if_exists="recreate"
    )
    build_index = MilvusCreateIndexOperator(task_id="build_index", collection_name=COLLECTION, index_params=INDEX)
    load = MilvusLoadCollectionOperator(task_id="load", collection_name=COLLECTION)
    count_rows = MilvusRowCountCheckOperator(task_id="count_rows", collection_name=COLLECTION, expected_rows=IMAGES)
    chain(create_collection, import_rows(), build_index, load, count_rows)
