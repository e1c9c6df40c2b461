"""The trigger: one event, not too soon, and a kill that is one."""

import asyncio
import json
import sys
from types import SimpleNamespace

import pytest

from airflow_provider_milvus import airflow_compat
from airflow_provider_milvus.exceptions import MilvusImportUnreachable, error_of
from airflow_provider_milvus.triggers import import_job
from airflow_provider_milvus.triggers.import_job import MilvusImportTrigger
from airflow_provider_milvus.triggers.wait_trigger import MIN_AGE_SECONDS

pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy.")

DESCRIBE, ABORT, LIST = "/jobs/import/describe", "/jobs/import/abort", "/jobs/import/list"
RUNNING = {"state": "Importing", "progress": 40}
DONE = {"state": "Completed", "importedRows": 5}
NO_SUCH_JOB = (200, json.dumps({"code": 2100, "message": "import job does not exist, jobID=7"}))
DOWN = (502, "Bad Gateway")


def trigger(**parameters):
    return MilvusImportTrigger(**{"job_id": "7", "milvus_conn_id": "milvus_default", **parameters})


async def events(trigger):
    return [event.payload async for event in trigger.run()]


async def test_trigger_fires_once_with_the_final_metrics(milvus):
    milvus.responds(DESCRIBE, RUNNING, DONE)
    found = await events(trigger())
    assert [(event["status"], event["job_id"], event["imports"][0]["imported_rows"]) for event in found] == [
        ("success", "7", 5)
    ]


async def test_trigger_fires_once_for_a_list(milvus):
    milvus.responds(DESCRIBE, RUNNING, DONE)
    assert [event["job_id"] for event in await events(trigger(job_id=["7", "8"]))] == [["7", "8"]]


async def test_trigger_does_not_fire_before_the_executor_reported_the_deferral(milvus, time):
    milvus.responds(DESCRIBE, DONE)
    await events(trigger())
    assert time.now == 1_000 + MIN_AGE_SECONDS


async def test_trigger_of_a_longer_wait_fires_at_once(milvus, time):
    milvus.responds(DESCRIBE, *[RUNNING] * 10, DONE)
    await events(trigger())
    fired = time.now
    assert fired > 1_000 + MIN_AGE_SECONDS
    assert milvus.routes == [DESCRIBE] * 11


@pytest.fixture
def pushed(monkeypatch):
    """The XComs that triggers push, on an Airflow where they can."""
    values = []

    async def push(ti, key, value):
        values.append((ti.task_id, key, value))

    monkeypatch.setattr(airflow_compat, "triggers_push_xcom", lambda: True)
    monkeypatch.setattr(airflow_compat, "push_xcom", push)
    monkeypatch.setattr(import_job, "_next_report", 0.0)
    return values


def of_task(trigger):
    trigger.task_instance = SimpleNamespace(task_id="load")
    return trigger


async def test_trigger_pushes_the_progress_once_a_minute(milvus, pushed):
    milvus.responds(DESCRIBE, *({"state": "Importing", "importedRows": rows} for rows in range(1, 200)), DONE)
    await events(of_task(trigger(poll_interval=30, database="books")))
    rows = [job["imported_rows"] for _, _, job in pushed]
    assert rows == sorted(set(rows))
    assert len(rows) > 3
    task_id, key, job = pushed[0]
    assert (task_id, key) == ("load", "import_progress")
    assert (job["job_id"], job["milvus_conn_id"], job["database"]) == ("7", "milvus_default", "books")


async def test_trigger_of_a_task_without_xcoms_pushes_none(milvus, pushed):
    milvus.responds(DESCRIBE, *({"state": "Importing", "importedRows": rows} for rows in range(1, 200)), DONE)
    quiet = trigger(poll_interval=30, report_progress=False)
    await events(of_task(MilvusImportTrigger(**quiet.serialize()[1])))
    assert pushed == []


async def test_failed_push_ends_no_wait(milvus, pushed, monkeypatch):
    async def fail(ti, key, value):
        raise RuntimeError("Airflow does not respond")

    monkeypatch.setattr(airflow_compat, "push_xcom", fail)
    milvus.responds(DESCRIBE, *({"state": "Importing", "importedRows": rows} for rows in range(1, 200)), DONE)
    assert [event["status"] for event in await events(of_task(trigger(poll_interval=30)))] == ["success"]


@pytest.mark.parametrize(
    ("responses", "parameters", "status"),
    [
        ([{"state": "Failed", "reason": "bad row"}], {}, "failed"),
        ([RUNNING], {"deadline": 1_030.0}, "timeout"),
        ([RUNNING], {"deadline": 900.0}, "timeout"),
        ([NO_SUCH_JOB], {}, "unknown"),
        ([RUNNING, NO_SUCH_JOB], {}, "unknown"),
        ([DOWN], {"max_poll_failures": 3}, "unreachable"),
        ([{"state": "Uncommitted"}], {"target_state": "Uncommitted"}, "success"),
        ([DOWN, DOWN, DONE], {}, "success"),
    ],
)
async def test_event_reports_how_the_wait_ended(milvus, responses, parameters, status):
    milvus.responds(DESCRIBE, *responses)
    assert [event["status"] for event in await events(trigger(**parameters))] == [status]


async def test_trigger_polls_in_its_own_database(milvus, connection):
    connection(schema="maps")
    milvus.responds(DESCRIBE, DONE)
    await events(trigger(database="books"))
    assert milvus.sent[0].headers["DB-Name"] == "books"


async def test_event_is_plain_json(milvus):
    milvus.responds(DESCRIBE, {"state": "Failed", "details": [{"fileName": "[a]", "reason": "r"}]})
    (event,) = await events(trigger())
    assert json.loads(json.dumps(event)) == event
    assert type(event["target_state"]) is str


async def test_deadline_is_the_end_whenever_the_trigger_is_started_again(milvus, time):
    milvus.responds(DESCRIBE, RUNNING)
    time.now = 1_020.0
    await events(trigger(deadline=1_030.0))
    assert 1_030 <= time.now <= 1_031


def test_arguments_make_an_equal_trigger_again():
    first = trigger(job_id=["7", "8"], target_state="Uncommitted", deadline=5.0, abort_on_kill=True)
    path, arguments = first.serialize()
    again = MilvusImportTrigger(**arguments)
    assert (path, again.serialize()) == (
        "airflow_provider_milvus.triggers.import_job.MilvusImportTrigger",
        (path, arguments),
    )


def test_arguments_are_plain_json():
    arguments = trigger().serialize()[1]
    assert json.loads(json.dumps(arguments)) == arguments


def test_arguments_hold_no_secret(connection):
    connection(login="root", password="s3cret")
    assert "s3cret" not in json.dumps(trigger().serialize())


async def test_trigger_only_reads(milvus):
    milvus.responds(DESCRIBE, RUNNING, DONE)
    await events(trigger(abort_on_kill=True))
    assert set(milvus.routes) == {DESCRIBE}


# -- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"milvus_conn_id": "nowhere"}, "nowhere"),
        ({"target_state": "Failed?"}, "Failed?"),
        ({"poll_interval": 0}, "poll_interval must be"),
        ({"poll_interval": "5"}, "poll_interval must be"),
        ({"poll_interval": 10**400}, "poll_interval must be"),
        ({"max_poll_failures": None}, "max_poll_failures must be"),
        ({"deadline": "tomorrow"}, "deadline must be"),
        ({"job_id": None}, "job_id must be"),
        ({"job_id": []}, "job_id must be"),
        ({"job_id": b"7"}, "job_id must be"),
        ({"job_id": ["7", {"a": 1}]}, "job_id must be"),
        ({"job_id": "\ud800"}, "job_id must be"),
        ({"job_id": 10**400}, "job_id must be"),
    ],
    ids=lambda value: str(value)[:40].encode("ascii", "replace").decode(),
)
async def test_bad_setting_ends_the_task_with_a_clear_error(milvus, parameters, reason):
    (event,) = await events(trigger(**parameters))
    assert (event["status"], reason in event["message"]) == ("unreachable", True), event
    error = error_of(event)
    assert type(error) is MilvusImportUnreachable
    assert reason in str(error)
    assert json.loads(json.dumps(event)) == event
    str(event).encode()


async def test_error_without_a_utf_8_text_ends_the_task_with_a_clear_error(milvus, monkeypatch):
    async def fail(*arguments):
        raise RuntimeError("\ud800" + "x" * 100_000)

    monkeypatch.setattr("airflow_provider_milvus.waiting.poller.watch", fail)
    (event,) = await events(trigger())
    assert event["message"].encode()
    assert len(event["message"]) <= 10_000


async def test_cancelled_trigger_does_not_fire(milvus):
    milvus.responds(DESCRIBE, RUNNING)
    task = asyncio.create_task(events(trigger()))
    await asyncio.sleep(10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# -- kill ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def state(monkeypatch):
    """Airflow's response to what state a task is in."""

    def response(value):
        def get_task_states(*, dag_id, task_ids, run_ids, map_index):
            assert (dag_id, task_ids, run_ids) == ("dag", ["task"], ["run"])
            suffix = "" if map_index < 0 else f"_{map_index}"
            return {run_id: {f"{task_id}{suffix}": value for task_id in task_ids} for run_id in run_ids}

        # Only Airflow 3.3 kills triggers, and only there is this module.
        fake = SimpleNamespace(RuntimeTaskInstance=SimpleNamespace(get_task_states=get_task_states))
        for name in ("airflow.sdk", "airflow.sdk.execution_time"):
            monkeypatch.setitem(sys.modules, name, sys.modules.get(name, SimpleNamespace()))
        monkeypatch.setitem(sys.modules, "airflow.sdk.execution_time.task_runner", fake)

    return response


def deferred(map_index=-1, **parameters):
    found = trigger(**{"abort_on_kill": True, **parameters})
    found.task_instance = SimpleNamespace(dag_id="dag", task_id="task", run_id="run", map_index=map_index)
    return found


@pytest.mark.parametrize("final", import_job.FINAL_STATES)
async def test_kill_of_the_task_aborts_its_two_phase_job(milvus, state, final):
    state(final)
    milvus.responds(ABORT, {})
    await deferred().on_kill()
    assert [each.body["jobId"] for each in milvus.sent] == ["7"]


async def test_kill_of_a_mapped_task_aborts_its_job(milvus, state):
    state("failed")
    milvus.responds(ABORT, {})
    await deferred(map_index=3).on_kill()
    assert milvus.routes == [ABORT]


async def test_state_of_another_iteration_of_a_loop_aborts_nothing(milvus, state):
    """Airflow 3.4 reports the latest pass of a loop alone, whichever iteration is asked for."""
    state("success")
    found = deferred()
    found.task_instance.region_id, found.task_instance.region_index = "01a2", 0
    await found.on_kill()
    assert milvus.routes == []


async def test_kill_aborts_each_job_of_a_list(milvus, state):
    state("failed")
    milvus.responds(ABORT, {})
    await deferred(job_id=["7", "8"]).on_kill()
    assert [each.body["jobId"] for each in milvus.sent] == ["7", "8"]


@pytest.mark.parametrize("other", ["deferred", "running", "queued", "scheduled", "up_for_retry", None])
async def test_kill_of_a_task_that_goes_on_elsewhere_aborts_nothing(milvus, state, other):
    state(other)
    await deferred().on_kill()
    assert milvus.sent == []


async def test_slow_first_response_of_airflow_comes_before_the_kill(milvus, monkeypatch):
    requested = []

    async def slow_response(self):
        requested.append(self.job_id)
        raise OSError("of no interest")

    monkeypatch.setattr(MilvusImportTrigger, "_task_has_ended", slow_response)
    monkeypatch.setattr(import_job, "AIRFLOW_KILLS_TRIGGERS", True)
    monkeypatch.setattr(import_job, "_airflow_has_responded", False)
    milvus.responds(DESCRIBE, DONE, DONE, DONE)
    for job_id, abort_on_kill in (("6", False), ("7", True), ("8", True)):
        await events(trigger(job_id=job_id, abort_on_kill=abort_on_kill))
    assert requested == ["7"]


async def test_kill_that_airflow_itself_cancels_goes_on(milvus, state, monkeypatch):
    found, responded = deferred(), asyncio.Event()

    async def slow_response():
        await responded.wait()
        return True

    monkeypatch.setattr(found, "_task_has_ended", slow_response)
    milvus.responds(ABORT, {})
    kill = asyncio.create_task(found.on_kill())
    await asyncio.wait([kill], timeout=0)
    kill.cancel()
    with pytest.raises(asyncio.CancelledError):
        await kill
    responded.set()
    await found._killing
    assert milvus.routes == [ABORT]


async def test_kill_after_the_event_aborts_nothing(milvus, state):
    state("failed")
    milvus.responds(DESCRIBE, DONE)
    found = deferred()
    await events(found)
    await found.on_kill()
    assert ABORT not in milvus.routes


async def test_kill_of_a_trigger_without_a_task_aborts_nothing(milvus):
    await trigger(abort_on_kill=True).on_kill()
    assert milvus.sent == []


async def test_kill_says_that_an_ordinary_job_goes_on(milvus, state, logged):
    state("failed")
    await deferred(abort_on_kill=False).on_kill()
    assert "Import job 7 goes on: Milvus cannot cancel it" in logged()
    assert milvus.sent == []


async def test_kill_says_that_a_two_phase_job_was_left_alone(milvus, state, logged):
    state("failed")
    await deferred(abort_on_kill=False, target_state="Uncommitted").on_kill()
    assert "Import job 7 goes on: it was not to be aborted" in logged()


async def test_abort_that_is_refused_is_logged(milvus, state, logged):
    state("failed")
    milvus.responds(ABORT, NO_SUCH_JOB)
    await deferred().on_kill()
    assert "Import job 7 could not be aborted" in logged()
