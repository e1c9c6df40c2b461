"""Imports update assets, and assets start runs."""

import pytest
from airflow.triggers.base import BaseTrigger


@pytest.fixture
def extras(airflow):
    """The extras of the events that started the first runs of a DAG."""

    def wait(dag_id, runs):
        return [extra for run in airflow.wait_for_runs(dag_id, runs) for extra in run.wait().task("extras").xcom()]

    return wait


def test_operator_updates_the_asset_of_its_collection(airflow, extras):
    run = airflow.trigger("assets_reported").wait()
    (extra,) = extras("assets_after_update", 1)
    assert (extra["job_id"], extra["rows"]) == (run.task("load").xcom(), 100), run.report()
    assert extra["seconds"] >= 0


def test_each_import_of_somebody_else_starts_one_run(airflow, call_milvus, extras):
    # What completes before the first poll is no event.
    airflow.wait_for_line("Watching for imports into watched")
    job_ids = []
    for number in (1, 2):
        data = call_milvus(
            "milvus_default", "jobs/import/create", collectionName="watched", files=[["vectors.parquet"]]
        )
        job_ids.append(data["jobId"])
        found = extras("assets_after_watched", number)
    payloads = [extra["payload"] for extra in found]
    assert [(payload["job_id"], payload["imported_rows"]) for payload in payloads] == [(i, 100) for i in job_ids]


@pytest.fixture(scope="module")
def started_from_trigger(airflow):
    return airflow.trigger("start_from_trigger").wait()


@pytest.mark.skipif(
    not hasattr(BaseTrigger, "render_template_fields"), reason="an older triggerer fills in no template"
)
def test_sensor_starts_in_the_triggerer(started_from_trigger):
    run = started_from_trigger
    sensor = run.task("sensor")
    assert (sensor.state, sensor.xcom()["job_id"]) == ("success", run.task("submit").xcom()), run.report()
    assert "Pausing task as DEFERRED" not in sensor.log


def test_mapped_sensor_defers_as_usual(started_from_trigger):
    run = started_from_trigger
    (sensor,) = run.mapped("mapped_sensor")
    assert sensor.state == "success", run.report()
