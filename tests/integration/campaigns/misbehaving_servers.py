"""What stands between a client and Milvus, and misbehaves: gateways with and without TLS, HTTP and CONNECT proxies.

All of them listen on 127.0.0.1 and forward to one Milvus. A `Script`, shared by what stands on one route, says what
goes wrong there; without one, everything goes through.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

HOST = "127.0.0.1"
# Resolved by the proxies alone, so that no rule about loopback addresses keeps a client from using them.
NAME = "milvus.test"
SECONDS = 30.0  # the longest that a socket here waits for anything

TLS_ALERT = bytes.fromhex("1503030002") + b"\x02\x50"  # fatal, internal_error; in the clear
HANDSHAKE_ALERT = bytes.fromhex("1503030002") + b"\x02\x28"  # fatal, handshake_failure
LIST = "/jobs/import/list"


@dataclass
class Script:
    """What goes wrong on a route.

    :param loss: how the responses to `route` are lost after Milvus has carried the requests out.
    :param losses: how many of them.
    :param down: after the first loss, answer 503 to everything until `recover`.
    :param before: how new connections fail, so that nothing reaches Milvus, once the job list was read.
    :param refusals: how many of them.
    """

    loss: str | None = None
    route: str = "/jobs/import/create"
    losses: int = 1
    down: bool = False
    before: str | None = None
    refusals: int = 2
    lost: int = 0
    carried_out: int = 0
    armed: bool = False
    is_down: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def loses(self, path: str) -> bool:
        """Whether the response to this request is lost; counts it."""
        if not path.endswith(self.route):
            return False
        with self.lock:
            self.carried_out += 1
            if self.loss is None or self.lost >= self.losses:
                return False
            self.lost += 1
            self.is_down = self.down
            return True

    def refuses(self, *kinds: str) -> str | None:
        """How this new connection fails, if it does; counts it."""
        with self.lock:
            if not self.armed or self.before not in kinds or self.refusals == 0:
                return None
            self.refusals -= 1
            return self.before


class Listener:
    """Accepts connections on a free port, a thread for each."""

    def __init__(self) -> None:
        self._open = threading.Lock()
        self._socket = socket.create_server((HOST, 0))
        self.port: int = self._socket.getsockname()[1]
        self._closed = False
        self._timer: threading.Timer | None = None
        threading.Thread(target=self._accept, args=(self._socket,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            connection.settimeout(SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve_quietly, args=(connection,), daemon=True).start()

    def _serve_quietly(self, connection: socket.socket) -> None:
        # A client that leaves is nobody's fault here.
        with suppress(OSError, EOFError, ValueError, http.client.HTTPException), connection:
            self.serve(connection)

    def serve(self, connection: socket.socket) -> None:
        raise NotImplementedError

    def refuse_connections(self, seconds: float) -> None:
        """Stop listening for a while: whoever connects is refused."""
        self._stop_listening()
        self._timer = threading.Timer(seconds, self.listen_again)
        self._timer.daemon = True
        self._timer.start()

    def _stop_listening(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # or the thread in `accept` would keep the port open
        self._socket.close()

    def listen_again(self) -> None:
        """End such a while."""
        with self._open:
            if self._closed or self._timer is None:
                return
            self._timer.cancel()
            self._timer = None
            self._socket = socket.create_server((HOST, self.port))
            threading.Thread(target=self._accept, args=(self._socket,), daemon=True).start()

    def close(self) -> None:
        with self._open:
            self._closed = True
            self._stop_listening()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Gateway(Listener):
    """Forwards requests to Milvus, whole URLs as well as paths, so that it is an HTTP proxy, too.

    :param upstream: the port of Milvus.
    :param tls: the certificate that it speaks TLS with; plain HTTP without.
    :param tunnels: the proxy that clients come through and that cuts their tunnel in this gateway's place.
    """

    def __init__(
        self, upstream: int, script: Script, tls: ssl.SSLContext | None = None, tunnels: ConnectProxy | None = None
    ) -> None:
        self._upstream = upstream
        self._script = script
        self._tls = tls
        self._tunnels = tunnels
        self.entrance: Listener = tunnels or self
        self.requests: list[str] = []
        super().__init__()

    def recover(self) -> None:
        """Let everything through again, but for losses that are left."""
        self._script.is_down = self._script.armed = False
        self._script.before = None
        self.entrance.listen_again()

    def serve(self, connection: socket.socket) -> None:
        client: Plain = Plain(connection)
        if self._tls:
            if kind := self._script.refuses("handshake_eof", "handshake_alert", "handshake_plain"):
                connection.recv(1)
                answers = {"handshake_alert": HANDSHAKE_ALERT, "handshake_plain": b"HTTP/1.1 400 Bad Request\r\n\r\n"}
                connection.sendall(answers.get(kind, b""))
                return read_to_the_end(connection)
            client = Tls(connection, self._tls)
        reader = Reader(client.receive)
        while request := reader.request():
            self._answer(client, *request)
        return None

    def _answer(self, client: Plain, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        path = "/" + path.split("://", 1)[1].partition("/")[2] if "://" in path else path
        self.requests.append(path)
        script = self._script
        if script.is_down and not path.endswith(script.route):
            return client.send(response(503, b"service unavailable"))
        status, answer_headers, answer = self._forward(method, path, headers, body)
        if script.loses(path):
            self._lose(client, status, answer)
            raise EOFError
        if path.endswith(LIST) and script.before and not script.armed:
            script.armed = True
            if script.before == "refused":
                self.entrance.refuse_connections(0.3)
        return client.send(response(status, answer, answer_headers.get("content-type", "application/json")))

    def _forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any, bytes]:
        upstream = http.client.HTTPConnection(HOST, self._upstream, timeout=SECONDS)
        kept = {name: value for name, value in headers.items() if name not in ("host", "connection", "content-length")}
        try:
            upstream.request(method, path, body, {**kept, "Host": f"{HOST}:{self._upstream}"})
            answer = upstream.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, found, answer.read()
        finally:
            upstream.close()

    def _lose(self, client: Plain, status: int, answer: bytes) -> None:
        kind = self._script.loss or ""
        if kind in RESPONSES:
            client.send(RESPONSES[kind](answer))
            client.finish()
        elif self._tunnels and self._tunnels.cuts:
            self._tunnels.cut(client.connection.getpeername()[1], kind)
        else:
            client.lose(kind)


class ConnectProxy(Listener):
    """An HTTP proxy that knows CONNECT alone, whatever host is asked for.

    :param upstream: the port that all tunnels lead to; set before the first connection.
    :param cuts: whether responses are lost in the tunnel, and not by the server behind it.
    """

    def __init__(self, script: Script, *, cuts: bool) -> None:
        self._script = script
        self.cuts = cuts
        self.upstream = 0
        self._ends: dict[int, str] = {}
        super().__init__()

    def cut(self, port: int, kind: str) -> None:
        """End the tunnel whose connection to the server comes from this port, when the server has closed it."""
        self._ends[port] = kind

    def serve(self, connection: socket.socket) -> None:
        request = Reader(Plain(connection).receive).request()
        if kind := self._script.refuses("tunnel_403", "tunnel_502", "tunnel_closed"):
            if kind != "tunnel_closed":
                connection.sendall(response(int(kind[-3:]), b"the proxy refuses"))
            return
        if not request or request[0] != "CONNECT":
            connection.sendall(response(405, b"this proxy knows CONNECT alone"))
            return
        with socket.create_connection((HOST, self.upstream), SECONDS) as upstream:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            port = upstream.getsockname()[1]
            kind = relay(connection, upstream)
            Plain(connection).lose(self._ends.pop(port, kind))


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


def response(status: int, body: bytes, content_type: str = "application/json", *, length: int | None = None) -> bytes:
    """A response, with another length than its body's if asked for."""
    length = len(body) if length is None else length
    head = f"HTTP/1.1 {status} Status\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
    return head.encode() + body


RESPONSES: dict[str, Callable[[bytes], bytes]] = {
    "408": lambda body: response(408, json.dumps({"code": 10001, "message": "request timeout"}).encode()),
    "408 word": lambda body: response(408, b"timeout", "text/plain"),
    "504 page": lambda body: response(504, b"<html>504 Gateway Time-out</html>", "text/html"),
    "truncated": lambda body: response(200, body[: len(body) // 2], length=len(body)),
    "truncated chunk": lambda body: (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body[: len(body) // 2]
    ),
    "truncated head": lambda body: b"HTTP/1.1 200 OK\r\nContent-Le",
}


def relay(client: socket.socket, server: socket.socket) -> str:
    """Pass on what both send until one of them has ended; how the connection to the server did."""
    pairs = {client: server, server: client}
    while True:
        for ready in select.select([client, server], [], [], SECONDS)[0] or [server]:
            try:
                data = ready.recv(65536)
            except ConnectionResetError:
                return "reset"
            if not data:
                return "eof"
            pairs[ready].sendall(data)


def read_to_the_end(connection: socket.socket) -> None:
    """Wait until the client has gone, so that closing here resets nothing."""
    connection.settimeout(2)
    with suppress(OSError):
        while connection.recv(65536):
            pass


def certificates(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """The file of a new CA, and the TLS of a server that it has signed for 127.0.0.1, localhost and `NAME`."""
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    def issue(common_name: str, issuer: Any, signer: Any, key: Any, extension: Any, *, ca: bool) -> Any:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer or name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        for one in extension:
            builder = builder.add_extension(one, critical=False)
        return builder.sign(signer, hashes.SHA256())

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = issue("campaign CA", None, ca_key, ca_key, [identifier], ca=True)
    names = x509.SubjectAlternativeName(
        [x509.IPAddress(ip_address(HOST)), x509.DNSName("localhost"), x509.DNSName(NAME)]
    )
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    leaf = issue("campaign server", ca.subject, ca_key, key, [names, authority], ca=False)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    (folder / "server.pem").write_bytes(
        leaf.public_bytes(pem) + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return folder / "ca.pem", context
