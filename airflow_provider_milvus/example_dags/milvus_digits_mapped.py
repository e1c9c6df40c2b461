"""Many file sets: one mapped operator starts an import for each, one sensor waits for all of them."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, chain

from airflow_provider_milvus.example_dags.handwritten_digits import BUCKET, IMAGES, INDEX, SCHEMA, write_files
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.operators.checks import MilvusRowCountCheckOperator
from airflow_provider_milvus.operators.collection import MilvusCreateCollectionOperator, MilvusLoadCollectionOperator
from airflow_provider_milvus.operators.index import MilvusCreateIndexOperator
from airflow_provider_milvus.sensors.import_job import MilvusImportSensor

COLLECTION = "digits_mapped"

with DAG(
    "milvus_digits_mapped",
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
    # [START mapped]
    start_imports = MilvusBulkImportOperator.partial(
        task_id="start_imports",
        collection_name=COLLECTION,
        options={"timeout": "10m"},
        wait_for_completion=False,
    ).expand(files=write_files("{{ params.bucket }}", COLLECTION, one_per_digit=True))
    wait_for_imports = MilvusImportSensor(
        task_id="wait_for_imports",
        job_id=start_imports.output,
        poke_interval=5,
        timeout=600,
    )
    # [END mapped]
    build_index = MilvusCreateIndexOperator(task_id="build_index", collection_name=COLLECTION, index_params=INDEX)
    load = MilvusLoadCollectionOperator(task_id="load", collection_name=COLLECTION)
    count_rows = MilvusRowCountCheckOperator(task_id="count_rows", collection_name=COLLECTION, expected_rows=IMAGES)
    chain(create_collection, start_imports, wait_for_imports, build_index, load, count_rows)
