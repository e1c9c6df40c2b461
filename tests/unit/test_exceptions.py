"""What a task raises."""

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_milvus import exceptions
from airflow_provider_milvus.exceptions import error_of


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"status": "failed", "healable": False, "message": "m"}, exceptions.MilvusImportFailed),
        ({"status": "failed", "healable": True, "message": "m"}, exceptions.MilvusImportFailedForNow),
        ({"status": "timeout", "message": "m"}, exceptions.MilvusImportTimeout),
        ({"status": "unknown", "message": "m"}, exceptions.MilvusImportOutcomeUnknown),
        ({"status": "unreachable", "message": "m"}, exceptions.MilvusImportUnreachable),
    ],
)
def test_event_stands_for_an_exception_with_its_message(event, kind):
    error = error_of(event)
    assert (type(error), str(error)) == (kind, "m")


def test_success_stands_for_none():
    assert error_of({"status": "success"}) is None


@pytest.mark.parametrize("event", [None, {}, {"status": "done"}, {"status": None}, {"status": ["success"]}, "success"])
def test_anything_else_never_passes_for_a_success(event):
    assert isinstance(error_of(event), exceptions.MilvusImportUnreachable)


def test_final_failure_is_never_retried():
    assert issubclass(exceptions.MilvusImportFailed, AirflowFailException)


def test_healable_failure_is_retried():
    assert issubclass(exceptions.MilvusImportFailedForNow, AirflowException)
    assert not issubclass(exceptions.MilvusImportFailedForNow, AirflowFailException)


@pytest.mark.parametrize("name", ["MilvusImportTimeout", "MilvusImportOutcomeUnknown", "MilvusImportUnreachable"])
def test_not_to_know_is_never_a_skip(name):
    assert not issubclass(getattr(exceptions, name), AirflowException)
