"""The examples of files and rows that lie elsewhere, task by task, against a local Milvus."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from object_stores import KEY, SECRET, ObjectStore

import airflow_provider_milvus
from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.local import LocalMilvus

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # before Airflow 3.2
    from airflow.models.dagbag import DagBag

EXAMPLES = Path(airflow_provider_milvus.__file__).parent / "example_dags"
IMAGES = 1797
DAY = "2026-01-01"


def run(name, context):
    """Run the tasks of an example in their order."""
    bag = DagBag(EXAMPLES / f"{name}.py")
    for task in bag.dags[name].topological_sort():
        task.render_template_fields(context)
        if hasattr(task, "python_callable") and not hasattr(task, "stage"):
            task.python_callable(*task.op_args, **task.op_kwargs)
        else:
            task.execute({**context, "ti": SimpleNamespace(**{**vars(context["ti"]), "task_id": task.task_id})})


@pytest.fixture
def context(context, milvus):
    """That of a run with the bucket as its parameter."""
    return {**context, "ds": DAY, "params": {"bucket": str(milvus.bucket)}}


@pytest.fixture
def nightly():
    """What the example of a query has, besides its Postgres: a Milvus whose bucket is in an S3-compatible store."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        with ObjectStore("milvus-bucket", "aws_default") as store:
            store.attach()
            yield store


def test_staged_dataframe_has_every_image_once(context, hook, milvus):
    run("milvus_staged_dataframe", context)
    assert hook.get_collection_stats("digits_dataframe") == IMAGES
    assert [path for path in (milvus.bucket / "staging").rglob("*") if path.is_file()] == []


def test_staged_files_have_every_image_once(context, hook, milvus):
    run("milvus_staged_files", context)
    assert hook.get_collection_stats("digits_files") == IMAGES
    assert [path for path in (milvus.bucket / "staging").rglob("*") if path.is_file()] == []


def test_staged_table_has_every_row_once(context, hook, database):
    database.run("CREATE TABLE documents (id bigint, embedding real[], label bigint)")
    database.run(
        "INSERT INTO documents SELECT n, array_fill(n::real, ARRAY[64]), n % 10 FROM generate_series(1, 500) AS n"
    )
    run("milvus_staged_table", context)
    assert hook.get_collection_stats("digits_table") == 500


def test_nightly_query_has_the_rows_of_its_day(context, nightly, database, monkeypatch, tmp_path):
    database.run("CREATE TABLE documents (id bigint, embedding real[], title text, day date)")
    database.run(
        "INSERT INTO documents SELECT n, ARRAY[n, 0.5]::real[], 'title ' || n, "
        f"'{DAY}'::date - (n % 2) FROM generate_series(1, 100) AS n"
    )
    fields = [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": 2}},
        {"fieldName": "title", "dataType": "VarChar", "elementTypeParams": {"max_length": 100}},
    ]
    index = [{"fieldName": "vector", "metricType": "L2"}]
    with LocalMilvus(tmp_path / "milvus", bucket=nightly.bucket) as milvus:
        monkeypatch.setenv("AIRFLOW_CONN_MILVUS_DEFAULT", f"milvus://127.0.0.1:{milvus.port}")
        hook = MilvusHook()
        hook.create_collection("documents", schema={"fields": fields}, index_params=index)
        run("milvus_from_sql", context)
        hook.refresh_load("documents")
        rows = hook.query("documents", "id >= 0", output_fields=["*"], limit=1000)
    assert sorted((row["id"], row["title"]) for row in rows) == [(n, f"title {n}") for n in range(2, 101, 2)]
    assert nightly.keys("staging") == []
