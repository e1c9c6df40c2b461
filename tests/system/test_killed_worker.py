"""The worker dies after Milvus has accepted the import."""

import os
import signal

import pytest
from scenario import scenario


@scenario
def worker_is_killed(environment):
    """The run, and the id of the job that its killed try had started."""
    environment.skip_if_killed_tasks_are_given_up()
    run = environment.airflow.trigger("killed_worker")
    run.wait_until(lambda: run.task("load").has_xcom("job_id"), "submit its import")
    task = run.task("load")
    job_id = task.xcom("job_id")
    os.kill(task.pid, signal.SIGKILL)
    return run.wait(), job_id


@pytest.fixture
def killed(outcome_of):
    return outcome_of(worker_is_killed)


def test_retry_succeeds(killed):
    run, _ = killed
    task = run.task("load")
    assert (task.state, task.tries) == ("success", 2), run.report()


def test_retry_waits_for_the_job_of_the_killed_try(killed):
    run, job_id = killed
    assert run.task("load").xcom("job_id") == job_id


def test_import_is_submitted_once(killed, environment):
    records = environment.call_milvus("milvus_slow", "jobs/import/list", collectionName="loaded_once")["records"]
    assert len(records) == 1
