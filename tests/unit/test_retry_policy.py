"""What the retry policy decides, on the Airflow that has retry policies."""

import json
from datetime import timedelta

import airflow
import pytest

from airflow_provider_milvus import exceptions

if tuple(map(int, airflow.__version__.split(".")[:2])) < (3, 3):
    pytest.skip("Airflow has retry policies from 3.3 on", allow_module_level=True)

from airflow.providers.common.compat.sdk import AirflowException, RetryAction

from airflow_provider_milvus.rest.errors import server_error
from airflow_provider_milvus.retry_policy import MilvusRetryPolicy

MINUTE = timedelta(minutes=1)
AGAIN = getattr(RetryAction, "RESCHEDULE", RetryAction.RETRY)


def decide(error, **options):
    return MilvusRetryPolicy(**options).evaluate(error, 1, 3)


# Codes and texts: Milvus's pkg/util/merr, and internal/datacoord/import_util.go for the limit of jobs.
@pytest.mark.parametrize(
    "error",
    [
        server_error("The number of jobs has reached the limit, please try again later", code=2100, http_status=200),
        server_error("slot exhausted", code=2401, http_status=200),
        server_error("memory limit exceeded", code=3, http_status=200),
        server_error("disk limit exceeded", code=7, http_status=200),
        server_error("quota exceeded", code=9, http_status=200),
        server_error("request is rejected by limiter", code=8, http_status=200),
        server_error("service not ready", code=1, http_status=200),
        server_error("Bad Gateway", code=None, http_status=502),
        exceptions.MilvusConnectionError("connection refused", sent=False),
        exceptions.MilvusImportFailedForNow("disk quota exceeded, please allocate more resources"),
        exceptions.MilvusImportUnreachable("gave up polling"),
        exceptions.MilvusCollectionUnreachable("gave up polling"),
    ],
    ids=lambda error: str(error)[:40],
)
def test_server_that_is_full_or_away_is_tried_again(error):
    assert decide(error).action is AGAIN


@pytest.mark.parametrize(
    "error",
    [
        server_error("not authenticated", code=1800, http_status=401),
        server_error("collection not found", code=100, http_status=200),
        server_error("invalid parameter", code=1100, http_status=200),
        exceptions.MilvusTLSError("certificate verify failed"),
        exceptions.MilvusResponseTooLarge("too large"),
        ValueError("collection_name must be a name"),
    ],
    ids=lambda error: str(error)[:40],
)
def test_error_that_a_retry_would_repeat_stops_the_task(error):
    assert decide(error).action is RetryAction.FAIL


@pytest.mark.parametrize(
    "error",
    [
        exceptions.MilvusImportTimeout("the job goes on"),
        exceptions.MilvusCollectionTimeout("it goes on"),
        exceptions.MilvusImportOutcomeUnknown("no record"),
        exceptions.MilvusRowCountWrong("9 rows"),
        AirflowException("something else"),
        KeyError("something else"),
        json.JSONDecodeError("of a function of the user", "", 0),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_other_error_is_left_to_airflow(error):
    assert decide(error).action is RetryAction.DEFAULT


def test_next_try_comes_after_the_delay_give_or_take_a_quarter():
    delays = {decide(exceptions.MilvusImportUnreachable("away"), delay=MINUTE).retry_delay for _ in range(50)}
    assert len(delays) > 1
    assert all(MINUTE * 0.75 <= delay <= MINUTE * 1.25 for delay in delays)


def test_server_gets_the_time_that_it_requests():
    busy = server_error("slow down", code=8, http_status=429, retry_after=200.0)
    assert decide(busy, delay=MINUTE).retry_delay == timedelta(seconds=200)


def test_reason_names_the_error_and_fits_airflows_column():
    reason = decide(exceptions.MilvusImportUnreachable("x" * 10_000)).reason
    assert reason.startswith("MilvusImportUnreachable: xxx")
    assert len(reason) <= 500  # `retry_reason` in airflow/models/taskinstance.py


@pytest.mark.skipif(AGAIN is RetryAction.RETRY, reason="Airflow reschedules by a policy from 3.4 on")
def test_rescheduling_ends_after_the_timeout():
    decision = decide(exceptions.MilvusImportUnreachable("away"), timeout=timedelta(hours=2))
    assert decision.reschedule_timeout == timedelta(hours=2)


def test_policy_survives_being_serialized():
    policy = MilvusRetryPolicy(delay=timedelta(seconds=5), timeout=timedelta(hours=3))
    again = MilvusRetryPolicy.deserialize(policy.serialize())
    assert (again.delay, again.timeout) == (policy.delay, policy.timeout)


@pytest.mark.parametrize("name", ["delay", "timeout"])
@pytest.mark.parametrize("value", [timedelta(0), timedelta(seconds=-1), 60, None])
def test_duration_that_is_not_positive_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a positive timedelta"):
        MilvusRetryPolicy(**{name: value})
