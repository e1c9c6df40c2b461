"""Hostile responses below JSON: HTTP that trickles, never ends, breaks off, or is none."""

from __future__ import annotations

import gzip
import itertools
import socket
import struct
import time
from collections.abc import Callable, Iterator

from hostile_body import HostileResponse, body, data, job, whole
from wire import Plain

RETRY_AFTER = ("86400", "1e9", "-1", "NaN", "9" * 30, "Fri, 31 Dec 9999 23:59:59 GMT", "x")


def trickle(parts: Iterator[bytes], seconds: float = 0.2, highest: float = 40.0) -> Callable[[Plain, str], None]:
    """Sends these parts one by one, no longer than some seconds."""

    def send(client: Plain, route: str) -> None:
        end = time.monotonic() + highest
        for part in parts_of():
            client.send(part)
            if time.monotonic() > end:
                return
            time.sleep(seconds)

    kept = list(itertools.islice(parts, 300))
    parts_of: Callable[[], Iterator[bytes]] = lambda: itertools.chain(kept, itertools.repeat(kept[-1]))  # noqa: E731
    return send


def flood(first: bytes, part: bytes, highest: int = 3_000_000_000) -> Callable[[Plain, str], None]:
    """Sends a part for ever, as fast as it is read."""

    def send(client: Plain, route: str) -> None:
        client.send(first)
        block, sent = part * (65536 // len(part) + 1), 0
        end = time.monotonic() + 40
        while sent < highest and time.monotonic() < end:
            client.send(block)
            sent += len(block)

    return send


def reset(content: bytes) -> Callable[[Plain, str], None]:
    def send(client: Plain, route: str) -> None:
        client.send(content)
        client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise EOFError

    return send


def _one_by_one(content: bytes) -> Iterator[bytes]:
    return iter([content[index : index + 1] for index in range(len(content))])


def slow_ones() -> Iterator[HostileResponse]:
    head = b"HTTP/1.1 200 OK\r\n"
    length = head + b"Content-Length: 100000\r\n\r\n"
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n"
    content = data(job("progress", "5"), "")
    ways: dict[str, Callable[[Plain, str], None]] = {
        "silence": trickle(iter([b""]), 1),
        "trickling body": trickle(itertools.chain([length], itertools.repeat(b" "))),
        "trickling head": trickle(_one_by_one(head * 20)),
        "trickling headers": trickle(itertools.chain([head], (b"X-%d: y\r\n" % one for one in range(299)))),
        "trickling chunks": trickle(itertools.chain([chunked], itertools.repeat(b"1\r\n \r\n"))),
        "trickling chunk size": trickle(itertools.chain([chunked], itertools.repeat(b"0"))),
        "trickling 100": trickle(itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n")),
        "trickling trailers": trickle(itertools.chain([chunked + b"0\r\n"], itertools.repeat(b"X: y\r\n"))),
        "slow whole response": trickle(_one_by_one(whole(content)), 0.1),
        "trickling gzip": trickle(
            itertools.chain([head + b"Content-Encoding: gzip\r\n\r\n"], _one_by_one(gzip.compress(content)), [b""])
        ),
        "endless headers": flood(head, b"X: y\r\n"),
        "endless header": flood(head + b"X: ", b"y"),
        "endless status line": flood(b"HTTP/1.1 200 ", b"O"),
        "endless 100": flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        "endless 103": flood(b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
        "endless body": flood(head + b"\r\n", b" "),
        "endless chunks": flood(chunked, b"4\r\n    \r\n"),
        "endless chunk": flood(chunked + b"fffffff\r\n", b" "),
        "endless trailers": flood(chunked + b"0\r\n", b"X: y\r\n"),
        "endless garbage": flood(b"", b"\x00\xff"),
        "body that does not come": lambda client, route: (client.send(length), time.sleep(40))[0],
    }
    for name, send in ways.items():
        yield HostileResponse(f"wire: {name}", send, slow=True, heavy=name.startswith("endless"))


def wire() -> Iterator[HostileResponse]:
    content = data(job("progress", "5"), "")
    length = len(content)
    raw: dict[str, bytes] = {
        "nothing": b"",
        "half a status line": b"HTTP/1.",
        "no status": b"HTTP/1.1\r\n\r\n",
        "status abc": b"HTTP/1.1 abc OK\r\n\r\n",
        "status 999": b"HTTP/1.1 999 x\r\nContent-Length: 0\r\n\r\n",
        "status 10^30": b"HTTP/1.1 1" + b"0" * 30 + b" x\r\n\r\n",
        "status 000": b"HTTP/1.1 000 x\r\n\r\n",
        "status -1": b"HTTP/1.1 -1 x\r\n\r\n",
        "HTTP/9.9": b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/0.9": content,
        "garbage": b"\x00\x01\x02\xff" * 100,
        "TLS": b"\x15\x03\x03\x00\x02\x02\x50",
        "SSH": b"SSH-2.0-OpenSSH_9.9\r\n",
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        "too long": f"HTTP/1.1 200 OK\r\nContent-Length: {length * 2}\r\n\r\n".encode() + content,
        "too short": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + content,
        "length -1": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + content,
        "length x": b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n" + content,
        "length 10^30": b"HTTP/1.1 200 OK\r\nContent-Length: 1" + b"0" * 30 + b"\r\n\r\n" + content,
        "length 5000 digits": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n" + content,
        "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n" + content,
        "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + content,
        "bad chunk size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + content,
        "huge chunk size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\nxx",
        "negative chunk size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n" + content,
        "chunk extension": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;" + b"x" * 90_000 + b"\r\nxxxxx",
        "10,000 headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"Content-Length: 2\r\n\r\n{}",
        "header of 1 MB": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10**6 + b"\r\nContent-Length: 2\r\n\r\n{}",
        "header with NUL": b"HTTP/1.1 200 OK\r\nX: \x00\x1b[2J\r\nContent-Length: 2\r\n\r\n{}",
        "header without colon": b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 2\r\n\r\n{}",
        "folded header": b"HTTP/1.1 200 OK\r\nX: y\r\n z\r\nContent-Length: 2\r\n\r\n{}",
        "cookies": b"HTTP/1.1 200 OK\r\n" + b"Set-Cookie: a=b; Domain=.\r\n" * 99 + b"Content-Length: 2\r\n\r\n{}",
        "101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nxxx",
        "100 and the end": b"HTTP/1.1 100 Continue\r\n\r\n",
        "204 with a body": b"HTTP/1.1 204 No Content\r\n\r\n" + content,
        "304": b"HTTP/1.1 304 Not Modified\r\n\r\n",
        "two responses": whole(content) + whole(data(job("state", '"Failed"'), "")),
        "long reason phrase": b"HTTP/1.1 500 " + b"x" * 60_000 + b"\r\nContent-Length: 0\r\n\r\n",
        "ANSI reason phrase": b"HTTP/1.1 500 \x1b[2J\x1b[31m\r\nContent-Length: 0\r\n\r\n",
        "bare newlines": b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
    }
    for name, response in raw.items():
        yield HostileResponse(f"wire: {name}", lambda client, route, response=response: _send_and_end(client, response))
    for part in (b"", b"HTTP/1.1 200 OK\r\n", whole(content)[:-9]):
        yield HostileResponse(f"wire: reset after {len(part)} bytes", reset(part))
    for status in (301, 302, 303, 307, 308):
        for where in ("/v2/vectordb/jobs/import/describe", "http://127.0.0.1:1/", "ftp://x/", "//[", "\x7f"):
            head = f"Location: {where}\r\n"
            yield body(f"redirect: {status} {where!r}", lambda: b"", head, f"{status} Moved")
    for value in RETRY_AFTER:
        for status in ("429 x", "503 x"):
            yield body(f"retry: {status[:3]} after {value}", lambda: b"{}", f"Retry-After: {value}\r\n", status)


def _send_and_end(client: Plain, response: bytes) -> None:
    client.send(response)
    raise EOFError
