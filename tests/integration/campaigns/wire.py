"""The server's side of HTTP connections, with and without TLS, that can end in every wrong way."""

from __future__ import annotations

import json
import os
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

TLS_ALERT = bytes.fromhex("1503030002") + b"\x02\x50"  # fatal, internal_error; in the clear


class Plain:
    """A connection without TLS."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def receive(self) -> bytes:
        return self.connection.recv(65536)

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def finish(self) -> None:
        """End the connection as HTTP/1.0 does."""
        self.connection.shutdown(socket.SHUT_WR)
        read_to_the_end(self.connection)

    def lose(self, kind: str) -> None:
        """End the connection in the place of a response."""
        if kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        if kind == "alert":
            self.connection.sendall(TLS_ALERT)
        elif kind == "bad record":
            self.connection.sendall(b"\x17\x03\x03\x00\x20" + os.urandom(32))
        elif kind == "plaintext":
            self.connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        self.finish()


class Tls(Plain):
    """A connection with TLS, whose records can be damaged. The handshake is done when it is made."""

    def __init__(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        super().__init__(connection)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self._run(self._tls.do_handshake)

    def _run(self, step: Callable[..., Any], *arguments: Any) -> Any:
        while True:
            try:
                result = step(*arguments)
            except ssl.SSLWantReadError:
                self._flush()
                data = self.connection.recv(65536)
                self._in.write(data) if data else self._in.write_eof()
                continue
            except ssl.SSLError:
                self._flush()
                return b""
            self._flush()
            return result

    def _flush(self) -> None:
        with suppress(OSError):
            self.connection.sendall(self._out.read())

    def receive(self) -> bytes:
        return bytes(self._run(self._tls.read, 65536))

    def send(self, data: bytes) -> None:
        self._run(self._tls.write, data)

    def finish(self) -> None:
        with suppress(ssl.SSLError):
            self._tls.unwrap()
        self._flush()
        super().finish()

    def lose(self, kind: str) -> None:
        if kind == "alert":
            # OpenSSL sends a true, encrypted alert when it reads what is no record.
            self._in.write(b"\x17\x03\x03\x00\x20" + os.urandom(32))
            self._run(self._tls.read, 1)
            Plain.finish(self)
        elif kind == "notify":
            self.finish()
        else:
            super().lose(kind) if kind != "eof" else Plain.finish(self)


class Reader:
    """Reads requests off a connection."""

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self._receive = receive
        self._buffer = b""

    def request(self) -> tuple[str, str, dict[str, str], bytes] | None:
        """Method, path, headers by lower-case name, and body; ``None`` at the end of the connection."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._more():
                return None
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        while len(self._buffer) < length:
            if not self._more():
                return None
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        method, path = first.split(" ")[:2]
        return method, path, headers, body

    def _more(self) -> bool:
        data = self._receive()
        self._buffer += data
        return bool(data)


def make_response(
    status: int, body: bytes, content_type: str = "application/json", *, length: int | None = None
) -> bytes:
    """A response, with another length than its body's if given."""
    length = len(body) if length is None else length
    head = f"HTTP/1.1 {status} Status\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
    return head.encode() + body


RESPONSES: dict[str, Callable[[bytes], bytes]] = {
    "408": lambda body: make_response(408, json.dumps({"code": 10001, "message": "request timeout"}).encode()),
    "408 word": lambda body: make_response(408, b"timeout", "text/plain"),
    "504 page": lambda body: make_response(504, b"<html>504 Gateway Time-out</html>", "text/html"),
    "truncated": lambda body: make_response(200, body[: len(body) // 2], length=len(body)),
    "truncated chunk": lambda body: (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body[: len(body) // 2]
    ),
    "truncated head": lambda body: b"HTTP/1.1 200 OK\r\nContent-Le",
}


def read_to_the_end(connection: socket.socket) -> None:
    """Wait until the client has gone, so that closing here resets nothing."""
    connection.settimeout(2)
    with suppress(OSError):
        while connection.recv(65536):
            pass
