"""What a waiting task reports: how often, how much, and what a failed report does."""

import json

import pytest

from airflow_provider_milvus.rest.import_jobs import parse_job
from airflow_provider_milvus.waiting.import_wait import ImportWait
from airflow_provider_milvus.waiting.reports import INTERVAL_SECONDS, MAX_FILES, Reports, labelled, report


@pytest.fixture
def sent():
    return []


@pytest.fixture
def wait(clock, sent):
    def make(job_ids="1", **options):
        return ImportWait(job_ids, clock=clock, reports=Reports(sent.append, clock=clock, **options))

    return make


def files(number, **fields):
    return [{"fileName": f"[{index}.parquet]", "state": "Importing", **fields} for index in range(number)]


def test_first_progress_is_reported_at_once(wait, sent, progress):
    wait().record_status("1", progress("Importing", progress=40, importedRows=7, totalRows=9))
    ((job,),) = sent
    assert (job["job_id"], job["state"], job["progress"], job["imported_rows"]) == ("1", "Importing", 40, 7)


def test_progress_is_reported_at_most_once_a_minute(wait, sent, clock, progress):
    waiting = wait()
    for percent in range(100):
        waiting.record_status("1", progress("Importing", progress=percent, importedRows=percent))
        clock.now += 2
    assert len(sent) == 1 + int(200 // INTERVAL_SECONDS)


def test_first_report_can_be_late(wait, sent, clock, progress):
    waiting = wait(first_after=60.0)
    waiting.record_status("1", progress("Importing", progress=1))
    clock.now += 61
    waiting.record_status("1", progress("Importing", progress=50))
    assert [job["progress"] for (job,) in sent] == [50]


def test_list_updates_state_and_percent_of_a_report(wait, sent, clock, progress):
    waiting = wait(["1", "2"])
    waiting.record_status("1", progress("Pending"))
    clock.now += 61
    waiting.record_summary("1", parse_job({"jobId": "1", "state": "Importing", "progress": 30}))
    assert [(job["state"], job["progress"]) for job in sent[-1]] == [("Importing", 30)]


def test_failed_report_ends_no_wait(clock, progress):
    def fail(jobs):
        raise RuntimeError("Airflow does not respond")

    waiting = ImportWait("1", clock=clock, reports=Reports(fail, clock=clock))
    waiting.record_status("1", progress("Importing"))
    assert waiting.event() is None


def test_report_is_json_and_has_failed_files_first(progress):
    details = [*files(60), {"fileName": "[bad.parquet]", "state": "Failed", "reason": "\ud800" * 5000}]
    (job,) = json.loads(json.dumps(report([(progress("Importing", details=details), None)])))
    assert (len(job["files"]), job["files"][0]["name"], job["file_count"]) == (MAX_FILES, "bad.parquet", 61)
    assert len(job["files"][0]["reason"]) <= 1_000


def test_files_of_all_jobs_together_are_bounded(progress):
    jobs = report([(progress("Importing", job_id=str(job), details=files(40)), None) for job in range(100)])
    assert sum(len(job["files"]) for job in jobs) == MAX_FILES


def test_report_leads_to_the_server():
    labels = {"milvus_conn_id": "m", "database": None, "two_phase": True}
    assert labelled([{"job_id": "1"}], single=True, **labels) == {"job_id": "1", **labels}
    assert labelled([{"job_id": "1"}], single=False, **labels) == [{"job_id": "1", **labels}]
    assert labelled([], single=True, **labels) is None
