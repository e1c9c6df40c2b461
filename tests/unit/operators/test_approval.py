"""What a person is asked, and what becomes of the response; `tests/system` asks a real Airflow."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from airflow_provider_milvus import airflow_compat, exceptions
from airflow_provider_milvus.operators import approval as approvals
from airflow_provider_milvus.operators.alias import MilvusSwapAliasOperator
from airflow_provider_milvus.operators.approval import Approval
from airflow_provider_milvus.operators.commit import MilvusCommitImportOperator

ABORT, COMMIT, DESCRIBE = "/jobs/import/abort", "/jobs/import/commit", "/jobs/import/describe"
JOB = {"jobId": "7", "state": "Uncommitted", "importedRows": 5, "fileSize": 1000, "collectionName": "c"}
APPROVED = {"chosen_options": ["Approve"], "responded_by_user": {"id": "1", "name": "anna"}}
REJECTED = {"chosen_options": ["Reject"], "responded_by_user": {"id": "1", "name": "anna"}}
TIMED_OUT = {"error": "The timeout has passed", "error_type": "timeout"}


class Requested(BaseException):
    """As Airflow ends the process of a task that waits for a person."""

    def __init__(self, **request):
        self.request = request


@pytest.fixture(autouse=True)
def human_in_the_loop(monkeypatch):
    """An Airflow that has it, whichever one runs the tests."""

    def request_input(operator, context, **request):
        raise Requested(**request)

    monkeypatch.setattr(airflow_compat, "request_input", request_input)
    monkeypatch.setattr(airflow_compat, "why_no_human_in_the_loop", lambda: None)


@pytest.fixture(autouse=True)
def server(milvus, package_clock):
    """It has job 7 uncommitted, in a collection of 100 rows."""
    milvus.responds(DESCRIBE, JOB)
    milvus.responds(COMMIT, {})
    milvus.responds(ABORT, {})
    milvus.responds("/collections/get_stats", {"rowCount": 100})
    return milvus


def commit(**parameters):
    return MilvusCommitImportOperator(**{"task_id": "task", "job_id": "7", "approval": True, **parameters})


def requested(context, **parameters):
    with pytest.raises(Requested) as caught:
        commit(**parameters).execute(context)
    return caught.value.request


def test_person_sees_what_there_is_to_decide_by(context):
    request = requested(context, recall={"recall": 0.97, "queries": 20, "overlap": None})
    assert request["subject"] == "Commit 1 import job with 5 rows into c?"
    for line in ("| 7 | c | 5 | 0 | 1,000 |", "| c | 100 | 105 |", "| recall | 0.97 |", "| queries | 20 |"):
        assert line in request["body"]
    assert request["options"] == ["Approve", "Reject"]


def test_approval_reaches_airflow(context):
    users = [{"id": "1", "name": "anna"}]
    request = requested(context, approval=Approval(timeout=60, assigned_users=users))
    assert (request["timeout"], request["assigned_users"]) == (60, users)
    assert (request["method_name"], request["kwargs"]) == ("execute_approved", {"jobs": {"milvus_default": ["7"]}})


def test_nothing_is_committed_before_the_response(context, milvus):
    requested(context)
    assert COMMIT not in milvus.routes


def test_refused_rows_are_nothing_to_decide_about(context):
    with pytest.raises(exceptions.MilvusImportRefused):
        commit(expected_rows=6).execute(context)


def resumed(context, event, milvus):
    milvus.responds(DESCRIBE, JOB, {**JOB, "state": "Completed"})
    return commit().execute_approved(context, event, jobs={"milvus_default": ["7"]})


def test_approved_jobs_are_committed(context, milvus):
    assert resumed(context, APPROVED, milvus) == ["7"]
    assert milvus.routes.count(COMMIT) == 1


@pytest.mark.parametrize(
    ("event", "error", "message"),
    [
        (REJECTED, exceptions.MilvusApprovalRejected, "anna has rejected it"),
        (TIMED_OUT, exceptions.MilvusApprovalTimeout, "nobody has approved it in time"),
        ({"error": "no", "error_type": "unknown"}, exceptions.MilvusApprovalRejected, "no usable response: no"),
        ({**APPROVED, "chosen_options": []}, exceptions.MilvusApprovalRejected, "anna has rejected it"),
        (None, exceptions.MilvusApprovalRejected, "somebody has rejected it"),
    ],
)
def test_everything_but_an_approval_aborts(context, milvus, event, error, message):
    with pytest.raises(error, match=message):
        resumed(context, event, milvus)
    assert milvus.routes == [ABORT]


def test_retry_does_not_ask_again_for_what_was_approved(context, milvus):
    milvus.responds(COMMIT, (503, "Service Unavailable"))
    with pytest.raises(exceptions.MilvusUnavailable):
        resumed(context, APPROVED, milvus)
    # As if the process had died before it recorded the commit itself.
    del context["task_state_store"]["milvus_commit"]
    milvus.responds(COMMIT, {})
    milvus.responds(DESCRIBE, JOB, JOB, JOB, {**JOB, "state": "Completed"})
    assert commit().execute(context) == ["7"]


@pytest.mark.parametrize("change", ["cleared", "another job", "no store"])
def test_approval_holds_for_nothing_else(context, milvus, ti, change):
    task = commit(retries=0)
    approvals.ApprovalRequest("?", [], [("milvus_default", "7")]).record(task, context, "anna")
    if change == "cleared":
        ti.max_tries = 1
    if change == "no store":
        del context["task_state_store"]
    requested(context, retries=0, job_id="8" if change == "another job" else "7")


def test_begun_commit_asks_nobody(context, milvus):
    milvus.responds(DESCRIBE, {**JOB, "state": "Completed"})
    assert commit().execute(context) == ["7"]


# -- the switch of an alias -------------------------------------------------------------------------------------------


@pytest.fixture
def alias(milvus):
    """It points to ``old``; ``new`` is loaded."""
    milvus.responds("/aliases/describe", {"collectionName": "old"})
    milvus.responds("/aliases/alter", {})
    milvus.responds("/collections/get_load_state", {"loadState": "LoadStateLoaded"})


def swap():
    return MilvusSwapAliasOperator(
        task_id="task", alias="a", collection_name="new", approval=True, recall={"recall": 1}
    )


def test_person_sees_both_versions_before_the_switch(context, alias, milvus):
    with pytest.raises(Requested) as caught:
        swap().execute(context)
    request = caught.value.request
    assert request["subject"] == "Point a to new?"
    for line in ("| serves now | old | 100 |", "| would serve | new | 100 |", "| recall | 1 |"):
        assert line in request["body"]
    assert "/aliases/alter" not in milvus.routes


def test_approved_switch_is_made(context, alias, milvus):
    assert swap().execute_approved(context, APPROVED)["previous"] == "old"
    assert "/aliases/alter" in milvus.routes
    assert swap().execute(context)["collection_name"] == "new"


@pytest.mark.parametrize("event", [REJECTED, TIMED_OUT])
def test_everything_but_an_approval_leaves_the_alias_where_it_is(context, alias, milvus, event):
    with pytest.raises((exceptions.MilvusApprovalRejected, exceptions.MilvusApprovalTimeout)):
        swap().execute_approved(context, event)
    assert milvus.routes == []


def test_nobody_is_asked_about_a_switch_that_was_made(context, alias, milvus):
    milvus.responds("/aliases/describe", {"collectionName": "new"})
    assert swap().execute(context)["previous"] == "new"


def test_long_text_is_cut_for_the_person(context, milvus):
    milvus.responds(DESCRIBE, JOB)
    request = requested(context, job_id=[str(number) for number in range(200)])
    assert "more lines in the log of the task" in request["body"]
    assert len(request["body"].splitlines()) < 60


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"timeout": 0}, "timeout must be"),
        ({"timeout": timedelta(hours=1)}, "timeout must be"),
        ({"assigned_users": ["anna"]}, "assigned_users must be dicts of id and name, got 'anna'"),
    ],
)
def test_bad_approval_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        Approval(**parameters)


def test_airflow_that_cannot_ask_is_an_error_when_the_dag_is_parsed(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr("airflow.__version__", "3.0.6")
    with pytest.raises(ValueError, match=r"needs Airflow 3.1 or later, and this is 3.0.6: leave it out"):
        commit()


def test_rows_that_cannot_be_counted_are_shown_as_unknown():
    class Hook:
        def get_collection_stats(self, name):
            raise exceptions.MilvusConnectionError("no")

    job = SimpleNamespace(
        hook=Hook(),
        id="7",
        progress=SimpleNamespace(job_id="7", collection_name="c", imported_rows=5, files=(), file_size=1),
    )
    job.hook.milvus_conn_id = "m"
    assert "| c | ? | ? |" in approvals.of_jobs([job], None).lines
