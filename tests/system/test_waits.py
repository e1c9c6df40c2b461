"""The ways to wait for an import that succeeds."""

import pytest
from scenario import scenario

# Airflow logs these.
DEFERRED = "Pausing task as DEFERRED"
RESCHEDULED = "Rescheduling task"
OPERATORS = ["synchronous_operator", "deferrable_operator", "deferrable_operator_with_a_short_job"]
SENSORS = ["poke_sensor", "reschedule_sensor", "deferrable_sensor"]


@scenario
def every_way_to_wait(environment):
    """A run whose jobs end when all tasks wait for them."""
    run = environment.airflow.trigger("waits")
    run.wait_until(lambda: _all_wait(run), "wait with all its tasks")
    environment.finish_jobs("milvus_waits")
    return run.wait()


def _all_wait(run):
    tasks = {task.id: task for task in run.tasks if task.id in ("submit", *OPERATORS, *SENSORS)}
    if tasks["submit"].state != "success" or not tasks["synchronous_operator"].has_xcom("job_id"):
        return False
    polled = f"Import job {tasks['submit'].xcom()}: "
    deferred = [tasks["deferrable_operator"], tasks["deferrable_sensor"]]
    return all(task.state == "deferred" for task in deferred) and all(polled in tasks[name].log for name in SENSORS)


@pytest.fixture
def run(outcome_of):
    return outcome_of(every_way_to_wait)


@pytest.mark.parametrize("task_id", [*OPERATORS, *SENSORS, "sensor_of_mapped_operator"])
def test_wait_succeeds_at_the_first_try(run, task_id):
    task = run.task(task_id)
    assert (task.state, task.tries) == ("success", 1), run.report()


@pytest.mark.parametrize("task_id", OPERATORS)
def test_operator_pushes_the_final_progress(run, task_id):
    assert run.task(task_id).xcom("import_progress")["imported_rows"] == 100


@pytest.mark.parametrize("task_id", OPERATORS)
def test_operator_returns_the_id_of_its_job(run, task_id):
    task = run.task(task_id)
    assert task.xcom() == task.xcom("job_id")


@pytest.mark.parametrize("task_id", SENSORS)
def test_sensor_waits_for_the_job_that_the_operator_started(run, task_id):
    progress = run.task(task_id).xcom()
    assert (progress["job_id"], progress["imported_rows"]) == (run.task("submit").xcom(), 100)


@pytest.mark.parametrize("task_id", ["deferrable_operator", "deferrable_sensor"])
def test_long_wait_leaves_the_worker(run, task_id):
    assert DEFERRED in run.task(task_id).log


def test_short_job_is_not_worth_a_deferral(run):
    assert DEFERRED not in run.task("deferrable_operator_with_a_short_job").log


def test_reschedule_sensor_leaves_the_worker_between_polls(run):
    assert RESCHEDULED in run.task("reschedule_sensor").log


def test_mapped_operator_runs_a_job_for_each_file_set(run):
    progress = [task.xcom("import_progress") for task in run.mapped("mapped_operator")]
    assert sorted(job["imported_rows"] for job in progress) == [100, 200]


def test_sensor_of_a_mapped_operator_waits_for_all_its_jobs(run):
    started = {task.xcom() for task in run.mapped("mapped_operator")}
    assert {job["job_id"] for job in run.task("sensor_of_mapped_operator").xcom()} == started
