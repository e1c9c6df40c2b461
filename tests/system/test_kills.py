"""Airflow ends the process or the trigger of a two-phase import: killed by a person, or for other reasons."""

import signal
import time
from contextlib import suppress

import psutil
import pytest
from airflow.triggers.base import BaseTrigger

# Two on an idle machine.
SECONDS_TO_ABORT = 30
# Longer than a triggerer may be silent before its triggers move to another.
SECONDS_STALLED = 45

from_airflow_3_3_on = pytest.mark.skipif(
    not hasattr(BaseTrigger, "on_kill"),
    reason="older versions notify no trigger of a kill, and keep no job for the next try",
)


@pytest.fixture
def deferred(airflow, call_milvus):
    """Start a run; return it and a function that describes its Milvus job, once its task is deferred."""

    def start(name):
        run = airflow.trigger(f"kills_{name}")
        run.wait_until(lambda: run.task("load").state == "deferred", "defer its task")
        job_id = run.task("load").xcom("job_id")
        return run, lambda: call_milvus("milvus_slow", "jobs/import/describe", jobId=job_id)

    return start


@pytest.fixture
def running(airflow, call_milvus):
    """Start a run; return it and a function that describes its Milvus job, once its task waits in its own process."""

    def start(name):
        run = airflow.trigger(f"kills_running_{name}")
        run.wait_until(lambda: run.task("load").has_xcom("job_id"), "submit its import")
        job_id = run.task("load").xcom("job_id")
        return run, lambda: call_milvus("milvus_slow", "jobs/import/describe", jobId=job_id)

    return start


def test_marking_a_running_task_failed_aborts_its_job(running):
    run, job = running("marked_failed")
    run.mark_failed("load")
    assert_aborted(run, job)


def test_clearing_a_running_task_aborts_its_job_and_submits_another(killed_tasks_run_again, running, call_milvus):
    run, job = running("cleared")
    run.clear()
    assert_aborted(run, job)
    run.wait()
    assert run.state == "success", run.report()
    assert call_milvus("milvus_slow", "collections/get_stats", collectionName="running_cleared") == {"rowCount": 100}


@from_airflow_3_3_on
def test_marking_a_deferred_task_failed_aborts_its_job(deferred, airflow):
    run, job = deferred("marked_failed")
    wait_for_trigger(airflow, run)
    run.mark_failed("load")
    assert_aborted(run, job)


@from_airflow_3_3_on
def test_clearing_a_deferred_task_lets_its_next_try_go_on_with_the_job(deferred, airflow, call_milvus):
    run, job = deferred("cleared")
    wait_for_trigger(airflow, run)
    run.clear()
    run.wait()
    assert (run.state, job()["state"]) == ("success", "Completed"), run.report()
    assert call_milvus("milvus_slow", "collections/get_stats", collectionName="cleared") == {"rowCount": 100}


def test_triggers_of_a_stalled_triggerer_move_without_aborting_their_jobs(deferred, airflow):
    run, job = deferred("moved")
    wait_for_trigger(airflow, run)
    stalled = airflow.processes("triggerer")
    second = airflow.second_triggerer().start()
    try:
        for process in stalled:
            process.send_signal(signal.SIGSTOP)
        time.sleep(SECONDS_STALLED)
    finally:
        for process in stalled:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
    run.wait()
    second.kill()
    assert (run.state, job()["state"]) == ("success", "Completed"), run.report()


def wait_for_trigger(airflow, run):
    """Return when the trigger has polled the job, which it logs; before, there is nothing to kill."""
    job_id = run.task("load").xcom("job_id")
    mentions = run.task("load").log.count(job_id)
    run.wait_until(lambda: run.task("load").log.count(job_id) > mentions, "poll its job in the triggerer")


def assert_aborted(run, job):
    deadline = time.monotonic() + SECONDS_TO_ABORT
    while job()["state"] != "Failed" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert job().get("reason") == "aborted by user", run.report()
