"""Many imports of one task, over two workers and two triggerers."""

import pytest
from counted import ROWS, SCHEMA
from scenario import scenario

NUMBER = 50
LOADED = {"collectionName": "fifty"}


@scenario
def many_file_sets(environment):
    """A run of an import that is mapped over file sets, and the rows that are there after it."""
    environment.call_milvus("milvus_slow", "collections/create", schema=SCHEMA, **LOADED)
    run = environment.airflow.trigger("fifty_file_sets").wait()
    return run, environment.call_milvus("milvus_slow", "collections/get_stats", **LOADED)["rowCount"]


@pytest.fixture
def many(outcome_of):
    return outcome_of(many_file_sets)


def test_every_file_set_has_a_job_of_its_own(many):
    run, _ = many
    tasks = run.mapped("load")
    assert [task.state for task in tasks] == ["success"] * NUMBER, run.report()
    assert len({task.xcom("job_id") for task in tasks}) == NUMBER


def test_every_file_set_is_loaded_once(many):
    run, rows = many
    assert (run.state, rows) == ("success", ROWS * NUMBER), run.report()
