"""Responses without an end, and larger than any response of their route."""

import asyncio
import gzip
import itertools
import json
import time

import pytest
from bad_servers import JSON_HEADERS, envelope, response

from airflow_provider_milvus.hooks.milvus import MilvusAsyncHook, MilvusHook
from airflow_provider_milvus.rest import errors, import_jobs

DESCRIBE = import_jobs.describe("1")
CHUNKED = JSON_HEADERS + b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = b"Content-Encoding: gzip\r\n"
RUNNING = envelope({"jobId": "1", "state": "Importing"})


def trickle(head, piece):
    """A behaviour: send ``piece`` ten times a second, for ever."""

    def behave(peer):
        peer.send(head)
        while True:
            peer.send(piece)
            time.sleep(0.1)

    return behave


def flood(head, piece):
    """A behaviour: send ``piece`` as fast as it is taken, for ever."""

    def behave(peer):
        peer.send(head)
        for block in itertools.repeat(piece * (60_000 // len(piece))):
            peer.send(block)

    return behave


ENDLESS = {
    "no response": trickle(b"", b""),
    "status line": trickle(b"HTTP/1.1 200 ", b"O"),
    "headers": trickle(JSON_HEADERS, b"X-More: x\r\n"),
    "header": trickle(JSON_HEADERS + b"X-More: ", b"x"),
    "continue": trickle(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": trickle(JSON_HEADERS + b"Content-Length: 1000000\r\n\r\n", b" "),
    "chunks": trickle(CHUNKED, b"1\r\n \r\n"),
    "body without length": trickle(JSON_HEADERS + b"\r\n", b" "),
    "error page": trickle(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 100000\r\n\r\n", b" "),
}
FLOODS = {
    "headers": flood(JSON_HEADERS, b"X-More: x\r\n"),
    "header": flood(JSON_HEADERS + b"X-More: ", b"x" * 1000),
    "continue": flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "early hints": flood(b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
    "body": flood(JSON_HEADERS + b"Content-Length: 1000000000\r\n\r\n", b" " * 1000),
    "chunks": flood(CHUNKED, b"3e8\r\n" + b" " * 1000 + b"\r\n"),
    "tiny chunks": flood(CHUNKED, b"1\r\n \r\n"),
    "body without length": flood(JSON_HEADERS + b"\r\n", b" " * 1000),
}


@pytest.mark.parametrize("behave", ENDLESS.values(), ids=ENDLESS)
async def test_response_without_an_end_is_given_up_in_time(reach, call, behave):
    reach(behave, extra={"timeout": 0.5})
    with pytest.raises(errors.MilvusConnectionError, match=r"not complete after 0\.5 s") as caught:
        await call(DESCRIBE)
    assert (caught.value.maybe_done, caught.value.retryable) == (True, True)


@pytest.mark.parametrize("piece", [b"\x16\x03\x03\x40\x00", b"\x02"])
async def test_handshake_without_an_end_is_given_up_in_time(serve, call, connection, piece):
    def accept(sock):
        sock.sendall(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
        while True:
            sock.sendall(piece[:1])
            time.sleep(0.1)

    server = serve(lambda peer: None, accept=accept)
    connection(f"https://127.0.0.1:{server.port}", extra={"timeout": 1})
    with pytest.raises(errors.MilvusConnectionError, match="not complete after 1 s") as caught:
        await call(DESCRIBE)
    assert not caught.value.maybe_done


async def test_tunnel_without_an_end_is_given_up_in_time(serve, call, connection):
    proxy = serve(trickle(b"HTTP/1.1 200 OK\r\n", b"X-More: x\r\n"))
    connection("https://milvus.example.org", extra={"timeout": 1, "proxies": f"http://127.0.0.1:{proxy.port}"})
    with pytest.raises(errors.MilvusConnectionError, match="not complete after 1 s") as caught:
        await call(DESCRIBE)
    assert not caught.value.maybe_done


@pytest.mark.parametrize("behave", FLOODS.values(), ids=FLOODS)
async def test_flood_is_an_error(reach, call, behave):
    reach(behave, extra={"timeout": 3})
    with pytest.raises(errors.MilvusError):
        await call(DESCRIBE)


@pytest.mark.parametrize("name", ["continue", "early hints"])
async def test_flood_of_informational_responses_is_given_up_early(reach, name):
    reach(FLOODS[name], extra={"timeout": 60})
    with pytest.raises(errors.MilvusConnectionError, match="more than 256,000 bytes before its body"):
        async with MilvusAsyncHook("milvus_default") as hook:
            await hook.call(DESCRIBE)


def test_wait_for_an_import_ends_in_time_before_a_trickling_server(reach):
    reach(ENDLESS["body"], extra={"timeout": 30})
    with pytest.raises(errors.MilvusError, match="import job 1") as caught:
        MilvusHook().wait_for_import("1", timeout=1)
    assert type(caught.value).__name__ == "MilvusImportTimeout"


def test_retries_stay_within_the_timeout_of_the_caller(reach):
    server = reach(ENDLESS["body"], extra={"timeout": 30, "retries": 100})
    with pytest.raises(errors.MilvusConnectionError):
        MilvusHook().call(DESCRIBE, timeout=1)
    assert len(server.requests) == 1


def bomb(size, times=1):
    data = b'{"code":0,"data":"' + b" " * size + b'"}'
    for _ in range(times):
        data = gzip.compress(data)
    return data


@pytest.mark.parametrize(
    "body",
    [
        response(bomb(100_000_000), extra=GZIP),
        response(bomb(100_000_000, 2), extra=b"Content-Encoding: gzip, gzip\r\n"),
        response(bomb(100_000_000, 2), extra=GZIP + GZIP),
        response(b"x", extra=b"Content-Encoding: br\r\n"),
        response(b"no gzip", extra=GZIP),
        response(bomb(10)[:-5], extra=GZIP),
        response(bomb(10) + b"x", extra=b"Content-Encoding: deflate\r\n"),
    ],
)
async def test_compressed_response_that_is_too_large_or_broken_is_an_error(reach, call, body):
    reach(lambda peer: peer.send(body))
    with pytest.raises(errors.MilvusProtocolError):
        await call(DESCRIBE)


async def test_compressed_response_is_read(reach, call):
    server = reach(lambda peer: peer.send(response(gzip.compress(RUNNING), extra=GZIP)))
    assert [each.state for each in await call(DESCRIBE)] == ["Importing"]
    assert b"accept-encoding: gzip\r\n" in server.requests[0].lower()


async def test_large_error_page_is_read_in_part(reach, call):
    page = response(b"<html>" + b"x" * 10_000_000, b"HTTP/1.1 502 Bad Gateway\r\n")
    reach(lambda peer: peer.send(page))
    with pytest.raises(errors.MilvusUnavailable, match="HTTP 502: <html>x"):
        await call(DESCRIBE)


async def test_chunked_response_is_read(reach, call):
    body = CHUNKED + b"".join(b"1\r\n%c\r\n" % byte for byte in RUNNING) + b"0\r\n\r\n"
    reach(lambda peer: peer.send(body))
    assert [each.state for each in await call(DESCRIBE)] == ["Importing"]


async def test_response_after_a_continue_is_read(reach, call):
    reach(lambda peer: peer.send(b"HTTP/1.1 100 Continue\r\n\r\n" + response(RUNNING)))
    assert [each.state for each in await call(DESCRIBE)] == ["Importing"]


async def test_event_loop_serves_others_while_a_long_list_is_read(reach):
    jobs = [{"jobId": str(n), "state": "Importing", "collectionName": "c", "progress": 1} for n in range(100_000)]
    body = response(json.dumps({"code": 0, "data": {"records": jobs}}).encode())
    reach(lambda peer: peer.send(body), extra={"timeout": 60})
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    async with MilvusAsyncHook("milvus_default") as hook:
        ticking = asyncio.create_task(tick())
        assert len(await hook.list_import_records()) == 100_000
        ticking.cancel()
    assert ticks > 20
