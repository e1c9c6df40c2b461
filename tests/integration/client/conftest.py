"""Small real servers and proxies on this machine, for both transports."""

import json
import socket
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from airflow_provider_milvus.hooks.milvus import MilvusAsyncHook, MilvusHook

VARIABLES = (
    *(spelling for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy") for spelling in (name, name.upper())),
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    """Proxies and CA bundles of the machine are not the tests'."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def define(monkeypatch):
    """Define the connection ``milvus_default``."""

    def set_connection(**fields):
        fields = {"conn_type": "milvus", **fields, "extra": {"retries": 0, "timeout": 5, **fields.get("extra", {})}}
        monkeypatch.setenv("AIRFLOW_CONN_MILVUS_DEFAULT", json.dumps(fields))

    return set_connection


@pytest.fixture(params=["requests", "httpx"])
def describe(request):
    """Fetch the progress of an import job with the worker's hook or the triggerer's."""

    async def send():
        if request.param == "requests":
            return MilvusHook().get_import_progress("1")
        async with MilvusAsyncHook("milvus_default") as hook:
            return await hook.get_import_progress("1")

    return send


class Listener(ThreadingHTTPServer):
    """A server on a free port, which notes the requests that it gets."""

    daemon_threads = True

    def __init__(self, handler, host, context):
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, 0), handler)
        self.seen = []
        self.peers = []
        self._context = context
        scheme, host = "https" if context else "http", f"[{host}]" if ":" in host else host
        self.url = f"{scheme}://{host}:{self.server_port}"

    def finish_request(self, request, client_address):
        if self._context:
            request = self._context.wrap_socket(request, server_side=True)
            self.peers.append(request.getpeercert())
        super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        """A client that refuses the certificate is no error of these tests."""


class Milvus(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, dict(self.headers)))
        body = json.dumps({"code": 0, "data": {"jobId": "1", "state": "Importing"}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        """Respond in place of the server."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.path, dict(self.headers)))
        body = json.dumps({"code": 0, "data": {"jobId": "1", "state": "Pending"}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_CONNECT(self):
        self.server.seen.append((f"CONNECT {self.path}", dict(self.headers)))
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port))) as server:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=pump, args=(server, self.connection), daemon=True)
            back.start()
            pump(self.connection, server)
            back.join(5)
        self.close_connection = True

    def log_message(self, *args):
        pass


def pump(source, sink):
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def listening(handler, host, context):
    server = Listener(handler, host, context)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def serve():
    """Start servers that respond as Milvus does; ``proxy=True`` makes one a proxy."""
    started = []

    def start(host="127.0.0.1", context=None, *, proxy=False):
        manager = listening(Proxy if proxy else Milvus, host, context)
        started.append(manager)
        return manager.__enter__()

    yield start
    for manager in started:
        manager.__exit__(None, None, None)
