"""One request on its way: the time that it has left, and whether any of it was sent."""

from __future__ import annotations

import logging
import time
from contextvars import ContextVar
from typing import Any

from airflow_provider_milvus.client.redaction import Redactor
from airflow_provider_milvus.rest.decoding import clean

# Loggers of the HTTP libraries that quote what a server sent, the first at INFO and the second at WARNING.
_LOGGERS = ("httpx", "urllib3.connection", "httpcore.connection", "httpcore.http11", "httpcore.proxy")
_MAX_LOG_LINE = 500
# Bytes of a response before its body, with all informational responses (100, 103) before it.
MAX_HEAD = 256_000
# Bytes of it that are read at a time, as the event loop stands still until all of them are parsed.
HEAD_CHUNK = 4_000


class Exchange:
    """One request and its response.

    :param seconds: for all of it: connecting, TLS, sending, and the last byte of the response.
    :param redactor: replaces secrets in what the HTTP libraries log meanwhile.
    """

    def __init__(self, seconds: float, redactor: Redactor) -> None:
        self.seconds = seconds
        self.redactor = redactor
        self._deadline = time.monotonic() + seconds
        # Where nobody reports that a connection is only being made, the request may have been sent.
        self.sent = True
        # Bytes that the head of the response may still have; ``None`` where none is being read.
        self.head_left: int | None = None

    def remaining(self) -> float:
        """The seconds that are left.

        :raises TimeoutError: where none are.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"not complete after {self.seconds:g} s")
        return left

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        """Take in an event of httpcore, see https://www.encode.io/httpcore/extensions/#trace."""
        if event == "connection.connect_tcp.started":
            self.sent = False
        elif event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            _read_heads_slowly(info["return_value"])
        elif event.endswith(".receive_response_headers.started"):
            self.head_left = MAX_HEAD
        elif event.endswith(".receive_response_headers.complete"):
            self.head_left = None
        # A proxy is sent a CONNECT first, in the same way.
        elif event.endswith(".send_request_headers.started") and info["request"].method != b"CONNECT":
            self.sent = True


# What this thread or task sends at the moment. A connection of requests belongs to a pool, and knows of no request.
current: ContextVar[Exchange | None] = ContextVar("current", default=None)


def _read_heads_slowly(stream: Any) -> None:
    """Bound what a stream of httpcore reads of the head of a response.

    httpcore skips informational responses without an end, and parses all that it has read of them before any other
    task of the event loop gets its turn.
    """
    read = stream.read

    async def bounded(max_bytes: int, timeout: float | None = None) -> bytes:
        exchange = current.get()
        if exchange is None or exchange.head_left is None:
            return bytes(await read(max_bytes, timeout))
        if exchange.head_left <= 0:
            raise ValueError(f"the response has more than {MAX_HEAD:,} bytes before its body")
        data = bytes(await read(min(max_bytes, HEAD_CHUNK), timeout))
        exchange.head_left -= len(data)
        return data

    stream.read = bounded


class _LogFilter(logging.Filter):
    """Redacts and cuts log lines about exchanges; those about anything else pass as they are."""

    def filter(self, record: logging.LogRecord) -> bool:
        if exchange := current.get():
            record.msg = clean(exchange.redactor.text(record.getMessage()), _MAX_LOG_LINE)
            record.args, record.exc_info, record.exc_text = (), None, None
        return True


_FILTER = _LogFilter()


def redact_logs() -> None:
    """Let no log line of an HTTP library quote a secret that a server has sent back."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)
