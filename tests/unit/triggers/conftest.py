"""Triggers live in the time of the clock."""

import pytest


@pytest.fixture
def event_loop_policy(clock_policy):
    return clock_policy


@pytest.fixture(autouse=True)
def time(package_clock):
    return package_clock
