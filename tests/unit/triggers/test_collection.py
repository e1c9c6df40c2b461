"""The trigger of a load or an index build: one event, not too soon."""

import asyncio
import json

import pytest

from airflow_provider_milvus.triggers.collection import MilvusCollectionTrigger
from airflow_provider_milvus.triggers.wait_trigger import MIN_AGE_SECONDS

# Its successor gives every test the same loop; these need one for the clock of each.
pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy.")

LOAD_STATE, INDEX = "/collections/get_load_state", "/indexes/describe"
LOADING, LOADED = {"loadState": "LoadStateLoading", "loadProgress": 40}, {"loadState": "LoadStateLoaded"}


@pytest.fixture
def event_loop_policy(clock_loop):
    """Let every event loop here live in the time of the clock."""

    class Policy(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self):
            return clock_loop()

    return Policy()


@pytest.fixture(autouse=True)
def time(package_clock, monkeypatch):
    async def to_thread(function, *arguments):
        return function(*arguments)

    # The clock's time would pass while the thread works.
    monkeypatch.setattr("airflow_provider_milvus.hooks.milvus.asyncio.to_thread", to_thread)
    return package_clock


def trigger(**parameters):
    return MilvusCollectionTrigger(**{"collection_name": "c", "milvus_conn_id": "milvus_default", **parameters})


async def events(trigger):
    return [event.payload async for event in trigger.run()]


async def test_trigger_fires_once_when_the_collection_is_loaded(milvus):
    milvus.responds(LOAD_STATE, LOADING, (502, "Bad Gateway"), LOADED)
    (event,) = await events(trigger())
    assert (event["status"], event["states"]) == ("success", [{"state": "Loaded", "progress": 100}])
    assert milvus.routes == [LOAD_STATE] * 3


async def test_trigger_fires_once_when_all_indexes_are_built(milvus):
    built, building = ([{"indexState": state}] for state in ("Finished", "InProgress"))
    milvus.responds(INDEX, built, building, built)
    (event,) = await events(trigger(index_names=["a", "b"]))
    assert (event["status"], len(event["states"])) == ("success", 2)
    assert [sent.body["indexName"] for sent in milvus.sent] == ["a", "b", "a", "b"]


async def test_trigger_does_not_fire_before_the_executor_reported_the_deferral(milvus, time):
    milvus.responds(LOAD_STATE, LOADED)
    await events(trigger())
    assert time.now == 1_000 + MIN_AGE_SECONDS


async def test_deadline_ends_the_wait(milvus):
    milvus.responds(LOAD_STATE, LOADING)
    (event,) = await events(trigger(deadline=1_020))
    assert event["status"] == "timeout"


async def test_trigger_started_again_from_its_arguments_is_the_same():
    first = trigger(index_names=["v"], poll_interval=3, deadline=9.0, max_poll_failures=4, database="books")
    path, arguments = first.serialize()
    assert path == "airflow_provider_milvus.triggers.collection.MilvusCollectionTrigger"
    again = MilvusCollectionTrigger(**json.loads(json.dumps(arguments)))
    assert again.serialize() == first.serialize()


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"milvus_conn_id": "nowhere"}, "nowhere"),
        ({"poll_interval": 0}, "poll_interval must be"),
        ({"index_names": 7}, "TypeError"),
    ],
)
async def test_bad_setting_ends_the_task_with_a_clear_error(milvus, parameters, reason):
    (event,) = await events(trigger(**parameters))
    assert (event["status"], reason in event["message"]) == ("unreachable", True), event
