"""Jobs that a view may trip over: a file's name in HTML, ten thousand jobs, and a DAG without any."""

from __future__ import annotations

from airflow.sdk import DAG, task
from many_jobs import reports

from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator


@task
def report() -> None:
    """Report ten thousand jobs, as a task does that waits for them."""
    from airflow.sdk import get_current_context

    get_current_context()["ti"].xcom_push(key="import_progress", value=reports())


with DAG("untrusted", schedule=None, catchup=False):
    # Milvus quotes the name in the reason.
    MilvusBulkImportOperator(
        task_id="load", collection_name="reviews", files=["<img src=x onerror=attack()><script>attack()</script>.json"]
    )

with DAG("many", schedule=None, catchup=False):
    report()

with DAG("public", schedule=None, catchup=False):

    @task
    def nothing() -> None:
        pass

    nothing()
