"""Files found at run time, planned and imported."""

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.operators.files import MilvusPlanImportsOperator

SCHEMA = {
    "fields": [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": "2"}},
    ]
}
FILES = 60


@pytest.fixture
def collection(hook):
    hook.create_collection("found", schema=SCHEMA)
    yield "found"
    hook.drop_collection("found")


@pytest.fixture(scope="module")
def source(milvus):
    """Files with one to three rows each."""
    folder = milvus.bucket / "day"
    folder.mkdir()
    for number in range(FILES):
        ids = [number * 10 + row for row in range(1 + number % 3)]
        vectors = pa.array([[0.0, 1.0]] * len(ids), pa.list_(pa.float32()))
        pq.write_table(pa.table({"id": pa.array(ids, pa.int64()), "vector": vectors}), folder / f"{number:04}.parquet")
    return {"files_from": f"file://{folder}/*.parquet", "files_root": f"file://{milvus.bucket}"}


def test_planned_files_are_loaded_with_the_rows_of_their_footers(hook, collection, source, context):
    plan = MilvusPlanImportsOperator(task_id="plan", count_rows=True, **source).execute(context)
    # As `.partial(…).expand(files=…)` does.
    for files in plan:
        MilvusBulkImportOperator(task_id="load", collection_name=collection, files=files).execute(context)
    rows = sum(1 + number % 3 for number in range(FILES))
    assert (len(plan), context["ti"].xcoms["rows"], hook.get_collection_stats(collection)) == (1, rows, rows)


def test_more_files_than_one_import_takes_are_loaded_by_several(hook, collection, source, context, milvus):
    folder = milvus.bucket / "many"
    folder.mkdir()
    one_row = milvus.bucket / "day" / "0000.parquet"
    for number in range(1026):
        shutil.copy(one_row, folder / f"{number:04}.parquet")
    many = {**source, "files_from": f"file://{folder}/*.parquet"}
    job_ids = MilvusBulkImportOperator(task_id="load", collection_name=collection, **many).execute(context)
    jobs = {job.job_id: job.state.value for job in hook.list_import_jobs(collection)}
    assert jobs == dict.fromkeys(job_ids, "Completed")
    assert [job["imported_rows"] for job in context["ti"].xcoms["import_progress"]] == [513, 513]


def test_import_finds_its_files_and_checks_their_footers(hook, collection, source, context):
    narrower = {**source, "files_from": source["files_from"].replace("*", "000*")}
    MilvusBulkImportOperator(
        task_id="load", collection_name=collection, two_phase=True, expected_rows="footers", **narrower
    ).execute(context)
    assert hook.get_collection_stats(collection) == sum(1 + number % 3 for number in range(10))
