"""The routes of the view: who sees what, where it comes from, and what a person may do."""

import json
import time

import pytest

from airflow_provider_milvus.ui import board, milvus_server

DESCRIBE, LIST = "/jobs/import/describe", "/jobs/import/list"
COMMIT, ABORT = "/jobs/import/commit", "/jobs/import/abort"
RUNNING = {"job_id": "7", "state": "Importing", "progress": 40, "imported_rows": 4, "collection_name": "books"}
RESTING = {"jobId": "7", "state": "Uncommitted", "progress": 100, "importedRows": 9, "collectionName": "books"}
JOB = {"conn_id": "milvus_default", "job_id": "7"}
DOWN = (502, "Bad Gateway")


def jobs(browser, user="admin", **parameters):
    response = browser.get("/api/jobs", params=parameters, headers={"user": user})
    assert response.status_code == 200, response.text
    return response.json()


def ids(found):
    return [job["job_id"] for job in found["jobs"]]


@pytest.fixture
def resting(airflow, milvus):
    """A two-phase job that waits for a person."""
    airflow.reports({**RUNNING, "state": "Uncommitted"})
    milvus.responds(LIST, {"records": [RESTING]})
    milvus.responds(DESCRIBE, RESTING)
    milvus.responds(COMMIT, {})
    milvus.responds(ABORT, {})


# -- who sees what ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/jobs"), ("GET", "/api/job?conn_id=milvus_default&job_id=7"), ("POST", "/api/commit")],
)
def test_route_needs_a_user_and_the_right_to_read(browser, airflow, method, path):
    del browser.headers["user"]
    assert browser.request(method, path, json=JOB).status_code == 401
    airflow.denied.add("reader")
    assert browser.request(method, path, json=JOB, headers={"user": "reader"}).status_code == 403


def test_user_sees_the_jobs_of_readable_dags_alone(browser, airflow):
    airflow.reports(RUNNING)
    airflow.reports({**RUNNING, "job_id": "8", "collection_name": "secret"}, dag_id="other")
    assert sorted(ids(jobs(browser))) == ["7", "8"]
    found = jobs(browser, "reader")
    assert (ids(found), found["total"], found["collections"]) == (["7"], 1, ["books"])
    nothing = jobs(browser, "outsider")
    assert {name: nothing[name] for name in ("jobs", "total", "states", "collections", "servers")} == {
        "jobs": [],
        "total": 0,
        "states": {},
        "collections": [],
        "servers": [],
    }


def test_task_of_an_unreadable_dag_is_forbidden(browser, airflow):
    airflow.reports(RUNNING, dag_id="other")
    parameters = {"dag_id": "other", "run_id": "run", "task_id": "load"}
    assert browser.get("/api/jobs", params=parameters, headers={"user": "reader"}).status_code == 403


def test_job_of_an_unreadable_dag_does_not_exist(browser, airflow, milvus):
    airflow.reports(RUNNING, dag_id="other")
    response = browser.get("/api/job", params=JOB, headers={"user": "reader"})
    assert response.status_code == 404
    assert DESCRIBE not in milvus.routes


def test_job_that_another_dag_claims_shows_nothing_of_the_other(browser, airflow, milvus):
    airflow.reports({**RUNNING, "state": "Pending", "collection_name": ""})
    airflow.reports({**RUNNING, "reason": "of the other"}, dag_id="other", pushed=1.0)
    milvus.responds(LIST, {"records": [{"jobId": "7", "state": "Failed", "collectionName": "secret", "reason": "r"}]})
    (job,) = jobs(browser, "reader")["jobs"]
    assert (job["source"], job["collection"], job["reason"]) == ("task", "", "")
    assert [task["dag_id"] for task in job["tasks"]] == ["dag"]


def test_job_that_no_task_reports_is_for_who_reads_everything(browser, airflow, milvus):
    airflow.reports(RUNNING)
    milvus.responds(LIST, {"records": [{"jobId": "9", "state": "Importing", "collectionName": "books"}]})
    assert "9" in ids(jobs(browser))
    assert ids(jobs(browser, "reader")) == ["7"]
    airflow.connections.clear()
    assert ids(jobs(browser)) == ["7"]


def test_no_secret_of_a_connection_reaches_the_browser(browser, airflow, milvus, connection):
    connection(login="root", password="hunter2hunter2")
    airflow.reports(RUNNING)
    milvus.responds(LIST, (401, json.dumps({"code": 80, "message": "bad key root:hunter2hunter2"})))
    text = browser.get("/api/jobs").text
    assert "hunter2" not in text
    assert '"live":false' in text


# -- where it comes from ---------------------------------------------------------------------------------------------


def test_milvus_updates_what_a_task_reported(browser, airflow, milvus):
    airflow.reports(RUNNING)
    record = {"jobId": "7", "state": "Importing", "progress": 80, "collectionName": "books"}
    milvus.responds(LIST, {"records": [record]})
    milvus.responds(DESCRIBE, {**record, "importedRows": 8, "totalRows": 10})
    (job,) = jobs(browser)["jobs"]
    assert (job["source"], job["progress"], job["imported_rows"], job["total_rows"]) == ("milvus", 80, 8, 10)


def test_task_is_believed_where_milvus_is_away(browser, airflow, milvus):
    airflow.reports(RUNNING)
    milvus.responds(LIST, DOWN)
    found = jobs(browser)
    assert [(job["source"], job["progress"]) for job in found["jobs"]] == [("task", 40)]
    assert (found["servers"][0]["live"], "502" in found["servers"][0]["error"]) == (False, True)


def test_end_that_a_task_reported_is_believed(browser, airflow, milvus):
    airflow.reports({**RUNNING, "state": "Completed", "progress": 100})
    milvus.responds(LIST, {"records": [{"jobId": "7", "state": "Importing", "progress": 80}]})
    milvus.responds(DESCRIBE, DOWN)
    assert [job["state"] for job in jobs(browser)["jobs"]] == ["Completed"]


@pytest.fixture
def always_fresh(monkeypatch):
    """Each request of a browser is one of Milvus."""
    monkeypatch.setattr(board, "REFRESH_SECONDS", 0.0)
    monkeypatch.setattr(milvus_server, "REFRESH_SECONDS", 0.0)


def test_rows_of_a_running_job_are_not_shown_as_those_of_its_end(always_fresh, browser, airflow, milvus):
    seen = []

    def watch(state, described, rows):
        milvus.responds(LIST, {"records": [{"jobId": "7", "state": state}]})
        milvus.responds(DESCRIBE, described)
        # What is new comes with one of the next requests, the later the longer the last list took.
        for _ in range(1_000):
            (job,) = jobs(browser)["jobs"]
            seen.append((job["state"], job["imported_rows"]))
            if seen[-1] == (state, rows):
                return
            time.sleep(0.01)
        pytest.fail(f"never {state} with {rows} rows")

    airflow.reports(RUNNING)
    running = {"state": "Importing", "importedRows": 8, "totalRows": 10}
    watch("Importing", running, 8)
    watch("Completed", DOWN, None)
    watch("Completed", {**running, "state": "Completed", "importedRows": 10}, 10)
    assert ("Completed", 8) not in seen


def test_one_list_serves_all_browsers(browser, airflow, milvus):
    airflow.reports(*({**RUNNING, "job_id": str(number)} for number in range(10)))
    milvus.responds(DESCRIBE, {"state": "Importing"})
    for user in ("admin", "reader", "outsider") * 5:
        jobs(browser, user)
    assert (airflow.queries, milvus.routes.count(LIST)) == (1, 1)
    assert milvus.routes.count(DESCRIBE) <= 10


def test_descriptions_of_a_refresh_are_bounded(browser, airflow, milvus):
    airflow.reports(*({**RUNNING, "job_id": str(number)} for number in range(500)))
    milvus.responds(DESCRIBE, {"state": "Importing"})
    for offset in range(0, 500, 50):
        jobs(browser, offset=offset)
    assert milvus.routes.count(DESCRIBE) <= milvus_server.MAX_DESCRIBED


def test_malformed_reports_are_passed_over(browser, airflow):
    airflow.reports({"job_id": 7}, {"job_id": "8", "milvus_conn_id": None}, {**RUNNING, "progress": "many"})
    airflow.rows += [airflow.rows[0]._replace(value=value) for value in ("text", 7, None, [None], {"job_id": []})]
    assert ids(jobs(browser)) == ["7"]


# -- what is wanted ----------------------------------------------------------------------------------------------------


def test_jobs_are_filtered_and_the_newest_comes_first(browser, airflow):
    times = [f"2026-11-27T10:0{number}:00Z" for number in range(4)]
    states = ["Completed", "Failed", "Completed", "Importing"]
    airflow.reports(
        *(
            {**RUNNING, "job_id": str(number), "create_time": times[number], "state": state, "collection_name": name}
            for number, (state, name) in enumerate(zip(states, ["a", "a", "b", "b"], strict=True))
        )
    )
    assert ids(jobs(browser)) == ["3", "2", "1", "0"]
    assert ids(jobs(browser, state="Completed")) == ["2", "0"]
    found = jobs(browser, collection="b", limit=1, offset=1)
    assert (ids(found), found["total"]) == (["2"], 2)
    assert ids(jobs(browser, job_id="1")) == ["1"]


def test_tab_of_a_task_instance_has_exactly_its_jobs(browser, airflow):
    airflow.reports(RUNNING, map_index=0)
    airflow.reports({**RUNNING, "job_id": "8"}, map_index=1)
    task = {"dag_id": "dag", "run_id": "run", "task_id": "load"}
    assert ids(jobs(browser, **task, map_index=1)) == ["8"]
    assert ids(jobs(browser, **task)) == []


def test_job_has_its_files_with_their_reasons(browser, airflow, milvus):
    airflow.reports(RUNNING)
    details = [{"fileName": "[a.parquet]", "state": "Failed", "reason": "<script>alert(1)</script>"}]
    milvus.responds(DESCRIBE, {"jobId": "7", "state": "Failed", "reason": "bad", "details": details})
    milvus.responds(LIST, {"records": [{"jobId": "7", "state": "Failed"}]})
    job = browser.get("/api/job", params=JOB).json()
    assert [(file["name"], file["reason"]) for file in job["files"]] == [("a.parquet", "<script>alert(1)</script>")]


# -- commit and abort ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("action", "route"), [("commit", COMMIT), ("abort", ABORT)])
def test_who_may_trigger_the_dag_commits_and_aborts(browser, airflow, milvus, resting, action, route):
    assert [(job["can_commit"], job["can_abort"]) for job in jobs(browser)["jobs"]] == [(True, True)]
    assert browser.post(f"/api/{action}", json=JOB).status_code == 200
    assert [sent.body["jobId"] for sent in milvus.sent if sent.route == route] == ["7"]
    ((event, user, task, extra),) = airflow.logged
    assert (event, user, task["task_id"], extra["job_id"]) == (f"milvus_import_{action}", "admin", "load", "7")


def test_who_may_only_read_the_dag_cannot_act(browser, milvus, resting):
    assert [(job["can_commit"], job["can_abort"]) for job in jobs(browser, "reader")["jobs"]] == [(False, False)]
    assert browser.post("/api/commit", json=JOB, headers={"user": "reader"}).status_code == 403
    assert COMMIT not in milvus.routes


def test_who_may_trigger_one_of_two_dags_of_a_job_cannot_act(browser, airflow, milvus, resting):
    airflow.reports({**RUNNING, "state": "Uncommitted"}, dag_id="other")
    airflow.triggers["reader"] = {"dag"}
    assert browser.post("/api/abort", json=JOB, headers={"user": "reader"}).status_code == 403
    assert ABORT not in milvus.routes


def test_form_of_another_site_cannot_act(browser, milvus, resting):
    response = browser.post("/api/abort", content=json.dumps(JOB), headers={"content-type": "text/plain"})
    assert response.status_code in (415, 422)
    assert ABORT not in milvus.routes


def test_refused_commit_gives_the_reason(browser, milvus, resting):
    milvus.responds(COMMIT, (200, json.dumps({"code": 1100, "message": "not in state Uncommitted"})))
    response = browser.post("/api/commit", json=JOB)
    assert (response.status_code, "not in state Uncommitted" in response.json()["detail"]) == (502, True)


def test_action_without_a_response_is_in_the_audit_log(browser, airflow, milvus, resting):
    milvus.responds(COMMIT, DOWN)
    assert browser.post("/api/commit", json=JOB).status_code == 502
    assert [entry[0] for entry in airflow.logged] == ["milvus_import_commit"]


def test_action_on_a_server_beyond_those_that_are_read_is_refused(browser, airflow, milvus, resting, monkeypatch):
    monkeypatch.setattr(board, "MAX_SERVERS", 0)
    response = browser.post("/api/commit", json=JOB)
    assert (response.status_code, "too many servers" in response.json()["detail"]) == (503, True)
    assert COMMIT not in milvus.routes
