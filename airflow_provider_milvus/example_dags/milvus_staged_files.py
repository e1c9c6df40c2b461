"""I have files in another bucket: copied to where Milvus reads them, cast to what it takes, and imported.

Here both buckets are folders; for object storage give URLs such as ``s3://conn_id@bucket/folder/*.parquet``.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, chain

from airflow_provider_milvus.example_dags.handwritten_digits import BUCKET, INDEX, SCHEMA, write_files
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.operators.collection import MilvusCreateCollectionOperator

COLLECTION = "digits_files"
ELSEWHERE = "{{ params.bucket }}.elsewhere"

with DAG(
    "milvus_staged_files",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    params={"bucket": BUCKET},
    tags=["milvus"],
    doc_md=__doc__,
):
    chain(
        [
            MilvusCreateCollectionOperator(
                task_id="create", collection_name=COLLECTION, schema=SCHEMA, index_params=INDEX, if_exists="recreate"
            ),
            write_files(ELSEWHERE, COLLECTION, one_per_digit=True),
        ],
        # [START staged]
        MilvusBulkImportOperator(
            task_id="import_files",
            collection_name=COLLECTION,
            stage_from=f"file://{ELSEWHERE}/{COLLECTION}/*.parquet",
            stage_to="file://{{ params.bucket }}/staging",
            files_root="file://{{ params.bucket }}",
            cast="safe",
            check_files=True,
            timeout=600,
        ),
        # [END staged]
    )
