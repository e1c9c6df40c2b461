"""A value that all requests share: fetched once at a time, seldom, and kept when a fetch fails."""

import asyncio

import pytest

from airflow_provider_milvus.rest.errors import MilvusConnectionError
from airflow_provider_milvus.ui.shared_value import SharedValue


@pytest.fixture
def shared(clock):
    """A shared value that is fetched from a script, and the fetches so far."""

    def make(*script, seconds=0.0):
        found, fetches = list(script), []

        async def fetch():
            fetches.append(clock.now)
            clock.now += seconds
            value = found.pop(0) if len(found) > 1 else found[0]
            if isinstance(value, Exception):
                raise value
            return value

        return SharedValue(fetch, interval=5.0, time_limit=10.0, clock=clock), fetches

    return make


async def test_one_fetch_serves_all_who_wait(shared):
    value, fetches = shared("jobs")
    assert await asyncio.gather(*(value.get(1) for _ in range(50))) == ["jobs"] * 50
    assert len(fetches) == 1


async def test_value_is_fetched_again_after_its_interval(shared, clock):
    value, fetches = shared("old", "new")
    assert await value.get(1) == "old"
    clock.now += 4
    assert await value.get(1) == "old"
    clock.now += 2
    assert await value.get(1) == "new"
    assert len(fetches) == 2


async def test_slow_fetch_is_repeated_less_often(shared, clock):
    value, fetches = shared("jobs", seconds=1.0)
    await value.get(1)
    clock.now += 18
    await value.get(1)
    assert len(fetches) == 1
    clock.now += 2
    await value.get(1)
    assert len(fetches) == 2


async def test_failed_fetch_keeps_the_last_value_and_waits(shared, clock):
    value, fetches = shared("jobs", MilvusConnectionError("refused"))
    await value.get(1)
    clock.now += 6
    assert (await value.get(1), value.error) == ("jobs", "refused")
    await value.get(1)
    assert len(fetches) == 2


async def test_unexpected_error_shows_its_kind_alone(shared):
    value, _ = shared(RuntimeError("password=hunter2"))
    assert (await value.get(1), value.error) == (None, "RuntimeError")
