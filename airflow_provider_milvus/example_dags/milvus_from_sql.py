"""Every night the rows of a query, such as those of a table with pgvector, go into a collection.

It is paused until it has a database and a bucket of yours.
"""

from __future__ import annotations

from datetime import datetime

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus.operators.import_rows import SQLToMilvusOperator

with DAG(
    "milvus_from_sql",
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    is_paused_upon_creation=True,
    tags=["milvus"],
    doc_md=__doc__,
):
    # [START sql]
    SQLToMilvusOperator(
        task_id="import_documents",
        conn_id="postgres_default",
        sql="SELECT id, embedding AS vector, title FROM documents WHERE day = '{{ ds }}'",
        collection_name="documents",
        stage_to="s3://aws_default@milvus-bucket/staging",
        options={"timeout": "2h"},
    )
    # [END sql]
