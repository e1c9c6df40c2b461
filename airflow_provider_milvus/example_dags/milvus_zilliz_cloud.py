"""Import from object storage into Zilliz Cloud.

The connection ``milvus_default`` has the cluster's endpoint as host and an API key as password. ``my_bucket`` has the
keys of the object storage as login and password.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.operators.collection import MilvusLoadCollectionOperator

with DAG("milvus_zilliz_cloud", schedule=None, catchup=False, tags=["milvus"], doc_md=__doc__):
    # [START zilliz_cloud]
    import_articles = MilvusBulkImportOperator(
        task_id="import_articles",
        collection_name="articles",
        object_urls=["s3://my-bucket/articles/{{ ds }}/"],
        storage_conn_id="my_bucket",
        deferrable=True,
    )
    load = MilvusLoadCollectionOperator(task_id="load", collection_name="articles")
    # [END zilliz_cloud]
    import_articles >> load
