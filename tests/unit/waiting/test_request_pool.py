"""Requests that go on beside the others when they are slow."""

import asyncio

import pytest

from airflow_provider_milvus.waiting.request_pool import RequestPool


@pytest.fixture
def started(clock):
    """A time to which a second is added and taken away again, and which is sooner then by the rounding of floats."""
    clock.now = next(hundredth / 100 for hundredth in range(102_300, 102_400) if is_rounded_down(hundredth / 100))
    return clock.now


def is_rounded_down(seconds):
    return (seconds + 1.0) - 1.0 < seconds


def test_rounding_of_the_time_does_not_keep_the_pool_busy(clock, clock_loop, started):
    loop = clock_loop()
    select, steps = loop._selector.select, []

    def count_steps(timeout):
        steps.append(timeout)
        assert len(steps) < 1_000
        return select(timeout)

    async def main():
        pool = RequestPool(lambda job_id: asyncio.sleep(1_000), lambda job_id, response: None)
        try:
            return await pool.run(["1"], stop=lambda: False)
        finally:
            await pool.close()

    loop._selector.select = count_steps
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(main()) == []
    assert clock() < started + 2
