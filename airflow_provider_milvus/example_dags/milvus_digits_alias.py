"""Readers search through an alias, which is moved to the collection of this run when all of it is there and is found.

The task group of ``milvus_digits_blue_green`` does the same and more in one call; these are its steps, one by one.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, chain

from airflow_provider_milvus.example_dags.handwritten_digits import BUCKET, IMAGES, INDEX, SCHEMA, write_files
from airflow_provider_milvus.operators.alias import MilvusSwapAliasOperator
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.operators.checks import MilvusRowCountCheckOperator
from airflow_provider_milvus.operators.collection import (
    MilvusCreateCollectionOperator,
    MilvusDropCollectionOperator,
    MilvusLoadCollectionOperator,
)
from airflow_provider_milvus.operators.index import MilvusCreateIndexOperator
from airflow_provider_milvus.operators.recall import MilvusRecallCheckOperator

ALIAS = "digits_alias"
COLLECTION = f"{ALIAS}_{{{{ dag_run.start_date.strftime('%Y%m%d_%H%M%S') }}}}"

with DAG(
    "milvus_digits_alias",
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
    import_digits = MilvusBulkImportOperator(
        task_id="import_digits",
        collection_name=COLLECTION,
        files=[f"{ALIAS}/all.parquet"],
        options={"timeout": "10m"},
        timeout=600,
    )
    build_index = MilvusCreateIndexOperator(task_id="build_index", collection_name=COLLECTION, index_params=INDEX)
    load = MilvusLoadCollectionOperator(task_id="load", collection_name=COLLECTION)
    count_rows = MilvusRowCountCheckOperator(task_id="count_rows", collection_name=COLLECTION, expected_rows=IMAGES)
    # [START recall]
    # In the first run nothing serves yet, and only the recall is measured.
    check_recall = MilvusRecallCheckOperator(
        task_id="check_recall",
        collection_name=COLLECTION,
        compare_with=ALIAS,
        keys=list(range(0, IMAGES, 100)),
        min_recall=0.95,
        min_overlap=0.8,
    )
    # [END recall]
    # [START alias]
    move_readers = MilvusSwapAliasOperator(task_id="move_readers", alias=ALIAS, collection_name=COLLECTION)
    # In the first run there is no previous one, and so nothing of this name to drop.
    drop_previous = MilvusDropCollectionOperator(
        task_id="drop_previous", collection_name="{{ ti.xcom_pull(task_ids='move_readers')['previous'] }}"
    )
    # [END alias]
    chain(
        [create_collection, write_files("{{ params.bucket }}", ALIAS)],
        import_digits,
        build_index,
        load,
        count_rows,
        check_recall,
        move_readers,
        drop_previous,
    )
