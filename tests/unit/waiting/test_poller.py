"""One loop for all waits on a server: what it requests, and which waits an error concerns."""

import asyncio
import time
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from airflow_provider_milvus.rest import errors
from airflow_provider_milvus.rest.import_jobs import parse_progress
from airflow_provider_milvus.waiting import list_cost, list_reading, poller, request_pool
from airflow_provider_milvus.waiting.import_wait import ImportWait

DOWN = errors.MilvusConnectionError("refused", sent=False)
REFUSED = errors.MilvusServerError("no such parameter", code=1802)


class Server:
    """Jobs by id, each with the time at which it ends; counts the requests it gets."""

    def __init__(self, clock):
        self.clock = clock
        self.ends, self.collections = {}, ["c"]
        self.broken = {}
        self.hidden, self.hide_until = set(), float("inf")
        self.down = (0.0, 0.0)
        self.list_seconds = 0.0
        self.describe_seconds = {}
        self.list_error = None
        self.list_times = []
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
        await asyncio.sleep(self.describe_seconds.get(job_id, 0.0))
        if job_id in self.broken:
            raise self.broken[job_id]
        return parse_progress({"jobId": job_id, "state": self.state(job_id), "collectionName": self.collection(job_id)})

    async def list_import_records(self, collection_name):
        self._arrive()
        self.listed.append(collection_name)
        self.list_times.append(self.clock())
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


def test_first_lines_of_thousands_of_jobs_are_spread_over_time(run, clock, caplog):
    caplog.set_level("INFO")
    run(many(3000, seconds=20.0))
    lines = [record for record in caplog.records if "Importing" in record.message]
    assert len(lines) < 2 * list_reading.MAX_LOG_LINES_PER_SECOND * 20


def test_few_jobs_are_described(run, server):
    run(many(list_reading.MAX_DESCRIBED))
    assert server.listed == []


def test_many_jobs_are_listed_and_each_is_described_at_its_end(run, server):
    ends = {str(number): 30.0 + number for number in range(50)}
    events = run(ends)
    assert {event["status"] for event, _ in events.values()} == {"success"}
    few = [job_id for job_id in server.described if int(job_id) >= 50 - 2 * list_reading.MAX_DESCRIBED]
    assert len(server.described) - len(few) == 50 - 2 * list_reading.MAX_DESCRIBED


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


def test_list_that_is_refused_is_not_requested_again(run, server):
    server.list_error = REFUSED
    events = run(many(20))
    assert {event["status"] for event, _ in events.values()} == {"success"}
    assert len(server.listed) <= 2


def test_list_that_was_refused_is_tried_again_after_some_minutes(run, server):
    server.list_error = REFUSED
    run(many(20, seconds=2 * list_cost.REFUSED_LIST_SECONDS + 60))
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


def test_running_job_is_logged_once_a_minute(run, server):
    class Lines(list):
        def info(self, line, noun, job_id, *values):
            self.append((job_id, values))

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


def test_server_that_is_down_is_polled_seldom_and_served_within_an_interval(run, server, clock):
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


def test_job_that_ended_is_not_polled_again_while_its_wait_goes_on(server, clock, clock_loop):
    server.ends = {job_id: clock() + 20.0 + 20.0 * int(job_id) for job_id in many(8)}
    wait = ImportWait(list(server.ends), poll_interval=5.0, clock=clock)
    with asyncio.Runner(loop_factory=clock_loop) as runner:
        event = runner.run(poller.watch("server", server.open_client, wait))
    assert event["status"] == "success"
    assert [server.described.count(job_id) for job_id in "012"] == [1, 1, 1]


def test_cancelled_wait_disturbs_no_other(server, clock, clock_loop):
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


def test_client_that_cannot_be_opened_fails_every_wait(clock, clock_loop):
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


def test_refused_credentials_are_read_again(run, server, clock):
    class Expired(dict):
        def __contains__(self, job_id):
            return server.opened < 2 and clock() > 1_000 + poller.MIN_CREDENTIALS_AGE_SECONDS

        def __getitem__(self, job_id):
            return errors.MilvusAuthError("expired", code=1800)

    server.broken = Expired()
    events = run(many(3, seconds=120.0))
    assert {event["status"] for event, _ in events.values()} == {"success"}
    assert server.opened == 2


# -- slow responses ----------------------------------------------------------------------------------------------------

FOREVER = 10_000.0


def lateness(events, server, job_ids):
    return max(events[job_id][1] - server.ends[job_id] for job_id in job_ids)


@pytest.mark.parametrize("slow", [1, 4, 20, 70])
@pytest.mark.parametrize("seconds", [30.0, FOREVER])
def test_slow_responses_delay_no_other_job(run, server, clock, slow, seconds):
    ends = {str(number): 20.0 + number for number in range(slow + 3)}
    server.describe_seconds = {str(number): seconds for number in range(slow)}
    server.list_error = REFUSED  # each job is described
    events = run(ends, deadline=clock() + 200.0)
    others = [str(number) for number in range(slow, slow + 3)]
    assert [events[job_id][0]["status"] for job_id in others] == ["success"] * 3
    # Once at the beginning, a new slow job takes a place for a second.
    assert lateness(events, server, others) <= 5 + 1 + slow / 4


def test_slow_response_delays_no_next_poll(run, server, clock):
    server.describe_seconds = {"0": FOREVER}
    run(many(2, seconds=100.0), deadline=clock() + 90.0)
    polls = [at for at, job_id in zip(server.attempts, server.described, strict=True) if job_id == "1"]
    assert max(later - sooner for sooner, later in pairwise(polls)) <= 5


def test_slow_response_is_delivered_when_it_comes(run, server):
    server.describe_seconds = {"0": 3.0}
    events = run({"0": 10.0, "1": 40.0})
    assert events["0"][0]["status"] == "success"
    assert lateness(events, server, "0") <= 5 + 3 + 3


def test_slow_job_is_not_described_twice_at_a_time(run, server, clock):
    server.describe_seconds = {"0": FOREVER}
    run(many(2, seconds=100.0), deadline=clock() + 90.0)
    assert server.described.count("0") == 1


def test_requests_that_never_end_are_bounded(run, server, clock):
    server.describe_seconds = dict.fromkeys(many(200), FOREVER)
    server.list_error = REFUSED
    under_way = []
    fetch = server.get_import_progress

    async def counted(job_id):
        under_way.append(job_id)
        peak.append(len(under_way))
        try:
            return await fetch(job_id)
        finally:
            under_way.remove(job_id)

    peak = []
    server.get_import_progress = counted
    run(many(200, seconds=500.0), deadline=clock() + 300.0)
    assert max(peak) <= request_pool.MAX_IN_FLIGHT


def test_list_that_never_ends_delays_no_job_of_a_few(run, server, clock):
    server.list_seconds = FOREVER
    events = run({str(number): 20.0 + number for number in range(10)}, deadline=clock() + 200.0)
    assert {event["status"] for event, _ in events.values()} == {"success"}
    assert lateness(events, server, events) <= 5 + poller.SLOW_LIST_SECONDS


def test_list_is_never_requested_less_often_than_every_two_poll_intervals(run, server):
    server.list_seconds = 3.0
    run(many(20, seconds=200.0))
    assert max(later - sooner for sooner, later in pairwise(server.list_times)) <= 2 * 5 + 0.1


async def spend(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


async def test_cost_of_a_list_is_its_own_cpu_and_not_that_of_others():
    async def request():
        await spend(0.05)
        await asyncio.sleep(0)
        return "records"

    metered = list_cost.Metered(request())
    busy = asyncio.create_task(spend(0.3))
    assert await metered == "records"
    await busy
    assert 0.05 <= metered.cpu < 0.2


def test_time_in_which_the_event_loop_was_busy_is_no_cost(clock, clock_loop):
    """The response comes at once, and the loop reads it seconds later."""

    async def busy():
        for _ in range(4):
            clock.now += 1.0
            await asyncio.sleep(0)

    async def both():
        metered = list_cost.Metered(asyncio.sleep(0.01))
        await asyncio.gather(metered_task(metered), busy())
        return metered.idle

    async def metered_task(metered):
        await metered

    with asyncio.Runner(loop_factory=clock_loop) as runner:
        assert runner.run(both()) <= 0.2


def test_error_of_a_request_reaches_its_caller_through_the_meter(clock_loop):
    async def fail():
        try:
            await asyncio.sleep(1)
        finally:
            raise DOWN

    async def metered():
        return await list_cost.Metered(fail())

    with asyncio.Runner(loop_factory=clock_loop) as runner, pytest.raises(errors.MilvusConnectionError):
        runner.run(metered())


# -- many --------------------------------------------------------------------------------------------------------------


def test_thousands_of_ids_in_one_wait_are_polled_with_few_requests(server, clock, clock_loop):
    ids = list(many(2_000))
    server.ends = {job_id: clock() + 20.0 for job_id in ids}
    wait = ImportWait(ids, poll_interval=5.0, clock=clock)
    with asyncio.Runner(loop_factory=clock_loop) as runner:
        event = runner.run(poller.watch("server", server.open_client, wait))
    assert (event["status"], len(event["imports"])) == ("success", 2_000)
    assert len(server.described) <= 4_000


def test_thousands_of_waits_for_one_job_are_served_by_one_request(server, clock, clock_loop):
    server.ends = {"1": clock() + 20.0}

    async def all_of_them():
        waits = [ImportWait("1", poll_interval=5.0, clock=clock) for _ in range(2_000)]
        return await asyncio.gather(*(poller.watch("server", server.open_client, wait) for wait in waits))

    with asyncio.Runner(loop_factory=clock_loop) as runner:
        events = runner.run(all_of_them())
    assert {event["status"] for event in events} == {"success"}
    assert len(server.described) <= 30
