"""Whether a request may have been carried out, as far as its connection shows: on every way to a server."""

import socket

import pytest
from bad_servers import JSON_HEADERS, envelope, response, tunnel

from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.rest import errors, import_jobs
from airflow_provider_milvus.rest.import_jobs import ImportSource

CREATE = import_jobs.create("c", ImportSource(files=["a.parquet"]))
DESCRIBE = import_jobs.describe("1")
RUNNING = response(envelope({"jobId": "1", "state": "Importing"}))

LOST = {
    "reset": lambda peer: peer.reset(),
    "end": lambda peer: peer.close(),
    "plain text below TLS": lambda peer: (peer.send_plain(b"plain text in the stream\r\n\r\n"), peer.close()),
    "alert": lambda peer: (peer.send_plain(b"\x15\x03\x03\x00\x02\x02\x50"), peer.close()),
    "cut body": lambda peer: (peer.send(JSON_HEADERS + b"Content-Length: 100\r\n\r\n{"), peer.close()),
    "cut headers": lambda peer: (peer.send(JSON_HEADERS), peer.close()),
    "reset in body": lambda peer: (peer.send(JSON_HEADERS + b"Content-Length: 100\r\n\r\n{"), peer.reset()),
    "cut chunk": lambda peer: (peer.send(JSON_HEADERS + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"), peer.close()),
    "no HTTP": lambda peer: (peer.send(b"SSH-2.0-OpenSSH_9.6\r\n"), peer.close()),
    "408": lambda peer: peer.send(response(b"timeout", b"HTTP/1.1 408 Request Timeout\r\n")),
    "502": lambda peer: peer.send(response(b"<html>", b"HTTP/1.1 502 Bad Gateway\r\n")),
    "503": lambda peer: peer.send(response(b"", b"HTTP/1.1 503 Service Unavailable\r\n")),
    "504": lambda peer: peer.send(response(b"", b"HTTP/1.1 504 Gateway Timeout\r\n")),
}


async def failure(call, *requests):
    with pytest.raises(errors.MilvusError) as caught:
        await call(*requests)
    return caught.value


@pytest.mark.parametrize("lose", LOST.values(), ids=LOST)
async def test_create_whose_response_is_lost_may_have_been_done(reach, call, lose):
    server = reach(lose)
    error = await failure(call, CREATE)
    assert (len(server.requests), error.maybe_done, isinstance(error, errors.MilvusTLSError)) == (1, True, False)


@pytest.mark.parametrize("lose", LOST.values(), ids=LOST)
async def test_lost_response_on_a_kept_connection_may_have_been_done(reach, call, lose):
    server = reach(lambda peer: peer.send(RUNNING) if len(server.requests) == 1 else lose(peer))
    error = await failure(call, DESCRIBE, DESCRIBE)
    assert (len(server.requests), error.maybe_done, error.retryable) == (2, True, True)


async def test_create_is_sent_once_however_often_it_is_repeated(reach):
    server = reach(LOST["reset"], extra={"retries": 3})
    with pytest.raises(errors.MilvusConnectionError):
        MilvusHook().bulk_import("c", ["a.parquet"])
    assert len(server.requests) == 1


async def test_refused_connection_sent_nothing(call, connection):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    connection(f"http://127.0.0.1:{port}")
    assert not (await failure(call, CREATE)).maybe_done


async def test_refused_connection_to_a_proxy_sent_nothing(call, connection):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    connection("http://milvus.example.org", extra={"proxies": {"http": f"http://127.0.0.1:{port}"}})
    assert not (await failure(call, CREATE)).maybe_done


async def test_failed_name_resolution_sent_nothing(call, connection):
    connection("http://milvus.invalid")
    assert not (await failure(call, CREATE)).maybe_done


@pytest.mark.parametrize("status", [b"403 Forbidden", b"407 Proxy Authentication Required", b"502 Bad", b"503 Busy"])
async def test_refused_tunnel_sent_nothing(serve, call, connection, status):
    proxy = serve(lambda peer: (peer.send(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"), peer.close()))
    connection("https://milvus.example.org", extra={"proxies": {"https": f"http://127.0.0.1:{proxy.port}"}})
    error = await failure(call, CREATE)
    assert (error.maybe_done, status.split()[0].decode() in str(error)) == (False, True)


@pytest.mark.parametrize("lose", ["reset", "end", "no HTTP"])
async def test_tunnel_that_is_not_made_sent_nothing(serve, call, connection, lose):
    proxy = serve(LOST[lose])
    connection("https://milvus.example.org", extra={"proxies": {"https": f"http://127.0.0.1:{proxy.port}"}})
    assert not (await failure(call, CREATE)).maybe_done


def garbage(sock):
    sock.recv(1000)
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    return False


async def test_port_without_tls_is_a_tls_error_that_sent_nothing(serve, call, connection):
    server = serve(lambda peer: None, accept=garbage)
    connection(f"https://127.0.0.1:{server.port}")
    error = await failure(call, CREATE)
    assert (type(error), error.maybe_done, error.retryable) == (errors.MilvusTLSError, False, False)


async def test_handshake_that_ends_early_is_no_matter_of_certificates(serve, call, connection):
    server = serve(lambda peer: None, accept=lambda sock: sock.recv(1000) and False)
    connection(f"https://127.0.0.1:{server.port}")
    error = await failure(call, CREATE)
    assert (isinstance(error, errors.MilvusTLSError), error.maybe_done, error.retryable) == (False, False, True)


@pytest.mark.parametrize("through", ["direct", "connect"])
async def test_unknown_authority_is_a_tls_error_that_sent_nothing(serve, call, connection, authority, through):
    server = serve(lambda peer: peer.send(RUNNING), context=authority.context())
    proxies = {"https": f"http://127.0.0.1:{serve(tunnel).port}"} if through == "connect" else {}
    connection(f"https://127.0.0.1:{server.port}", extra={"proxies": proxies})
    error = await failure(call, CREATE)
    assert (type(error), error.maybe_done, server.requests) == (errors.MilvusTLSError, False, [])


async def test_certificate_of_another_host_is_a_tls_error(serve, call, connection, authority):
    server = serve(lambda peer: peer.send(RUNNING), context=authority.context("milvus.example.org"))
    connection(f"https://127.0.0.1:{server.port}", extra={"ca_bundle": authority.bundle})
    error = await failure(call, CREATE)
    assert (type(error), error.maybe_done, server.requests) == (errors.MilvusTLSError, False, [])


async def test_missing_client_certificate_is_a_tls_error_that_claims_nothing(serve, call, connection, authority):
    server = serve(lambda peer: peer.send(RUNNING), context=authority.context(client_certificate=True))
    connection(f"https://127.0.0.1:{server.port}", extra={"ca_bundle": authority.bundle})
    error = await failure(call, CREATE)
    # With TLS 1.3 the server refuses it after the request has been sent.
    assert (type(error), error.maybe_done, error.retryable) == (errors.MilvusTLSError, True, False)


async def test_server_is_reached_on_every_way(reach, call):
    server = reach(lambda peer: peer.send(RUNNING))
    found = await call(DESCRIBE, DESCRIBE)
    assert ([each.state for each in found], len(server.requests)) == (["Importing"] * 2, 2)
