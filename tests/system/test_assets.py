"""Imports update assets, and assets start runs."""

import pytest
from airflow.triggers.base import BaseTrigger
from scenario import scenario


@scenario
def operator_updates_an_asset(environment):
    """The run of an import, and the extras of what its asset started."""
    run = environment.airflow.trigger("assets_reported").wait()
    return run, _extras(environment, "assets_after_update", 1)


@scenario
def somebody_else_imports(environment):
    """The ids of two jobs that complete one after the other, and the extras of what they started."""
    # What completes before the first poll is no event.
    environment.airflow.wait_for_line("Watching for imports into watched")
    job_ids, extras = [], []
    source = {"collectionName": "watched", "files": [["vectors.parquet"]]}
    for number in (1, 2):
        job_ids.append(environment.call_milvus("milvus_default", "jobs/import/create", **source)["jobId"])
        extras = _extras(environment, "assets_after_watched", number)
    return job_ids, extras


@scenario
def sensors_start_in_the_triggerer(environment):
    return environment.airflow.trigger("start_from_trigger").wait()


def _extras(environment, dag_id, runs):
    """The extras of the events that started the first runs of a DAG."""
    found = environment.airflow.wait_for_runs(dag_id, runs)
    return [extra for run in found for extra in run.wait().task("extras").xcom()]


def test_operator_updates_the_asset_of_its_collection(outcome_of):
    run, (extra,) = outcome_of(operator_updates_an_asset)
    assert (extra["job_id"], extra["rows"]) == (run.task("load").xcom(), 100), run.report()
    assert extra["seconds"] >= 0


def test_each_import_of_somebody_else_starts_one_run(outcome_of):
    job_ids, extras = outcome_of(somebody_else_imports)
    payloads = [extra["payload"] for extra in extras]
    assert [(payload["job_id"], payload["imported_rows"]) for payload in payloads] == [(i, 100) for i in job_ids]


@pytest.mark.skipif(
    not hasattr(BaseTrigger, "render_template_fields"), reason="an older triggerer fills in no template"
)
def test_sensor_starts_in_the_triggerer(outcome_of):
    run = outcome_of(sensors_start_in_the_triggerer)
    sensor = run.task("sensor")
    assert (sensor.state, sensor.xcom()["job_id"]) == ("success", run.task("submit").xcom()), run.report()
    assert "Pausing task as DEFERRED" not in sensor.log


def test_mapped_sensor_defers_as_usual(outcome_of):
    run = outcome_of(sensors_start_in_the_triggerer)
    (sensor,) = run.mapped("mapped_sensor")
    assert sensor.state == "success", run.report()
