"""An incremental load whose rows are checked before any of them can be found. Milvus 3.

The files of an hour are imported in two phases: all rows are read, compared with the footers of the files, and only
then committed. An import that does not pass is aborted, and readers never see a part of it. Give a DAG of your own the
schedule ``@hourly``.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, chain

from airflow_provider_milvus.example_dags.handwritten_digits import BUCKET, IMAGES, INDEX, SCHEMA, write_files
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.operators.checks import MilvusRowCountCheckOperator
from airflow_provider_milvus.operators.collection import MilvusCreateCollectionOperator, MilvusLoadCollectionOperator
from airflow_provider_milvus.operators.index import MilvusCreateIndexOperator

COLLECTION = "digits_two_phase"
HOUR = "{{ dag_run.start_date.strftime('%Y-%m-%dT%H') }}"

with DAG(
    "milvus_digits_two_phase",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    params={"bucket": BUCKET},
    tags=["milvus"],
    doc_md=__doc__,
):
    create_collection = MilvusCreateCollectionOperator(
        task_id="create_collection", collection_name=COLLECTION, schema=SCHEMA, if_exists="skip"
    )
    # [START two_phase]
    import_hour = MilvusBulkImportOperator(
        task_id="import_hour",
        collection_name=COLLECTION,
        files_from=f"file://{{{{ params.bucket }}}}/{COLLECTION}/{HOUR}/*.parquet",
        files_root="file://{{ params.bucket }}",
        two_phase=True,
        expected_rows="footers",
        options={"timeout": "10m"},
        timeout=600,
    )
    # [END two_phase]
    build_index = MilvusCreateIndexOperator(task_id="build_index", collection_name=COLLECTION, index_params=INDEX)
    load = MilvusLoadCollectionOperator(task_id="load", collection_name=COLLECTION)
    count_rows = MilvusRowCountCheckOperator(task_id="count_rows", collection_name=COLLECTION, min_rows=IMAGES)
    write = write_files("{{ params.bucket }}", f"{COLLECTION}/{HOUR}")
    chain([create_collection, write], import_hour, build_index, load, count_rows)
