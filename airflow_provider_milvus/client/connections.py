"""Connections of ``requests`` that keep to the deadline of a whole request, and report when it begins to be sent.

The timeouts of ``requests`` hold for each read, so a server that sends a byte a second is never too slow for them. And
its errors do not report whether a connection failed before or after the request was sent.
"""

from __future__ import annotations

import io
from functools import cache
from http.client import HTTPConnection, HTTPResponse
from typing import Any

from airflow_provider_milvus.client.exchange import Exchange, current


class _Reader(io.RawIOBase):
    """Reads from a socket, each time with the timeout that the exchange has left."""

    def __init__(self, sock: Any, exchange: Exchange) -> None:
        self._socket = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._exchange.remaining())
        return self._raw.readinto(buffer)  # type: ignore[no-any-return]

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        if exchange := current.get():
            self.fp.close()
            self.fp = io.BufferedReader(_Reader(sock, exchange))


class _Connection(HTTPConnection):
    """Comes before a connection class of urllib3, in a class of both."""

    response_class = _Response

    def connect(self) -> None:
        if exchange := current.get():
            exchange.sent = False
            self.timeout = exchange.remaining()
        super().connect()

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is None:
            self.connect()
        if exchange := current.get():
            exchange.sent = True
        super().request(*args, **kwargs)

    def send(self, data: Any) -> None:
        if (exchange := current.get()) and self.sock:
            self.sock.settimeout(exchange.remaining())
        super().send(data)


def bounded(manager: Any) -> Any:
    """A ``PoolManager`` of urllib3, or a ``ProxyManager``, whose connections are these from now on."""
    manager.pool_classes_by_scheme = _pool_classes()
    return manager


@cache
def _pool_classes() -> dict[str, Any]:
    from urllib3 import connection, connectionpool

    class Plain(_Connection, connection.HTTPConnection):
        pass

    class Secure(_Connection, connection.HTTPSConnection):
        pass

    class PlainPool(connectionpool.HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(connectionpool.HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
