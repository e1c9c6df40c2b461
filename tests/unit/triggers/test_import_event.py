"""The trigger of an asset watcher: one event for each import that completes."""

from importlib.util import find_spec
from inspect import signature

import pytest
from airflow.providers.common.compat.triggers import BaseEventTrigger

from airflow_provider_milvus.hooks.milvus import MilvusAsyncHook
from airflow_provider_milvus.triggers.import_event import SECONDS_TO_PERSIST, MilvusImportEventTrigger

pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy.")

DESCRIBE, LIST = "/jobs/import/describe", "/jobs/import/list"
DONE = {"state": "Completed", "importedRows": 5}
DOWN = (502, "Bad Gateway")


def listed(*job_ids, collection="docs"):
    return {"records": [{"jobId": i, "collectionName": collection, "state": "Completed"} for i in job_ids]}


async def payloads(stream, number):
    found = [(await anext(stream)).payload for _ in range(number)]
    await stream.aclose()
    return found


async def polls(*found):
    for poll in found:
        yield poll


async def test_import_that_completes_is_an_event_with_its_metrics(milvus):
    milvus.responds(LIST, listed("1"), listed("1", "2"))
    milvus.responds(DESCRIBE, {**DONE, "jobId": "2"})
    (payload,) = await payloads(MilvusImportEventTrigger("docs").run(), 1)
    assert (payload["job_id"], payload["imported_rows"], payload["database"]) == ("2", 5, "default")


async def test_first_poll_logs_what_will_not_be_an_event(milvus, logged):
    milvus.responds(LIST, listed("1", "2"), listed("1", "2", "3"))
    milvus.responds(DESCRIBE, {**DONE, "jobId": "3"})
    await payloads(MilvusImportEventTrigger("docs").run(), 1)
    log = logged()
    assert "Watching for imports into docs, of which 2 completed before" in log
    assert "of which 3" not in log


async def test_each_import_is_one_event(milvus):
    milvus.responds(LIST, listed(), listed("1"), listed("1"), listed("1", "2"), listed("1", "2"), listed("1", "2", "3"))
    milvus.responds(DESCRIBE, *({**DONE, "jobId": i} for i in "123"))
    found = await payloads(MilvusImportEventTrigger("docs").run(), 3)
    assert [payload["job_id"] for payload in found] == ["1", "2", "3"]


async def test_last_of_imports_that_complete_together_is_marked(milvus, time):
    milvus.responds(LIST, listed("1", "2", "3"))
    milvus.responds(DESCRIBE, *({**DONE, "jobId": i} for i in "123"))
    stream = MilvusImportEventTrigger("docs").filter_shared_stream(polls({}, {"docs": ["1", "2", "3"]}))
    times = []
    async for event in stream:
        times.append((event.payload["job_id"], time() - 1_000))
        if len(times) == 3:
            await stream.aclose()
    assert times == [("1", 0), ("2", 0), ("3", SECONDS_TO_PERSIST)]


async def test_imports_into_another_collection_are_no_events(milvus):
    milvus.responds(LIST, listed("2"))
    milvus.responds(DESCRIBE, {**DONE, "jobId": "2"})
    stream = MilvusImportEventTrigger("docs").filter_shared_stream(
        polls({"docs": []}, {"others": ["1"]}, {"others": ["1"], "docs": ["2"]})
    )
    assert [payload["job_id"] for payload in await payloads(stream, 1)] == ["2"]


async def test_import_that_cannot_be_described_is_an_event_later(milvus):
    milvus.responds(LIST, DOWN, listed("1"))
    milvus.responds(DESCRIBE, {**DONE, "jobId": "1"})
    stream = MilvusImportEventTrigger("docs").filter_shared_stream(polls({}, {"docs": ["1"]}, {"docs": ["1"]}))
    assert [payload["job_id"] for payload in await payloads(stream, 1)] == ["1"]


async def test_poll_of_a_server_is_shared_by_all_its_watchers(milvus):
    milvus.responds(LIST, listed("1"))
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

    milvus.responds(LIST, listed("1"), listed("1"), listed("1"))
    manager = SharedStreamManager()
    watchers = enumerate([MilvusImportEventTrigger("docs"), MilvusImportEventTrigger("images")])
    streams = [
        manager.subscribe(trigger_id=number, trigger=watcher, key=watcher.shared_stream_key())
        for number, watcher in watchers
    ]
    for _ in range(3):
        assert [await anext(stream) for stream in streams] == [{"docs": ["1"]}] * 2
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

    milvus.responds(LIST, listed("1"))
    milvus.responds(DESCRIBE, {**DONE, "jobId": "1"})
    watcher = MilvusImportEventTrigger("docs")
    watcher.asset_state_store = TwoAssets()
    (payload,) = await payloads(watcher.filter_shared_stream(polls({}, {"docs": ["1"]})), 1)
    assert payload["job_id"] == "1"
    assert "watch one asset only" in logged()


async def test_connection_that_breaks_ends_no_watcher(milvus, monkeypatch, logged):
    milvus.responds(LIST, listed("1"))
    milvus.responds(DESCRIBE, {**DONE, "jobId": "1"})
    opened = MilvusAsyncHook.__aenter__
    failures = [LookupError("the connection is gone"), ValueError("its extra is no JSON")]

    async def fail_at_first(self):
        if failures:
            raise failures.pop(0)
        return await opened(self)

    monkeypatch.setattr(MilvusAsyncHook, "__aenter__", fail_at_first)
    failing = polls({}, *[{"docs": ["1"]}] * 3)
    stream = MilvusImportEventTrigger("docs").filter_shared_stream(failing)
    assert [payload["job_id"] for payload in await payloads(stream, 1)] == ["1"]
    assert "the connection is gone" in logged()


async def test_store_that_fails_ends_no_watcher(milvus, logged):
    class Broken:
        failures = 2

        async def aget(self, key, default=None):
            self.failures -= 1
            if self.failures >= 0:
                raise ConnectionError("no API server")
            return []

        async def aset(self, key, value):
            raise ConnectionError("no API server")

    milvus.responds(LIST, listed("1"))
    milvus.responds(DESCRIBE, {**DONE, "jobId": "1"})
    watcher = MilvusImportEventTrigger("docs")
    watcher.asset_state_store = Broken()
    stream = watcher.filter_shared_stream(polls({}, {}, {"docs": ["1"]}, {"docs": ["1"]}))
    assert [payload["job_id"] for payload in await payloads(stream, 1)] == ["1"]


async def test_job_that_cannot_be_described_delays_the_event_of_no_other(milvus):
    milvus.responds(LIST, listed("1", "2"))
    milvus.responds(DESCRIBE, DOWN, {**DONE, "jobId": "2"}, {**DONE, "jobId": "1"})
    stream = MilvusImportEventTrigger("docs").filter_shared_stream(polls({}, *[{"docs": ["1", "2"]}] * 2))
    assert [payload["job_id"] for payload in await payloads(stream, 2)] == ["2", "1"]


HAS_QUEUE = "queue" in signature(BaseEventTrigger.__init__).parameters  # Airflow 3.4


@pytest.mark.skipif(not HAS_QUEUE, reason="watchers of this Airflow have no queue")
def test_queue_is_airflows():
    assert MilvusImportEventTrigger("docs", queue="imports").queue == "imports"


@pytest.mark.skipif(HAS_QUEUE, reason="watchers of this Airflow have a queue")
def test_queue_that_airflow_has_not_is_refused():
    with pytest.raises(ValueError, match=r"queue='imports' needs Airflow 3\.4"):
        MilvusImportEventTrigger("docs", queue="imports")


def test_queue_is_no_argument_that_airflow_stores():
    assert "queue" not in MilvusImportEventTrigger("docs").serialize()[1]


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


def test_watcher_that_an_earlier_version_stored_is_found_by_its_old_path():
    from airflow_provider_milvus.triggers import import_job

    assert import_job.MilvusImportEventTrigger is MilvusImportEventTrigger
