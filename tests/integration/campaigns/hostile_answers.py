"""Hostile answers of a server: each the bytes that it sends for a request, generated from a few lists.

An answer is asked for by its number: a request whose ``dbName`` or ``jobId`` is ``h17`` gets answer 17.
"""

from __future__ import annotations

import gzip
import itertools
import json
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from misbehaving_servers import Listener, Plain, Reader

NINES = "9" * 400
BIG = 50_000_000
NUMBERS: dict[str, str] = {
    "10^30": "1" + "0" * 30,
    "text 1e30": '"1e30"',
    "2^64": str(2**64),
    "2^63": str(2**63),
    "-1": "-1",
    "-10^30": "-1" + "0" * 30,
    "400 digits": NINES,
    "text of 400 digits": f'"{NINES}"',
    "1e308": "1e308",
    "1e999": "1e999",
    "NaN": "NaN",
    "-Infinity": "-Infinity",
    "text NaN": '"NaN"',
    "superscript": '"²"',
    "5000 digits": "9" * 5000,
    "true": "true",
}
TEXTS: dict[str, str] = {
    "lone surrogate": "\\ud800",
    "reversed pair": "\\udc00\\ud800 \\udfff",
    "NUL": "a\\u0000b",
    "ANSI": "\\u001b[2J\\u001b[31mred\\u001b]0;title\\u0007",
    "newlines": "a\\n[2026-01-01] ERROR forged\\r\\nx",
    "backspaces": "a\\b\\b\\u007f\\u009b",
    "right to left": "\\u202egnirts",
    "formats": "%s %n {0} {x!r} %(name)s ::group::x",
    "1 MB": "x" * 10**6,
}
NUMBER_FIELDS = ("importedRows", "totalRows", "fileSize", "progress")
TEXT_FIELDS = ("reason", "collectionName", "state", "jobId", "createTime", "completeTime")
SHAPES: dict[str, str] = {
    "list": "[]",
    "object": "{}",
    "nested": "[[[[1]]]]",
    "true": "true",
    "number": "17",
    "long list": "[" + ",".join(["1"] * 1000) + "]",
}
ENVELOPES: dict[str, str] = {
    "data null": '{"code":0,"data":null}',
    "data list": '{"code":0,"data":[1,2]}',
    "data text": '{"code":0,"data":"x"}',
    "data number": '{"code":0,"data":5}',
    "no data": '{"code":0}',
    "list": "[]",
    "text": '"x"',
    "null": "null",
    "code true": '{"code":true,"data":{}}',
    "code 10^30": '{"code":' + "1" + "0" * 30 + ',"message":"x"}',
    "code 400 digits": '{"code":' + NINES + ',"message":"x"}',
    "code text": '{"code":"0","data":{"state":"Completed"}}',
    "code nested": '{"code":{"a":1},"data":{}}',
    "message object": '{"code":1100,"message":{"a":[1]}}',
    "message surrogate": '{"code":1100,"message":"\\ud800"}',
    "message NUL": '{"code":1100,"message":"a\\u0000\\u001b[2J"}',
    "deep list": "[" * 100_000,
    "deep object": '{"code":0,"data":' + '{"a":' * 100_000,
    "deep in data": '{"code":0,"data":{"state":"Completed","x":' + "[" * 5000 + "]" * 5000 + "}}",
    "same key often": '{"code":0,"data":{' + '"state":"Failed",' * 1000 + '"state":"Completed"}}',
    "truncated": '{"code":0,"data":{"state":"Comp',
    "empty": "",
    "spaces": " " * 1000,
    "HTML": "<html>" + "<b>x</b>" * 1000,
}
RETRY_AFTER = ("86400", "1e9", "-1", "NaN", "9" * 30, "Fri, 31 Dec 9999 23:59:59 GMT", "x")


@dataclass(frozen=True)
class Answer:
    """One answer.

    :param name: group and name.
    :param send: sends it; gets the connection and the route of the request.
    :param slow: it ends late or never, so that a time limit must end it.
    :param heavy: it is large.
    :param content: makes its body for a route, and keeps it.
    """

    name: str
    send: Callable[[Plain, str], None]
    slow: bool = False
    heavy: bool = False
    content: Any = None

    def prepare(self) -> None:
        """Make what is sent, so that nobody waits for that."""
        if self.content:
            self.content("/describe")
            self.content("/list")

    def forget(self) -> None:
        if self.content:
            self.content.cache_clear()

    @property
    def group(self) -> str:
        return self.name.partition(":")[0]


def data(fields: str, route: str) -> bytes:
    """An envelope with an import job, in the shape of the route's answer."""
    if route.endswith("/list"):
        fields = '"records":[{' + fields + "}]"
    return ('{"code":0,"data":{' + fields + "}}").encode()


def job(name: str, value: str, state: str = "Completed") -> str:
    """The fields of a job of which one has this value."""
    fields = {"jobId": '"1"', "collectionName": '"c"', "state": f'"{state}"', "progress": "50", name: value}
    return ",".join(f'"{key}":{one}' for key, one in fields.items())


def fields(name: str, text: Callable[[], str] | str, **kind: bool) -> Answer:
    """An answer with these fields of a job."""

    @lru_cache(2)
    def content(route: str) -> bytes:
        return whole(data(text if isinstance(text, str) else text(), route))

    return Answer(name, lambda client, route: client.send(content(_kind(route))), content=content, **kind)


def body(name: str, make: Callable[[], bytes], headers: str = "", status: str = "200 OK", **kind: bool) -> Answer:
    """An answer with this body, whatever is asked."""

    @lru_cache(2)
    def content(route: str) -> bytes:
        return whole(make(), headers, status)

    return Answer(name, lambda client, route: client.send(content("/list")), content=content, **kind)


def _kind(route: str) -> str:
    return "/list" if route.endswith("/list") else "/describe"


def whole(content: bytes, headers: str = "", status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n{headers}\r\n"
    return head.encode("utf-8") + content


# -- generated ---------------------------------------------------------------------------------------------------------


def numbers() -> Iterator[Answer]:
    for field, (name, value) in itertools.product(NUMBER_FIELDS, NUMBERS.items()):
        yield fields(f"number: {field} {name}", job(field, value))
    for field, (name, value) in itertools.product(("importedRows", "fileSize"), NUMBERS.items()):
        detail = f'[{{"fileName":"a.parquet","{field}":{value}}}]'
        yield fields(f"number: detail {field} {name}", job("details", detail))


def texts() -> Iterator[Answer]:
    for field, (name, value) in itertools.product(TEXT_FIELDS, TEXTS.items()):
        yield fields(f"text: {field} {name}", job(field, f'"{value}"', "Failed"))
    for field, (name, value) in itertools.product(("fileName", "reason"), TEXTS.items()):
        yield fields(
            f"text: detail {field} {name}", job("details", f'[{{"{field}":"{value}","state":"Failed"}}]', "Failed")
        )
    for field in ("reason", "collectionName", "state", "jobId"):
        yield fields(f"text: {field} 50 MB", lambda field=field: job(field, f'"{"y" * BIG}"', "Failed"), heavy=True)
    details = lambda: job("details", f'[{{"reason":"{"y" * BIG}"}}]', "Failed")  # noqa: E731
    yield fields("text: detail reason 50 MB", details, heavy=True)
    yield body("text: message 50 MB", lambda: b'{"code":1100,"message":"%s"}' % (b"y" * BIG), heavy=True)
    yield body("text: page 50 MB", lambda: b"y" * BIG, status="502 Bad Gateway", heavy=True)


def shapes() -> Iterator[Answer]:
    for field, (name, value) in itertools.product((*NUMBER_FIELDS, *TEXT_FIELDS, "details"), SHAPES.items()):
        yield fields(f"shape: {field} {name}", job(field, value))
    for name, text in ENVELOPES.items():
        yield body(f"shape: envelope {name}", lambda text=text: text.encode())
    detail = '{"fileName":"a.parquet","state":"Failed","reason":"bad row","importedRows":5}'
    for number in (2_000, 200_000):
        yield fields(
            f"shape: {number:,} details",
            lambda number=number: job("details", "[" + ",".join([detail] * number) + "]", "Failed"),
            heavy=True,
        )
    yield fields("shape: list of details in details", job("details", "[" + '{"details":[' * 400 + "]}" * 400 + "]"))
    for number in (10_000, 1_000_000):
        yield body(f"shape: list of {number:,} jobs", lambda number=number: _records(number), heavy=True)
    yield body("shape: records of other types", lambda: b'{"code":0,"data":{"records":[1,null,"x",[[]],{"jobId":{}}]}}')
    yield body("shape: records object", lambda: b'{"code":0,"data":{"records":{"a":1}}}')
    yield body("shape: BOM", lambda: b"\xef\xbb\xbf" + data(job("progress", "5"), ""))
    yield body("shape: UTF-16", lambda: data(job("progress", "5"), "").decode().encode("utf-16"))
    yield body("shape: bad UTF-8", lambda: data(job("reason", '"x"'), "").replace(b'"x"', b'"\xff\xfe\xed\xa0\x80"'))


def _records(number: int) -> bytes:
    record = '{"collectionName":"c","jobId":"%d","state":"Importing","progress":50}'
    records = ",".join(record % one for one in range(number))
    return ('{"code":0,"data":{"records":[' + records + "]}}").encode()


def _gzip(content: bytes, times: int = 1) -> bytes:
    for _ in range(times):
        content = gzip.compress(content, 9)
    return content


def _bomb(megabytes: int, times: int) -> bytes:
    """Compressed JSON, made without holding all of it."""
    squeezer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [squeezer.compress(b'{"code":0,"data":{"state":"Completed","x":"')]
    parts += [squeezer.compress(b"x" * 10**6) for _ in range(megabytes)]
    parts += [squeezer.compress(b'"}}'), squeezer.flush()]
    return _gzip(b"".join(parts), times - 1)


def bombs() -> Iterator[Answer]:
    for megabytes, times in ((100, 1), (1000, 1), (1000, 2), (100, 3)):
        encoding = f"Content-Encoding: {', '.join(['gzip'] * times)}\r\n"
        name = f"bomb: {megabytes} MB, gzip {times} times"
        yield body(name, lambda bomb=(megabytes, times): _bomb(*bomb), encoding, heavy=True)
    deflate = "Content-Encoding: deflate\r\n"
    yield body("bomb: deflate", lambda: zlib.compress(b" " * 300_000_000, 1), deflate, heavy=True)
    good = data(job("progress", "5"), "")
    yield body("bomb: gzip of nothing", lambda: b"", "Content-Encoding: gzip\r\n")
    yield body("bomb: no gzip", lambda: good, "Content-Encoding: gzip\r\n")
    yield body("bomb: truncated gzip", lambda: _gzip(good)[:-9], "Content-Encoding: gzip\r\n")
    yield body("bomb: unknown encoding", lambda: good, "Content-Encoding: br, zstd, x\r\n")
    yield body("bomb: 1000 encodings", lambda: good, "Content-Encoding: " + ", ".join(["gzip"] * 1000) + "\r\n")


# -- on the wire -------------------------------------------------------------------------------------------------------


def trickle(parts: Iterator[bytes], seconds: float = 0.2, most: float = 40.0) -> Callable[[Plain, str], None]:
    """Sends these parts one by one, no longer than some seconds."""

    def send(client: Plain, route: str) -> None:
        end = time.monotonic() + most
        for part in parts_of():
            client.send(part)
            if time.monotonic() > end:
                return
            time.sleep(seconds)

    kept = list(itertools.islice(parts, 300))
    parts_of: Callable[[], Iterator[bytes]] = lambda: itertools.chain(kept, itertools.repeat(kept[-1]))  # noqa: E731
    return send


def flood(first: bytes, part: bytes, most: int = 3_000_000_000) -> Callable[[Plain, str], None]:
    """Sends a part for ever, as fast as it is read."""

    def send(client: Plain, route: str) -> None:
        client.send(first)
        block, sent = part * (65536 // len(part) + 1), 0
        end = time.monotonic() + 40
        while sent < most and time.monotonic() < end:
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


def slow_ones() -> Iterator[Answer]:
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
        "slow whole answer": trickle(_one_by_one(whole(content)), 0.1),
        "trickling gzip": trickle(
            itertools.chain([head + b"Content-Encoding: gzip\r\n\r\n"], _one_by_one(_gzip(content)), [b""])
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
        yield Answer(f"wire: {name}", send, slow=True, heavy=name.startswith("endless"))


def wire() -> Iterator[Answer]:
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
        "two answers": whole(content) + whole(data(job("state", '"Failed"'), "")),
        "long reason phrase": b"HTTP/1.1 500 " + b"x" * 60_000 + b"\r\nContent-Length: 0\r\n\r\n",
        "ANSI reason phrase": b"HTTP/1.1 500 \x1b[2J\x1b[31m\r\nContent-Length: 0\r\n\r\n",
        "bare newlines": b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
    }
    for name, answer in raw.items():
        yield Answer(f"wire: {name}", lambda client, route, answer=answer: _send_and_end(client, answer))
    for part in (b"", b"HTTP/1.1 200 OK\r\n", whole(content)[:-9]):
        yield Answer(f"wire: reset after {len(part)} bytes", reset(part))
    for status in (301, 302, 303, 307, 308):
        for where in ("/v2/vectordb/jobs/import/describe", "http://127.0.0.1:1/", "ftp://x/", "//[", "\x7f"):
            head = f"Location: {where}\r\n"
            yield body(f"redirect: {status} {where!r}", lambda: b"", head, f"{status} Moved")
    for value in RETRY_AFTER:
        for status in ("429 x", "503 x"):
            yield body(f"retry: {status[:3]} after {value}", lambda: b"{}", f"Retry-After: {value}\r\n", status)


def _send_and_end(client: Plain, answer: bytes) -> None:
    client.send(answer)
    raise EOFError


def all_answers() -> list[Answer]:
    """All of them; the number of one is its place here."""
    found = [*numbers(), *texts(), *shapes(), *bombs(), *slow_ones(), *wire()]
    assert len({answer.name for answer in found}) == len(found)
    return found


def some_answers() -> list[int]:
    """Numbers of a few of each group, and of those that are slow or large."""
    found, seen = [], dict[str, int]()
    for number, answer in enumerate(all_answers()):
        seen[answer.group] = seen.get(answer.group, -1) + 1
        every = 4 if answer.slow or answer.heavy else 9
        if seen[answer.group] % every == 0:
            found.append(number)
    return found


class HostileServer(Listener):
    """Sends the answers; to everybody else it is a server whose jobs run until the moment `ends` and complete."""

    def __init__(self) -> None:
        self.answers = all_answers()
        self.ends = time.monotonic()
        self.asked: dict[int, int] = {}
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        client = Plain(connection)
        reader = Reader(client.receive)
        while request := reader.request():
            route = request[1]
            fields_of = json.loads(request[3] or b"{}")
            number = self._number(fields_of)
            if number is None:
                client.send(whole(self._good(route, fields_of)))
                continue
            self.asked[number] = self.asked.get(number, 0) + 1
            self.answers[number].send(client, route)
            if self.answers[number].slow:
                return

    def _number(self, fields_of: dict[str, Any]) -> int | None:
        for name in ("dbName", "jobId"):
            value = str(fields_of.get(name))
            if value.startswith("h") and value[1:].isdigit():
                return int(value[1:])
        return None

    def _good(self, route: str, fields_of: dict[str, Any]) -> bytes:
        state = job("importedRows", "7", "Completed" if time.monotonic() > self.ends else "Importing")
        return data(state.replace('"jobId":"1"', f'"jobId":"{fields_of.get("jobId", 1)}"'), route)
