"""From files to a collection that can be searched, with an operator for each step."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, chain

from airflow_provider_milvus.example_dags.handwritten_digits import BUCKET, INDEX, write_files
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.operators.checks import MilvusRowCountCheckOperator
from airflow_provider_milvus.operators.collection import MilvusCreateCollectionOperator, MilvusLoadCollectionOperator
from airflow_provider_milvus.operators.index import MilvusCreateIndexOperator

COLLECTION = "digits_pipeline"

with DAG(
    "milvus_digits_pipeline",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    params={"bucket": BUCKET},
    tags=["milvus"],
    doc_md=__doc__,
):
    # [START create]
    create = MilvusCreateCollectionOperator(
        task_id="create", collection_name=COLLECTION, schema="digits_schema.json", if_exists="recreate"
    )
    # [END create]
    # [START find]
    import_files = MilvusBulkImportOperator(
        task_id="import_files",
        collection_name=COLLECTION,
        files_from="file://{{ params.bucket }}/digits_pipeline/*.parquet",
        files_root="file://{{ params.bucket }}",
        options={"timeout": "10m"},
        timeout=600,
    )
    # [END find]
    # [START index]
    build_index = MilvusCreateIndexOperator(
        task_id="build_index", collection_name=COLLECTION, index_params=INDEX, timeout=600
    )
    # [END index]
    # [START load]
    load = MilvusLoadCollectionOperator(task_id="load", collection_name=COLLECTION, timeout=600)
    # [END load]
    # [START check]
    check_rows = MilvusRowCountCheckOperator(
        task_id="check_rows", collection_name=COLLECTION, expected_rows=import_files.output["import_progress"]
    )
    # [END check]
    write = write_files("{{ params.bucket }}", COLLECTION, one_per_digit=True)
    chain([create, write], import_files, build_index, load, check_rows)
