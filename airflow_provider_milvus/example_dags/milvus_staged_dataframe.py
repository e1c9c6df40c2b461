"""I have a DataFrame: rows that a function makes, in Milvus with one task.

The function yields DataFrames; they are written to Parquet where Milvus reads it, imported once, and the files removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_milvus.example_dags.handwritten_digits import BUCKET, INDEX, SCHEMA
from airflow_provider_milvus.operators.collection import MilvusCreateCollectionOperator

COLLECTION = "digits_dataframe"

with DAG(
    "milvus_staged_dataframe",
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

    @task.milvus_import(
        collection_name=COLLECTION,
        stage_to="file://{{ params.bucket }}/staging",
        files_root="file://{{ params.bucket }}",
        timeout=600,
    )
    def import_digits() -> Iterator[Any]:
        """Yield the images in DataFrames of 500 rows."""
        import pandas as pd
        from sklearn.datasets import load_digits

        images, labels = load_digits(return_X_y=True)
        for start in range(0, len(labels), 500):
            rows = slice(start, start + 500)
            ids = range(start, start + len(labels[rows]))
            yield pd.DataFrame({"id": ids, "vector": list(images[rows]), "label": labels[rows]})

    create >> import_digits()
