"""A person decides about two imports: what becomes of the task, of its jobs and of what readers see."""

import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from airflow import __version__ as airflow_version
from scenario import scenario

AIRFLOW_VERSION = tuple(map(int, airflow_version.split(".")[:2]))
CAN_ASK = AIRFLOW_VERSION >= (3, 1)
RECORDS_TRIES = AIRFLOW_VERSION >= (3, 3)
RUNS = ("approve", "reject", "timeout", "mark_failed", *(("clear", "crash") if RECORDS_TRIES else ()))
COLLECTIONS = ("books", "authors")
ROWS = 100
# Airflow fails a task that is answered before the executor has noticed that its process has ended; people are slower.
SECONDS_TO_PARK = 3
WAITING = "awaiting_input" if RECORDS_TRIES else "deferred"

pytestmark = pytest.mark.skipif(not CAN_ASK, reason="older versions cannot ask anybody")
records_tries = pytest.mark.skipif(
    not RECORDS_TRIES, reason="older versions keep no record of the jobs of a task that is cleared"
)


@dataclass
class Decisions:
    """Runs by what the person does to each, and what there was before."""

    environment: Any
    runs: dict[str, Any]
    question: dict[str, Any]
    before: tuple[dict[str, int], set[int]]

    def states(self, name):
        return states_of(self.environment, name)


def states_of(environment, name):
    """How many jobs of a run there are in each state, and how many rows each of its collections has."""
    jobs, rows = Counter(), set()
    for collection in COLLECTIONS:
        body = {"collectionName": f"approval_{name}_{collection}"}
        records = environment.call_milvus("milvus_default", "jobs/import/list", **body)["records"]
        jobs.update(job["state"] for job in records)
        rows.add(environment.call_milvus("milvus_default", "collections/get_stats", **body)["rowCount"])
    return dict(jobs), rows


@scenario
def person_decides(environment):
    if not CAN_ASK:
        return None
    for name in RUNS:
        for collection in COLLECTIONS:
            body = {"collectionName": f"approval_{name}_{collection}", "dimension": 8}
            environment.call_milvus("milvus_default", "collections/create", **body)
    runs = {name: environment.airflow.trigger(f"approval_{name}") for name in RUNS}
    for name, run in runs.items():
        if name != "timeout":
            run.wait_until(lambda run=run: run.task("commit").state == WAITING, "wait for a person")
            run.wait_for_executor("commit")
    question, before = runs["approve"].question("commit"), states_of(environment, "reject")
    time.sleep(SECONDS_TO_PARK)
    runs["approve"].respond("commit", "Approve")
    runs["reject"].respond("commit", "Reject")
    runs["mark_failed"].mark_failed("commit")
    if RECORDS_TRIES:
        runs["crash"].respond("commit", "Approve")
        _clear_and_approve(environment, runs["clear"])
    for run in runs.values():
        run.wait()
    return Decisions(environment, runs, question, before)


def _clear_and_approve(environment, run):
    run.clear()
    again = {"Failed": 2, "Uncommitted": 2}
    run.wait_until(lambda: states_of(environment, "clear")[0] == again, "import again")
    run.wait_until(lambda: run.task("commit").state == WAITING and run.task("commit").tries == 2, "ask again")
    run.wait_for_executor("commit", 2)
    time.sleep(SECONDS_TO_PARK)
    run.respond("commit", "Approve")


@pytest.fixture
def decisions(outcome_of):
    return outcome_of(person_decides)


def test_question_has_what_there_is_to_decide_by(decisions):
    question = decisions.question
    assert question["subject"].startswith("Commit 2 import jobs with 200 rows into approval_approve_authors, ")
    assert "| approval_approve_books | 0 | 100 |" in question["body"]


def test_nothing_is_committed_before_the_response(decisions):
    assert decisions.before == ({"Uncommitted": 2}, {0})


def test_approved_jobs_are_committed(decisions):
    run = decisions.runs["approve"]
    assert (run.state, run.task("commit").tries) == ("success", 1), run.report()
    assert decisions.states("approve") == ({"Completed": 2}, {ROWS})


def test_rejected_jobs_are_aborted(decisions):
    run = decisions.runs["reject"]
    assert (run.state, run.task("commit").tries) == ("failed", 1), run.report()
    assert decisions.states("reject") == ({"Failed": 2}, {0})


def test_jobs_that_nobody_approves_in_time_are_aborted(decisions):
    run = decisions.runs["timeout"]
    assert run.state == "failed", run.report()
    assert "nobody has approved it in time" in run.task("commit").log
    assert decisions.states("timeout") == ({"Failed": 2}, {0})


@records_tries
def test_run_that_is_cleared_while_it_waits_asks_again(decisions):
    run = decisions.runs["clear"]
    assert run.state == "success", run.report()
    assert decisions.states("clear") == ({"Failed": 2, "Completed": 2}, {ROWS})


def test_teardown_aborts_what_is_marked_failed_while_it_waits(decisions):
    run = decisions.runs["mark_failed"]
    assert run.state == "failed", run.report()
    run.wait_until(lambda: run.task("abort").state == "success", "abort")
    assert decisions.states("mark_failed") == ({"Failed": 2}, {0})


@records_tries
def test_retry_after_a_crash_does_not_ask_again(decisions):
    run = decisions.runs["crash"]
    assert (run.state, run.task("commit").tries) == ("success", 2), run.report()
    assert decisions.states("crash") == ({"Completed": 2}, {ROWS})
