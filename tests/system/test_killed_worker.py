"""The worker dies after Milvus has accepted the import."""

import os
import signal

import pytest


@pytest.fixture(scope="module")
def run(killed_tasks_run_again, airflow):
    run = airflow.trigger("killed_worker")
    run.wait_until(lambda: "submitted" in run.task("load").log, "submit its import")
    os.kill(run.task("load").pid, signal.SIGKILL)
    return run.wait()


def test_retry_succeeds(run):
    task = run.task("load")
    assert (task.state, task.tries) == ("success", 2), run.report()


def test_retry_waits_for_the_job_of_the_killed_try(run):
    task = run.task("load")
    assert f"{task.xcom('job_id')} into loaded_once: submitted" in task.log_of_try(1)


def test_import_is_submitted_once(run, call_milvus):
    assert len(call_milvus("milvus_slow", "jobs/import/list", collectionName="loaded_once")["records"]) == 1
