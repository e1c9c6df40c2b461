"""Metrics on a real StatsD socket, and spans in OpenTelemetry's own exporter."""

import socket
import threading
import time
from datetime import datetime

import pytest

from airflow_provider_milvus.hooks.milvus import MilvusHook

pytest.importorskip("statsd", reason="statsd of the group dev is not installed")


class StatsDServer:
    """What came in by UDP: the values of each metric."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.2)
        self._running = True
        self.values = {}
        self._thread = threading.Thread(target=self._receive)
        self._thread.start()

    @property
    def port(self):
        return str(self._socket.getsockname()[1])

    def _receive(self):
        while self._running:
            try:
                datagram = self._socket.recv(65_536).decode()
            except TimeoutError:
                continue
            for line in datagram.splitlines():
                name, _, value = line.partition(":")
                self.values.setdefault(name, []).append(value)

    def close(self):
        time.sleep(0.5)  # what is in the socket's buffer is read first
        self._running = False
        self._thread.join()
        self._socket.close()


@pytest.fixture(scope="module")
def observed(milvus, run_tasks):
    """The metrics and the spans of three tasks: one that succeeds, one that fails, and one that defers."""
    statsd = StatsDServer()
    try:
        spans = run_tasks(
            "traced_tasks.py",
            AIRFLOW_CONN_MILVUS_DEFAULT=f"milvus://127.0.0.1:{milvus.port}",
            AIRFLOW__METRICS__STATSD_ON="True",
            AIRFLOW__METRICS__STATSD_HOST="127.0.0.1",
            AIRFLOW__METRICS__STATSD_PORT=statsd.port,
            AIRFLOW__METRICS__STATSD_PREFIX="airflow",
        )
    finally:
        statsd.close()
    return statsd.values, spans


@pytest.fixture(scope="module")
def metrics(observed):
    prefix = "airflow.milvus."
    return {name.removeprefix(prefix): values for name, values in observed[0].items() if name.startswith(prefix)}


@pytest.fixture(scope="module")
def spans(observed):
    return {
        span["attributes"].get("airflow.task_id", "worker"): span
        for span in observed[1]
        if span["name"] in ("milvus.import", "worker.task")
    }


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("imports.started", ["1|c"] * 3),
        ("imports.completed", ["1|c"] * 2),
        ("imports.failed.data", ["1|c"]),
        ("rows", ["100|c", "200|c"]),
    ],
)
def test_counters_have_what_the_tasks_did(metrics, name, values):
    assert metrics[name] == values


def test_bytes_are_those_of_the_files(metrics, milvus):
    sizes = {name: (milvus.bucket / "folder" / f"{name}.parquet").stat().st_size for name in ("first", "second")}
    assert metrics["bytes"] == [f"{sizes['first']}|c", f"{sum(sizes.values())}|c"]


@pytest.mark.parametrize("name", ["import.duration", "import.time_to_notice"])
def test_times_are_sent_for_each_job_that_completed(metrics, name):
    assert len(metrics[name]) == 2  # Milvus reports no end of a job that failed
    assert all(value.endswith("|ms") and 0 <= float(value.removesuffix("|ms")) < 60_000 for value in metrics[name])


def test_polls_of_worker_and_triggerer_are_counted(metrics):
    assert sum(int(value.removesuffix("|c")) for value in metrics["polls"]) >= 3
    assert "poll_errors" not in metrics


def test_triggerer_reports_how_many_jobs_it_waits_for(metrics):
    assert metrics["waiting_jobs"][-1] == metrics[f"waiting_jobs.{socket.gethostname()}"][-1] == "0|g"


@pytest.mark.parametrize("task_id", ["good", "bad", "deferred"])
def test_span_of_an_import_lies_below_the_span_of_its_task(spans, task_id):
    assert spans[task_id]["parent_id"] == spans["worker"]["context"]["span_id"]


def test_span_of_an_import_is_from_its_creation_to_its_end(spans, milvus, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_MILVUS_DEFAULT", f"milvus://127.0.0.1:{milvus.port}")
    span = spans["good"]
    job = MilvusHook().get_import_progress(span["attributes"]["milvus.import.job_id"])
    for name, expected in (("start_time", job.create_time), ("end_time", job.complete_time)):
        assert datetime.fromisoformat(span[name]).timestamp() == datetime.fromisoformat(expected).timestamp()


def test_span_of_a_failed_import_has_its_reason(spans):
    assert spans["bad"]["status"]["status_code"] == "ERROR"
    assert "dim" in spans["bad"]["status"]["description"]


def test_span_of_an_import_has_its_rows(spans):
    found = spans["deferred"]["attributes"]
    assert (found["db.collection.name"], found["milvus.import.rows"], found["milvus.import.state"]) == (
        "books",
        200,
        "Completed",
    )
