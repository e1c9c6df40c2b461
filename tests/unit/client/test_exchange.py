"""How much of a response is read at a time, before its body."""

import pytest

from airflow_provider_milvus.client.exchange import HEAD_CHUNK, MAX_HEAD, Exchange, current
from airflow_provider_milvus.client.redaction import Redactor


class Stream:
    async def read(self, max_bytes, timeout=None):
        return b"x" * max_bytes


@pytest.fixture
async def exchange():
    exchange = Exchange(60, Redactor())
    token = current.set(exchange)
    yield exchange
    current.reset(token)


@pytest.fixture(params=["connection.connect_tcp.complete", "connection.start_tls.complete", "proxy.start_tls.complete"])
async def stream(exchange, request):
    stream = Stream()
    await exchange.trace(request.param, {"return_value": stream})
    return stream


async def test_head_of_a_response_is_read_in_small_parts(exchange, stream):
    await exchange.trace("http11.receive_response_headers.started", {})
    assert len(await stream.read(64_000)) == HEAD_CHUNK


async def test_head_without_an_end_is_an_error(exchange, stream):
    await exchange.trace("http11.receive_response_headers.started", {})
    for _ in range(0, MAX_HEAD, HEAD_CHUNK):
        await stream.read(64_000)
    with pytest.raises(ValueError, match="before its body"):
        await stream.read(64_000)


async def test_body_is_read_in_large_parts(exchange, stream):
    await exchange.trace("http11.receive_response_headers.started", {})
    await stream.read(64_000)
    await exchange.trace("http11.receive_response_headers.complete", {})
    assert len(await stream.read(64_000, timeout=1)) == 64_000
