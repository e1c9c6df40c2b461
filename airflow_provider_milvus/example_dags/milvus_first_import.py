"""The shortest way from a file in the bucket to a collection that can be searched.

It imports ``mine.parquet``, which has a field ``id`` and a field ``vector`` of four numbers.
"""

from airflow.providers.common.compat.sdk import DAG, chain

from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.operators.checks import MilvusRowCountCheckOperator
from airflow_provider_milvus.operators.collection import MilvusCreateCollectionOperator, MilvusLoadCollectionOperator

with DAG("milvus_first_import", schedule=None, catchup=False, tags=["milvus"], doc_md=__doc__) as dag:
    # `dimension` alone is Milvus's quick setup: the fields id and vector, an index, and loaded.
    create = MilvusCreateCollectionOperator(task_id="create", collection_name="mine", dimension=4, if_exists="recreate")
    import_files = MilvusBulkImportOperator(task_id="import_files", collection_name="mine", files=["mine.parquet"])
    load = MilvusLoadCollectionOperator(task_id="load", collection_name="mine")
    count = MilvusRowCountCheckOperator(task_id="count", collection_name="mine", min_rows=1)

    chain(create, import_files, load, count)
