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
        # A proxy is sent a CONNECT first, in the same way.
        elif event.endswith(".send_request_headers.started") and info["request"].method != b"CONNECT":
            self.sent = True


# What this thread or task sends at the moment. A connection of requests belongs to a pool, and knows of no request.
current: ContextVar[Exchange | None] = ContextVar("current", default=None)


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
