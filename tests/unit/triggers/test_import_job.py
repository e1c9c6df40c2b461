"""The trigger: one event, not too soon, and a kill that is one."""

import asyncio
import json
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from airflow_provider_milvus.triggers import import_job
from airflow_provider_milvus.triggers.import_job import MIN_AGE, MilvusImportEventTrigger, MilvusImportTrigger

# Its successor gives every test the same loop; these need one for the clock of each.
pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy.")

DESCRIBE, ABORT, LIST = "/jobs/import/describe", "/jobs/import/abort", "/jobs/import/list"
RUNNING = {"state": "Importing", "progress": 40}
DONE = {"state": "Completed", "importedRows": 5}
NO_SUCH_JOB = (200, json.dumps({"code": 2100, "message": "import job does not exist, jobID=7"}))
DOWN = (502, "Bad Gateway")


@pytest.fixture
def event_loop_policy(clock_loop):
    """Let every event loop here live in the time of the clock."""

    class Policy(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self):
            return clock_loop()

    return Policy()


@pytest.fixture(autouse=True)
def time(package_clock):
    return package_clock


def trigger(**parameters):
    return MilvusImportTrigger(**{"job_id": "7", "milvus_conn_id": "milvus_default", **parameters})


async def events(trigger):
    return [event.payload async for event in trigger.run()]


async def test_trigger_fires_once_with_the_final_figures(milvus):
    milvus.answers(DESCRIBE, RUNNING, DONE)
    found = await events(trigger())
    assert [(event["status"], event["job_id"], event["imports"][0]["imported_rows"]) for event in found] == [
        ("success", "7", 5)
    ]


async def test_trigger_fires_once_for_a_list(milvus):
    milvus.answers(DESCRIBE, RUNNING, DONE)
    assert [event["job_id"] for event in await events(trigger(job_id=["7", "8"]))] == [["7", "8"]]


async def test_trigger_does_not_fire_before_the_executor_has_told_of_the_deferral(milvus, time):
    milvus.answers(DESCRIBE, DONE)
    await events(trigger())
    assert time.now == 1_000 + MIN_AGE


async def test_trigger_of_a_longer_wait_fires_at_once(milvus, time):
    milvus.answers(DESCRIBE, *[RUNNING] * 10, DONE)
    await events(trigger())
    asked = time.now
    assert asked > 1_000 + MIN_AGE
    assert milvus.routes == [DESCRIBE] * 11


@pytest.mark.parametrize(
    ("answers", "parameters", "status"),
    [
        ([{"state": "Failed", "reason": "bad row"}], {}, "failed"),
        ([RUNNING], {"deadline": 1_030.0}, "timeout"),
        ([RUNNING], {"deadline": 900.0}, "timeout"),
        ([NO_SUCH_JOB], {}, "unknown"),
        ([RUNNING, NO_SUCH_JOB], {}, "unknown"),
        ([DOWN], {"max_poll_failures": 3}, "unreachable"),
        ([{"state": "Uncommitted"}], {"goal": "Uncommitted"}, "success"),
        ([DOWN, DOWN, DONE], {}, "success"),
    ],
)
async def test_event_tells_how_the_wait_ended(milvus, answers, parameters, status):
    milvus.answers(DESCRIBE, *answers)
    assert [event["status"] for event in await events(trigger(**parameters))] == [status]


async def test_trigger_asks_in_its_own_database(milvus, connection):
    connection(schema="maps")
    milvus.answers(DESCRIBE, DONE)
    await events(trigger(database="books"))
    assert milvus.sent[0].headers["DB-Name"] == "books"


async def test_event_is_plain_json(milvus):
    milvus.answers(DESCRIBE, {"state": "Failed", "details": [{"fileName": "[a]", "reason": "r"}]})
    (event,) = await events(trigger())
    assert json.loads(json.dumps(event)) == event
    assert type(event["goal"]) is str


async def test_deadline_is_the_end_whenever_the_trigger_is_started_again(milvus, time):
    milvus.answers(DESCRIBE, RUNNING)
    time.now = 1_020.0
    await events(trigger(deadline=1_030.0))
    assert 1_030 <= time.now <= 1_031


def test_arguments_make_an_equal_trigger_again():
    path, arguments = trigger(job_id=["7", "8"], goal="Uncommitted", deadline=5.0, abort_on_kill=True).serialize()
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
    milvus.answers(DESCRIBE, RUNNING, DONE)
    await events(trigger(abort_on_kill=True))
    assert set(milvus.routes) == {DESCRIBE}


# -- kill ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def state(monkeypatch):
    """Airflow's answer to what state a task is in."""

    def answer(value):
        def get_task_states(*, dag_id, task_ids, run_ids, map_index):
            assert (dag_id, task_ids, run_ids) == ("dag", ["task"], ["run"])
            suffix = "" if map_index < 0 else f"_{map_index}"
            return {run_id: {f"{task_id}{suffix}": value for task_id in task_ids} for run_id in run_ids}

        # Only Airflow 3.3 kills triggers, and only there is this module.
        fake = SimpleNamespace(RuntimeTaskInstance=SimpleNamespace(get_task_states=get_task_states))
        for name in ("airflow.sdk", "airflow.sdk.execution_time"):
            monkeypatch.setitem(sys.modules, name, sys.modules.get(name, SimpleNamespace()))
        monkeypatch.setitem(sys.modules, "airflow.sdk.execution_time.task_runner", fake)

    return answer


def deferred(map_index=-1, **parameters):
    found = trigger(**{"abort_on_kill": True, **parameters})
    found.task_instance = SimpleNamespace(dag_id="dag", task_id="task", run_id="run", map_index=map_index)
    return found


@pytest.mark.parametrize("final", import_job.FINAL_STATES)
async def test_kill_of_the_task_aborts_its_two_phase_job(milvus, state, final):
    state(final)
    milvus.answers(ABORT, {})
    await deferred().on_kill()
    assert [each.body["jobId"] for each in milvus.sent] == ["7"]


async def test_kill_of_a_mapped_task_aborts_its_job(milvus, state):
    state("failed")
    milvus.answers(ABORT, {})
    await deferred(map_index=3).on_kill()
    assert milvus.routes == [ABORT]


async def test_kill_aborts_each_job_of_a_list(milvus, state):
    state("failed")
    milvus.answers(ABORT, {})
    await deferred(job_id=["7", "8"]).on_kill()
    assert [each.body["jobId"] for each in milvus.sent] == ["7", "8"]


@pytest.mark.parametrize("other", ["deferred", "running", "queued", "scheduled", "up_for_retry", None])
async def test_kill_of_a_task_that_goes_on_elsewhere_aborts_nothing(milvus, state, other):
    state(other)
    await deferred().on_kill()
    assert milvus.sent == []


async def test_airflow_is_asked_once_beforehand_so_that_its_slow_first_answer_is_not_the_kills(milvus, monkeypatch):
    asked = []

    async def slow_answer(self):
        asked.append(self.job_id)
        raise OSError("of no interest")

    monkeypatch.setattr(MilvusImportTrigger, "_task_has_ended", slow_answer)
    monkeypatch.setattr(import_job, "AIRFLOW_KILLS_TRIGGERS", True)
    monkeypatch.setattr(import_job, "_airflow_has_answered", False)
    milvus.answers(DESCRIBE, DONE, DONE, DONE)
    for job_id, abort_on_kill in (("6", False), ("7", True), ("8", True)):
        await events(trigger(job_id=job_id, abort_on_kill=abort_on_kill))
    assert asked == ["7"]


async def test_kill_that_airflow_itself_cancels_goes_on(milvus, state, monkeypatch):
    found, answered = deferred(), asyncio.Event()

    async def slow_answer():
        await answered.wait()
        return True

    monkeypatch.setattr(found, "_task_has_ended", slow_answer)
    milvus.answers(ABORT, {})
    kill = asyncio.create_task(found.on_kill())
    await asyncio.wait([kill], timeout=0)
    kill.cancel()
    with pytest.raises(asyncio.CancelledError):
        await kill
    answered.set()
    await found._killing
    assert milvus.routes == [ABORT]


async def test_kill_after_the_event_aborts_nothing(milvus, state):
    state("failed")
    milvus.answers(DESCRIBE, DONE)
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
    await deferred(abort_on_kill=False, goal="Uncommitted").on_kill()
    assert "Import job 7 goes on: it was not to be aborted" in logged()


async def test_abort_that_is_refused_is_logged(milvus, state, logged):
    state("failed")
    milvus.answers(ABORT, NO_SUCH_JOB)
    await deferred().on_kill()
    assert "Import job 7 could not be aborted" in logged()


# -- assets ----------------------------------------------------------------------------------------------------------


def listed(*job_ids, collection="docs"):
    return {"records": [{"jobId": i, "collectionName": collection, "state": "Completed"} for i in job_ids]}


async def payloads(stream, number):
    found = [(await anext(stream)).payload for _ in range(number)]
    await stream.aclose()
    return found


async def looks(*found):
    for look in found:
        yield look


async def test_import_that_completes_is_an_event_with_its_figures(milvus):
    milvus.answers(LIST, listed("1"), listed("1", "2"))
    milvus.answers(DESCRIBE, {**DONE, "jobId": "2"})
    (payload,) = await payloads(MilvusImportEventTrigger("docs").run(), 1)
    assert (payload["job_id"], payload["imported_rows"], payload["database"]) == ("2", 5, "default")


async def test_first_look_says_what_will_not_be_an_event(milvus, logged):
    milvus.answers(LIST, listed("1", "2"), listed("1", "2", "3"))
    milvus.answers(DESCRIBE, {**DONE, "jobId": "3"})
    await payloads(MilvusImportEventTrigger("docs").run(), 1)
    log = logged()
    assert "Watching for imports into docs, of which 2 completed before" in log
    assert "of which 3" not in log


async def test_each_import_is_one_event(milvus):
    milvus.answers(LIST, listed(), listed("1"), listed("1"), listed("1", "2"), listed("1", "2"), listed("1", "2", "3"))
    milvus.answers(DESCRIBE, *({**DONE, "jobId": i} for i in "123"))
    found = await payloads(MilvusImportEventTrigger("docs").run(), 3)
    assert [payload["job_id"] for payload in found] == ["1", "2", "3"]


async def test_last_of_imports_that_complete_together_is_told_apart(milvus, time):
    milvus.answers(LIST, listed("1", "2", "3"))
    milvus.answers(DESCRIBE, *({**DONE, "jobId": i} for i in "123"))
    stream = MilvusImportEventTrigger("docs").filter_shared_stream(looks({}, {"docs": ["1", "2", "3"]}))
    times = []
    async for event in stream:
        times.append((event.payload["job_id"], time() - 1_000))
        if len(times) == 3:
            await stream.aclose()
    assert times == [("1", 0), ("2", 0), ("3", import_job.SECONDS_TO_PERSIST)]


async def test_imports_into_another_collection_are_no_events(milvus):
    milvus.answers(LIST, listed("2"))
    milvus.answers(DESCRIBE, {**DONE, "jobId": "2"})
    stream = MilvusImportEventTrigger("docs").filter_shared_stream(
        looks({"docs": []}, {"others": ["1"]}, {"others": ["1"], "docs": ["2"]})
    )
    assert [payload["job_id"] for payload in await payloads(stream, 1)] == ["2"]


async def test_import_that_cannot_be_looked_at_is_an_event_later(milvus):
    milvus.answers(LIST, DOWN, listed("1"))
    milvus.answers(DESCRIBE, {**DONE, "jobId": "1"})
    stream = MilvusImportEventTrigger("docs").filter_shared_stream(looks({}, {"docs": ["1"]}, {"docs": ["1"]}))
    assert [payload["job_id"] for payload in await payloads(stream, 1)] == ["1"]


async def test_look_at_a_server_is_the_same_for_all_its_watchers(milvus):
    milvus.answers(LIST, listed("1"))
    _, arguments = MilvusImportEventTrigger("docs").serialize()
    shared = MilvusImportEventTrigger.open_shared_stream(arguments)
    assert await anext(shared) == {"docs": ["1"]}
    await shared.aclose()
    assert "collectionName" not in milvus.sent[0].body


def test_watchers_of_one_server_share_a_stream():
    keys = {MilvusImportEventTrigger(name).shared_stream_key() for name in ("docs", "images")}
    assert len(keys) == 1


@pytest.mark.skipif(not find_spec("airflow.triggers.shared_stream"), reason="Airflow shares streams from 3.3 on")
async def test_two_watchers_of_one_server_make_one_poll(milvus):
    from airflow.triggers.shared_stream import SharedStreamManager

    milvus.answers(LIST, listed("1"), listed("1"), listed("1"))
    manager = SharedStreamManager()
    watchers = enumerate([MilvusImportEventTrigger("docs"), MilvusImportEventTrigger("images")])
    looks = [
        manager.subscribe(trigger_id=number, trigger=watcher, key=watcher.shared_stream_key())
        for number, watcher in watchers
    ]
    for _ in range(3):
        assert [await anext(look) for look in looks] == [{"docs": ["1"]}] * 2
    await manager.stop_all()
    assert milvus.routes == [LIST] * 3


@pytest.mark.parametrize("other", [{"milvus_conn_id": "other"}, {"database": "other"}, {"poll_interval": 5}])
def test_watchers_of_different_servers_share_nothing(other):
    first, second = MilvusImportEventTrigger("docs"), MilvusImportEventTrigger("docs", **other)
    assert first.shared_stream_key() != second.shared_stream_key()


async def test_store_of_two_assets_is_not_used(milvus, logged):
    class TwoAssets:
        async def aget(self, key, default=None):
            raise ValueError("Task has 2 concrete inlets and outlets")

    milvus.answers(LIST, listed("1"))
    milvus.answers(DESCRIBE, {**DONE, "jobId": "1"})
    watcher = MilvusImportEventTrigger("docs")
    watcher.asset_state_store = TwoAssets()
    (payload,) = await payloads(watcher.filter_shared_stream(looks({}, {"docs": ["1"]})), 1)
    assert payload["job_id"] == "1"
    assert "watch one asset only" in logged()


def test_arguments_make_an_equal_watcher_again():
    _, arguments = MilvusImportEventTrigger("docs", "other", database="d", poll_interval=3).serialize()
    assert MilvusImportEventTrigger(**arguments).serialize()[1] == arguments


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"collection_name": ""}, "collection_name must be the name of a collection, got ''"),
        ({"collection_name": "c", "poll_interval": 0}, "poll_interval must be .* got 0"),
    ],
)
def test_bad_parameter_of_a_watcher_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        MilvusImportEventTrigger(**parameters)
