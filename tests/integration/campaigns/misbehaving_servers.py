"""What stands between a client and Milvus, and misbehaves: gateways with and without TLS, HTTP and CONNECT proxies.

All of them listen on 127.0.0.1 and forward to one Milvus. A `Script`, shared by what stands on one route, says what
goes wrong there; without one, everything goes through.
"""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from campaign_certificates import HOST
from wire import RESPONSES, Plain, Reader, Tls, make_response, read_to_the_end

SECONDS = 30.0  # the longest that a socket here waits for anything

HANDSHAKE_ALERT = bytes.fromhex("1503030002") + b"\x02\x28"  # fatal, handshake_failure
LIST = "/jobs/import/list"


@dataclass
class Script:
    """What goes wrong on a route.

    :param loss: how the responses to `route` are lost after Milvus has carried the requests out.
    :param losses: how many of them.
    :param down: after the first loss, response 503 to everything until `recover`.
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
                responses = {"handshake_alert": HANDSHAKE_ALERT, "handshake_plain": b"HTTP/1.1 400 Bad Request\r\n\r\n"}
                connection.sendall(responses.get(kind, b""))
                return read_to_the_end(connection)
            client = Tls(connection, self._tls)
        reader = Reader(client.receive)
        while request := reader.request():
            self._respond(client, *request)
        return None

    def _respond(self, client: Plain, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        path = "/" + path.split("://", 1)[1].partition("/")[2] if "://" in path else path
        self.requests.append(path)
        script = self._script
        if script.is_down and not path.endswith(script.route):
            return client.send(make_response(503, b"service unavailable"))
        status, response_headers, response = self._forward(method, path, headers, body)
        if script.loses(path):
            self._lose(client, status, response)
            raise EOFError
        if path.endswith(LIST) and script.before and not script.armed:
            script.armed = True
            if script.before == "refused":
                self.entrance.refuse_connections(0.3)
        return client.send(make_response(status, response, response_headers.get("content-type", "application/json")))

    def _forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any, bytes]:
        upstream = http.client.HTTPConnection(HOST, self._upstream, timeout=SECONDS)
        kept = {name: value for name, value in headers.items() if name not in ("host", "connection", "content-length")}
        try:
            upstream.request(method, path, body, {**kept, "Host": f"{HOST}:{self._upstream}"})
            response = upstream.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return response.status, found, response.read()
        finally:
            upstream.close()

    def _lose(self, client: Plain, status: int, response: bytes) -> None:
        kind = self._script.loss or ""
        if kind in RESPONSES:
            client.send(RESPONSES[kind](response))
            client.finish()
        elif self._tunnels and self._tunnels.cuts:
            self._tunnels.cut(client.connection.getpeername()[1], kind)
        else:
            client.lose(kind)


class ConnectProxy(Listener):
    """An HTTP proxy that knows CONNECT alone, whatever host it names.

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
                connection.sendall(make_response(int(kind[-3:]), b"the proxy refuses"))
            return
        if not request or request[0] != "CONNECT":
            connection.sendall(make_response(405, b"this proxy knows CONNECT alone"))
            return
        with socket.create_connection((HOST, self.upstream), SECONDS) as upstream:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            port = upstream.getsockname()[1]
            kind = relay(connection, upstream)
            Plain(connection).lose(self._ends.pop(port, kind))


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
