"""Files that lie in another bucket: they are checked, copied to where Milvus reads them, and imported.

Here both are folders. Of yours, the first can be in any store that Airflow reads, such as ``s3://aws_default@lake/…``.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, chain

from airflow_provider_milvus.example_dags.handwritten_digits import BUCKET, IMAGES, INDEX, SCHEMA, write_files
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.operators.checks import MilvusRowCountCheckOperator
from airflow_provider_milvus.operators.collection import MilvusCreateCollectionOperator, MilvusLoadCollectionOperator
from airflow_provider_milvus.operators.files import MilvusCheckFilesOperator, MilvusStageFilesOperator
from airflow_provider_milvus.operators.index import MilvusCreateIndexOperator

COLLECTION = "digits_staged"
ELSEWHERE = "file://{{ params.bucket }}/elsewhere/digits_staged/*.parquet"

with DAG(
    "milvus_digits_staged",
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
    # [START check]
    check_files = MilvusCheckFilesOperator(
        task_id="check_files",
        collection_name=COLLECTION,
        files_from=ELSEWHERE,
        files_root="file://{{ params.bucket }}",
    )
    # [END check]
    # [START stage]
    stage_files = MilvusStageFilesOperator(
        task_id="stage_files",
        collection_name=COLLECTION,
        stage_from=ELSEWHERE,
        stage_to="file://{{ params.bucket }}/staging",
        files_root="file://{{ params.bucket }}",
    )
    import_files = MilvusBulkImportOperator(
        task_id="import_files",
        collection_name=COLLECTION,
        files=stage_files.output,
        options={"timeout": "10m"},
        timeout=600,
    )
    # [END stage]
    build_index = MilvusCreateIndexOperator(task_id="build_index", collection_name=COLLECTION, index_params=INDEX)
    load = MilvusLoadCollectionOperator(task_id="load", collection_name=COLLECTION)
    count_rows = MilvusRowCountCheckOperator(task_id="count_rows", collection_name=COLLECTION, expected_rows=IMAGES)
    write = write_files("{{ params.bucket }}/elsewhere", COLLECTION, one_per_digit=True)
    chain([create_collection, write], check_files, stage_files, import_files, build_index, load, count_rows)
