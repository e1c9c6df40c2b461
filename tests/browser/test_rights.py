"""Users other than the admin, and what they may not see or do."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

API = "/milvus-imports/api"
TASK = {"dag_id": "library", "task_id": "load_articles"}


def test_user_of_another_dag_sees_an_empty_page(open_view, job_ids):
    job_ids("load_articles")
    view = open_view(user="reader")
    expect(view.empty).to_have_text("There are no import jobs to show.")
    assert view.job_ids == []


@pytest.mark.parametrize("user", ["reader", "stranger"])
def test_routes_refuse_who_may_not_read_the_dag(users, job_ids, library, user):
    (job_id,) = job_ids("load_articles")
    job = {"conn_id": "milvus_slow", "job_id": job_id}
    airflow = users[user]
    tab = airflow.response("GET", f"{API}/jobs", params={**TASK, "run_id": library.id})
    one = airflow.response("GET", f"{API}/job", params=job)
    abort = airflow.response("POST", f"{API}/abort", json=job)
    # For who may read other DAGs the job does not exist.
    hidden = {"reader": 404, "stranger": 403}[user]
    assert [response.status_code for response in (tab, one, abort)] == [403, hidden, hidden]
