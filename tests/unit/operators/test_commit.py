"""The operators that commit or abort the jobs of other tasks, on a server that keeps the jobs' states."""

import json

import pytest
from airflow.exceptions import TaskDeferred

from airflow_provider_milvus import exceptions, metrics
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.operators.commit import MilvusAbortImportOperator, MilvusCommitImportOperator
from airflow_provider_milvus.rest import errors
from airflow_provider_milvus.ui.job import of_report

COMMIT, ABORT, DESCRIBE = "/jobs/import/commit", "/jobs/import/abort", "/jobs/import/describe"
REFUSED = (200, json.dumps({"code": 1100, "message": "no"}))
NO_SUCH_JOB = (200, json.dumps({"code": 2100, "message": "import job does not exist"}))


@pytest.fixture
def jobs(milvus, package_clock):
    """The state of each job by its id; a commit and an abort change it as Milvus's ``TwoPCImportSuite`` describes."""
    states = {}

    class Scripts(dict):
        def get(self, route):
            body = milvus.sent[-1].body
            state = states.get(body.get("jobId"))
            if route == DESCRIBE and state is not None:
                job = {"jobId": body["jobId"], "state": state, "importedRows": 5, "collectionName": "c"}
                return [{**job, "reason": "bad row"} if state == "Failed" else job]
            if route == COMMIT and state in ("Uncommitted", "Completed"):
                states[body["jobId"]] = "Completed"
                return [{}]
            if route == ABORT and state in ("Uncommitted", "Importing", "Failed"):
                states[body["jobId"]] = "Failed"
                return [{}]
            return super().get(route) or [NO_SUCH_JOB if state is None else REFUSED]

    milvus.scripts = Scripts()
    return states


def commit(**parameters):
    return MilvusCommitImportOperator(**{"task_id": "task", "job_id": ["1", "2", "3"], **parameters})


def abort(**parameters):
    return MilvusAbortImportOperator(**{"task_id": "task", "job_id": ["1", "2", "3"], **parameters})


def uncommitted(jobs, *ids):
    jobs.update(dict.fromkeys(ids, "Uncommitted"))


def test_all_jobs_are_committed(context, jobs, ti):
    uncommitted(jobs, "1", "2", "3")
    assert commit().execute(context) == ["1", "2", "3"]
    assert set(jobs.values()) == {"Completed"}
    assert [job["state"] for job in ti.xcoms["import_progress"]] == ["Completed"] * 3


@pytest.mark.parametrize(("operator", "state"), [(commit, "Completed"), (abort, "Failed")])
def test_final_progress_names_the_server_of_each_job(context, jobs, ti, monkeypatch, operator, state):
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps({"conn_type": "milvus", "host": "other.example.org"}))
    uncommitted(jobs, "1", "2")
    operator(job_id={"milvus_default": "1", "other": "2"}, database="books").execute(context)
    found = [of_report(job, 0.0) for job in ti.xcoms["import_progress"]]
    assert [(job.key, job.state, job.two_phase) for job in found] == [
        (("milvus_default", "books", "1"), state, True),
        (("other", "books", "2"), state, True),
    ]


def test_committed_jobs_are_counted_in_the_metrics(context, jobs, mocker):
    counted = mocker.spy(metrics, "record_end")
    uncommitted(jobs, "1", "2", "3")
    commit().execute(context)
    ended = [job["state"] for call in counted.call_args_list for job in call.args[0]["imports"]]
    assert ended.count("Completed") == 3


@pytest.mark.parametrize("job_id", ["1", 1, ["1"], [["1"], []], {"milvus_default": "1"}, {"milvus_default": ["1"]}])
def test_jobs_are_given_in_any_form(context, jobs, job_id):
    uncommitted(jobs, "1")
    assert commit(job_id=job_id).execute(context) == ["1"]


@pytest.mark.parametrize("job_id", [[], None, [None], {}, {"milvus_default": [None]}], ids=str)
@pytest.mark.parametrize("operator", [commit, abort])
def test_no_jobs_are_nothing_to_do(context, milvus, operator, job_id):
    assert operator(job_id=job_id).execute(context) == []
    assert milvus.sent == []


@pytest.mark.parametrize(("job_id", "message"), [("{'a': ['1']}", "rendered list or dict"), ("[1, 2]", "rendered")])
def test_rendered_text_is_refused(context, milvus, job_id, message):
    with pytest.raises(ValueError, match=message):
        commit(job_id=job_id).execute(context)
    assert milvus.sent == []


def test_one_failed_job_aborts_all(context, jobs):
    jobs.update({"1": "Uncommitted", "2": "Failed", "3": "Uncommitted"})
    with pytest.raises(exceptions.MilvusImportFailed, match="import job 2 into c failed: bad row"):
        commit().execute(context)
    assert set(jobs.values()) == {"Failed"}


@pytest.mark.parametrize(
    ("checks", "reason"),
    [
        ({"expected_rows": 14}, "it has 15 rows, and expected_rows=14"),
        ({"min_rows": 16}, "it has 15 rows, and min_rows=16"),
        ({"check": lambda progress: progress.job_id != "2"}, "check has returned no true value"),
    ],
)
def test_refused_rows_abort_all(context, jobs, checks, reason):
    uncommitted(jobs, "1", "2", "3")
    with pytest.raises(exceptions.MilvusImportRefused, match=reason):
        commit(**checks).execute(context)
    assert set(jobs.values()) == {"Failed"}


@pytest.mark.parametrize("checks", [{"expected_rows": 15}, {"min_rows": "15"}, {"check": lambda progress: True}])
def test_checks_are_of_all_jobs_together(context, jobs, checks):
    uncommitted(jobs, "1", "2", "3")
    commit(**checks).execute(context)
    assert set(jobs.values()) == {"Completed"}


def test_begun_commit_is_finished_without_a_check(context, jobs):
    jobs.update({"1": "Completed", "2": "Uncommitted", "3": "Uncommitted"})
    commit(expected_rows=1).execute(context)
    assert set(jobs.values()) == {"Completed"}


def test_commit_is_recorded_before_the_first_one_is_sent(context, jobs, monkeypatch):
    uncommitted(jobs, "1", "2", "3")
    store = context["task_state_store"]

    class Died(BaseException):
        """The process of the task."""

    def record(key, value):
        type(store).set(store, key, value)
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(store, "set", record, raising=False)
        with pytest.raises(Died):
            commit().execute(context)
    assert set(jobs.values()) == {"Uncommitted"}
    commit(expected_rows=1).execute(context)
    assert set(jobs.values()) == {"Completed"}


def test_refusal_of_the_first_commit_aborts_all(context, jobs, milvus):
    jobs.update({"1": "Uncommitted", "2": "Uncommitted", "3": "Uncommitted"})
    found = type(milvus.scripts).get

    def refuse(self, route):
        return [REFUSED] if route == COMMIT else found(self, route)

    type(milvus.scripts).get = refuse
    with pytest.raises(errors.MilvusServerError, match="code 1100"):
        commit().execute(context)
    assert set(jobs.values()) == {"Failed"}


def test_lost_connection_at_a_commit_aborts_nothing(context, jobs, milvus):
    uncommitted(jobs, "1", "2", "3")
    found = type(milvus.scripts).get

    def break_off(self, route):
        broken = route == COMMIT and milvus.sent[-1].body["jobId"] == "2"
        return [(503, "Service Unavailable")] if broken else found(self, route)

    type(milvus.scripts).get = break_off
    with pytest.raises(errors.MilvusUnavailable):
        commit().execute(context)
    assert jobs == {"1": "Completed", "2": "Uncommitted", "3": "Completed"}
    type(milvus.scripts).get = found
    assert commit().execute(context) == ["1", "2", "3"]
    assert set(jobs.values()) == {"Completed"}


def test_job_that_failed_after_the_first_commit_is_named(context, jobs):
    jobs.update({"1": "Completed", "2": "Failed", "3": "Uncommitted"})
    with pytest.raises(exceptions.MilvusCommitIncomplete, match="import job 2 failed after the commit of 3 jobs"):
        commit().execute(context)
    assert jobs["3"] == "Completed"


def test_missing_job_is_an_unknown_outcome_and_nothing_is_done(context, jobs):
    uncommitted(jobs, "1", "3")
    with pytest.raises(exceptions.MilvusImportOutcomeUnknown, match="no record of import job 2"):
        commit().execute(context)
    assert jobs == {"1": "Uncommitted", "3": "Uncommitted"}


def test_timeout_before_the_commit_aborts_all(context, jobs):
    jobs.update({"1": "Uncommitted", "2": "Importing", "3": "Uncommitted"})
    with pytest.raises(exceptions.MilvusImportTimeout):
        commit(timeout=30).execute(context)
    assert set(jobs.values()) == {"Failed"}


def test_deferred_wait_aborts_the_jobs_of_all_servers_when_killed(context, jobs, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps({"conn_type": "milvus", "host": "other.example.org"}))
    jobs.update({"1": "Importing", "2": "Uncommitted"})
    with pytest.raises(TaskDeferred) as caught:
        commit(job_id={"milvus_default": "1", "other": "2"}, deferrable=True, defer_after=0).execute(context)
    trigger, kwargs = caught.value.trigger, caught.value.kwargs
    assert (trigger.job_id, trigger.abort_on_kill, trigger.abort_also) == (["1"], True, {"other": ["2"]})
    assert json.loads(json.dumps(kwargs))["waiting_for"] == ["other"]


def test_kill_before_the_commit_aborts_all(context, jobs):
    uncommitted(jobs, "1", "2", "3")
    task = commit()
    task.resume(context, {"milvus_default": ["1", "2", "3"]})
    task.on_kill()
    assert set(jobs.values()) == {"Failed"}


@pytest.mark.parametrize("parameters", [{"cancel_on_kill": False}, {}], ids=["switched off", "begun"])
def test_kill_aborts_nothing(context, jobs, parameters):
    uncommitted(jobs, "1", "2", "3")
    task = commit(**parameters)
    task.resume(context, {"milvus_default": ["1", "2", "3"]})
    task._commit.begun = not parameters
    task.on_kill()
    assert set(jobs.values()) == {"Uncommitted"}


def test_abort_leaves_what_has_ended(context, jobs):
    jobs.update({"1": "Failed", "2": "Importing", "3": "Uncommitted"})
    assert abort().execute(context) == ["2", "3"]
    assert set(jobs.values()) == {"Failed"}
    assert abort().execute(context) == []


def test_abort_of_committed_jobs_is_no_error(context, jobs):
    jobs.update(dict.fromkeys("123", "Completed"))
    assert abort().execute(context) == []


def test_abort_that_is_refused_keeps_no_other_from_being_sent(context, jobs):
    jobs["1"] = "Pending"  # of which the server of these tests refuses an abort
    uncommitted(jobs, "2", "3")
    with pytest.raises(errors.MilvusServerError, match="code 1100"):
        abort().execute(context)
    assert (jobs["2"], jobs["3"]) == ("Failed", "Failed")


def test_abort_does_not_tear_a_begun_commit_apart(context, jobs):
    jobs.update({"1": "Completed", "2": "Uncommitted", "3": "Uncommitted"})
    with pytest.raises(exceptions.MilvusCommitIncomplete, match="job 1 is committed and 2, 3 is not"):
        abort().execute(context)
    assert jobs["2"] == "Uncommitted"
    assert abort(if_committed="abort").execute(context) == ["2", "3"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"check": "rows"}, "check must be a function"),
        ({"cancel_on_kill": 1}, "cancel_on_kill must be True or False"),
        ({"approval": "yes"}, "approval must be True, False or an Approval"),
    ],
)
def test_bad_parameter_is_refused_when_the_dag_is_parsed(parameters, message):
    with pytest.raises(ValueError, match=message):
        commit(**parameters)


# -- the import without its commit ------------------------------------------------------------------------------------


def imports(**parameters):
    given = {"task_id": "task", "collection_name": "c", "files": ["a"], "two_phase": True, "commit": False}
    return MilvusBulkImportOperator(**{**given, "files": ["a.parquet"], **parameters})


@pytest.fixture
def accepts(jobs, milvus):
    """The server accepts imports, as jobs 1, 2, …, which are read at once."""
    numbers = iter(range(1, 9))
    found = type(milvus.scripts).get

    def get(self, route):
        if route == "/jobs/import/create":
            job_id = str(next(numbers))
            uncommitted(jobs, job_id)
            return [{"jobId": job_id}]
        return [{"records": []}] if route == "/jobs/import/list" else found(self, route)

    type(milvus.scripts).get = get
    return jobs


def test_import_without_its_commit_ends_uncommitted(context, accepts, ti):
    assert imports().execute(context) == "1"
    assert (accepts, ti.xcoms["import_progress"]["state"]) == ({"1": "Uncommitted"}, "Uncommitted")


def test_import_without_its_commit_is_checked_all_the_same(context, accepts):
    with pytest.raises(exceptions.MilvusImportRefused):
        imports(expected_rows=6).execute(context)
    assert accepts == {"1": "Failed"}


def test_import_without_its_commit_need_not_wait(context, accepts):
    assert imports(wait_for_completion=False).execute(context) == "1"


def test_clear_aborts_what_the_import_had_left_uncommitted(context, accepts, ti):
    imports(retries=0).execute(context)
    ti.try_number, ti.max_tries = 2, 1
    assert imports(retries=0).execute(context) == "2"
    assert accepts == {"1": "Failed", "2": "Uncommitted"}


def test_many_files_are_committed_together(context, accepts):
    files = [f"{number}.parquet" for number in range(1025)]
    assert imports(commit=True, files=files, expected_rows=10).execute(context) == ["1", "2"]
    assert set(accepts.values()) == {"Completed"}


def test_many_files_are_aborted_together(context, accepts):
    files = [f"{number}.parquet" for number in range(1025)]
    with pytest.raises(exceptions.MilvusImportRefused, match="import job 1, 2 was not committed"):
        imports(commit=True, files=files, expected_rows=9).execute(context)
    assert set(accepts.values()) == {"Failed"}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"two_phase": False}, "commit=False leaves the commit to another task"),
        ({"asset_outlet": True}, "asset_outlet=True would update the asset before readers see the rows"),
        ({"wait_for_completion": False, "min_rows": 1}, "min_rows acts at the end of the wait"),
    ],
)
def test_parameter_that_needs_a_commit_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        imports(**parameters)
