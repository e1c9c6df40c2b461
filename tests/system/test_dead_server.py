"""The Milvus server dies while tasks wait for its jobs."""

import time

from scenario import scenario

WAITING_TASKS = {"synchronous_operator", "deferrable_operator", "poke_sensor", "reschedule_sensor", "deferrable_sensor"}
WAITING = ("running", "deferred", "up_for_reschedule")
SECONDS_DOWN = 30


@scenario
def server_is_killed_and_restarted(environment):
    """The run whose tasks all wait when the server dies, and all notice it."""
    run = environment.airflow.trigger("dead_server")
    run.wait_until(lambda: _all_wait(run), "begin to wait with all its tasks")
    environment.milvus["milvus_mortal"].kill()
    time.sleep(SECONDS_DOWN)
    run.wait_until(lambda: _noticed(run) == WAITING_TASKS, "notice with all its tasks that the server is dead")
    environment.finish_jobs("milvus_mortal")
    return run.wait()


def test_every_wait_outlives_a_server_that_is_killed_and_restarted(outcome_of):
    run = outcome_of(server_is_killed_and_restarted)
    ended = {task.id: (task.state, task.tries) for task in run.tasks if task.id in WAITING_TASKS}
    assert ended == dict.fromkeys(WAITING_TASKS, ("success", 1)), run.report()


def _all_wait(run) -> bool:
    tasks = {task.id: task for task in run.tasks if task.id in WAITING_TASKS}
    assert not any(task.state in ("success", "failed") for task in tasks.values()), run.report()
    operators = [tasks["synchronous_operator"], tasks["deferrable_operator"]]
    return all(task.state in WAITING for task in tasks.values()) and all(task.has_xcom("job_id") for task in operators)


def _noticed(run) -> set[str]:
    return {task.id for task in run.tasks if task.id in WAITING_TASKS and task.warnings}
