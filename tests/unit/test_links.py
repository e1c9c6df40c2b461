"""Links of a task to its import jobs."""

from types import SimpleNamespace

import airflow
import pytest

from airflow_provider_milvus import links
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.sensors.import_job import MilvusImportSensor

AIRFLOW = tuple(map(int, airflow.__version__.split(".")[:2]))
needs_view = pytest.mark.skipif(AIRFLOW < (3, 1), reason="Airflow's UI has room for the import view from 3.1 on")
DONE = {"jobId": "7", "state": "Completed", "collectionName": "c", "importedRows": 3}
UI = {"ui_url": "https://attu.example.org/{collection_name}/{job_id}"}


@pytest.fixture
def submitted(milvus):
    milvus.responds("/jobs/import/list", {"records": []})
    milvus.responds("/jobs/import/create", {"jobId": "7"})
    milvus.responds("/jobs/import/describe", DONE)
    return milvus


def run(context, **parameters):
    task = MilvusBulkImportOperator(task_id="t", collection_name="c", files=["a.parquet"], **parameters)
    task.execute(context)
    return task


def view_of(job_ids, map_index=-1):
    operator = SimpleNamespace(import_job_ids=job_ids, milvus_conn_id="my milvus")
    ti = SimpleNamespace(
        dag_id="dag", run_id="manual__2026-01-31T00:00:00+00:00", task_id="group.t", map_index=map_index
    )
    return links.MilvusImportJobLink().url(operator, ti)


def test_one_job_is_opened_in_the_view():
    assert view_of(["7"]) == "/plugin/milvus-imports?conn_id=my%20milvus&job_id=7"


def test_several_jobs_are_the_view_of_the_task():
    run_id = "manual__2026-01-31T00%3A00%3A00%2B00%3A00"
    assert view_of(["7", "8"]) == f"/dags/dag/runs/{run_id}/tasks/group.t/plugin/milvus-import-jobs"


def test_several_jobs_of_a_mapped_task_are_its_own_view():
    assert view_of(["7", "8"], 0).endswith("/tasks/group.t/mapped/0/plugin/milvus-import-jobs")


def test_view_lies_below_the_path_that_airflow_is_served_under(monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.org/team/a/")
    assert view_of(["7"]).startswith("/team/a/plugin/milvus-imports?")


def test_task_without_a_job_has_no_link(connection):
    connection(extra=UI)
    task = MilvusBulkImportOperator(task_id="t", collection_name="c", files=["a.parquet"])
    ti = SimpleNamespace(dag_id="dag", run_id="run", task_id="t", map_index=-1)
    assert [link.url(task, ti) for link in (links.MilvusImportJobLink(), links.MilvusConsoleLink())] == ["", ""]


def test_links_are_there_as_soon_as_the_job_is_known(submitted, connection, context, ti):
    connection(extra=UI)
    run(context)
    sent = {key: routes[-1] for key, _, routes in ti.pushed if key.startswith("_link_")}
    assert set(sent) == {link.key for link in links.IMPORT_LINKS}
    assert set(sent.values()) == {"/jobs/import/create"}
    assert ti.xcoms["_link_MilvusConsoleLink"] == "https://attu.example.org/c/7"


def test_task_that_pushes_no_xcom_pushes_no_link(submitted, connection, context, ti):
    connection(extra=UI)
    run(context, do_xcom_push=False)
    assert ti.xcoms == {}


def test_sensor_links_to_the_first_of_its_jobs(submitted, connection, context, ti):
    connection(extra=UI)
    MilvusImportSensor(task_id="t", job_id=["7", "8"], timeout=60).poke(context)
    assert ti.xcoms["_link_MilvusConsoleLink"] == "https://attu.example.org//7"


@pytest.mark.skipif(AIRFLOW < (3, 0), reason="Airflow 2 reads links in its web server")
def test_airflow_3_gets_the_links_from_the_worker(submitted, connection, context, ti):
    connection(extra=UI)
    task = run(context)
    found = {link.name: link.get_link(task, ti_key=ti) for link in task.operator_extra_links}
    assert found["Milvus console"] == "https://attu.example.org/c/7"


@pytest.mark.skipif(AIRFLOW < (3, 0), reason="Airflow 2 reads links in its web server")
def test_broken_connection_makes_no_link_and_no_error(submitted, connection, context, ti):
    task = run(context)
    connection(host="")
    del task.hook
    assert links.MilvusConsoleLink().get_link(task, ti_key=ti) == ""


@needs_view
def test_link_to_the_view_comes_first():
    assert [link.name for link in MilvusImportSensor.operator_extra_links] == ["Import job", "Milvus console"]


def test_airflow_reads_the_links_from_the_xcoms_that_they_are_pushed_as():
    from airflow.providers.common.compat.sdk import BaseOperatorLink

    if hasattr(BaseOperatorLink, "xcom_key"):
        assert all(link.xcom_key == link.key for link in links.IMPORT_LINKS)
    assert links.MilvusConsoleLink().key == "_link_MilvusConsoleLink"
