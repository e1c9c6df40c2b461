"""What a wait's event holds: bounded, and nothing that Airflow cannot send."""

import json

import pytest

from airflow_provider_milvus.rest import errors
from airflow_provider_milvus.rest.collections import LoadState
from airflow_provider_milvus.rest.import_jobs import FileProgress, ImportProgress, ImportState
from airflow_provider_milvus.waiting.import_wait import POLLS_FOR_A_MISSING_JOB, ImportWait
from airflow_provider_milvus.waiting.readiness_wait import ReadinessWait

HUGE = 10**400
TEXT = "\ud800" + "x" * 1_000_000
MANY = [str(number) for number in range(5_000)]


def sendable(value):
    """The size of a value that Airflow's encoder takes: texts of UTF-8, and integers of 64 bits."""
    if type(value) is dict:
        return sum(sendable(key) + sendable(item) for key, item in value.items())
    if type(value) is list:
        return sum(map(sendable, value)) + 1
    if type(value) is str:
        return len(value.encode()) + 1
    assert value is None or type(value) is bool or (type(value) is int and -(2**63) <= value < 2**64), value
    return 9


def hostile(job_id, state=ImportState.COMPLETED, files=0, text=TEXT, count=HUGE):
    """A progress as no server of today would send it, and no parser of this package would let pass."""
    file = FileProgress(text, "Failed", 0, count, count, count, text, text)
    return ImportProgress(job_id, state, 0, count, count, count, text, text, text, text, (file,) * files)


def ended(wait, progress):
    for job_id in wait.pending:
        wait.record_status(job_id, progress(job_id))
    return wait.event()


@pytest.mark.parametrize("state", [ImportState.COMPLETED, ImportState.FAILED])
@pytest.mark.parametrize("ids", ["7", ["7", "8"]])
def test_nothing_that_a_server_sends_keeps_an_event_from_its_task(state, ids):
    event = ended(ImportWait(ids, fail_fast=False), lambda job_id: hostile(job_id, state, files=1_000))
    assert sendable(event)
    assert len(json.dumps(event)) < 300_000


def test_number_that_no_float_holds_is_logged(clock):
    lines = []

    class Log:
        def info(self, text, *values):
            lines.append(text % values)

        warning = info

    wait = ImportWait("7", clock=clock, log=Log())
    wait.record_status("7", hostile("7", ImportState.IMPORTING, text="", count=0))
    clock.sleep(61)
    wait.record_status("7", hostile("7", ImportState.IMPORTING, text=""))
    assert lines[-1].endswith(" rows/s")


@pytest.mark.parametrize("text", [TEXT, "\udcff", "ü" * 100_000], ids=["long", "surrogate", "umlauts"])
def test_text_of_an_error_keeps_no_event_from_its_task(clock, text):
    wait = ImportWait("7", clock=clock, max_poll_failures=1)
    wait.record_error("7", errors.MilvusConnectionError(text))
    assert sendable(wait.event()) < 50_000


def test_event_of_a_collection_is_bounded():
    wait = ReadinessWait("collection c")
    wait.record_status([LoadState("Loaded", HUGE), LoadState(TEXT, 5)])
    wait.record_error(errors.MilvusAuthError(TEXT))
    assert sendable(wait.event()) < 50_000


def as_success(wait):
    return ended(wait, lambda job_id: hostile(job_id, text="x" * 10_000, count=5))


def as_failure(wait):
    return ended(wait, lambda job_id: hostile(job_id, ImportState.FAILED, files=5, text="x" * 500, count=5))


def as_timeout(wait):
    wait.deadline = 0.0
    return wait.event()


def as_unreachable(wait):
    wait.record_error("0", errors.MilvusAuthError("no"))
    return wait.event()


def as_unknown(wait):
    for _ in range(POLLS_FOR_A_MISSING_JOB):
        for job_id in wait.pending:
            wait.record_error(job_id, errors.MilvusImportJobNotFound("gone"))
    return wait.event()


@pytest.mark.parametrize("end", [as_success, as_failure, as_timeout, as_unreachable, as_unknown])
def test_message_about_thousands_of_jobs_names_the_first_and_counts_the_rest(end):
    event = end(ImportWait(MANY, fail_fast=False))
    assert len(event["message"]) <= 10_000
    assert "and 4,980 more" in event["message"] or len(event["message"]) == 10_000
    assert len(event["imports"]) in (0, 5_000)
    assert len(event.get("failed_files", [])) <= 50


def test_event_of_thousands_of_failed_jobs_is_bounded():
    event = as_failure(ImportWait(MANY, fail_fast=False))
    assert event["failed_file_count"] == 25_000
    assert len(json.dumps(event)) < 5_000 * 2_500


def work_per_job(count):
    """Calls of Python functions for each job of a wait, from its start to its event."""
    import sys

    calls = 0

    def count_call(frame, kind, argument):
        nonlocal calls
        calls += 1

    sys.setprofile(count_call)
    try:
        wait = ImportWait([str(number) for number in range(count)], fail_fast=False)
        for job_id in wait.pending:
            wait.record_status(job_id, hostile(job_id, text="", count=1))
            wait.event()
            wait.is_pending(job_id)
        assert len(wait.event()["imports"]) == count
    finally:
        sys.setprofile(None)
    return calls / count


def test_work_for_a_job_does_not_grow_with_the_number_of_jobs():
    assert work_per_job(2_000) <= 1.2 * work_per_job(200)
