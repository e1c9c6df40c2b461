"""Zilliz Cloud, as the local Milvus plays it: the DAG of the documentation, and where secrets go."""

import ast
import asyncio
import json
import logging
import re
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import requests
from airflow.exceptions import TaskDeferred

from airflow_provider_milvus.example_dags import milvus_zilliz_cloud
from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.local import LocalMilvus
from airflow_provider_milvus.local.faults import Fault
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.triggers import wait_trigger

PAGE = Path(__file__).parents[3] / "docs" / "zilliz-cloud.md"
CLUSTER = "in03-local"
API_KEY, ACCESS_KEY, SECRET_KEY, TOKEN = SECRETS = ("an-api-key-0", "an-access-key-1", "a-secret-key-2", "a-token-3")
SCHEMA = {
    "fields": [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": "2"}},
    ]
}
INDEX = [{"fieldName": "vector", "indexType": "AUTOINDEX", "metricType": "L2"}]
DAY = "2026-01-01"
ROWS = 5


@pytest.fixture(scope="module")
def milvus(tmp_path_factory):
    with LocalMilvus(
        tmp_path_factory.mktemp("cloud"), zilliz_cluster=CLUSTER, token=API_KEY, min_job_seconds=0.5
    ) as server:
        for folder in (f"articles/{DAY}", f"my_volume/articles/{DAY}"):
            (server.bucket / folder).mkdir(parents=True)
            vectors = pa.array([[0.0, 1.0]] * ROWS, pa.list_(pa.float32()))
            rows = pa.table({"id": pa.array(range(ROWS), pa.int64()), "vector": vectors})
            pq.write_table(rows, server.bucket / folder / "rows.parquet")
        yield server


@pytest.fixture
def connect(milvus, monkeypatch):
    """Define the two connections of the documentation, with this server as import endpoint."""

    def define(import_endpoint=milvus.uri):
        extra = {"cluster_id": CLUSTER, "import_endpoint": import_endpoint, "retries": 0}
        cluster = {"conn_type": "milvus", "host": milvus.uri, "password": API_KEY, "extra": extra}
        storage = {"conn_type": "aws", "login": ACCESS_KEY, "password": SECRET_KEY, "extra": {"token": TOKEN}}
        monkeypatch.setenv("AIRFLOW_CONN_MILVUS_DEFAULT", json.dumps(cluster))
        monkeypatch.setenv("AIRFLOW_CONN_MY_BUCKET", json.dumps(storage))

    define()
    return define


@pytest.fixture
def hook(connect, milvus):
    """The hook of that cluster, which has a collection ``articles`` with an index."""
    milvus.faults.clear()
    hook = MilvusHook()
    hook.create_collection("articles", schema=SCHEMA, index_params=INDEX)
    yield hook
    milvus.faults.clear()
    connect()
    MilvusHook().drop_collection("articles")


class Store(dict):
    """A task state store."""

    def set(self, key, value):
        self[key] = json.loads(json.dumps(value))


@pytest.fixture
def store(context):
    context["task_state_store"] = Store()
    return context["task_state_store"]


def examples():
    """The Python of the page, in its order."""
    return re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)


def run(task, context):
    task.render_template_fields({"ds": DAY})
    return task.execute(context)


def test_dag_of_the_documentation_runs_unchanged(hook, context):
    for task in milvus_zilliz_cloud.load.dag.topological_sort():
        run(task, context)
    assert (hook.count("articles"), context["ti"].xcoms["import_progress"]["imported_rows"]) == (ROWS, ROWS)
    assert context["ti"].xcoms["job_id"].startswith("job-")


def test_volume_of_the_documentation_is_imported(hook, context):
    # The task is the last of its statements.
    *imports, task = ast.parse(examples()[0]).body
    names = {}
    exec(compile(ast.Module(imports, []), str(PAGE), "exec"), names)
    run(eval(compile(ast.Expression(task.value), str(PAGE), "eval"), names), context)
    assert context["ti"].xcoms["import_progress"]["imported_rows"] == ROWS


def test_import_into_another_database(connect, milvus, context):
    httpx.post(
        f"{milvus.uri}/v2/vectordb/databases/create",
        json={"dbName": "books"},
        headers={"Authorization": f"Bearer {API_KEY}"},
        trust_env=False,
    )
    hook = MilvusHook(database="books")
    hook.create_collection("novels", schema=SCHEMA)
    urls = [f"s3://my-bucket/articles/{DAY}/"]
    task = MilvusBulkImportOperator(task_id="t", collection_name="novels", object_urls=urls, database="books")
    job_id = run(task, context)
    assert hook.get_collection_stats("novels") == ROWS
    assert [job.job_id for job in hook.list_import_jobs("novels")] == [job_id]
    assert job_id not in [job.job_id for job in MilvusHook().list_import_jobs()]


def test_project_and_region_do_instead_of_a_cluster(hook, milvus, context, monkeypatch):
    monkeypatch.setattr(wait_trigger, "MIN_AGE_SECONDS", 0.0)
    extra = {"project_id": "proj-1", "region_id": "aws-us-west-2"}
    connection = {"conn_type": "milvus", "host": milvus.uri, "password": API_KEY, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_MILVUS_DEFAULT", json.dumps(connection))
    urls = [f"s3://my-bucket/articles/{DAY}/"]
    task = MilvusBulkImportOperator(
        task_id="t", collection_name="articles", object_urls=urls, deferrable=True, defer_after=0
    )
    (job_id,), kept = outcome(task, context)
    assert kept  # the triggerer's client names them as well
    assert [job.job_id for job in MilvusHook().list_import_jobs("articles")] == [job_id]


def test_retry_goes_on_with_the_job_of_the_try_before(hook, context, store):
    urls = [f"s3://my-bucket/articles/{DAY}/"]
    task = MilvusBulkImportOperator(
        task_id="t", collection_name="articles", object_urls=urls, wait_for_completion=False
    )
    first = run(task, context)
    del store["milvus_loads"]  # as if it had died before its end
    context["ti"].try_number = 2
    assert (run(task, context), len(hook.list_import_jobs("articles"))) == (first, 1)


# -- secrets ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def echo():
    """The URL of a server whose response is an error page with the request's secrets in it."""

    class Echo(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            # The keys are the last fields of the body; an error quotes no more than the beginning of a page.
            page = b"<html>forbidden: " + self.headers["Authorization"].encode() + body[-100:]
            self.send_response(403)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def created(monkeypatch):
    """The create requests that go out."""
    found, send = [], requests.adapters.HTTPAdapter.send

    def spy(self, request, **options):
        if request.url.endswith("/create"):
            found.append(request)
        return send(self, request, **options)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", spy)
    return found


@pytest.fixture
def logged(caplog, capsys):
    """All that was logged, as it was before Airflow masks what it knows to be secret."""
    caplog.set_level(logging.DEBUG)
    return lambda: " ".join(
        [caplog.text, *(f"{record.msg} {record.args}" for record in caplog.records), *capsys.readouterr()]
    )


def outcome(task, context):
    """What a task leaves behind: its result or its error, and what Airflow keeps of its trigger."""
    kept = []
    try:
        try:
            return [run(task, context)], kept
        except TaskDeferred as deferral:
            kept.append(deferral.trigger.serialize())
            (event,) = asyncio.run(events(deferral.trigger))
            kept.append(event)
            return [task.execute_complete(context, event)], kept
    except Exception as error:
        return ["".join(traceback.format_exception(error)), repr(error)], kept


async def events(trigger):
    again = type(trigger)(**trigger.serialize()[1])
    return [event.payload async for event in again.run()]


@pytest.mark.parametrize("deferrable", [False, True], ids=["sync", "deferrable"])
@pytest.mark.parametrize(
    ("outage", "end"),
    [
        ("", "job-"),
        ("403:create", "MilvusAuthError"),
        ("html:create", "MilvusUnavailable"),
        ("403:describe:after=1", "MilvusImportUnreachable"),
        ("html:describe:after=1", "MilvusImportUnreachable"),
        ("stuck:describe:after=1", "MilvusImportTimeout"),
        ("refused", "no response from"),
        ("echo", "forbidden"),
    ],
    ids=["success", "403", "page", "403-later", "page-later", "timeout", "refused", "echo"],
)
def test_secrets_are_in_the_request_and_nowhere_else(
    hook, connect, milvus, context, store, created, echo, logged, monkeypatch, deferrable, outage, end
):
    monkeypatch.setattr(wait_trigger, "MIN_AGE_SECONDS", 0.0)
    if outage in ("refused", "echo"):
        connect(echo if outage == "echo" else "http://127.0.0.1:1")
        # The list comes before the create, which alone has the keys: it succeeds.
        monkeypatch.setattr(MilvusHook, "list_import_records", lambda *args, **kwargs: {})
    elif outage:
        milvus.faults[:] = [Fault.parse(outage)]
    task = MilvusBulkImportOperator(
        task_id="t",
        collection_name="articles",
        object_urls=[f"s3://my-bucket/articles/{DAY}/"],
        storage_conn_id="my_bucket",
        deferrable=deferrable,
        defer_after=0,
        poll_interval=0.1,
        timeout=1 if end == "MilvusImportTimeout" else 30,
        max_poll_failures=1,
    )
    result, kept = outcome(task, context)
    assert end in str(result)
    assert bool(kept) == (deferrable and (end == "job-" or end.startswith("MilvusImport")))
    (sent,) = created
    body = json.loads(sent.body)
    assert (body.pop("accessKey"), body.pop("secretKey"), body.pop("token")) == SECRETS[1:]
    headers = dict(sent.headers)
    assert headers.pop("Authorization") == f"Bearer {API_KEY}".encode()
    assert "Idempotency-Key" in headers
    everywhere_else = [
        result,
        kept,
        sent.url,
        headers,
        body,
        context["ti"].xcoms,
        dict(store),
        [str(getattr(task, name)) for name in task.template_fields],
        logged(),
    ]
    assert store
    assert [(secret, place) for secret in SECRETS for place in everywhere_else if secret in str(place)] == []
