"""I have a table in Postgres: the result of a query, read in batches and imported into Milvus.

It needs the connection ``postgres_default``, the Postgres provider, and a table ``documents (id bigint, embedding
real[], label bigint)`` with vectors of 64 numbers; ``vector`` columns of pgvector are read as well.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus.example_dags.handwritten_digits import BUCKET, INDEX, SCHEMA
from airflow_provider_milvus.operators.collection import MilvusCreateCollectionOperator
from airflow_provider_milvus.operators.import_rows import SQLToMilvusOperator

COLLECTION = "digits_table"

with DAG(
    "milvus_staged_table",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    params={"bucket": BUCKET},
    tags=["milvus"],
    doc_md=__doc__,
):
    create = MilvusCreateCollectionOperator(
        task_id="create", collection_name=COLLECTION, schema=SCHEMA, index_params=INDEX, if_exists="recreate"
    )
    create >> SQLToMilvusOperator(
        task_id="import_table",
        collection_name=COLLECTION,
        sql="SELECT id, embedding AS vector, label FROM documents",
        conn_id="postgres_default",
        stage_to="file://{{ params.bucket }}/staging",
        files_root="file://{{ params.bucket }}",
        timeout=600,
    )
