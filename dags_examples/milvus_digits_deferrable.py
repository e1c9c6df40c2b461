"""Import and wait in one task that, while it waits, holds no worker slot."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, chain
from handwritten_digits import BUCKET, build_index_and_load, count_rows, create_collection, write_files

from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator

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
    import_digits = MilvusBulkImportOperator(
        task_id="import_digits",
        collection_name=COLLECTION,
        files=[f"{COLLECTION}/all.parquet"],
        options={"timeout": "10m"},
        timeout=600,
        deferrable=True,
    )
    chain(
        [create_collection(COLLECTION), write_files("{{ params.bucket }}", COLLECTION)],
        import_digits,
        build_index_and_load(COLLECTION),
        count_rows(COLLECTION),
    )
