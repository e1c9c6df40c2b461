"""Triggers live in the time of the clock."""

import asyncio

import pytest


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
