"""One loop for all waits on a server: what it asks, and whom trouble touches."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from airflow_provider_milvus.rest import errors
from airflow_provider_milvus.rest.import_jobs import parse_progress
from airflow_provider_milvus.waiting import poller
from airflow_provider_milvus.waiting.import_wait import ImportWait

DOWN = errors.MilvusConnectionError("refused", sent=False)
REFUSED = errors.MilvusServerError("no such parameter", code=1802)


class Server:
    """Jobs by id, each with the time at which it ends; counts what it is asked."""

    def __init__(self, clock):
        self.clock = clock
        self.ends, self.collections = {}, ["c"]
        self.broken = {}
        self.hidden, self.hide_until = set(), float("inf")
        self.down = (0.0, 0.0)
        self.list_seconds = 0.0
        self.list_error = None
        self.described, self.listed, self.opened, self.closed = [], [], 0, 0
        self.attempts = []

    def collection(self, job_id):
        return self.collections[int(job_id) % len(self.collections)]

    def state(self, job_id):
        return "Completed" if self.clock() >= self.ends[job_id] else "Importing"

    @asynccontextmanager
    async def open_client(self):
        self.opened += 1
        try:
            yield self
        finally:
            self.closed += 1

    def _arrive(self):
        self.attempts.append(self.clock())
        if self.down[0] <= self.clock() < self.down[1]:
            raise DOWN

    async def get_import_progress(self, job_id):
        self._arrive()
        self.described.append(job_id)
        if job_id in self.broken:
            raise self.broken[job_id]
        return parse_progress({"jobId": job_id, "state": self.state(job_id), "collectionName": self.collection(job_id)})

    async def list_import_records(self, collection_name):
        self._arrive()
        self.listed.append(collection_name)
        if self.list_error:
            raise self.list_error
        await asyncio.sleep(self.list_seconds)
        percent = int(self.clock()) % 100
        return {
            job_id: {
                "jobId": job_id,
                "state": self.state(job_id),
                "progress": percent,
                "collectionName": self.collection(job_id),
            }
            for job_id in self.ends
            if job_id not in self.hidden or self.clock() > self.hide_until
        }


@pytest.fixture
def server(clock):
    return Server(clock)


@pytest.fixture
def run(server, clock, clock_loop):
    """Wait for all these jobs at once; their events by job id, with the time of each."""

    def waits(ends, poll_interval=5.0, **options):
        server.ends = {job_id: clock() + seconds for job_id, seconds in ends.items()}

        async def one(job_id):
            wait = ImportWait(job_id, poll_interval=poll_interval, clock=clock, **options)
            return await poller.watch("server", server.open_client, wait), clock()

        async def all_of_them():
            found = await asyncio.gather(*map(one, ends))
            return dict(zip(ends, found, strict=True))

        with asyncio.Runner(loop_factory=clock_loop) as runner:
            return runner.run(all_of_them())

    return waits


def many(count, seconds=60.0):
    return {str(number): seconds for number in range(count)}


def test_few_jobs_are_described(run, server):
    run(many(poller.MAX_DESCRIBED))
    assert server.listed == []


def test_many_jobs_are_listed_and_each_is_described_at_its_end(run, server):
    ends = {str(number): 30.0 + number for number in range(50)}
    events = run(ends)
    assert {event["status"] for event, _ in events.values()} == {"success"}
    few = [job_id for job_id in server.described if int(job_id) >= 50 - 2 * poller.MAX_DESCRIBED]
    assert len(server.described) - len(few) == 50 - 2 * poller.MAX_DESCRIBED


def test_requests_do_not_grow_with_the_jobs(run, server):
    run(many(500))
    assert len(server.listed) <= 60


def test_end_is_noticed_within_the_interval(run, server, clock):
    events = run({str(number): 100.0 + number / 7 for number in range(200)})
    late = [at - server.ends[job_id] for job_id, (_, at) in events.items()]
    assert max(late) <= 6


def test_jobs_of_one_collection_are_listed_by_it(run, server):
    run(many(20))
    assert server.listed[0] is None
    assert set(server.listed[1:]) == {"c"}


def test_slow_list_takes_a_twentieth_of_the_time(run, server, clock):
    server.list_seconds = 0.5
    run(many(20, seconds=200.0))
    assert len(server.listed) * 0.5 <= 0.06 * (clock() - 1_000) + 0.5


def test_job_missing_in_the_list_is_described(run, server):
    server.hidden = {"3"}
    events = run(many(20))
    assert events["3"][0]["status"] == "success"
    assert server.described.count("3") > 1


def test_jobs_that_are_too_young_to_be_listed_are_listed_later(run, server, clock):
    server.collections = ["a", "b"]
    server.hidden = {str(number) for number in range(20)}
    server.hide_until = clock() + 0.5
    run(many(20))
    assert set(server.described[:20]) == server.hidden
    assert len(server.listed) > 10


def test_list_that_is_refused_is_not_asked_for_again(run, server):
    server.list_error = REFUSED
    events = run(many(20))
    assert {event["status"] for event, _ in events.values()} == {"success"}
    assert len(server.listed) <= 2


def test_list_that_was_refused_is_tried_again_after_some_minutes(run, server):
    server.list_error = REFUSED
    run(many(20, seconds=2 * poller.REFUSED_LIST_SECONDS + 60))
    assert 3 <= len(server.listed) <= 6


def test_one_list_serves_those_who_came_at_other_times(server, clock, clock_loop):
    ids = list(many(200))
    server.ends = dict.fromkeys(ids, clock() + 500.0)

    async def one(job_id, after):
        await asyncio.sleep(after)
        return await poller.watch("server", server.open_client, ImportWait(job_id, poll_interval=5.0, clock=clock))

    async def one_after_another():
        await asyncio.gather(*(one(job_id, number / 8) for number, job_id in enumerate(ids)))

    with asyncio.Runner(loop_factory=clock_loop) as runner:
        runner.run(one_after_another())
    grown_up = [at for at in server.attempts if 1_200 <= at < 1_450]
    assert len(grown_up) <= 250 / 4.5 + 1


def test_running_job_is_told_of_once_a_minute(run, server):
    class Lines(list):
        def info(self, line, job_id, *figures):
            self.append((job_id, figures))

        warning = info

    lines = Lines()
    run(many(20, seconds=600.0), log=lines)
    assert {job_id for job_id, _ in lines} == set(server.ends)
    assert len(lines) <= 20 * 11


def test_error_of_one_job_fails_no_other(run, server):
    server.broken = {"0": errors.MilvusServerError("bad id", code=1100)}
    events = run(many(3))
    assert [event["status"] for event, _ in events.values()] == ["unreachable", "success", "success"]


def test_job_that_the_server_stumbles_over_holds_nobody_up(run, server):
    server.broken = {"0": errors.MilvusUnavailable("panic", http_status=500)}
    events = run(many(3), max_poll_failures=20)
    assert [event["status"] for event, _ in events.values()] == ["unreachable", "success", "success"]


def test_server_that_is_down_is_asked_seldom_and_served_within_an_interval(run, server, clock):
    server.down = (clock() + 20, clock() + 80)
    events = run(many(1_000, seconds=40.0))
    assert {event["status"] for event, _ in events.values()} == {"success"}
    assert len([at for at in server.attempts if server.down[0] <= at < server.down[1]]) < 60
    assert max(at for _, at in events.values()) <= server.down[1] + 6


def test_deadline_of_one_ends_no_other(server, clock, clock_loop):
    server.ends = {"1": clock() + 60, "2": clock() + 60}

    async def both():
        waits = [ImportWait("1", deadline=clock() + 30, clock=clock), ImportWait("2", clock=clock)]
        return await asyncio.gather(*(poller.watch("server", server.open_client, wait) for wait in waits))

    with asyncio.Runner(loop_factory=clock_loop) as runner:
        assert [event["status"] for event in runner.run(both())] == ["timeout", "success"]


def test_deadline_is_met_while_a_list_is_slow(run, server, clock):
    server.list_seconds = 100.0
    events = run(many(20, seconds=1_000.0), deadline=clock() + 30)
    assert {event["status"] for event, _ in events.values()} == {"timeout"}
    assert clock() <= 1_030 + poller.LAST_POLL_SECONDS


def test_job_that_ended_right_before_the_deadline_has_succeeded(run, clock):
    events = run(many(20, seconds=119.9), deadline=clock() + 120)
    assert {event["status"] for event, _ in events.values()} == {"success"}


def test_one_client_serves_all_and_is_closed_by_the_last(run, server):
    run(many(20))
    assert (server.opened, server.closed) == (1, 1)


def test_job_that_ended_is_not_asked_for_again_while_its_waiter_waits_for_others(server, clock, clock_loop):
    server.ends = {job_id: clock() + 20.0 + 20.0 * int(job_id) for job_id in many(8)}
    wait = ImportWait(list(server.ends), poll_interval=5.0, clock=clock)
    with asyncio.Runner(loop_factory=clock_loop) as runner:
        event = runner.run(poller.watch("server", server.open_client, wait))
    assert event["status"] == "success"
    assert [server.described.count(job_id) for job_id in "012"] == [1, 1, 1]


def test_waiter_that_is_cancelled_disturbs_no_other(server, clock, clock_loop):
    server.ends = {"1": clock() + 60, "2": clock() + 60}

    async def leave():
        waits = [ImportWait(job_id, clock=clock) for job_id in server.ends]
        first, second = (asyncio.create_task(poller.watch("server", server.open_client, wait)) for wait in waits)
        await asyncio.sleep(10)
        first.cancel()
        return await second

    with asyncio.Runner(loop_factory=clock_loop) as runner:
        assert runner.run(leave())["status"] == "success"
    assert server.closed == 1


def test_client_that_cannot_be_opened_fails_every_waiter(clock, clock_loop):
    @asynccontextmanager
    async def open_client():
        raise ValueError("no host")
        yield

    async def two():
        waits = [ImportWait(job_id, clock=clock) for job_id in "12"]
        return await asyncio.gather(
            *(poller.watch("server", open_client, wait) for wait in waits), return_exceptions=True
        )

    with asyncio.Runner(loop_factory=clock_loop) as runner:
        assert [str(error) for error in runner.run(two())] == ["no host", "no host"]


def test_refused_credentials_are_read_anew(run, server, clock):
    class Expired(dict):
        def __contains__(self, job_id):
            return server.opened < 2 and clock() > 1_000 + poller.FRESH_CREDENTIALS_SECONDS

        def __getitem__(self, job_id):
            return errors.MilvusAuthError("expired", code=1800)

    server.broken = Expired()
    events = run(many(3, seconds=120.0))
    assert {event["status"] for event, _ in events.values()} == {"success"}
    assert server.opened == 2
