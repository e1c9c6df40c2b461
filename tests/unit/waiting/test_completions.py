"""Imports that complete: what a poll finds, and what was announced already."""

import asyncio
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from airflow_provider_milvus.rest import errors
from airflow_provider_milvus.rest.import_jobs import parse_progress
from airflow_provider_milvus.waiting import completions

DOWN = errors.MilvusConnectionError("refused", sent=False)
NEEDS_A_NAME = errors.MilvusServerError("missing required parameters", code=1802)


class Log:
    def __init__(self):
        self.lines = []

    def info(self, text, *arguments):
        self.lines.append(text % arguments)

    warning = info


class Server:
    """Responds to each list from a script, whose last entry is repeated; an exception is raised."""

    def __init__(self, clock, *script):
        self.clock, self.script = clock, list(script)
        self.opened, self.requests, self.described = 0, [], []
        self.seconds = 0.0
        self.describe_seconds = {}

    @asynccontextmanager
    async def open_client(self):
        self.opened += 1
        yield self

    async def list_import_records(self, collection_name):
        self.requests.append((self.clock(), collection_name))
        await asyncio.sleep(self.seconds)
        found = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(found, Exception):
            raise found
        return {
            job_id: {"jobId": job_id, "collectionName": collection, "state": state}
            for job_id, (collection, state) in found.items()
        }

    async def get_import_progress(self, job_id):
        self.described.append(job_id)
        await asyncio.sleep(self.describe_seconds.get(job_id, 0.0))
        return parse_progress({"jobId": job_id, "state": "Completed" if job_id != "running" else "Importing"})


@pytest.fixture
def in_virtual_time(clock_loop):
    def run(coroutine):
        with asyncio.Runner(loop_factory=clock_loop) as runner:
            return runner.run(coroutine)

    return run


@pytest.fixture
def polls(in_virtual_time):
    """The results of the first polls."""

    def take(server, number, log=None, **parameters):
        async def collect():
            stream = completions.poll(server.open_client, 10.0, log or Log(), **parameters)
            found = []
            async for poll in stream:
                found.append(poll)
                if len(found) == number:
                    await stream.aclose()
            return found

        return in_virtual_time(collect())

    return take


def test_poll_finds_what_is_completed_by_collection(clock, polls):
    server = Server(
        clock, {"1": ("a", "Completed"), "2": ("b", "Completed"), "3": ("a", "Failed"), "4": ("a", "Pending")}
    )
    assert polls(server, 1) == [{"a": ["1"], "b": ["2"]}]


def test_polls_are_an_interval_apart(clock, polls):
    server = Server(clock, {})
    polls(server, 4)
    times = [time for time, _ in server.requests]
    assert all(9 <= later - sooner <= 11 for sooner, later in pairwise(times))


def test_slow_list_is_requested_less_often(clock, polls):
    server = Server(clock, {})
    server.seconds = 2.0
    polls(server, 5)
    times = [time for time, _ in server.requests]
    assert times[4] - times[3] == pytest.approx(20.0, abs=0.1)


def test_first_lists_are_no_further_apart_than_a_poll_interval(clock, polls):
    server = Server(clock, {})
    server.seconds = 2.0
    polls(server, 3)
    (first, _), (second, _), _ = server.requests
    assert second - first <= server.seconds + 10.0


def test_outage_is_retried_and_logged_once_a_minute(clock, polls):
    log = Log()
    server = Server(clock, *[DOWN] * 5, {"1": ("a", "Completed")})
    assert polls(server, 1, log) == [{"a": ["1"]}]
    assert len(log.lines) == 1


def test_connection_is_read_again_after_an_error(clock, polls):
    server = Server(clock, {}, errors.MilvusAuthError("wrong password", code=1800), {})
    polls(server, 2)
    assert server.opened == 2


def test_connection_that_is_missing_is_waited_for(clock, polls):
    server = Server(clock, {})
    opened = server.open_client

    @asynccontextmanager
    async def open_client():
        if clock() < 1_020:
            raise LookupError("The conn_id `milvus_default` isn't defined")
        async with opened() as client:
            yield client

    server.open_client = open_client
    assert polls(server, 1) == [{}]


def test_server_that_lists_only_by_collection_gives_no_poll_of_all_of_them(clock, polls):
    assert polls(Server(clock, NEEDS_A_NAME), 1) == [None]


def test_collection_that_does_not_exist_yet_has_no_imports(clock, polls):
    server = Server(clock, errors.MilvusCollectionNotFound("no", code=100), {"1": ("a", "Completed")})
    assert polls(server, 2, collection_name="a") == [{}, {"a": ["1"]}]


def test_only_completed_jobs_of_the_collection_are_confirmed(clock, in_virtual_time):
    server = Server(clock, {"1": ("a", "Completed"), "running": ("a", "Importing")})
    found, others, errors = in_virtual_time(completions.confirm(server, "a", ["1", "elsewhere", "running"]))
    assert ([progress.job_id for progress in found], server.described) == (["1"], ["1", "running"])
    assert (others, errors) == (["elsewhere", "running"], {})


def test_nothing_of_a_dropped_collection_is_confirmed(clock, in_virtual_time):
    server = Server(clock, errors.MilvusCollectionNotFound("no", code=100))
    assert in_virtual_time(completions.confirm(server, "a", ["1"])) == ([], ["1"], {})


def test_job_whose_response_is_slow_delays_the_confirmation_of_no_other(clock, in_virtual_time):
    server = Server(clock, {"1": ("a", "Completed"), "2": ("a", "Completed")})
    server.describe_seconds["1"] = 1_000.0
    found, others, errors = in_virtual_time(completions.confirm(server, "a", ["1", "2"]))
    assert ([progress.job_id for progress in found], others, list(errors)) == (["2"], [], ["1"])
    assert clock() <= 1_002


# -- announced -------------------------------------------------------------------------------------------------------


class Store(dict):
    async def aget(self, key, default=None):
        return self.get(key, default)

    async def aset(self, key, value):
        self[key] = value


@pytest.mark.parametrize("store", [None, Store()])
async def test_what_was_completed_before_the_first_poll_is_no_news(store):
    announced = completions.Announced(store)
    assert await announced.unannounced(["1", "2"]) == []
    assert await announced.unannounced(["1", "2", "3"]) == ["3"]


async def test_first_import_into_an_empty_collection_is_news():
    announced = completions.Announced(None)
    await announced.unannounced([])
    assert await announced.unannounced(["1"]) == ["1"]


async def test_what_was_announced_is_no_news():
    announced = completions.Announced(None)
    await announced.unannounced([])
    await announced.remember(["1"], ["1"])
    assert await announced.unannounced(["1", "2"]) == ["2"]


async def test_restart_announces_what_completed_in_between_and_nothing_else():
    store = Store()
    before = completions.Announced(store)
    await before.unannounced(["1"])
    await before.remember(["2"], ["1", "2"])
    assert await completions.Announced(store).unannounced(["1", "2", "3"]) == ["3"]


async def test_what_another_triggerer_announced_is_no_news():
    store = Store()
    one, other = completions.Announced(store), completions.Announced(store)
    await one.unannounced([])
    await other.unannounced([])
    await one.remember(["1"], ["1"])
    assert await other.unannounced(["1", "2"]) == ["2"]


async def test_stored_value_of_another_shape_is_ignored():
    store = Store({completions.KEY: [["1"], None, "2"]})
    assert await completions.Announced(store).unannounced(["1", "2"]) == ["1"]


async def test_thousands_of_announced_jobs_cost_time_in_proportion(monkeypatch):
    class Counted(str):
        compared = 0

        def __eq__(self, other):
            Counted.compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    listed = [Counted(number) for number in range(5_000)]
    announced = completions.Announced(None)
    await announced.unannounced(listed)
    await announced.remember(["new"], [*listed, "new"])
    assert Counted.compared < 50_000


async def test_job_that_one_list_misses_is_not_announced_again():
    announced = completions.Announced(None)
    await announced.unannounced(["1", "2"])
    await announced.unannounced(["2"])
    await announced.remember(["3"], ["2", "3"])
    assert await announced.unannounced(["1", "2", "3"]) == []


async def test_only_jobs_that_are_not_listed_any_more_are_forgotten(monkeypatch):
    monkeypatch.setattr(completions, "MAX_REMEMBERED", 3)
    store = Store()
    announced = completions.Announced(store)
    await announced.unannounced(["gone 1", "gone 2", "1", "2"])
    await announced.remember(["3"], ["1", "2", "3"])
    assert store[completions.KEY] == ["1", "2", "3"]
