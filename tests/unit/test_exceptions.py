"""What a task raises."""

import json
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_milvus import exceptions
from airflow_provider_milvus.exceptions import error_of, readiness_error_of
from airflow_provider_milvus.rest.import_jobs import parse_progress
from airflow_provider_milvus.waiting.event import import_event, readiness_event

SAMPLES = Path(__file__).parent / "triggers" / "samples"
DONE = parse_progress({"jobId": "7", "state": "Completed", "importedRows": 5}).as_dict()
SUCCESS = import_event("7", "Completed", "success", "m", [DONE])
FAILED = import_event("7", "Completed", "failed", "m", [], transient=False)
READY = readiness_event("success", "m", [{"state": "Loaded", "progress": 100}])


@pytest.mark.parametrize(
    ("status", "more", "kind"),
    [
        ("failed", {"transient": False}, exceptions.MilvusImportFailed),
        ("failed", {"transient": True}, exceptions.MilvusImportFailedForNow),
        ("timeout", {}, exceptions.MilvusImportTimeout),
        ("unknown", {}, exceptions.MilvusImportOutcomeUnknown),
        ("unreachable", {}, exceptions.MilvusImportUnreachable),
    ],
)
def test_event_stands_for_an_exception_with_its_message(status, more, kind):
    error = error_of(import_event("7", "Completed", status, "m", **more))
    assert (type(error), str(error)) == (kind, "m")


@pytest.mark.parametrize("status", ["failed", "timeout", "unknown", "unreachable"])
def test_event_that_is_no_success_may_have_its_message_alone(status):
    assert str(error_of({"status": status, "message": "m"})) == "m"
    assert exceptions.read_event({"status": status, "message": "m"})["imports"] == []


def test_progress_of_fewer_keys_has_empty_values():
    event = exceptions.read_event({**SUCCESS, "imports": [{"job_id": "7", "state": "Completed"}]})
    assert event["imports"] == [{**DONE, "progress": 0, "imported_rows": 0}]


def test_success_stands_for_none():
    assert error_of(SUCCESS) is None


@pytest.mark.parametrize("event", [None, {}, {"status": "done"}, {"status": None}, {"status": ["success"]}, "success"])
def test_anything_else_never_passes_for_a_success(event):
    assert isinstance(error_of(event), exceptions.MilvusImportUnreachable)


WRONG = [None, 7, 7.5, True, "", "x", b"7", [], {}, [None], [{}], {"a": 1}]


@pytest.mark.parametrize("key", ["job_id", "status", "message", "imports"])
@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_success_with_a_damaged_value_is_one_clear_error(key, value):
    if key == "message" and isinstance(value, str):
        return
    if key == "job_id" and value == 7 and type(value) is int:
        return
    error = error_of({**SUCCESS, key: value})
    assert type(error) is exceptions.MilvusImportUnreachable
    assert "the event from the triggerer does not report how the import ended: " in str(error)


@pytest.mark.parametrize("key", ["job_id", "status", "message", "imports"])
def test_success_without_a_key_is_one_clear_error(key):
    error = error_of({name: value for name, value in SUCCESS.items() if name != key})
    assert type(error) is exceptions.MilvusImportUnreachable


@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_success_without_a_known_target_state_is_an_error(value):
    event = {name: item for name, item in SUCCESS.items() if name not in ("target_state", "goal")}
    assert error_of(event) is not None
    assert error_of({**event, "target_state": value}) is not None
    assert error_of({**event, "goal": value}) is not None


@pytest.mark.parametrize("key", sorted(DONE))
@pytest.mark.parametrize("value", [None, 7.5, True, -1, [], {}], ids=repr)
def test_success_with_a_damaged_progress_is_one_clear_error(key, value):
    assert type(error_of({**SUCCESS, "imports": [{**DONE, key: value}]})) is exceptions.MilvusImportUnreachable


@pytest.mark.parametrize(
    "imports",
    [
        [],
        [DONE, DONE],
        [{**DONE, "job_id": "8"}],
        [{**DONE, "state": "Failed"}],
        [{**DONE, "state": "Uncommitted"}],
        [DONE, {**DONE, "job_id": "8"}],
    ],
    ids=["none", "twice", "another", "failed", "not committed", "one too many"],
)
def test_success_whose_imports_contradict_it_is_an_error(imports):
    assert type(error_of({**SUCCESS, "imports": imports})) is exceptions.MilvusImportUnreachable


def test_success_without_the_progress_of_one_of_several_jobs_is_an_error():
    error = error_of({**SUCCESS, "job_id": ["7", "8"]})
    assert "a success without the progress of import job 8" in str(error)


@pytest.mark.parametrize("files", [None, {}, [None], [{}], [{"job_id": "7", "name": "a"}], "a"], ids=repr)
def test_failure_with_damaged_files_is_one_clear_error(files):
    assert type(error_of({**FAILED, "failed_files": files})) is exceptions.MilvusImportUnreachable


@pytest.mark.parametrize("value", [None, 1, "true"])
def test_failure_is_transient_only_where_the_event_says_so(value):
    assert type(error_of({**FAILED, "transient": value})) is exceptions.MilvusImportFailed


def test_damaged_event_with_a_huge_value_makes_a_short_error():
    assert len(str(error_of({**SUCCESS, "job_id": ["x" * 10_000_000, 10**5_000]}))) < 5_000


@pytest.mark.parametrize("event", [None, [], "x", {}, {**READY, "status": "new"}, {**READY, "states": []}], ids=repr)
def test_damaged_event_of_a_collection_is_one_clear_error(event):
    assert type(readiness_error_of(event)) is exceptions.MilvusCollectionUnreachable


@pytest.mark.parametrize("key", sorted(READY))
@pytest.mark.parametrize("value", [None, 7, [], [None], [{}], {}], ids=repr)
def test_damaged_value_in_an_event_of_a_collection_is_one_clear_error(key, value):
    assert type(readiness_error_of({**READY, key: value})) is exceptions.MilvusCollectionUnreachable


OLD = json.loads((SAMPLES / "events-0.1.json").read_text())
KINDS = {
    "success": type(None),
    "success of several jobs": type(None),
    "success of the first phase": type(None),
    "failed": exceptions.MilvusImportFailed,
    "failed for now": exceptions.MilvusImportFailedForNow,
    "failed, one of several jobs": exceptions.MilvusImportFailed,
    "timeout": exceptions.MilvusImportTimeout,
    "unknown": exceptions.MilvusImportOutcomeUnknown,
    "unreachable": exceptions.MilvusImportUnreachable,
}


@pytest.mark.parametrize("name", OLD)
def test_event_of_an_earlier_version_is_understood(name):
    error = error_of(OLD[name])
    assert type(error) is KINDS[name]
    assert error is None or str(error) == OLD[name]["message"]


@pytest.mark.parametrize("name", OLD)
def test_event_of_an_earlier_version_has_todays_keys(name):
    event = exceptions.read_event(OLD[name])
    assert event["target_state"] == OLD[name]["goal"]
    assert event["imports"] == OLD[name]["imports"]


OLD_READINESS = json.loads((SAMPLES / "readiness_events-0.1.json").read_text())


@pytest.mark.parametrize("name", OLD_READINESS)
def test_event_of_a_collection_of_an_earlier_version_is_understood(name):
    error = readiness_error_of(OLD_READINESS[name])
    assert (error is None) is name.startswith("success")
    assert error is None or str(error) == OLD_READINESS[name]["message"]


@pytest.mark.parametrize(
    ("event", "old_keys"),
    [
        (import_event("7", "Uncommitted", "success", "m"), {"goal": "Uncommitted"}),
        (import_event("7", "Completed", "failed", "m", transient=True), {"goal": "Completed", "healable": True}),
    ],
)
def test_event_has_the_keys_that_an_earlier_version_reads(event, old_keys):
    assert {key: event[key] for key in old_keys} == old_keys


def test_final_failure_is_never_retried():
    assert issubclass(exceptions.MilvusImportFailed, AirflowFailException)


def test_transient_failure_is_retried():
    assert issubclass(exceptions.MilvusImportFailedForNow, AirflowException)
    assert not issubclass(exceptions.MilvusImportFailedForNow, AirflowFailException)


@pytest.mark.parametrize("name", ["MilvusImportTimeout", "MilvusImportOutcomeUnknown", "MilvusImportUnreachable"])
def test_not_to_know_is_never_a_skip(name):
    assert not issubclass(getattr(exceptions, name), AirflowException)
