"""The wait in the triggerer: what it is started with, when it fires, and what a kill does."""

import json
import sys
from importlib import import_module
from types import SimpleNamespace

import pytest

from airflow_provider_milvus.triggers.import_job import MIN_AGE, MilvusImportTrigger

DESCRIBE, ABORT = "/jobs/import/describe", "/jobs/import/abort"
RUNNING, DONE = {"state": "Importing"}, {"state": "Completed", "importedRows": 5}


def trigger(job_id="1", **arguments):
    return MilvusImportTrigger(job_id, "milvus_default", **arguments)


async def events_of(trigger):
    return [event.payload async for event in trigger.run()]


def test_trigger_is_stored_as_its_path_and_arguments():
    made = trigger(["1", "2"], poll_interval=3.0, deadline=99.5, max_poll_failures=7, database="books")
    assert made.serialize() == (
        "airflow_provider_milvus.triggers.import_job.MilvusImportTrigger",
        {
            "job_id": ["1", "2"],
            "milvus_conn_id": "milvus_default",
            "goal": "Completed",
            "poll_interval": 3.0,
            "deadline": 99.5,
            "max_poll_failures": 7,
            "database": "books",
            "abort_on_kill": False,
        },
    )


@pytest.mark.parametrize(
    "arguments", [{}, {"goal": "Uncommitted", "poll_interval": 2, "deadline": 9.0, "abort_on_kill": True}]
)
def test_trigger_is_the_same_after_its_way_through_json(arguments):
    path, stored = trigger(**arguments).serialize()
    module, _, name = path.rpartition(".")
    again = getattr(import_module(module), name)(**json.loads(json.dumps(stored)))
    assert again.serialize() == (path, stored)


def test_trigger_is_stored_without_the_secrets_of_its_connection(connection):
    connection(login="root", password="s3cret")
    assert "s3cret" not in json.dumps(trigger().serialize())


async def test_trigger_fires_once_with_the_end_of_the_wait(milvus, package_clock):
    milvus.answers(DESCRIBE, RUNNING, DONE)
    (event,) = await events_of(trigger())
    assert (event["status"], event["job_id"], event["imports"][0]["imported_rows"]) == ("success", "1", 5)


async def test_event_of_a_list_has_the_list(milvus, package_clock):
    milvus.answers(DESCRIBE, DONE)
    (event,) = await events_of(trigger(["1", "2"]))
    assert event["job_id"] == ["1", "2"]


async def test_event_is_plain_json(milvus, package_clock):
    milvus.answers(DESCRIBE, {"state": "Failed", "details": [{"fileName": "[a]", "state": "Failed"}]})
    (event,) = await events_of(trigger())
    assert json.loads(json.dumps(event)) == event


async def test_trigger_does_not_outrun_the_worker_that_deferred(milvus, package_clock):
    milvus.answers(DESCRIBE, DONE)
    began = package_clock.now
    await events_of(trigger())
    assert package_clock.now - began == MIN_AGE


async def test_trigger_of_some_age_fires_at_once(milvus, package_clock):
    milvus.answers(DESCRIBE, *[RUNNING] * 20, DONE)
    began = package_clock.now
    await events_of(trigger())
    assert package_clock.now - began == pytest.approx(sum(package_clock.sleeps[:20]))


async def test_goal_of_the_first_phase_is_waited_for(milvus, package_clock):
    milvus.answers(DESCRIBE, RUNNING, {"state": "Uncommitted"})
    (event,) = await events_of(trigger(goal="Uncommitted"))
    assert (event["status"], event["goal"]) == ("success", "Uncommitted")


async def test_trigger_fires_at_its_deadline(milvus, package_clock):
    milvus.answers(DESCRIBE, RUNNING)
    (event,) = await events_of(trigger(deadline=package_clock.now + 30))
    assert (event["status"], package_clock.now) == ("timeout", 1_030.0)


async def test_trigger_fires_when_the_server_stays_away(milvus, package_clock):
    milvus.answers(DESCRIBE, (502, "Bad Gateway"))
    (event,) = await events_of(trigger(max_poll_failures=3))
    assert (event["status"], len(milvus.sent)) == ("unreachable", 3)


@pytest.fixture
def task_state(monkeypatch):
    """What Airflow answers for the state of the task that the trigger waits for."""

    def is_now(state):
        asked = []

        def get_task_states(**task):
            asked.append(task)
            return {"run": {"task": state}}

        runner = SimpleNamespace(RuntimeTaskInstance=SimpleNamespace(get_task_states=get_task_states))
        monkeypatch.setitem(sys.modules, "airflow.sdk.execution_time.task_runner", runner)
        return asked

    return is_now


def of_a_task(made):
    made.task_instance = SimpleNamespace(dag_id="dag", task_id="task", run_id="run", map_index=-1)
    return made


@pytest.mark.parametrize("state", ["failed", "success", "skipped"])
async def test_kill_aborts_a_two_phase_job(milvus, task_state, state):
    asked = task_state(state)
    milvus.answers(ABORT, {})
    await of_a_task(trigger("7", abort_on_kill=True)).on_kill()
    assert [(sent.route, sent.body["jobId"]) for sent in milvus.sent] == [(ABORT, "7")]
    assert asked == [{"dag_id": "dag", "task_ids": ["task"], "run_ids": ["run"], "map_index": -1}]


async def test_kill_leaves_an_ordinary_job_alone_and_says_so(milvus, task_state, mocker):
    task_state("failed")
    made = of_a_task(trigger("7"))
    warning = mocker.patch.object(made.log, "warning")
    await made.on_kill()
    assert milvus.sent == []
    warning.assert_called_once_with("Import job %s goes on: Milvus cannot cancel it", "7")


@pytest.mark.parametrize("state", ["deferred", "running", "queued", None])
async def test_task_that_goes_on_elsewhere_keeps_its_job(milvus, task_state, state):
    task_state(state)
    await of_a_task(trigger(abort_on_kill=True)).on_kill()
    assert milvus.sent == []


async def test_kill_of_a_trigger_without_a_task_aborts_nothing(milvus, task_state):
    task_state("failed")
    made = trigger(abort_on_kill=True)
    made.task_instance = None
    await made.on_kill()
    assert milvus.sent == []


async def test_kill_after_the_event_aborts_nothing(milvus, package_clock, task_state):
    task_state("failed")
    milvus.answers(DESCRIBE, DONE)
    made = of_a_task(trigger(abort_on_kill=True))
    await events_of(made)
    await made.on_kill()
    assert ABORT not in milvus.routes


async def test_abort_that_is_refused_is_said(milvus, task_state, mocker):
    task_state("failed")
    milvus.answers(ABORT, (200, json.dumps({"code": 2100, "message": "cannot abort: Committing"})))
    made = of_a_task(trigger("7", abort_on_kill=True))
    warning = mocker.patch.object(made.log, "warning")
    await made.on_kill()
    assert "cannot abort: Committing" in str(warning.call_args)
