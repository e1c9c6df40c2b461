"""The fewest imports that the files need are planned at run time; each is a task with retries of its own."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, chain

from airflow_provider_milvus.example_dags.handwritten_digits import BUCKET, IMAGES, INDEX, SCHEMA, write_files
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.operators.checks import MilvusRowCountCheckOperator
from airflow_provider_milvus.operators.collection import MilvusCreateCollectionOperator, MilvusLoadCollectionOperator
from airflow_provider_milvus.operators.files import MilvusPlanImportsOperator
from airflow_provider_milvus.operators.index import MilvusCreateIndexOperator

COLLECTION = "digits_planned"

with DAG(
    "milvus_digits_planned",
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
    # [START planned]
    plan = MilvusPlanImportsOperator(
        task_id="plan",
        files_from="file://{{ params.bucket }}/digits_planned/*.parquet",
        files_root="file://{{ params.bucket }}",
    )
    import_files = MilvusBulkImportOperator.partial(
        task_id="import_files",
        collection_name=COLLECTION,
        options={"timeout": "10m"},
        timeout=600,
        retries=2,
    ).expand(files=plan.output)
    # [END planned]
    build_index = MilvusCreateIndexOperator(task_id="build_index", collection_name=COLLECTION, index_params=INDEX)
    load = MilvusLoadCollectionOperator(task_id="load", collection_name=COLLECTION)
    count_rows = MilvusRowCountCheckOperator(task_id="count_rows", collection_name=COLLECTION, expected_rows=IMAGES)
    write = write_files("{{ params.bucket }}", COLLECTION, one_per_digit=True)
    chain([create_collection, write], plan, import_files, build_index, load, count_rows)
