"""A person decides about two imports: what becomes of the task, of its jobs and of what readers see."""

import time
from collections import Counter

import pytest
from airflow import __version__ as airflow_version

AIRFLOW_VERSION = tuple(map(int, airflow_version.split(".")[:2]))
SCENARIOS = ("approve", "reject", "timeout", "clear", "mark_failed", "crash")
COLLECTIONS = ("books", "authors")
ROWS = 100
# Airflow fails a task that is answered before the executor has noticed that its process has ended; people are slower.
SECONDS_TO_PARK = 8
WAITING = "awaiting_input" if AIRFLOW_VERSION >= (3, 3) else "deferred"

pytestmark = pytest.mark.skipif(AIRFLOW_VERSION < (3, 1), reason="older versions cannot ask anybody")
records_tries = pytest.mark.skipif(
    AIRFLOW_VERSION < (3, 3), reason="older versions keep no record of the jobs of a task that is cleared"
)


@pytest.fixture(scope="module")
def waiting(airflow, call_milvus):
    """A run of each DAG, whose commit waits for a person; all wait at the same time."""
    for scenario in SCENARIOS:
        for name in COLLECTIONS:
            call_milvus(
                "milvus_default", "collections/create", collectionName=f"approval_{scenario}_{name}", dimension=8
            )
    found = {scenario: airflow.trigger(f"approval_{scenario}") for scenario in SCENARIOS}
    for scenario, run in found.items():
        if scenario != "timeout":
            run.wait_until(lambda run=run: run.task("commit").state == WAITING, "wait for a person")
    return found


@pytest.fixture
def states(call_milvus):
    """How many jobs of a scenario there are in each state, and how many rows each of its collections has."""

    def look(scenario):
        jobs, rows = Counter(), set()
        for name in COLLECTIONS:
            collection = {"collectionName": f"approval_{scenario}_{name}"}
            jobs.update(
                job["state"] for job in call_milvus("milvus_default", "jobs/import/list", **collection)["records"]
            )
            rows.add(call_milvus("milvus_default", "collections/get_stats", **collection)["rowCount"])
        return dict(jobs), rows

    return look


def test_question_has_what_there_is_to_decide_by(waiting):
    question = waiting["approve"].question("commit")
    assert question["subject"].startswith("Commit 2 import jobs with 200 rows into approval_approve_authors, ")
    assert "| approval_approve_books | 0 | 100 |" in question["body"]


def test_nothing_is_committed_before_the_response(waiting, states):
    assert states("reject") == ({"Uncommitted": 2}, {0})


def test_approved_jobs_are_committed(waiting, states):
    run = waiting["approve"]
    run.respond("commit", "Approve")
    assert (run.wait().state, run.task("commit").tries) == ("success", 1), run.report()
    assert states("approve") == ({"Completed": 2}, {ROWS})


def test_rejected_jobs_are_aborted(waiting, states):
    run = waiting["reject"]
    run.respond("commit", "Reject")
    assert (run.wait().state, run.task("commit").tries) == ("failed", 1), run.report()
    assert states("reject") == ({"Failed": 2}, {0})


def test_jobs_that_nobody_approves_in_time_are_aborted(waiting, states):
    run = waiting["timeout"]
    assert run.wait().state == "failed", run.report()
    assert "nobody has approved it in time" in run.task("commit").log
    assert states("timeout") == ({"Failed": 2}, {0})


@records_tries
def test_run_that_is_cleared_while_it_waits_asks_again(waiting, states):
    run = waiting["clear"]
    run.clear()
    run.wait_until(lambda: states("clear")[0] == {"Failed": 2, "Uncommitted": 2}, "import again")
    run.wait_until(lambda: run.task("commit").state == WAITING and run.task("commit").tries == 2, "ask again")
    time.sleep(SECONDS_TO_PARK)
    run.respond("commit", "Approve")
    assert run.wait().state == "success", run.report()
    assert states("clear") == ({"Failed": 2, "Completed": 2}, {ROWS})


def test_teardown_aborts_what_is_marked_failed_while_it_waits(waiting, states):
    run = waiting["mark_failed"]
    run.mark_failed("commit")
    assert run.wait().state == "failed", run.report()
    run.wait_until(lambda: run.task("abort").state == "success", "abort")
    assert states("mark_failed") == ({"Failed": 2}, {0})


@records_tries
def test_retry_after_a_crash_does_not_ask_again(waiting, states):
    run = waiting["crash"]
    run.respond("commit", "Approve")
    assert (run.wait().state, run.task("commit").tries) == ("success", 2), run.report()
    assert states("crash") == ({"Completed": 2}, {ROWS})
