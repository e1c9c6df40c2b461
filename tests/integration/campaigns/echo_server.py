"""A server, and an HTTP proxy, that sends back the secrets that it was sent, in every place that a response has."""

from __future__ import annotations

import base64
import gzip
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from misbehaving_servers import Listener
from wire import Plain, Reader, make_response

SECRET_FIELDS = ("accessKey", "secretKey", "token")
EVERYWHERE, CREATE, DESCRIBE = "everywhere", "create", "describe"

# How an echo is spelt in JSON.
SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: json.dumps(text, ensure_ascii=False),
    "all escaped": lambda text: '"' + "".join(f"\\u{ord(one):04x}" for one in text) + '"',
    "slashes escaped": lambda text: json.dumps(text).replace("/", "\\/").replace("&", "\\u0026"),
    "half escaped": lambda text: (
        json.dumps(text[: len(text) // 2])[:-1] + "".join(f"\\u{ord(one):04X}" for one in text[len(text) // 2 :]) + '"'
    ),
}


def message(spell: str, status: int = 200, code: int = 1800, pad: int = 0) -> Callable[[str], bytes]:
    """An error whose message has the echo, after so many other characters."""
    return lambda echo: make_response(
        status, f'{{"code":{code},"message":{SPELLINGS[spell]("x" * pad + " " * (pad > 0) + echo)}}}'.encode()
    )


def page(status: int, kind: str = "text/html", spell: Callable[[str], str] = str) -> Callable[[str], bytes]:
    """An error page that quotes the request."""
    return lambda echo: make_response(status, f"<html>{spell(echo)}</html>".encode(), kind)


def job(name: str, spell: str = "plain", state: str = "Failed") -> Callable[[str], bytes]:
    """A job of which one field is the echo."""

    def response(echo: str) -> bytes:
        fields = {"jobId": '"1"', "state": f'"{state}"', "collectionName": '"c"', name: SPELLINGS[spell](echo)}
        if name in ("fileName", "detail reason"):
            key = name.removeprefix("detail ")
            fields["details"] = f'[{{"state":"Failed","{key}":{SPELLINGS[spell](echo)}}}]'
        one = ",".join(f'"{key}":{value}' for key, value in fields.items())
        return make_response(200, f'{{"code":0,"data":{{{one},"records":[{{{one}}}]}}}}'.encode())

    return response


def head(text: str) -> Callable[[str], bytes]:
    """A response whose head has the echo; what is no valid head of HTTP is meant to be."""

    def response(echo: str) -> bytes:
        line = echo.replace("\r", " ").replace("\n", " ")
        return text.replace("ECHO", line).replace("\n", "\r\n").encode("utf-8", "replace") + b"\r\n\r\n{}"

    return response


def _length(text: str) -> Callable[[str], bytes]:
    return head(text + "\nContent-Length: 2")


BEHAVIOURS: dict[str, Callable[[str], bytes]] = {
    **{f"message, {spell}": message(spell) for spell in SPELLINGS},
    "401": message("plain", 401),
    "403, all escaped": message("all escaped", 403, 1401),
    "message of another code": message("plain", code=65535),
    **{f"message after {pad}": message("plain", pad=pad) for pad in (130, 145, 150, 490, 990, 1990, 3990)},
    "page 401": page(401),
    "page 403, quoted": page(403, spell=quote),
    "page 502": page(502),
    "page 200": page(200),
    "page, escaped": page(500, spell=lambda echo: SPELLINGS["all escaped"](echo)),
    "text 500": page(500, "text/plain"),
    "gzip": lambda echo: (
        lambda body: b"HTTP/1.1 500 x\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )(gzip.compress(echo.encode("utf-8", "replace"))),
    **{f"job's {name}": job(name) for name in ("reason", "collectionName", "fileName", "detail reason", "state")},
    "job's reason, all escaped": job("reason", "all escaped"),
    "job's fileName, half escaped": job("fileName", "half escaped"),
    "job's jobId": job("jobId"),
    "job's progress": job("progress", state="Importing"),
    "job's createTime": job("createTime", state="Completed"),
    "job's collectionName, completed": job("collectionName", "all escaped", state="Completed"),
    "other shape": lambda echo: make_response(200, f'{{"code":0,"data":{json.dumps(echo)}}}'.encode()),
    "code": lambda echo: make_response(200, f'{{"code":{json.dumps(echo)},"data":{{}}}}'.encode()),
    "reason phrase": _length("HTTP/1.1 403 ECHO"),
    "reason phrase 200": _length("HTTP/1.1 200 ECHO"),
    "status line": head("HTTP/1.1 ECHO"),
    "no status line": head("ECHO"),
    "bad header": head("HTTP/1.1 200 OK\nECHO\nContent-Length: 2"),
    "header": _length("HTTP/1.1 401 OK\nWWW-Authenticate: Bearer realm=ECHO\nX-ECHO: ECHO\nSet-Cookie: a=ECHO"),
    "redirect": _length("HTTP/1.1 302 OK\nLocation: http://127.0.0.1:1/ECHO"),
    "Retry-After": _length("HTTP/1.1 429 OK\nRetry-After: ECHO"),
    "length": head("HTTP/1.1 200 OK\nContent-Length: ECHO"),
    "encoding": _length("HTTP/1.1 200 OK\nContent-Encoding: ECHO"),
    "chunk": head("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nECHO"),
    "charset": _length("HTTP/1.1 500 OK\nContent-Type: text/html; charset=ECHO"),
}
PROXY_BEHAVIOURS: dict[str, Callable[[str], bytes]] = {
    "407": page(407),
    "407 reason phrase": _length("HTTP/1.1 407 ECHO"),
    "407 header": _length("HTTP/1.1 407 x\nProxy-Authenticate: Basic realm=ECHO"),
    "status line": head("HTTP/1.1 ECHO"),
    "no status line": head("ECHO"),
    "redirect": _length("HTTP/1.1 302 OK\nLocation: http://ECHO/"),
}


class EchoServer(Listener):
    """Responses with a behaviour where it applies, and well elsewhere."""

    def __init__(self) -> None:
        self.behave("", EVERYWHERE, None)
        super().__init__()

    def behave(self, name: str, where: str, behaviour: Callable[[str], bytes] | None) -> None:
        """From now on, response like this."""
        self.name, self.where, self.behaviour = name, where, behaviour
        self.received: dict[str, None] = {}

    def serve(self, connection: socket.socket) -> None:
        client = Plain(connection)
        if connection.recv(1, socket.MSG_PEEK) == b"\x16":  # a TLS handshake
            return client.send(make_response(400, b"this port speaks plain HTTP"))
        reader = Reader(client.receive)
        while request := reader.request():
            method, path, headers, body = request
            self._note(headers, body)
            applies = self.where == EVERYWHERE or path.endswith(f"/{self.where}") or method == "CONNECT"
            if self.behaviour and applies:
                client.send(self.behaviour(" ".join(self.received)))
                return client.finish()
            client.send(_good(path))
        return None

    def _note(self, headers: dict[str, str], body: bytes) -> None:
        """Remember all secrets of a request, and their halves."""
        for name in ("authorization", "proxy-authorization"):
            kind, _, value = headers.get(name, "").partition(" ")
            value = value.encode("latin-1").decode("utf-8", "replace")
            if kind == "Basic":
                self.received[value] = None
                value = base64.b64decode(value).decode("utf-8", "replace")
            self.received |= dict.fromkeys(filter(None, (value, value.partition(":")[2])))
        with suppress(ValueError):
            fields: dict[str, Any] = json.loads(body)
            self.received |= dict.fromkeys(str(fields[name]) for name in SECRET_FIELDS if name in fields)


def _good(path: str) -> bytes:
    job_fields = {"jobId": "1", "state": "Importing", "collectionName": "c", "progress": 10}
    responses: dict[str, Any] = {"list": {"records": []}, "create": {"jobId": "1"}, "describe": job_fields}
    return make_response(200, json.dumps({"code": 0, "data": responses.get(path.rpartition("/")[2], {})}).encode())
