"""What a person sees of import jobs, and does with them, in Airflow's UI."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect


@pytest.fixture(autouse=True)
def all_runs(others):
    """Everything is started before the first test, because it takes a while."""


def test_running_import_is_seen_moving(open_view):
    # Opened before the task runs, so that a busy machine misses nothing of its job.
    job = open_view("/plugin/milvus-imports?collection=articles").only_job
    expect(job.state).to_have_text("Importing")
    before = job.percent
    expect(job.bar).not_to_have_attribute("aria-valuenow", str(before))
    assert job.percent > before


def test_failed_import_shows_the_file_and_the_reason(open_view, job_ids):
    (job_id,) = job_ids("load_reviews")
    job = open_view(f"/plugin/milvus-imports?conn_id=milvus_default&job_id={job_id}").job(job_id)
    expect(job.state).to_have_text("Failed")
    failed = job.files.filter(has_text="wrong-dimension.parquet")
    expect(failed.locator(".badge")).to_have_text("Failed")
    expect(failed.locator(".reason")).to_contain_text("dim")


def test_html_in_a_reason_is_text(open_view, others):
    run = others["untrusted"]
    run.wait_until(lambda: run.task("load").has_xcom("job_id"), "submit")
    job_id = run.task("load").xcom("job_id")
    view = open_view(f"/plugin/milvus-imports?conn_id=milvus_default&job_id={job_id}")
    job = view.job(job_id)
    expect(job.details.locator(".reason").first).to_contain_text("<script>attack()</script>")
    assert view.main.locator("script, img").count() == 0
    assert view.errors == []  # `attack` is not defined, so that a call of it would be an error


def test_view_is_used_by_keyboard(open_view, job_ids):
    (failed,), (resting,) = job_ids("load_reviews"), job_ids("stage_maps")
    view = open_view("/plugin/milvus-imports?conn_id=milvus_default")
    expect(view.job(resting).button("Abort")).to_be_visible()
    view.tab_to(view.job(failed).toggle)
    view.page.keyboard.press("Enter")
    expect(view.job(failed).files.first).to_be_visible()
    view.tab_to(view.job(resting).button("Abort"))
    view.page.keyboard.press("Enter")
    expect(view.dialog.get_by_role("button", name="Cancel")).to_be_focused()
    view.page.keyboard.press("Escape")
    expect(view.dialog).to_be_hidden()
    assert view.job(resting).state.inner_text() == "Uncommitted"


@pytest.mark.parametrize(
    ("task_id", "button", "state", "rows"),
    [("stage_books", "Commit", "Completed", 20_000), ("stage_maps", "Abort", "Failed", 0)],
)
def test_two_phase_import_ends_by_a_click(open_view, job_ids, count, task_id, button, state, rows):
    (job_id,) = job_ids(task_id)
    view = open_view()
    job = view.job(job_id)
    expect(job.state).to_have_text("Uncommitted")
    job.button(button).click()
    view.dialog.get_by_role("button", name=button, exact=True).click()
    expect(job.state).to_have_text(state)
    assert count("milvus_default", task_id.removeprefix("stage_")) == rows


def test_tab_of_a_task_instance_has_exactly_its_jobs(open_view, job_ids, library):
    ids = job_ids("load_authors")
    for map_index, job_id in enumerate(ids):
        path = f"/dags/library/runs/{library.id}/tasks/load_authors/mapped/{map_index}/plugin/milvus-import-jobs"
        view = open_view(path)
        expect(view.job(job_id).state).to_have_text("Completed")
        assert view.job_ids == [job_id]


def test_view_is_readable_at_400_pixels(open_view, job_ids):
    (job_id,) = job_ids("load_reviews")
    view = open_view("/plugin/milvus-imports?conn_id=milvus_default", viewport={"width": 400, "height": 800})
    job = view.job(job_id)
    job.toggle.click()
    expect(job.files.first).to_be_visible()
    # The arrow of the row turns for a moment.
    for _ in range(20):
        if not view.overflow:
            break
        view.page.wait_for_timeout(500)
    assert view.overflow == []


def test_completed_import_shows_the_rows_of_milvus(open_view, job_ids, count):
    (job_id,) = job_ids("load_articles")
    job = open_view("/plugin/milvus-imports?conn_id=milvus_slow").job(job_id)
    expect(job.state).to_have_text("Completed")
    rows = count("milvus_slow", "articles")
    assert rows == 60_000
    expect(job.imported).to_have_text(f"{rows:,} of {rows:,}")
