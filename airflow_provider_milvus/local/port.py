"""One port for both protocols, as Milvus has it: a connection's first bytes show whether it is gRPC or REST."""

import asyncio
import socket
import threading
import time
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from airflow_provider_milvus.local.errors import LocalMilvusError

STOP_SECONDS = 5
# Milvus never closes an idle connection: a client that sends a request every minute finds it open.
KEEP_ALIVE_SECONDS = 24 * 3600
# The headers of a request, as Go bounds them.
MAX_HEADER_BYTES = 1 << 20

# How every connection of HTTP/2 begins (RFC 9113, section 3.4). Of all that is served here, only gRPC speaks it.
PREFACE = b"PRI * HTTP/2.0\r\n"
# Upper bound of the bytes that wait for a side that is slow to take them.
MAX_WAITING_BYTES = 1 << 20


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; `port` 0 picks a free one. Raises LocalMilvusError when the port is taken."""
    host = host.removeprefix("[").removesuffix("]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # "::" is every address, of IPv4 too.
        return socket.create_server((host, port), family=family, dualstack_ipv6=host == "::")
    except OSError as error:
        raise LocalMilvusError(f"cannot listen on {address(host, port)}: {error.strerror}") from None


def address(host: str, port: int) -> str:
    """Host and port as URLs spell them."""
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"


class HttpServer(threading.Thread):
    """Uvicorn in a thread, on a socket that listens; connections of HTTP/2 are passed on to `grpc_port`."""

    def __init__(self, app: ASGIApp, listener: socket.socket, grpc_port: int) -> None:
        super().__init__(name="http", daemon=True)
        self._listener = listener
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=partial(SharedPort, grpc_port=grpc_port),  # type: ignore[arg-type]
                ws="none",
                lifespan="off",
                # The log is its caller's. What a client does wrong is no line in it.
                log_config=None,
                log_level="error",
                access_log=False,
                h11_max_incomplete_event_size=MAX_HEADER_BYTES,
                timeout_graceful_shutdown=STOP_SECONDS,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
            )
        )

    def start(self) -> None:
        """Start; returns when clients can connect."""
        super().start()
        while not self._server.started:
            if not self.is_alive():
                raise LocalMilvusError("the HTTP server did not start")
            time.sleep(0.005)

    def run(self) -> None:
        self._server.run(sockets=[self._listener])

    def stop(self) -> None:
        """Stop; requests that run have a few seconds to end."""
        self._server.should_exit = True
        self.join()


class SharedPort(H11Protocol):
    """Uvicorn's HTTP/1.1, except that a connection of HTTP/2 is tunnelled to the gRPC server.

    Always on h11, not on whichever parser happens to be installed: only that one bounds the headers of a request,
    refuses two Host headers, and shows the whole target of a request.

    :param grpc_port: where the gRPC server listens, on this machine's loopback address.
    """

    def __init__(self, *, grpc_port: int, **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self._grpc_port = grpc_port
        self._first: bytes | None = b""

    def data_received(self, data: bytes) -> None:
        if self._first is None:
            super().data_received(data)
            return
        first = self._first = self._first + data
        if first.startswith(PREFACE):
            self.connections.discard(self)
            _ClientEnd(self.transport, self.connections).open(self._grpc_port, first)
        elif not PREFACE.startswith(first):
            self._first = None
            super().data_received(first)


class _End(asyncio.Protocol):
    """One end of a tunnel: what comes in here goes out at the other, no faster than that takes it.

    An end that is closed closes the other. There is no half-closing: no gRPC client does that.
    """

    other: "_End"
    transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        transport.set_write_buffer_limits(MAX_WAITING_BYTES)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.other.write(data)

    def write(self, data: bytes) -> None:
        if self.transport:
            self.transport.write(data)

    def close(self) -> None:
        if self.transport:
            self.transport.close()

    def pause_writing(self) -> None:
        self.other.read(False)

    def resume_writing(self) -> None:
        self.other.read(True)

    def read(self, on: bool) -> None:
        # An end that closes still writes what waits, and would then be made to resume reading.
        if self.transport and not self.transport.is_closing():
            self.transport.resume_reading() if on else self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.other.close()


class _ClientEnd(_End):
    """The end where the client is. It is one of uvicorn's `connections`, so that a server that stops closes it."""

    def __init__(self, transport: asyncio.Transport, connections: set[Any]) -> None:
        self.other = _End()
        self.other.other = self
        self._connections = connections
        connections.add(self)
        self.connection_made(transport)
        transport.set_protocol(self)

    def open(self, port: int, first: bytes) -> None:
        """Connect to the gRPC server, pass on the first bytes, and then all others."""
        self.read(False)
        self._opening = asyncio.get_running_loop().create_task(self._open(port, first))

    async def _open(self, port: int, first: bytes) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: self.other, "127.0.0.1", port)
        except OSError:
            # The server is stopping.
            self.close()
            return
        self.other.write(first)
        self.read(True)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._opening.cancel()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """What uvicorn calls when it stops."""
        self.close()
