"""The durable table of jobs."""

import time

import pytest

from airflow_provider_milvus.local.importing.jobs import FileProgress, Job, JobTable, Publication


@pytest.fixture
def path(tmp_path):
    return tmp_path / "jobs.sqlite"


def a_job(table, **more):
    return Job(
        id=table.next_id(),
        db_name="default",
        collection_name="c",
        collection_id=5,
        partition_name="",
        files=[FileProgress(["a.parquet"], size=9, total_rows=10, imported_rows=4)],
        options={"timeout": "3s"},
        created_at=time.time(),
        **more,
    )


def test_job_survives_as_it_was_saved(path):
    table = JobTable(path)
    job = a_job(table, publication=Publication({"_default": ["data/data_1_2.parquet"]}, 2))
    table.save(job)
    # No close: this is what a killed server leaves behind.
    assert JobTable(path).get(job.id) == job


def test_ids_grow_across_restarts_and_clocks(path, monkeypatch):
    table = JobTable(path)
    first = a_job(table)
    table.save(first)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert JobTable(path).next_id() > first.id > 2**53


def test_ids_requested_at_once_differ(path):
    table = JobTable(path)
    assert len({table.next_id() for _ in range(1000)}) == 1000


def test_unfinished_jobs_come_oldest_first(path):
    table = JobTable(path)
    jobs = [a_job(table) for _ in range(3)]
    for job in reversed(jobs):
        table.save(job)
    jobs[1].complete()
    table.save(jobs[1])
    assert [job.id for job in JobTable(path).unfinished()] == [jobs[0].id, jobs[2].id]


def test_completed_job_has_all_its_rows(path):
    job = a_job(JobTable(path))
    job.complete()
    assert (job.state, job.progress, job.imported_rows, job.total_rows) == ("Completed", 100, 10, 10)


def test_failed_job_has_no_rows_and_no_progress(path):
    job = a_job(JobTable(path), progress=60)
    job.fail("because")
    assert (job.state, job.progress, job.imported_rows, job.total_rows, job.completed_at) == ("Failed", 0, 0, 0, None)


def test_restarted_job_has_nothing_done(path):
    job = a_job(JobTable(path), progress=60, importing=True, publication=Publication({}, 0))
    job.restart()
    assert (job.state, job.progress, job.importing, job.publication) == ("Pending", 0, False, None)
    assert job.files == [FileProgress(["a.parquet"])]
