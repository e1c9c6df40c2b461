"""When to ask next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_milvus.waiting import backoff

AGES = st.floats(-1e6, 1e9)
INTERVALS = st.floats(0.01, 1e6)


@given(AGES, INTERVALS)
def test_interval_is_never_more_than_a_tenth_over_the_poll_interval(age, poll_interval):
    assert 0 < backoff.interval(age, poll_interval) <= poll_interval * 1.1


@given(AGES, st.floats(1, 1e6))
def test_interval_is_never_much_under_a_second(age, poll_interval):
    assert backoff.interval(age, poll_interval) >= 0.9


@given(st.integers(1, 10_000))
def test_backoff_is_between_half_a_second_and_a_minute(failures):
    assert 0.5 <= backoff.backoff(failures) <= 60


@given(st.integers(1, 10_000), st.floats(0, 86_400))
def test_backoff_is_no_less_than_the_server_asks_for(failures, retry_after):
    assert retry_after <= backoff.backoff(failures, retry_after) <= max(60, retry_after)


@pytest.mark.parametrize(("failures", "delay"), [(1, 1), (2, 2), (6, 32), (7, 60), (5000, 60)])
def test_backoff_doubles_up_to_a_minute(failures, delay):
    assert backoff.backoff(failures, chance=lambda low, high: high) == delay
