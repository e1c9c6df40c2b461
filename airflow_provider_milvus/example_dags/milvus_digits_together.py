"""Imports into two collections that are committed together: both or none. Milvus 3.

Both are read first, and stay invisible. One task checks and commits them; a teardown aborts what a failed run leaves
uncommitted. Give the commit ``approval=True`` to let a person decide (Airflow 3.1).
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, chain

from airflow_provider_milvus.example_dags.handwritten_digits import BUCKET, IMAGES, SCHEMA, write_files
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.operators.collection import MilvusCreateCollectionOperator
from airflow_provider_milvus.operators.commit import MilvusAbortImportOperator, MilvusCommitImportOperator

FOLDER = "digits_together"
COLLECTIONS = {"digits_0_to_4": range(5), "digits_5_to_9": range(5, 10)}

with DAG(
    "milvus_digits_together",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    params={"bucket": BUCKET},
    tags=["milvus"],
    doc_md=__doc__,
):
    write = write_files("{{ params.bucket }}", FOLDER, one_per_digit=True)
    # [START together]
    imports = []
    for collection, digits in COLLECTIONS.items():
        create = MilvusCreateCollectionOperator(
            task_id=f"create_{collection}", collection_name=collection, schema=SCHEMA, if_exists="recreate"
        )
        load = MilvusBulkImportOperator(
            task_id=f"import_{collection}",
            collection_name=collection,
            files=[f"{FOLDER}/{digit}.parquet" for digit in digits],
            two_phase=True,
            commit=False,
            options={"timeout": "10m"},
            timeout=600,
        )
        chain([write, create], load)
        imports.append(load)
    jobs = [load.output["job_id"] for load in imports]
    commit = MilvusCommitImportOperator(task_id="commit", job_id=jobs, expected_rows=IMAGES, timeout=600)
    abort = MilvusAbortImportOperator(task_id="abort", job_id=jobs, retries=3)
    chain(imports, commit, abort.as_teardown())
    # [END together]
