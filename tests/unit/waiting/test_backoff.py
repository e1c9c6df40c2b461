"""When the next request is sent."""

import math
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_milvus.rest.errors import (
    MilvusAuthError,
    MilvusBusyError,
    MilvusConnectionError,
    MilvusProtocolError,
)
from airflow_provider_milvus.waiting import backoff
from airflow_provider_milvus.waiting.backoff import Backoff

AGES = st.floats(-1e6, 1e9)
INTERVALS = st.floats(0.01, 1e6)
DOWN = MilvusConnectionError("refused")
LATER = [None, 0.0, 7.0, 250.0, 301.0, 86_399.0]


def upper(low, high):
    return high


@pytest.fixture
def failed(clock):
    """Makes a back-off after so many failed requests in a row."""

    def make(failures, error=DOWN, **options):
        found = Backoff(clock=clock, **options)
        for _ in range(failures):
            found.record_error(error)
        return found

    return make


def busy(retry_after):
    return MilvusBusyError("later", http_status=429, retry_after=retry_after)


@given(AGES, INTERVALS)
def test_delay_between_polls_is_never_longer_than_poll_interval(age, poll_interval):
    assert 0 < backoff.interval(age, poll_interval) <= poll_interval


@given(AGES, st.floats(1, 1e6))
def test_interval_is_never_much_under_a_second(age, poll_interval):
    assert backoff.interval(age, poll_interval) >= 0.9


@pytest.mark.parametrize("failures", [1, 2, 3, 10, 10_000])
@pytest.mark.parametrize("poll_interval", [0.5, 5.0, 60.0, 3_600.0])
def test_backoff_is_between_half_a_second_and_a_minute(failed, failures, poll_interval):
    assert 0.5 <= failed(failures).delay(poll_interval) <= 60


@pytest.mark.parametrize("poll_interval", [1.0, 2.0, 5.0, 59.0])
def test_backoff_of_a_short_outage_is_never_longer_than_poll_interval(failed, poll_interval):
    assert failed(50).delay(poll_interval) <= poll_interval


def test_backoff_of_a_long_outage_is_a_twentieth_of_it(failed, clock):
    found = failed(50, jitter=upper)
    clock.now += 400.0
    assert found.delay(5.0) == 20


@pytest.mark.parametrize(("retry_after", "lower"), list(zip(LATER, [0, 0, 7, 250, 300, 300], strict=True)))
@pytest.mark.parametrize("failures", [1, 2, 100])
def test_retry_after_is_the_lower_bound_up_to_five_minutes(failed, failures, retry_after, lower):
    assert lower <= failed(failures, busy(retry_after)).delay(5.0) <= max(60, lower)


def test_retry_after_of_an_earlier_error_does_not_count(failed):
    found = failed(1, busy(200.0))
    found.record_error(DOWN)
    assert found.delay() <= 2


@pytest.mark.parametrize(("failures", "delay"), [(1, 1), (2, 2), (6, 32), (7, 60), (5000, 60)])
def test_backoff_doubles_up_to_a_minute(failed, failures, delay):
    assert failed(failures, jitter=upper).delay() == delay


def test_response_ends_the_outage(failed, clock):
    found = failed(7)
    clock.now += 1_000.0
    assert found.outage == 1_000
    assert found.reset() == 7
    assert (found.failures, found.error, found.outage) == (0, "", 0)
    found.record_error(DOWN)
    assert found.delay() <= 1


def test_clock_that_is_set_back_makes_no_negative_outage(failed, clock):
    found = failed(1)
    clock.now -= 500.0
    assert found.outage == 0
    assert found.delay() > 0


def test_one_failed_request_a_minute_is_to_be_logged(clock):
    found, logged = Backoff(clock=clock), []
    for second in range(130):
        if found.record_error(DOWN):
            logged.append(second)
        clock.sleep(1)
    assert logged == [0, 60, 120]


@pytest.mark.parametrize(
    ("failures", "error", "exhausted"),
    [(0, DOWN, False), (2, DOWN, False), (3, DOWN, True), (1, MilvusAuthError("no"), True), (1, ValueError(), True)],
)
def test_backoff_is_exhausted_by_a_count_or_a_permanent_error(failed, failures, error, exhausted):
    assert failed(failures, error).is_exhausted(3) is exhausted


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("poll_interval", 0),
        ("poll_interval", "5"),
        ("poll_interval", b"5"),
        ("max_poll_failures", 0),
        ("max_poll_failures", True),
        ("timeout", -1),
        ("timeout", True),
        ("timeout", math.nan),
        ("timeout", 1e300),
        ("defer_after", math.inf),
    ],
)
def test_bad_setting_of_a_wait_is_one_clear_error(name, value):
    good = {"poll_interval": 1.0, "max_poll_failures": 1, "timeout": None}
    with pytest.raises(ValueError, match=f"{name} must be .* got ") as caught:
        backoff.check_wait(**{**good, name: value})
    assert str(caught.value).endswith(f"got {value!r}")


@pytest.mark.parametrize("name", ["poll_interval", "timeout", "defer_after"])
@pytest.mark.parametrize("value", [10**12, 10**400, 10**10_000], ids=["12", "400", "10,000"])
def test_number_of_too_many_digits_is_one_clear_error(name, value):
    with pytest.raises(ValueError, match=f"{name} must be .* got a number of more than nine digits"):
        backoff.check_wait(**{"poll_interval": 1.0, name: value})


@pytest.mark.parametrize("value", [True, 7.5, b"7", bytearray(b"7"), "x", "", None, [], 0, float("inf")])
def test_value_that_is_no_whole_number_is_refused(value):
    with pytest.raises(ValueError, match="rows must be a whole number from 1 up, got "):
        backoff.whole_number("rows", value)


@pytest.mark.parametrize("value", [7, "7", " 7 "])
def test_whole_number_may_be_a_text(value):
    assert backoff.whole_number("rows", value) == 7


def test_failed_request_keeps_nothing_of_its_response():
    class Body:
        pass

    kept = []

    def request():
        body = Body()
        kept.append(weakref.ref(body))
        raise MilvusProtocolError("the response is too large")

    failed = Backoff()
    try:
        request()
    except MilvusProtocolError as error:
        failed.record_error(error)
    assert kept[0]() is None
    assert failed.error == "the response is too large"
