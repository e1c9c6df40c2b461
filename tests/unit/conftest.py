"""Unit tests open no socket and sleep nowhere: a Milvus on a script, and a time that passes only in sleeps."""

import asyncio
import importlib
import io
import json
import pkgutil
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import requests
import urllib3
from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

import airflow_provider_milvus
from airflow_provider_milvus.rest.import_jobs import parse_progress


@pytest.fixture(autouse=True)
def no_connection(monkeypatch):
    """Refuse every connection; an event loop's own socket pair is none."""

    def refuse(self, address):
        raise AssertionError(f"a unit test connects to {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


@pytest.fixture(autouse=True)
def no_long_sleep(monkeypatch):
    """Refuse to sleep for a second or longer, as a sensor between two pokes does."""
    sleep = time.sleep

    def sleep_for_a_moment(seconds):
        assert seconds < 1, f"a unit test sleeps for {seconds} s"
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", sleep_for_a_moment)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    """Proxies and CA bundles of the machine are not the tests'."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def connection(monkeypatch):
    """Define the connection ``milvus_default``."""

    def define(**fields):
        fields = {"conn_type": "milvus", "host": "milvus.example.org", **fields}
        monkeypatch.setenv("AIRFLOW_CONN_MILVUS_DEFAULT", json.dumps(fields))

    define()
    return define


@dataclass
class Sent:
    """A request as it went out, and how it was sent."""

    url: str
    headers: Any
    content: bytes
    options: dict[str, Any]

    @property
    def route(self):
        return self.url.partition("/v2/vectordb")[2]

    @property
    def body(self):
        return json.loads(self.content)


class Milvus:
    """Responds to ``requests`` and ``httpx`` from a script for each route; a script's last response is repeated.

    A response is the envelope's data, a pair of HTTP status and text, a triple with headers, or an exception.
    """

    def __init__(self):
        self.sent = []
        self.scripts = {}

    def responds(self, route, *script):
        self.scripts[route] = list(script)

    @property
    def routes(self):
        return [sent.route for sent in self.sent]

    def respond(self, sent):
        self.sent.append(sent)
        script = self.scripts.get(sent.route)
        if script is None:
            return 404, "404 page not found", {}
        found = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(found, Exception):
            raise found
        if isinstance(found, tuple):
            return (*found, {}) if len(found) == 2 else found
        return 200, json.dumps({"code": 0, "data": found}), {}


@pytest.fixture
def milvus(monkeypatch, connection):
    """The server behind the connection ``milvus_default``."""
    server = Milvus()

    def send(self, request, **options):
        status, text, headers = server.respond(Sent(request.url, request.headers, request.body, options))
        response = requests.Response()
        response.status_code = status
        response.raw = urllib3.HTTPResponse(io.BytesIO(text.encode()), preload_content=False)
        response.headers.update(headers)
        response.request, response.url = request, request.url
        return response

    async def handle(self, request):
        status, text, headers = server.respond(
            Sent(str(request.url), request.headers, request.content, request.extensions)
        )
        return httpx.Response(status, stream=httpx.ByteStream(text.encode()), headers=headers)

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", handle)
    return server


class Clock:
    """A time that passes only when somebody sleeps."""

    def __init__(self):
        self.now = 1_000.0
        self.sleeps = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.sleeps.append(seconds)
        self.now += max(0.0, seconds)


class ClockLoop(asyncio.SelectorEventLoop):
    """An event loop in the time of a clock: where it would wait for a timer, the time passes at once.

    While a thread works for it no time passes.
    """

    def __init__(self, clock):
        super().__init__()
        self.time = clock
        self.threads = 0
        select = self._selector.select

        def pass_time(timeout):
            if self.threads or not timeout:
                return select(None if timeout else timeout)
            found = select(0)
            if not found:
                clock.sleep(timeout)
            return found

        self._selector.select = pass_time

    def run_in_executor(self, executor, function, *arguments):
        def done(future):
            self.threads -= 1

        self.threads += 1
        future = super().run_in_executor(executor, function, *arguments)
        future.add_done_callback(done)
        return future


@pytest.fixture
def progress():
    """A response of ``describe``."""

    def make(state, job_id="1", **fields):
        return parse_progress({"jobId": job_id, "state": state, "collectionName": "c", **fields})

    return make


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def clock_loop(clock):
    """Makes an event loop in the time of ``clock``."""
    return lambda: ClockLoop(clock)


class FakeTime:
    """The module ``time`` on a clock; what measures CPU time or formats is the real one's."""

    def __init__(self, clock):
        self.time = self.monotonic = clock
        self.sleep = clock.sleep

    def __getattr__(self, name):
        return getattr(time, name)


@pytest.fixture
def clock_policy(clock_loop):
    """For ``event_loop_policy`` of pytest-asyncio: every event loop lives in the time of ``clock``."""

    class Policy(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self):
            return clock_loop()

    return Policy()


@pytest.fixture
def package_clock(clock, monkeypatch):
    """The same time for the whole package, apart from the local Milvus, which is not a part of its users."""
    fake = FakeTime(clock)
    name = airflow_provider_milvus.__name__
    for found in pkgutil.walk_packages(airflow_provider_milvus.__path__, f"{name}."):
        # A DAG has no time of its own, and may need a newer Airflow.
        if not found.name.startswith((f"{name}.local", f"{name}.example_dags")):
            try:
                module = importlib.import_module(found.name)
            except AirflowOptionalProviderFeatureException:  # of a newer Airflow
                continue
            if getattr(module, "time", None) is time:
                monkeypatch.setattr(module, "time", fake)
    return clock


class TaskInstance:
    """What a task knows of its try, and what it pushes: ``pushed`` has the requests that were sent before, too."""

    dag_id, task_id, run_id, map_index = "dag", "task", "run", -1

    def __init__(self, milvus):
        self.milvus = milvus
        self.try_number, self.max_tries = 1, 0
        self.pushed = []

    def xcom_push(self, key, value):
        self.pushed.append((key, json.loads(json.dumps(value)), list(self.milvus.routes)))

    @property
    def xcoms(self):
        return {key: value for key, value, _ in self.pushed}


@pytest.fixture
def ti(milvus):
    return TaskInstance(milvus)


class Store(dict):
    """A task state store: JSON values, and no ``None``."""

    def set(self, key, value):
        assert value is not None
        self[key] = json.loads(json.dumps(value))


@pytest.fixture
def context(ti):
    """What a try of a task runs with on Airflow 3.3."""
    return {
        "ti": ti,
        "dag_run": SimpleNamespace(start_date=datetime.fromtimestamp(900, UTC)),
        "task_state_store": Store(),
    }


@pytest.fixture
def logged(caplog, capsys):
    """All that was logged so far: Airflow 2 hands it to logging, Airflow 3 prints it."""
    caplog.set_level("INFO")
    return lambda: caplog.text + capsys.readouterr().out
