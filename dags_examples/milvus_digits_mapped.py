"""Many file sets: one mapped operator starts an import for each, one sensor waits for all of them."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, chain
from handwritten_digits import BUCKET, build_index_and_load, count_rows, create_collection, write_files

from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
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
    chain(
        create_collection(COLLECTION),
        start_imports,
        wait_for_imports,
        build_index_and_load(COLLECTION),
        count_rows(COLLECTION),
    )
