"""The wait until something is ready: how it ends, and when it polls again."""

from types import SimpleNamespace

import pytest

from airflow_provider_milvus.rest.collections import LoadState
from airflow_provider_milvus.rest.errors import MilvusAuthError, MilvusConnectionError, MilvusServerError
from airflow_provider_milvus.rest.indexes import IndexState
from airflow_provider_milvus.waiting.readiness_wait import ReadinessWait, wait_for

LOADED, LOADING = LoadState("Loaded", 100), LoadState("Loading", 40)


def index(state, reason=""):
    return IndexState("v", "vector", "HNSW", "L2", state, 10, 4, reason)


@pytest.fixture
def wait(clock):
    def make(**parameters):
        return ReadinessWait("collection c", clock=clock, jitter=lambda low, high: 1.0, **parameters)

    return make


def polls(*responses):
    """Gives these responses in turn; the last one is repeated."""
    left = list(responses)

    def poll():
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, Exception):
            raise found
        return found

    return poll


@pytest.mark.parametrize(
    ("responses", "status", "words"),
    [
        ([[LOADING], [LOADED]], "success", "collection c: Loaded, 100 %"),
        ([[index("InProgress")], [index("Finished")]], "success", "index v Finished"),
        ([[index("Failed", "no memory")]], "failed", "index v of field vector failed: no memory"),
        ([MilvusConnectionError("down"), [LOADED]], "success", "Loaded"),
        ([MilvusAuthError("no")], "unreachable", "gave up after 1 failed polls"),
        ([MilvusConnectionError("down")], "unreachable", "gave up after 3 failed polls: down"),
    ],
)
def test_wait_ends_with_what_was_seen(wait, clock, responses, status, words):
    event = wait_for(wait(max_poll_failures=3), polls(*responses), sleep=clock.sleep)
    assert (event["status"], words in event["message"]) == (status, True), event


def test_all_parts_must_be_ready(wait, clock):
    scripted = polls([LOADED, index("InProgress")], [LOADED, index("Finished")])
    event = wait_for(wait(), scripted, sleep=clock.sleep)
    assert [state["state"] for state in event["states"]] == ["Loaded", "Finished"]
    assert len(clock.sleeps) == 1


def test_one_failed_part_ends_the_wait_for_the_others(wait):
    found = wait()
    found.record_status([index("InProgress"), index("Failed", "bad")])
    assert found.event()["status"] == "failed"


def test_deadline_ends_the_wait_with_what_was_seen_last(wait, clock):
    event = wait_for(wait(deadline=clock.now + 30), polls([LOADING]), sleep=clock.sleep)
    assert (event["status"], "Loading, 40 %" in event["message"], clock.now) == ("timeout", True, 1_030)


def test_deadline_of_a_server_that_never_responded_says_so(wait, clock):
    event = wait_for(wait(deadline=clock.now + 30), polls(MilvusConnectionError("down")), sleep=clock.sleep)
    assert (event["status"], "no poll has succeeded" in event["message"]) == ("timeout", True)


def test_wait_that_is_left_off_has_no_event(wait, clock, package_clock):
    assert wait_for(wait(), polls([LOADING]), until=clock.now + 5, sleep=clock.sleep) is None
    assert clock.now <= 1_005


def test_young_wait_polls_every_second_and_an_old_one_every_poll_interval(wait, clock):
    found = wait(poll_interval=10)
    found.record_status([LOADING])
    assert found.delay() == 1
    clock.now += 1_000
    assert found.delay() == 10


def test_failed_polls_back_off_and_honour_retry_after(wait):
    found = wait()
    found.record_error(MilvusConnectionError("down"))
    assert found.delay() == 1
    found.record_error(MilvusServerError("later", code=8, http_status=429, retry_after=45))
    assert found.delay() == 45


def test_unchanged_status_is_logged_once(wait):
    lines = []
    found = wait(log=SimpleNamespace(info=lambda text, *arguments: lines.append(text % arguments)))
    for _ in range(5):
        found.record_status([LOADING])
    assert lines == ["collection c: Loading, 40 %"]
