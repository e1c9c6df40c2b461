"""Import and wait in one task that, while it waits, holds no worker slot."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, chain

from airflow_provider_milvus.example_dags.handwritten_digits import BUCKET, IMAGES, INDEX, SCHEMA, write_files
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.operators.checks import MilvusRowCountCheckOperator
from airflow_provider_milvus.operators.collection import MilvusCreateCollectionOperator, MilvusLoadCollectionOperator
from airflow_provider_milvus.operators.index import MilvusCreateIndexOperator

COLLECTION = "digits_deferrable"

with DAG(
    "milvus_digits_deferrable",
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
    # [START import]
    import_digits = MilvusBulkImportOperator(
        task_id="import_digits",
        collection_name=COLLECTION,
        files=[f"{COLLECTION}/all.parquet"],
        options={"timeout": "10m"},
        timeout=600,
        deferrable=True,
    )
    # [END import]
    build_index = MilvusCreateIndexOperator(task_id="build_index", collection_name=COLLECTION, index_params=INDEX)
    load = MilvusLoadCollectionOperator(task_id="load", collection_name=COLLECTION)
    count_rows = MilvusRowCountCheckOperator(task_id="count_rows", collection_name=COLLECTION, expected_rows=IMAGES)
    chain(
        [create_collection, write_files("{{ params.bucket }}", COLLECTION)],
        import_digits,
        build_index,
        load,
        count_rows,
    )
