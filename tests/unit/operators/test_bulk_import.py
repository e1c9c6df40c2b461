"""The operator: what it sends, pushes, returns and raises."""

import copy
import json
import re
from datetime import datetime, timedelta
from types import SimpleNamespace

import airflow
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.exceptions import TaskDeferred
from airflow.providers.common.compat.sdk import DAG, Asset, AssetAlias
from airflow.serialization import serialized_objects

from airflow_provider_milvus import exceptions
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.rest import errors
from airflow_provider_milvus.rest.import_jobs import parse_progress
from airflow_provider_milvus.submission.record import LOADS, RECORD
from airflow_provider_milvus.waiting.event import import_event

try:
    from airflow.serialization.serialized_objects import DagSerialization as SERIALIZED_DAG
except ImportError:  # before Airflow 3.2
    from airflow.serialization.serialized_objects import SerializedDAG as SERIALIZED_DAG

CREATE, DESCRIBE, LIST = "/jobs/import/create", "/jobs/import/describe", "/jobs/import/list"
COMMIT, ABORT = "/jobs/import/commit", "/jobs/import/abort"
RUNNING = {"state": "Importing", "progress": 40}
DONE = {"state": "Completed", "importedRows": 5, "collectionName": "c"}
UNCOMMITTED = {"state": "Uncommitted", "progress": 99, "importedRows": 5}
FAILED = {
    "state": "Failed",
    "reason": "bad row",
    "details": [{"fileName": "[a.parquet]", "state": "Failed", "reason": "row 7 has no id"}],
}
NO_SUCH_JOB = (200, json.dumps({"code": 2100, "message": "import job does not exist, jobID=7"}))
REFUSED = (200, json.dumps({"code": 1100, "message": "no"}))


@pytest.fixture(autouse=True)
def server(milvus, package_clock):
    """It accepts an import as job 7, and knows two-phase imports."""
    milvus.responds(LIST, {"records": []})
    milvus.responds(CREATE, {"jobId": "7"})
    milvus.responds(DESCRIBE, DONE)
    milvus.responds(ABORT, NO_SUCH_JOB)
    milvus.responds(COMMIT, {})
    return milvus


def operator(**parameters):
    return MilvusBulkImportOperator(**{"task_id": "task", "collection_name": "c", "files": ["a.parquet"], **parameters})


def sent(milvus, route):
    return [each for each in milvus.sent if each.route == route]


def deferral(operator, context):
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(context)
    return caught.value


# -- one import ------------------------------------------------------------------------------------------------------


def test_job_id_is_returned(context):
    assert operator().execute(context) == "7"


def test_job_id_is_pushed_right_after_the_submit(context, ti):
    operator().execute(context)
    assert ti.pushed[0] == ("job_id", "7", [LIST, CREATE])


def test_final_progress_is_pushed(context, ti):
    operator().execute(context)
    assert ti.xcoms["import_progress"]["imported_rows"] == 5


def test_progress_is_pushed_while_the_job_runs(context, ti, milvus):
    milvus.responds(DESCRIBE, {**RUNNING, "importedRows": 2, "details": [{"fileName": "[a.parquet]"}]}, DONE)
    operator(database="books").execute(context)
    pushed = [value for key, value, _ in ti.pushed if key == "import_progress"]
    assert [(job["state"], job["imported_rows"]) for job in pushed] == [("Importing", 2), ("Completed", 5)]
    assert [file["name"] for file in pushed[0]["files"]] == ["a.parquet"]
    assert (pushed[0]["milvus_conn_id"], pushed[0]["database"]) == ("milvus_default", "books")


def test_final_progress_of_a_failed_import_has_its_files(context, ti, milvus):
    milvus.responds(DESCRIBE, FAILED)
    with pytest.raises(exceptions.MilvusImportFailed):
        operator().execute(context)
    file = {"name": "a.parquet", "state": "Failed", "reason": "row 7 has no id"}
    assert ti.xcoms["import_progress"]["files"] == [file]


def test_job_that_is_not_waited_for_is_reported_as_submitted(context, ti):
    operator(wait_for_completion=False).execute(context)
    job = ti.xcoms["import_progress"]
    assert (job["job_id"], job["state"], job["collection_name"]) == ("7", "Pending", "c")


def test_request_is_made_of_the_parameters(context, milvus):
    operator(partition_name="p", options={"timeout": "90m"}, database="books").execute(context)
    assert sent(milvus, CREATE)[0].body == {
        "dbName": "books",
        "collectionName": "c",
        "partitionName": "p",
        "files": [["a.parquet"]],
        "options": {"timeout": "90m"},
    }


def test_what_differs_from_run_to_run_is_templated():
    names = ["collection_name", "partition_name", "database", "milvus_conn_id", "storage_conn_id", "volume_name"]
    lists = ["files", "object_urls", "data_paths"]
    task = operator(
        **dict.fromkeys(names, "{{ x }}"),
        **{name: ["{{ x }}"] for name in lists},
        options={"timeout": "{{ x }}"},
        two_phase=True,
        expected_rows="{{ x }}",
        min_rows="{{ x }}",
    )
    task.render_template_fields({"x": "7"})
    assert {getattr(task, name) for name in [*names, "expected_rows", "min_rows"]} == {"7"}
    assert [getattr(task, name) for name in lists] == [["7"]] * 3
    assert task.options == {"timeout": "7"}


def test_submit_carries_an_idempotency_key(context, milvus):
    operator().execute(context)
    assert sent(milvus, CREATE)[0].headers["Idempotency-Key"].startswith("airflow/dag/task/run/-1/1/")


def test_operator_that_does_not_wait_polls_nothing(context, milvus):
    assert operator(wait_for_completion=False).execute(context) == "7"
    assert milvus.routes == [LIST, CREATE]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"poll_interval": 0}, "poll_interval must be"),
        ({"timeout": -1}, "timeout must be"),
        ({"max_poll_failures": 0}, "max_poll_failures must be"),
        ({"on_unknown_outcome": "retry"}, "on_unknown_outcome must be 'fail' or 'resubmit', got 'retry'"),
        ({"two_phase": True, "wait_for_completion": False}, "leave wait_for_completion=True"),
        ({"expected_rows": 5}, "expected_rows is checked before a commit; it needs two_phase=True"),
        ({"min_rows": 5}, "min_rows is checked before a commit"),
        ({"check": bool}, "check is checked before a commit"),
        ({"check": "rows", "two_phase": True}, "check must be a function of the import's progress, got 'rows'"),
        ({"defer_after": "5"}, "defer_after must be a number of seconds from 0 up, got '5'"),
        ({"files_from": "s3://b/*"}, "files_from finds the files; leave out files"),
        ({"files_root": "s3://b"}, "files_root='s3://b' goes with files_from"),
        ({"two_phase": True, "expected_rows": "footers"}, "expected_rows='footers' goes with files_from"),
    ],
)
def test_bad_parameter_is_refused_when_the_dag_is_parsed(parameters, message):
    with pytest.raises(ValueError, match=message):
        operator(**parameters)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"files": None}, "exactly one of files"),
        ({"files": ["a.txt"]}, "file type '.txt'"),
        ({"files": ["a.parquet", "a.parquet"]}, "files names 'a.parquet' more than once"),
        ({"collection_name": ""}, "collection_name must be"),
        ({"partition_name": ""}, "partition_name must be"),
        ({"options": {"timeout": [5]}}, "options\\['timeout'\\] must be a string"),
        ({"options": "timeout"}, "options must be a dict"),
        ({"options": {"auto_commit": "false"}}, "options: auto_commit is what two_phase=True sets"),
        ({"two_phase": True, "expected_rows": "None"}, "expected_rows must be a whole number from 0 up, got 'None'"),
        ({"two_phase": True, "min_rows": "many"}, "min_rows must be a whole number from 0 up, got 'many'"),
    ],
)
def test_bad_templated_parameter_is_refused_before_anything_is_sent(context, milvus, parameters, message):
    with pytest.raises(ValueError, match=message):
        operator(**parameters).execute(context)
    assert milvus.sent == []


# -- files found at run time ------------------------------------------------------------------------------------------


@pytest.fixture
def bucket(tmp_path):
    """A folder with a Parquet file of five rows."""
    write_rows(tmp_path / "day" / "a.parquet")
    return tmp_path


def write_rows(path, rows=5):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"id": list(range(rows))}), path)


def finder(bucket, **parameters):
    where = {"files_from": f"file://{bucket}/{{{{ x }}}}/*.parquet", "files_root": f"file://{bucket}"}
    task = operator(files=None, **{**where, **parameters})
    task.render_template_fields({"x": "day"})
    return task


def test_files_are_listed_when_the_task_runs(context, milvus, bucket):
    assert finder(bucket).execute(context) == "7"
    assert sent(milvus, CREATE)[0].body["files"] == [["day/a.parquet"]]


def test_files_that_came_between_two_tries_are_not_loaded_by_the_retry(context, milvus, bucket):
    milvus.responds(DESCRIBE, RUNNING)
    with pytest.raises(exceptions.MilvusImportTimeout):
        finder(bucket, timeout=5).execute(context)
    write_rows(bucket / "day" / "b.parquet")
    milvus.responds(DESCRIBE, DONE)
    finder(bucket).execute(context)
    assert len(sent(milvus, CREATE)) == 1


def test_files_that_came_before_a_succeeded_task_was_cleared_are_loaded(context, milvus, bucket, ti):
    finder(bucket).execute(context)
    write_rows(bucket / "day" / "b.parquet")
    ti.max_tries = 1
    finder(bucket).execute(context)
    assert sent(milvus, CREATE)[1].body["files"] == [["day/a.parquet"], ["day/b.parquet"]]


def test_files_are_listed_again_after_all_of_a_load_has_failed(context, milvus, bucket):
    milvus.responds(DESCRIBE, FAILED)
    with pytest.raises(exceptions.MilvusImportFailed):
        finder(bucket).execute(context)
    (bucket / "day" / "a.parquet").rename(bucket / "day" / "b.parquet")
    milvus.responds(CREATE, {"jobId": "8"})
    milvus.responds(DESCRIBE, DONE)
    finder(bucket).execute(context)
    assert sent(milvus, CREATE)[1].body["files"] == [["day/b.parquet"]]


def test_files_are_listed_again_below_another_root(context, milvus, bucket):
    milvus.responds(DESCRIBE, RUNNING)
    with pytest.raises(exceptions.MilvusImportTimeout):
        finder(bucket, timeout=5).execute(context)
    milvus.responds(DESCRIBE, DONE)
    finder(bucket, files_root=f"file://{bucket}/day").execute(context)
    assert sent(milvus, CREATE)[1].body["files"] == [["a.parquet"]]


def test_footers_of_other_files_than_parquet_are_refused_before_any_request(context, milvus, bucket):
    (bucket / "day" / "a.csv").touch()
    task = finder(bucket, files_from=f"file://{bucket}/day/*.csv", two_phase=True, expected_rows="footers")
    with pytest.raises(ValueError, match=r"footers of Parquet files, and 'day/a\.csv' is none"):
        task.execute(context)
    assert milvus.sent == []


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"files_from": "file:///nowhere/*", "files_root": "file:///nowhere"}, "matches no file"),
        ({"files_root": None}, "give files_root"),
    ],
)
def test_pattern_that_finds_nothing_is_refused_before_anything_is_sent(context, milvus, bucket, parameters, message):
    with pytest.raises(ValueError, match=message):
        finder(bucket, **parameters).execute(context)
    assert milvus.sent == []


@pytest.mark.parametrize(("rows", "committed"), [(5, True), (6, False)])
def test_rows_are_checked_against_the_footers_before_a_commit(context, milvus, bucket, rows, committed):
    write_rows(bucket / "day" / "a.parquet", rows)
    files = [{"fileName": "[day/a.parquet]", "state": "Uncommitted"}]
    milvus.responds(DESCRIBE, {**UNCOMMITTED, "details": files}, {**UNCOMMITTED, "details": files}, DONE)
    task = finder(bucket, two_phase=True, expected_rows="footers")
    if committed:
        assert task.execute(context) == "7"
    else:
        with pytest.raises(exceptions.MilvusImportRefused, match="it has 5 rows, and expected_rows=6"):
            task.execute(context)
    assert (COMMIT in milvus.routes) is committed


# -- more files than one import takes ---------------------------------------------------------------------------------


MANY = [f"{number}.parquet" for number in range(1025)]
SECOND_DONE = {**DONE, "jobId": "8", "importedRows": 6}


@pytest.fixture
def two_jobs(server):
    """The server accepts two imports, as job 7 and job 8."""
    server.responds(CREATE, {"jobId": "7"}, {"jobId": "8"})
    server.responds(DESCRIBE, {**DONE, "jobId": "7"}, SECOND_DONE)
    return server


def test_files_that_one_import_does_not_take_are_several(context, two_jobs):
    assert operator(files=MANY).execute(context) == ["7", "8"]
    assert [path for each in sent(two_jobs, CREATE) for (path,) in each.body["files"]] == MANY


def test_found_files_that_one_import_does_not_take_are_several(context, two_jobs, bucket):
    for number in range(1025):
        (bucket / "day" / f"{number}.parquet").touch()
    assert finder(bucket).execute(context) == ["7", "8"]
    assert [len(each.body["files"]) for each in sent(two_jobs, CREATE)] == [513, 513]


def test_ids_of_several_jobs_are_pushed_as_they_come(context, two_jobs, ti):
    operator(files=MANY).execute(context)
    assert [value for key, value, _ in ti.pushed if key == "job_id"] == [["7"], ["7", "8"]]


def test_progress_of_several_jobs_is_pushed_as_a_list(context, two_jobs, ti):
    operator(files=MANY).execute(context)
    assert [job["imported_rows"] for job in ti.xcoms["import_progress"]] == [5, 6]


def test_retry_goes_on_with_all_jobs_of_the_try_before(context, two_jobs):
    two_jobs.responds(DESCRIBE, {"jobId": "7", "state": "Importing"}, {"jobId": "8", "state": "Importing"})
    with pytest.raises(exceptions.MilvusImportTimeout):
        operator(files=MANY, timeout=1).execute(context)
    two_jobs.responds(DESCRIBE, {**DONE, "jobId": "7"}, SECOND_DONE, {**DONE, "jobId": "7"}, SECOND_DONE)
    assert operator(files=MANY).execute(context) == ["7", "8"]
    assert len(sent(two_jobs, CREATE)) == 2


def test_next_run_in_the_same_process_has_its_own_jobs(context, milvus):
    one = operator()
    milvus.responds(CREATE, {"jobId": "7"}, {"jobId": "8"})
    milvus.responds(DESCRIBE, DONE, {**DONE, "jobId": "8"})
    # As Airflow copies an operator for each try.
    assert copy.copy(one).execute(context) == "7"
    context["task_state_store"].clear()
    assert copy.copy(one).execute(context) == "8"


@pytest.fixture
def half_failed(context, two_jobs):
    """A first try whose job 7 has completed after its job 8 failed."""
    two_jobs.responds(DESCRIBE, {"jobId": "7", "state": "Importing"}, {**FAILED, "jobId": "8"}, {**DONE, "jobId": "7"})
    with pytest.raises(exceptions.MilvusImportFailed, match="import job 8"):
        operator(files=MANY).execute(context)
    two_jobs.responds(CREATE, {"jobId": "9"})
    return two_jobs


def test_retry_after_one_of_several_jobs_failed_submits_only_that_one(context, half_failed):
    half_failed.responds(DESCRIBE, {**SECOND_DONE, "jobId": "9"})
    assert operator(files=MANY).execute(context) == ["7", "9"]
    assert len(sent(half_failed, CREATE)) == 3


def test_progress_of_a_job_that_completed_in_an_earlier_try_is_pushed(context, half_failed, ti):
    half_failed.responds(DESCRIBE, {**SECOND_DONE, "jobId": "9"})
    operator(files=MANY).execute(context)
    assert [(job["job_id"], job["imported_rows"]) for job in ti.xcoms["import_progress"]] == [("7", 5), ("9", 6)]


def test_deferred_retry_waits_only_for_what_has_not_completed(context, half_failed):
    half_failed.responds(DESCRIBE, {"jobId": "9", "state": "Importing"})
    deferred = deferral(operator(files=MANY, deferrable=True, defer_after=0), context)
    assert (deferred.trigger.job_id, deferred.trigger.fail_fast) == (["9"], False)
    progress = parse_progress({"jobId": "9", "state": "Completed", "importedRows": 6}).as_dict()
    resumed_with = {**event(), "job_id": ["9"], "imports": [progress]}
    assert operator(files=MANY).execute_complete(context, resumed_with, **deferred.kwargs) == ["7", "9"]


@pytest.mark.parametrize("files", [MANY[1:], MANY[:-1]])
def test_retry_with_other_files_than_several_jobs_have_loaded_is_refused(context, half_failed, files):
    before = len(half_failed.sent)
    with pytest.raises(ValueError, match="files are others than those of an earlier try, whose import jobs 7 have"):
        operator(files=files).execute(context)
    assert len(half_failed.sent) == before


def test_retry_with_other_files_after_all_jobs_failed_is_another_load(context, two_jobs):
    two_jobs.responds(DESCRIBE, {**FAILED, "jobId": "7"}, {**FAILED, "jobId": "8"})
    with pytest.raises(exceptions.MilvusImportFailed):
        operator(files=MANY).execute(context)
    two_jobs.responds(CREATE, {"jobId": "9"})
    two_jobs.responds(DESCRIBE, {**DONE, "jobId": "9"})
    assert operator(files=MANY[:5]).execute(context) == "9"


def test_several_jobs_are_waited_for_in_the_triggerer(context, two_jobs):
    two_jobs.responds(DESCRIBE, {"jobId": "7", "state": "Importing"}, {"jobId": "8", "state": "Importing"})
    assert deferral(operator(files=MANY, deferrable=True, defer_after=0), context).trigger.job_id == ["7", "8"]


def test_kill_names_all_jobs_that_go_on(context, two_jobs, logged):
    task = operator(files=MANY)
    task.execute(context)
    task.on_kill()
    text = logged()
    assert [f"Import job {job_id} goes on" in text for job_id in "78"] == [True, True]


def test_what_is_for_one_import_is_refused_before_several_are_sent(context, milvus):
    with pytest.raises(
        ValueError, match=r"is for one import, and 1,025 file sets need 2: .* MilvusPlanImportsOperator"
    ):
        operator(files=MANY, wait_for_completion=False).execute(context)
    assert milvus.sent == []


# -- how a wait ends -------------------------------------------------------------------------------------------------


def test_failed_files_are_logged_before_the_task_fails(context, milvus, logged):
    milvus.responds(DESCRIBE, FAILED)
    with pytest.raises(exceptions.MilvusImportFailed, match=r"import job 7 into .* failed: bad row"):
        operator().execute(context)
    assert "Import job 7: file a.parquet failed: row 7 has no id" in logged()


def test_progress_of_a_failed_job_is_pushed(context, milvus, ti):
    milvus.responds(DESCRIBE, FAILED)
    with pytest.raises(exceptions.MilvusImportFailed):
        operator().execute(context)
    assert ti.xcoms["import_progress"]["reason"] == "bad row"


def test_transient_failure_is_retried(context, milvus):
    milvus.responds(DESCRIBE, {"state": "Failed", "reason": "import timeout"})
    with pytest.raises(exceptions.MilvusImportFailedForNow):
        operator().execute(context)


def test_timeout_ends_the_wait(context, milvus, package_clock):
    milvus.responds(DESCRIBE, RUNNING)
    with pytest.raises(exceptions.MilvusImportTimeout):
        operator(timeout=30).execute(context)
    assert package_clock.now == 1_030


def test_server_that_stays_away_is_given_up_on(context, milvus):
    milvus.responds(DESCRIBE, (502, "Bad Gateway"))
    with pytest.raises(exceptions.MilvusImportUnreachable):
        operator(max_poll_failures=3).execute(context)


def test_job_that_is_gone_is_an_unknown_outcome(context, milvus):
    milvus.responds(DESCRIBE, RUNNING, NO_SUCH_JOB)
    with pytest.raises(exceptions.MilvusImportOutcomeUnknown):
        operator().execute(context)


def test_submission_is_over_at_the_timeout(context, milvus, package_clock):
    milvus.responds(CREATE, (200, json.dumps({"code": 1, "message": "service not ready"})))
    with pytest.raises(errors.MilvusBusyError):
        operator(timeout=30).execute(context)
    assert package_clock.now <= 1_030


# -- retries and clears ----------------------------------------------------------------------------------------------


def test_retry_goes_on_with_the_job_of_the_try_before(context, milvus):
    milvus.responds(DESCRIBE, RUNNING)
    with pytest.raises(exceptions.MilvusImportTimeout):
        operator(timeout=5).execute(context)
    milvus.responds(DESCRIBE, DONE)
    assert operator(timeout=5).execute(context) == "7"
    assert len(sent(milvus, CREATE)) == 1


def test_retry_with_other_options_goes_on_with_the_job(context, milvus):
    milvus.responds(CREATE, {"jobId": "7"}, {"jobId": "8"})
    milvus.responds(DESCRIBE, {"jobId": "7", "state": "Importing"})
    operator(wait_for_completion=False).execute(context)
    assert operator(wait_for_completion=False, options={"timeout": "4h"}).execute(context) == "7"


@pytest.mark.parametrize("other", [{"database": "books"}, {"milvus_conn_id": "other"}, {"files": ["b.parquet"]}])
def test_retry_with_another_target_or_other_files_is_another_load(context, milvus, monkeypatch, other):
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", "milvus://other.example.org")
    milvus.responds(CREATE, {"jobId": "7"}, {"jobId": "8"})
    operator(wait_for_completion=False).execute(context)
    assert operator(wait_for_completion=False, **other).execute(context) == "8"


def test_retry_of_a_job_whose_record_is_gone_fails_with_what_to_do(context, milvus):
    operator(wait_for_completion=False).execute(context)
    milvus.responds(DESCRIBE, NO_SUCH_JOB)
    with pytest.raises(exceptions.MilvusImportOutcomeUnknown, match="on_unknown_outcome='resubmit'"):
        operator().execute(context)


def test_retry_of_a_job_whose_record_is_gone_submits_again_on_request(context, milvus):
    operator(wait_for_completion=False).execute(context)
    milvus.responds(DESCRIBE, NO_SUCH_JOB, NO_SUCH_JOB, NO_SUCH_JOB, DONE)
    milvus.responds(CREATE, {"jobId": "8"})
    assert operator(on_unknown_outcome="resubmit").execute(context) == "8"


def test_clear_of_a_success_loads_again_under_another_key(context, milvus, ti):
    operator().execute(context)
    ti.try_number, ti.max_tries = 2, 1
    milvus.responds(CREATE, {"jobId": "8"})
    assert operator().execute(context) == "8"
    assert len({each.headers["Idempotency-Key"] for each in sent(milvus, CREATE)}) == 2


def test_clear_of_a_failure_goes_on_with_its_job(context, milvus, ti):
    milvus.responds(DESCRIBE, RUNNING)
    with pytest.raises(exceptions.MilvusImportTimeout):
        operator(timeout=5).execute(context)
    ti.try_number, ti.max_tries = 2, 1
    milvus.responds(DESCRIBE, DONE)
    assert operator().execute(context) == "7"
    assert len(sent(milvus, CREATE)) == 1


def test_task_that_is_not_durable_keeps_no_record_and_sends_no_key(context, milvus):
    operator(durable=False).execute(context)
    assert RECORD not in context["task_state_store"]
    assert "Idempotency-Key" not in sent(milvus, CREATE)[0].headers


def test_airflow_without_a_state_store_is_enough(context):
    del context["task_state_store"]
    assert operator().execute(context) == "7"


def test_missing_storage_connection_is_refused_before_a_submit_is_recorded(context, milvus, connection):
    connection(extra={"cluster_id": "in03-1"})
    task = operator(files=None, object_urls=["s3://b/a.parquet"], storage_conn_id="nowhere")
    with pytest.raises(Exception, match="nowhere"):
        task.execute(context)
    assert milvus.sent == []
    assert RECORD not in context["task_state_store"]


def test_storage_keys_are_redacted_in_the_list_before_the_create(context, milvus, connection, monkeypatch):
    connection(extra={"cluster_id": "in03-1"})
    monkeypatch.setenv("AIRFLOW_CONN_STORAGE", json.dumps({"conn_type": "aws", "login": "a", "password": "s3cret"}))
    milvus.responds(LIST, (200, json.dumps({"code": 1100, "message": "denied for s3cret"})))
    task = operator(files=None, object_urls=["s3://b/a.parquet"], storage_conn_id="storage")
    with pytest.raises(errors.MilvusServerError, match=r"denied for \*\*\*"):
        task.execute(context)


def test_keys_of_the_object_storage_are_redacted_after_a_deferral(context, milvus, connection, monkeypatch):
    connection(extra={"cluster_id": "in03-1"})
    monkeypatch.setenv("AIRFLOW_CONN_STORAGE", json.dumps({"conn_type": "aws", "login": "a", "password": "s3cret"}))
    milvus.responds(DESCRIBE, (200, json.dumps({"code": 1100, "message": "denied for s3cret"})))
    task = operator(files=None, object_urls=["s3://b/a.parquet"], storage_conn_id="storage", two_phase=True)
    with pytest.raises(errors.MilvusServerError, match=r"denied for \*\*\*"):
        task.execute_complete(context, event(target_state="Uncommitted"))


def test_storage_connection_that_is_gone_does_not_fail_a_completed_job(context, connection):
    connection(extra={"cluster_id": "in03-1"})
    task = operator(files=None, object_urls=["s3://b/a.parquet"], storage_conn_id="nowhere")
    assert task.execute_complete(context, event()) == "7"


def test_record_holds_no_secret(context, milvus, connection, monkeypatch):
    connection(extra={"cluster_id": "in03-1"})
    monkeypatch.setenv("AIRFLOW_CONN_STORAGE", json.dumps({"conn_type": "aws", "login": "a", "password": "s3cret"}))
    operator(files=None, object_urls=["s3://b/a.parquet"], storage_conn_id="storage").execute(context)
    assert sent(milvus, CREATE)[0].body["secretKey"] == "s3cret"
    assert "s3cret" not in json.dumps(context["task_state_store"])


@pytest.mark.parametrize(
    ("extra", "source", "message"),
    [
        ({"cluster_id": "in03-1"}, {"files": ["a.parquet"]}, "give object_urls, or volume_name and data_paths"),
        ({}, {"object_urls": ["s3://b/a/"]}, "'milvus_default' is no connection to it: give files"),
        ({}, {"volume_name": "v", "data_paths": ["/"]}, "'milvus_default' is no connection to it: give files"),
        ({}, {"files": ["a.parquet"], "storage_conn_id": "s"}, "storage_conn_id='s' goes with object_urls"),
    ],
)
def test_source_that_the_server_cannot_read_is_refused_before_any_request(
    context, milvus, connection, extra, source, message
):
    connection(extra=extra)
    with pytest.raises(ValueError, match=message):
        operator(**{"files": None, **source}).execute(context)
    assert milvus.sent == []


# -- deferral --------------------------------------------------------------------------------------------------------


def test_short_job_is_not_deferred(context, milvus):
    milvus.responds(DESCRIBE, RUNNING, DONE)
    assert operator(deferrable=True).execute(context) == "7"


def test_long_job_is_deferred_after_a_while(context, milvus, package_clock):
    milvus.responds(DESCRIBE, RUNNING)
    deferred = deferral(operator(deferrable=True, timeout=60, database="books", poll_interval=3), context)
    assert 1_003 <= package_clock.now <= 1_005
    assert (deferred.method_name, deferred.timeout) == ("execute_complete", None)
    assert deferred.trigger.serialize() == (
        "airflow_provider_milvus.triggers.import_job.MilvusImportTrigger",
        {
            "job_id": "7",
            "milvus_conn_id": "milvus_default",
            "poll_interval": 3,
            "deadline": 1_060.0,
            "max_poll_failures": 120,
            "database": "books",
            "abort_on_kill": False,
            "fail_fast": True,
        },
    )


def test_trigger_arguments_are_plain_json(context, milvus):
    milvus.responds(DESCRIBE, RUNNING)
    arguments = deferral(operator(deferrable=True, two_phase=True), context).trigger.serialize()[1]
    assert json.loads(json.dumps(arguments)) == arguments
    assert type(arguments["target_state"]) is str


@pytest.mark.parametrize(
    ("timeout", "execution_timeout", "deadline"),
    [(None, None, None), (60, None, 1_060), (None, 30, 1_030), (60, 30, 1_030), (20, 30, 1_020)],
)
def test_deferred_wait_ends_at_the_earlier_of_both_timeouts(context, milvus, timeout, execution_timeout, deadline):
    milvus.responds(DESCRIBE, RUNNING)
    limit = None if execution_timeout is None else timedelta(seconds=execution_timeout)
    deferred = deferral(operator(deferrable=True, timeout=timeout, execution_timeout=limit), context)
    assert deferred.trigger.deadline == deadline


def test_wait_on_the_worker_leaves_the_execution_timeout_to_airflow(context, milvus, package_clock):
    milvus.responds(DESCRIBE, *[RUNNING] * 30, DONE)
    assert operator(execution_timeout=timedelta(seconds=10)).execute(context) == "7"
    assert package_clock.now > 1_010


def event(status="success", target_state="Completed", **more):
    progress = parse_progress({"jobId": "7", "state": target_state, "importedRows": 5}).as_dict()
    return import_event("7", target_state, status, "m", [progress], **more)


def test_resumed_task_returns_the_job_id_and_pushes_the_progress(context, ti):
    assert operator().execute_complete(context, event()) == "7"
    assert ti.xcoms["import_progress"]["imported_rows"] == 5


def test_resumed_task_that_succeeds_loads_again_when_it_is_cleared(context, milvus, ti):
    operator(wait_for_completion=False).execute(context)
    del context["task_state_store"][LOADS]
    operator().execute_complete(context, event())
    assert context["task_state_store"][LOADS]["done_in"] == 0


@pytest.mark.parametrize(
    ("resumed_with", "kind"),
    [
        (event("failed", transient=False, failed_files=[]), exceptions.MilvusImportFailed),
        (event("failed", transient=True, failed_files=[]), exceptions.MilvusImportFailedForNow),
        (event("timeout"), exceptions.MilvusImportTimeout),
        (event("unknown"), exceptions.MilvusImportOutcomeUnknown),
        (event("unreachable"), exceptions.MilvusImportUnreachable),
        (event("done"), exceptions.MilvusImportUnreachable),
        ({}, exceptions.MilvusImportUnreachable),
        (None, exceptions.MilvusImportUnreachable),
    ],
)
def test_resumed_task_raises_what_the_event_stands_for(context, resumed_with, kind):
    with pytest.raises(kind):
        operator().execute_complete(context, resumed_with)


def test_resumed_task_logs_the_failed_files_before_it_fails(context, logged):
    files = [{"job_id": "7", "name": "a.parquet", "reason": "row 7 has no id"}]
    with pytest.raises(exceptions.MilvusImportFailed):
        operator().execute_complete(context, event("failed", failed_files=files, failed_file_count=3))
    assert "file a.parquet failed: row 7 has no id" in (text := logged())
    assert "and 2 more failed files" in text


def test_failed_task_is_not_recorded_as_done(context):
    operator(wait_for_completion=False).execute(context)
    del context["task_state_store"][LOADS]
    with pytest.raises(exceptions.MilvusImportTimeout):
        operator().execute_complete(context, event("timeout"))
    assert LOADS not in context["task_state_store"]


# -- two phases ------------------------------------------------------------------------------------------------------


@pytest.fixture
def two_phases(milvus):
    """The job waits for its commit, and completes after it."""
    milvus.responds(DESCRIBE, UNCOMMITTED, UNCOMMITTED, DONE)


def test_two_phase_import_requests_no_auto_commit(context, milvus, two_phases):
    operator(two_phase=True, options={"timeout": "90m"}).execute(context)
    assert sent(milvus, CREATE)[0].body["options"] == {"timeout": "90m", "auto_commit": "false"}


def test_two_phase_import_commits_and_waits_for_the_end(context, milvus, two_phases):
    assert operator(two_phase=True).execute(context) == "7"
    assert milvus.routes[-3:] == [DESCRIBE, COMMIT, DESCRIBE]


@pytest.mark.parametrize(
    "checks",
    [
        {"expected_rows": 5},
        {"expected_rows": "5"},
        {"min_rows": 5},
        {"min_rows": "4"},
        {"check": lambda progress: progress.imported_rows == 5},
    ],
)
def test_rows_that_pass_the_checks_are_committed(context, milvus, two_phases, checks):
    operator(two_phase=True, **checks).execute(context)
    assert len(sent(milvus, COMMIT)) == 1


@pytest.mark.parametrize(
    ("checks", "reason"),
    [
        ({"expected_rows": 6}, "it has 5 rows, and expected_rows=6"),
        ({"min_rows": 6}, "it has 5 rows, and min_rows=6"),
        ({"check": lambda progress: False}, "check has returned no true value"),
        ({"check": lambda progress: None}, "check has returned no true value"),
    ],
)
def test_rows_that_do_not_pass_are_aborted(context, milvus, two_phases, checks, reason):
    with pytest.raises(exceptions.MilvusImportRefused, match=reason):
        operator(two_phase=True, **checks).execute(context)
    assert milvus.routes[-1] == ABORT
    assert sent(milvus, ABORT)[-1].body["jobId"] == "7"
    assert sent(milvus, COMMIT) == []


def test_check_that_raises_aborts(context, milvus, two_phases):
    with pytest.raises(ZeroDivisionError):
        operator(two_phase=True, check=lambda progress: 1 / 0).execute(context)
    assert milvus.routes[-1] == ABORT


def test_timeout_before_the_commit_aborts(context, milvus):
    milvus.responds(DESCRIBE, RUNNING)
    with pytest.raises(exceptions.MilvusImportTimeout):
        operator(two_phase=True, timeout=30).execute(context)
    assert sent(milvus, ABORT)[-1].body["jobId"] == "7"


def test_unreachable_server_before_the_commit_gets_an_abort_request(context, milvus):
    milvus.responds(DESCRIBE, (502, "Bad Gateway"))
    with pytest.raises(exceptions.MilvusImportUnreachable):
        operator(two_phase=True, max_poll_failures=2).execute(context)
    assert sent(milvus, ABORT)[-1].body["jobId"] == "7"


def test_commit_that_is_refused_aborts(context, milvus, two_phases):
    milvus.responds(COMMIT, REFUSED)
    with pytest.raises(errors.MilvusServerError, match="code 1100"):
        operator(two_phase=True).execute(context)
    assert sent(milvus, ABORT)[-1].body["jobId"] == "7"


def test_job_that_cannot_be_described_before_its_commit_is_aborted(context, milvus):
    milvus.responds(DESCRIBE, UNCOMMITTED, REFUSED)
    with pytest.raises(errors.MilvusServerError, match="code 1100"):
        operator(two_phase=True).execute(context)
    assert sent(milvus, ABORT)[-1].body["jobId"] == "7"


def test_failed_job_is_not_aborted(context, milvus):
    milvus.responds(DESCRIBE, FAILED)
    with pytest.raises(exceptions.MilvusImportFailed):
        operator(two_phase=True).execute(context)
    assert [each.body["jobId"] for each in sent(milvus, ABORT)] == ["0"]


def test_timeout_after_the_commit_does_not_abort(context, milvus):
    milvus.responds(DESCRIBE, UNCOMMITTED, UNCOMMITTED, {"state": "Committing"})
    with pytest.raises(exceptions.MilvusImportTimeout):
        operator(two_phase=True, timeout=30).execute(context)
    assert [each.body["jobId"] for each in sent(milvus, ABORT)] == ["0"]


def test_abort_that_is_refused_does_not_hide_why_it_was_tried(context, milvus, two_phases, logged):
    milvus.responds(ABORT, NO_SUCH_JOB, REFUSED)
    with pytest.raises(exceptions.MilvusImportRefused):
        operator(two_phase=True, min_rows=6).execute(context)
    assert "Import job 7 could not be aborted" in logged()


def test_retry_after_an_abort_submits_again(context, milvus, two_phases):
    with pytest.raises(exceptions.MilvusImportRefused):
        operator(two_phase=True, min_rows=6).execute(context)
    milvus.responds(CREATE, {"jobId": "8"})
    milvus.responds(DESCRIBE, {"state": "Failed", "reason": "aborted"}, UNCOMMITTED, UNCOMMITTED, DONE)
    assert operator(two_phase=True).execute(context) == "8"


def test_server_without_two_phases_is_refused_before_anything_is_sent(context, milvus):
    del milvus.scripts[ABORT]
    with pytest.raises(exceptions.MilvusTwoPhaseUnsupported, match="nothing was sent"):
        operator(two_phase=True).execute(context)
    assert milvus.routes == [ABORT]


def test_server_that_loaded_at_once_is_reported_as_it_is(context, milvus):
    del milvus.scripts[COMMIT]
    with pytest.raises(
        exceptions.MilvusTwoPhaseUnsupported, match="the 5 rows of import job 7 at once: they are visible"
    ):
        operator(two_phase=True).execute(context)


def test_job_that_somebody_else_committed_is_a_success(context, milvus):
    assert operator(two_phase=True, expected_rows=6).execute(context) == "7"


def test_deferred_first_phase_waits_for_uncommitted_and_aborts_when_killed(context, milvus):
    milvus.responds(DESCRIBE, RUNNING)
    trigger = deferral(operator(two_phase=True, deferrable=True), context).trigger
    assert (trigger.target_state, trigger.abort_on_kill) == ("Uncommitted", True)


def test_kill_of_a_deferred_task_need_not_abort(context, milvus):
    milvus.responds(DESCRIBE, RUNNING)
    trigger = deferral(operator(two_phase=True, deferrable=True, cancel_on_kill=False), context).trigger
    assert trigger.abort_on_kill is False


def test_resumed_task_commits_and_defers_for_the_second_phase(context, milvus):
    milvus.responds(DESCRIBE, UNCOMMITTED, {"state": "Committing"})
    with pytest.raises(TaskDeferred) as caught:
        operator(two_phase=True, deferrable=True).execute_complete(context, event(target_state="Uncommitted"))
    assert len(sent(milvus, COMMIT)) == 1
    assert caught.value.trigger.target_state == "Completed"


def test_resumed_second_phase_commits_no_more(context, milvus):
    assert operator(two_phase=True, deferrable=True).execute_complete(context, event()) == "7"
    assert sent(milvus, COMMIT) == []


@pytest.mark.parametrize("status", ["timeout", "unreachable"])
def test_resumed_first_phase_that_did_not_get_there_aborts(context, milvus, status):
    with pytest.raises(errors.MilvusError):
        operator(two_phase=True, deferrable=True).execute_complete(context, event(status, target_state="Uncommitted"))
    assert [each.body["jobId"] for each in sent(milvus, ABORT)] == ["7"]


# -- resumed with damage --------------------------------------------------------------------------------------------


def without(key):
    found = event()
    found.pop(key)
    found.pop("goal")
    return found


DAMAGED = [
    7,
    [],
    "success",
    without("target_state"),
    without("imports"),
    without("job_id"),
    {**event(), "imports": []},
    {**event(), "imports": None},
    {**event(), "imports": [None]},
    {**event(), "imports": [{"job_id": "7"}]},
    {**event(), "imports": [{**event()["imports"][0], "state": "Importing"}]},
    {**event(), "target_state": "Failed"},
    {**event(), "job_id": None},
    {**event(), "job_id": ["7", "8"]},
]


@pytest.mark.parametrize("damaged", DAMAGED, ids=repr)
@pytest.mark.parametrize("two_phase", [False, True])
def test_damaged_event_is_one_error_and_never_a_success(context, milvus, ti, damaged, two_phase):
    with pytest.raises(exceptions.MilvusImportUnreachable, match="does not report how the import ended"):
        operator(two_phase=two_phase).execute_complete(context, damaged)
    assert (LOADS in context["task_state_store"], sent(milvus, COMMIT)) == (False, [])


@pytest.mark.parametrize("jobs", [7, "7", ["7"], {"7": None}, {"7": "Completed"}, {"7": {"job_id": "7"}}], ids=repr)
def test_damaged_jobs_of_a_deferral_are_one_error(context, jobs):
    with pytest.raises(exceptions.MilvusImportUnreachable, match="jobs that this version does not understand"):
        operator(files=MANY).execute_complete(context, {**event(), "job_id": ["7"]}, jobs=jobs)
    assert LOADS not in context["task_state_store"]


def test_job_whose_result_is_missing_is_no_success(context):
    with pytest.raises(exceptions.MilvusImportUnreachable, match="without the result of import job 9"):
        operator(files=MANY).execute_complete(context, {**event(), "job_id": ["7"]}, jobs={"9": {}, "7": {}})
    assert LOADS not in context["task_state_store"]


def test_jobs_that_release_0_1_deferred_with_are_understood(context):
    ended = {"job_id": "9", "state": "Completed", "imported_rows": 6}
    assert operator(files=MANY).execute_complete(context, {**event(), "job_id": ["7"]}, jobs={"9": ended, "7": {}}) == [
        "9",
        "7",
    ]


def test_phase_that_was_waited_for_decides_over_an_edited_dag(context, milvus):
    milvus.responds(DESCRIBE, UNCOMMITTED, DONE)
    assert operator(two_phase=False).execute_complete(context, event(target_state="Uncommitted")) == "7"
    assert len(sent(milvus, COMMIT)) == 1


# -- XCom -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parameters", [{}, {"wait_for_completion": False}, {"two_phase": True}], ids=str)
def test_nothing_is_pushed_where_xcoms_are_switched_off(context, milvus, ti, parameters):
    milvus.responds(DESCRIBE, *([UNCOMMITTED] * 2 if "two_phase" in parameters else []), DONE)
    assert operator(do_xcom_push=False, **parameters).execute(context) == "7"
    assert ti.pushed == []


def test_several_jobs_push_nothing_where_xcoms_are_switched_off(context, two_jobs, ti):
    operator(files=MANY, do_xcom_push=False).execute(context)
    assert ti.pushed == []


def test_resumed_task_pushes_nothing_where_xcoms_are_switched_off(context, ti):
    operator(do_xcom_push=False).execute_complete(context, event())
    assert ti.pushed == []


def test_retry_without_xcoms_waits_for_the_same_job(context, milvus):
    milvus.responds(DESCRIBE, RUNNING)
    with pytest.raises(exceptions.MilvusImportTimeout):
        operator(do_xcom_push=False, timeout=5).execute(context)
    milvus.responds(DESCRIBE, DONE)
    operator(do_xcom_push=False).execute(context)
    assert len(sent(milvus, CREATE)) == 1


def test_deferrable_operator_that_does_not_wait_warns():
    with pytest.warns(UserWarning, match="deferrable=True has no effect with wait_for_completion=False"):
        operator(deferrable=True, wait_for_completion=False)


def test_deferral_of_the_configuration_is_no_reason_to_warn(monkeypatch, recwarn):
    monkeypatch.setattr("airflow_provider_milvus.operators.bulk_import.DEFAULT_DEFERRABLE", True)
    operator(deferrable=True, wait_for_completion=False)
    assert [str(found.message) for found in recwarn if "deferrable=True" in str(found.message)] == []


# -- kill ------------------------------------------------------------------------------------------------------------


def killed(operator, context):
    """The operator, killed as it waits."""
    with pytest.raises(TaskDeferred):
        operator.execute(context)
    operator.on_kill()


def test_kill_aborts_a_two_phase_job_with_one_short_request(context, milvus):
    milvus.responds(DESCRIBE, RUNNING)
    milvus.responds(ABORT, NO_SUCH_JOB, (502, "Bad Gateway"))
    killed(operator(two_phase=True, deferrable=True), context)
    aborts = sent(milvus, ABORT)[1:]
    assert [(each.body["jobId"], each.options["timeout"]) for each in aborts] == [("7", 3.0)]


def test_kill_aborts_nothing_where_that_is_switched_off(context, milvus, logged):
    milvus.responds(DESCRIBE, RUNNING)
    killed(operator(two_phase=True, deferrable=True, cancel_on_kill=False), context)
    assert "Import job 7 goes on: cancel_on_kill=False" in logged()
    assert [each.body["jobId"] for each in sent(milvus, ABORT)] == ["0"]


def test_kill_says_that_an_ordinary_job_goes_on(context, milvus, logged):
    milvus.responds(DESCRIBE, RUNNING)
    killed(operator(deferrable=True), context)
    assert "Import job 7 goes on: Milvus cannot cancel it" in logged()
    assert sent(milvus, ABORT) == []


def test_kill_before_the_submit_says_so(logged):
    operator().on_kill()
    assert "Killed before an import job was known" in logged()


# -- assets ----------------------------------------------------------------------------------------------------------


class OutletEvents:
    """The events of the outlets, which Airflow 3.0 and 3.1 cannot hash."""

    def __init__(self):
        self.outlets = []
        self.events = []

    def __getitem__(self, outlet):
        if outlet not in self.outlets:
            event = SimpleNamespace(extra={}, added=[])
            event.add = lambda asset, extra: event.added.append((asset.uri, extra))
            self.outlets.append(outlet)
            self.events.append(event)
        return self.events[self.outlets.index(outlet)]


@pytest.fixture
def updated(context):
    context["outlet_events"] = OutletEvents()
    return context["outlet_events"]


URI = "milvus://milvus.example.org:19530/default/c"
EXTRA = {"job_id": "7", "rows": 5, "seconds": 90.0}


@pytest.fixture
def timed(milvus):
    times = {"createTime": "2026-01-01T00:00:00Z", "completeTime": "2026-01-01T00:01:30Z"}
    milvus.responds(DESCRIBE, {**DONE, **times})


def test_asset_of_the_collection_is_updated_with_what_was_loaded(context, updated, timed):
    task = operator(asset_outlet=True)
    task.execute(context)
    assert [event.added for event in updated.events] == [[(URI, EXTRA)]]
    assert updated.outlets == task.outlets


def test_declared_asset_of_the_collection_is_updated_as_well(context, updated, timed):
    operator(outlets=[Asset(URI)]).execute(context)
    assert updated[Asset(URI)].extra == EXTRA


def test_other_outlets_are_not_updated(context, updated, timed):
    operator(outlets=[Asset("milvus://milvus.example.org:19530/default/other"), AssetAlias("mine")]).execute(context)
    assert updated.outlets == []


def test_failed_import_updates_no_asset(context, updated, milvus):
    milvus.responds(DESCRIBE, FAILED)
    with pytest.raises(exceptions.MilvusImportFailed):
        operator(asset_outlet=True).execute(context)
    assert updated.outlets == []


def test_several_jobs_are_one_update(context, updated, two_jobs):
    first = {"createTime": "2026-01-01T00:00:00Z", "completeTime": "2026-01-01T00:00:30Z"}
    second = {"createTime": "2026-01-01T00:00:10Z", "completeTime": "2026-01-01T00:01:00Z"}
    two_jobs.responds(DESCRIBE, {**DONE, **first, "jobId": "7"}, {**SECOND_DONE, **second})
    operator(files=MANY, outlets=[Asset(URI)]).execute(context)
    assert updated[Asset(URI)].extra == {"job_id": ["7", "8"], "rows": 11, "seconds": 60.0}


def outlets_in_the_graph(make):
    """The outlets that Airflow's scheduler and graph know of a task."""
    with DAG("dag", schedule=None, start_date=datetime(2026, 1, 1)) as dag:
        make()
    (task,) = SERIALIZED_DAG.from_dict(SERIALIZED_DAG.to_dict(dag)).tasks
    # Airflow does not make objects of a mapped task's outlets.
    return [outlet.get("uri") or outlet["name"] for outlet in map(_as_dict, task.outlets)]


def _as_dict(outlet):
    if isinstance(outlet, dict):
        return outlet.get("__var", outlet)
    return {name: getattr(outlet, name) for name in ("uri", "name") if hasattr(outlet, name)}


@pytest.fixture
def no_database(monkeypatch):
    """Airflow 2 searches its database for what depends on an alias; the graph's outlets do not come from there."""
    if airflow.__version__.startswith("2."):
        nothing = staticmethod(lambda *arguments: [])
        monkeypatch.setattr(serialized_objects.DependencyDetector, "detect_task_dependencies", nothing)


@pytest.mark.parametrize(
    ("parameters", "alias"),
    [
        ({}, "milvus_default/c"),
        ({"milvus_conn_id": "m", "database": "books"}, "m/books/c"),
    ],
)
def test_graph_shows_an_alias_that_the_task_updates(no_database, parameters, alias):
    assert outlets_in_the_graph(lambda: operator(asset_outlet=True, **parameters)) == [alias]


@pytest.mark.parametrize("name", ["collection_name", "database", "milvus_conn_id"])
@pytest.mark.parametrize("value", ["docs_{{ ds }}", "{% if x %}a{% endif %}"])
def test_name_that_the_graph_cannot_know_is_refused_as_an_outlet(name, value):
    with pytest.raises(ValueError, match=rf"asset_outlet=True needs a fixed {name}, got {re.escape(repr(value))}"):
        operator(asset_outlet=True, **{name: value})


def test_output_of_another_task_is_refused_as_an_outlet():
    with DAG("dag", schedule=None):
        name = operator(task_id="first").output
        with pytest.raises(ValueError, match="asset_outlet=True needs a fixed collection_name"):
            operator(asset_outlet=True, collection_name=name)


def test_mapped_task_is_refused_an_outlet_that_the_graph_would_not_show():
    with pytest.raises(ValueError, match=r"asset_outlet=True is not for a mapped task.*outlets=\[Asset"):
        MilvusBulkImportOperator.partial(task_id="task", collection_name="c", asset_outlet=True)


def test_mapped_task_is_refused_the_outlet_of_default_args_too(context, milvus, ti):
    ti.map_index = 0
    with pytest.raises(ValueError, match="asset_outlet=True is not for a mapped task"):
        operator(asset_outlet=True).execute(context)
    assert milvus.sent == []


def test_declared_outlet_of_a_mapped_task_is_in_the_graph_and_updated(no_database, context, updated, timed, ti):
    def make():
        MilvusBulkImportOperator.partial(task_id="task", collection_name="c", outlets=[Asset(URI)]).expand(
            files=[["a.parquet"], ["b.parquet"]]
        )

    assert outlets_in_the_graph(make) == [URI]
    ti.map_index = 1
    operator(outlets=[Asset(URI)]).execute(context)
    assert updated[Asset(URI)].extra == EXTRA


def test_seconds_of_a_job_without_times_are_unknown(context, updated):
    operator(outlets=[Asset(URI)]).execute(context)
    assert updated[Asset(URI)].extra["seconds"] is None
