import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from bad_servers import Authority, Server, tunnel

from airflow_provider_milvus.hooks.milvus import MilvusAsyncHook, MilvusHook

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def connection(monkeypatch):
    """Define the connection ``milvus_default``."""

    def define(host, **fields):
        fields = {"conn_type": "milvus", "host": host, **fields}
        fields["extra"] = {"retries": 0, "timeout": 5, **fields.get("extra", {})}
        monkeypatch.setenv("AIRFLOW_CONN_MILVUS_DEFAULT", json.dumps(fields))

    return define


@pytest.fixture(params=["requests", "httpx"])
def call(request):
    """Send requests with the worker's hook or the triggerer's, one hook for all of them."""

    async def send(*to_send):
        if request.param == "requests":
            hook = MilvusHook()
            return [hook.call(each) for each in to_send]
        async with MilvusAsyncHook("milvus_default") as hook:
            return [await hook.call(each) for each in to_send]

    return send


@pytest.fixture
def serve():
    """Start a server that misbehaves; see :class:`bad_servers.Server`."""
    servers = []

    def start(behave, **options):
        servers.append(Server(behave, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture(params=["direct", "proxy", "tls", "connect"])
def reach(request, serve, connection, authority):
    """Start a server with a behaviour, and define a connection that reaches it in one of four ways."""

    def start(behave, **fields):
        extra = fields.pop("extra", {})
        if request.param in ("tls", "connect"):
            server = serve(behave, context=authority.context())
            extra = {**extra, "ca_bundle": authority.bundle}
            host = f"https://127.0.0.1:{server.port}"
            if request.param == "connect":
                extra["proxies"] = {"https": f"http://127.0.0.1:{serve(tunnel).port}"}
        else:
            server = serve(behave)
            host = f"http://127.0.0.1:{server.port}"
            if request.param == "proxy":
                extra = {**extra, "proxies": {"http": host}}
                host = "http://milvus.example.org:19530"
        connection(host, extra=extra, **fields)
        return server

    return start
