"""What is counted of import jobs; tests/integration sends it to a real socket."""

import asyncio
import socket
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from airflow_provider_milvus import airflow_compat, metrics
from airflow_provider_milvus.exceptions import MilvusImportFailed, MilvusImportTimeout
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.rest.errors import MilvusConnectionError
from airflow_provider_milvus.sensors.import_job import MilvusImportSensor

DONE = {
    "jobId": "7",
    "state": "Completed",
    "collectionName": "c",
    "importedRows": 30,
    "fileSize": 4096,
    "createTime": "2026-01-31T10:00:00Z",
    "completeTime": "2026-01-31T10:00:12Z",
}
TAGS = {"dag_id": "dag", "task_id": "task", "milvus_conn_id": "milvus_default"}


class Stats:
    """Collects what is sent."""

    def __init__(self):
        self.sent = {}
        self.tags = {}

    def incr(self, name, count=1, *, tags=None):
        self.sent[name] = self.sent.get(name, 0) + count
        self.tags[name] = tags

    def timing(self, name, milliseconds, *, tags=None):
        self.sent[name] = milliseconds
        self.tags[name] = tags

    def gauge(self, name, value, *, tags=None):
        self.sent[name] = value


@pytest.fixture
def stats(monkeypatch):
    found = Stats()
    monkeypatch.setattr(airflow_compat, "stats", lambda: found)
    return found


@pytest.fixture
def submitted(milvus):
    milvus.responds("/jobs/import/list", {"records": []})
    milvus.responds("/jobs/import/create", {"jobId": "7"})
    milvus.responds("/jobs/import/describe", DONE)
    return milvus


def run(context, **parameters):
    MilvusBulkImportOperator(task_id="t", collection_name="c", files=["a.parquet"], **parameters).execute(context)


def test_task_counts_its_import_and_what_it_loaded(submitted, context, stats):
    run(context)
    assert {name: stats.sent[name] for name in stats.sent if "time_to_notice" not in name} == {
        "milvus.imports.started": 1,
        "milvus.polls": 1,
        "milvus.imports.completed": 1,
        "milvus.rows": 30,
        "milvus.bytes": 4096,
        "milvus.import.duration": 12_000,
    }
    assert stats.tags["milvus.rows"] == TAGS


def test_retry_that_finds_its_job_starts_none(milvus, submitted, context, ti, stats):
    milvus.responds("/jobs/import/describe", {**DONE, "state": "Importing"})
    with pytest.raises(MilvusImportTimeout):
        run(context, timeout=0.1)
    milvus.responds("/jobs/import/describe", DONE)
    ti.try_number = 2
    run(context, retries=1)
    assert (stats.sent["milvus.imports.started"], stats.sent["milvus.imports.re_attached"]) == (1, 1)


def test_time_to_notice_is_from_the_end_of_the_job_to_the_task(submitted, context, stats, monkeypatch):
    monkeypatch.setattr(metrics.time, "time", lambda: metrics._epoch(DONE["completeTime"]) + 3.5)
    metrics.record_end({"status": "success", "imports": [_import()]}, TAGS)
    assert stats.sent["milvus.import.time_to_notice"] == 3_500


def test_clock_of_a_server_that_is_ahead_makes_no_negative_time(stats, monkeypatch):
    monkeypatch.setattr(metrics.time, "time", lambda: metrics._epoch(DONE["completeTime"]) - 60)
    metrics.record_end({"status": "success", "imports": [_import()]}, TAGS)
    assert stats.sent["milvus.import.time_to_notice"] == 0


def _import(**fields):
    job = {"job_id": "7", "state": "Completed", "collection_name": "c", "imported_rows": 30, "file_size": 4096}
    times = {"create_time": DONE["createTime"], "complete_time": DONE["completeTime"]}
    return {**job, **times, "reason": "", **fields}


# Texts: internal/datacoord/import_checker.go, import_util.go and pkg/util/merr of Milvus 2.6.
@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("import timeout", "timeout"),
        ("disk quota exceeded, please allocate more resources", "disk_quota"),
        ("slot exhausted", "no_slot"),
        ("memory limit exceeded", "memory_limit"),
        ("collection 7 dropped", "collection_dropped"),
        ("field 'vector' dim 7 instead of 8: importing data failed (PreImportTask)", "data"),
        ("", "other"),
    ],
)
def test_failed_import_is_counted_by_the_kind_of_its_reason(stats, reason, kind):
    metrics.record_end({"status": "failed", "imports": [_import(state="Failed", reason=reason)]}, TAGS)
    assert stats.sent[f"milvus.imports.failed.{kind}"] == 1
    assert "milvus.imports.completed" not in stats.sent


@pytest.mark.parametrize("status", ["timeout", "unknown", "unreachable"])
def test_wait_that_ends_before_its_job_is_counted_as_such(stats, status):
    metrics.record_end({"status": status, "imports": [_import(state="Importing")]}, TAGS)
    assert stats.sent == {f"milvus.waits.{status}": 1}


def test_sensor_counts_the_jobs_that_it_waits_for(submitted, context, stats):
    submitted.responds("/jobs/import/describe", {**DONE, "state": "Failed", "reason": "import timeout"})
    with pytest.raises(MilvusImportFailed):
        MilvusImportSensor(task_id="t", job_id="7", timeout=60).execute_complete(
            context,
            {
                "job_id": "7",
                "target_state": "Completed",
                "status": "failed",
                "message": "it failed",
                "imports": [{**_import(state="Failed", reason="import timeout"), "progress": 0, "total_rows": 30}],
            },
        )
    assert stats.sent["milvus.imports.failed.timeout"] == 1


def test_failed_poll_of_a_worker_is_counted_as_both(stats):
    def fetch(job_id):
        raise MilvusConnectionError("refused")

    with pytest.raises(MilvusConnectionError):
        metrics.counted(fetch, "milvus_default")("7")
    assert stats.sent == {"milvus.polls": 1, "milvus.poll_errors": 1}


class Client:
    """A client of a poll loop, whose every second request fails."""

    def __init__(self):
        self.requests = 0

    async def get_import_progress(self, job_id):
        self.requests += 1
        if self.requests % 2 == 0:
            raise MilvusConnectionError("refused")
        return SimpleNamespace(job_id=job_id)

    async def list_import_records(self, collection_name):
        return {"7": {"collectionName": collection_name}}


@asynccontextmanager
async def opened():
    yield Client()


async def test_polls_of_a_loop_are_sent_together(stats, monkeypatch):
    monkeypatch.setattr(metrics, "FLUSH_INTERVAL_SECONDS", 3600.0)
    async with metrics.counted_client(opened, "milvus_default")() as client:
        assert (await client.get_import_progress("7")).job_id == "7"
        await asyncio.sleep(0.05)
        assert stats.sent["milvus.polls"] == 1
        for _ in range(4):
            try:
                await client.get_import_progress("7")
            except MilvusConnectionError:
                continue
        assert await client.list_import_records("c") == {"7": {"collectionName": "c"}}
        assert stats.sent["milvus.polls"] == 1
    await asyncio.get_running_loop().shutdown_default_executor()
    assert (stats.sent["milvus.polls"], stats.sent["milvus.poll_errors"]) == (6, 2)


async def test_last_wait_of_a_process_leaves_no_waiting_jobs(stats):
    with metrics.waiting_jobs(3), metrics.waiting_jobs(2):
        metrics._send_waiting_jobs()
        assert stats.sent["milvus.waiting_jobs"] == 5
    await asyncio.get_running_loop().shutdown_default_executor()
    assert stats.sent["milvus.waiting_jobs"] == stats.sent[f"milvus.waiting_jobs.{socket.gethostname()}"] == 0


def test_metrics_that_cannot_be_sent_fail_nothing(submitted, context, monkeypatch):
    def broken():
        raise OSError("no such host")

    monkeypatch.setattr(airflow_compat, "stats", broken)
    run(context)
    assert context["ti"].xcoms["import_progress"]["imported_rows"] == 30
