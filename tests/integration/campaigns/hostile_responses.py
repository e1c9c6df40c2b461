"""Hostile responses of a server: each the bytes that it sends for a request, generated from a few lists.

A response is chosen by its number: a request whose ``dbName`` or ``jobId`` is ``h17`` gets response 17.
"""

from __future__ import annotations

import gzip
import itertools
import zlib
from collections.abc import Iterator

from hostile_body import HostileResponse, body, data, fields, job
from hostile_wire import slow_ones, wire

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


def numbers() -> Iterator[HostileResponse]:
    for field, (name, value) in itertools.product(NUMBER_FIELDS, NUMBERS.items()):
        yield fields(f"number: {field} {name}", job(field, value))
    for field, (name, value) in itertools.product(("importedRows", "fileSize"), NUMBERS.items()):
        detail = f'[{{"fileName":"a.parquet","{field}":{value}}}]'
        yield fields(f"number: detail {field} {name}", job("details", detail))


def texts() -> Iterator[HostileResponse]:
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


def shapes() -> Iterator[HostileResponse]:
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


def bombs() -> Iterator[HostileResponse]:
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


def all_responses() -> list[HostileResponse]:
    """All of them; the number of one is its place here."""
    found = [*numbers(), *texts(), *shapes(), *bombs(), *slow_ones(), *wire()]
    assert len({response.name for response in found}) == len(found)
    return found


def some_responses() -> list[int]:
    """Numbers of a few of each group, and of those that are slow or large."""
    found, counts = [], dict[str, int]()
    for number, response in enumerate(all_responses()):
        counts[response.group] = counts.get(response.group, -1) + 1
        every = 4 if response.slow or response.heavy else 9
        if counts[response.group] % every == 0:
            found.append(number)
    return found
