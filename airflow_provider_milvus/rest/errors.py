"""What a server or the network can give instead of data.

Each class has two attributes, and retries are decided by these alone:

* ``retryable``: the same request may well succeed a little later;
* ``maybe_done``: the server may have carried the request out although its response did not arrive.

Codes follow Milvus's ``pkg/util/merr`` and, for Zilliz Cloud, its published error codes.
"""

from __future__ import annotations

import re

__all__ = [
    "MilvusAliasNotFound",
    "MilvusAuthError",
    "MilvusBusyError",
    "MilvusCollectionNotFound",
    "MilvusConnectionError",
    "MilvusDatabaseNotFound",
    "MilvusError",
    "MilvusImportJobNotFound",
    "MilvusProtocolError",
    "MilvusRequestTimeout",
    "MilvusResponseTooLarge",
    "MilvusRouteNotFound",
    "MilvusServerError",
    "MilvusTLSError",
    "MilvusUnavailable",
]


class MilvusError(Exception):
    """Base of everything that can go wrong between this package and a Milvus server.

    ``retry_after`` is how many seconds the server wants clients to wait before the next request, ``None`` where none
    is sent. It is at most five minutes, see :func:`airflow_provider_milvus.rest.envelope.decode`.
    """

    retryable = False
    maybe_done = False
    retry_after: float | None = None


class MilvusConnectionError(MilvusError):
    """The server could not be reached, or the connection broke.

    :param sent: whether the request may have left this machine.
    """

    retryable = True

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.maybe_done = sent


class MilvusTLSError(MilvusConnectionError):
    """TLS failed for good: wrong CA bundle, certificate or host name, or a port that speaks no TLS.

    :param sent: with TLS 1.3 a server refuses a client certificate only after the handshake, and the request may have
        been sent by then.
    """

    retryable = False

    def __init__(self, message: str, *, sent: bool = False) -> None:
        super().__init__(message, sent=sent)


class MilvusProtocolError(MilvusError):
    """A response that is not Milvus's JSON envelope: an error page, a truncated or an empty body."""

    retryable = True
    maybe_done = True


class MilvusResponseTooLarge(MilvusProtocolError):
    """A response larger or nested deeper than any that its route can have."""

    retryable = False


class MilvusServerError(MilvusError):
    """Milvus responded with an error code.

    :param message: the server's text.
    :param code: Milvus's code, or ``None`` where only the HTTP status speaks.
    :param http_status: the HTTP status of the response; Milvus sends most of its errors with 200.
    :param retry_after: seconds that the server wants clients to wait before the next request.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        http_status: int = 200,
        retry_after: float | None = None,
    ) -> None:
        label = f"HTTP {http_status}" if code is None else f"code {code}"
        super().__init__(f"Milvus responded with {label}: {message}")
        self.message = message
        self.code = code
        self.http_status = http_status
        self.retry_after = retry_after


class MilvusAuthError(MilvusServerError):
    """Not authenticated, or authenticated without the privilege."""


class MilvusBusyError(MilvusServerError):
    """The server is starting, overloaded or throttling, and did not carry the request out."""

    retryable = True


class MilvusRequestTimeout(MilvusServerError):
    """The server gave up on the request (HTTP 408, codes 10000 and 10001); the work may still be going on."""

    retryable = True
    maybe_done = True


class MilvusUnavailable(MilvusServerError):
    """A part of the server, or what is behind a proxy, is not available at the moment: codes 2 and 5, or HTTP 5xx."""

    retryable = True
    maybe_done = True


class MilvusRouteNotFound(MilvusServerError):
    """HTTP 404: this server is too old for the route, or it is no Milvus."""


class MilvusImportJobNotFound(MilvusServerError):
    """The server has no import job of this id: never created here, or its record has expired."""


class MilvusCollectionNotFound(MilvusServerError):
    """The collection does not exist in this database."""


class MilvusAliasNotFound(MilvusServerError):
    """The alias does not exist in this database."""


class MilvusDatabaseNotFound(MilvusServerError):
    """The database does not exist."""


_BY_CODE: dict[int, type[MilvusServerError]] = {
    **dict.fromkeys((1400, 1401, 1800, 21119, 96012, 96013, 96014, 96015, 96016, 96027), MilvusAuthError),
    **dict.fromkeys((1, 4, 8, 103, 106, 1807, 2401), MilvusBusyError),
    **dict.fromkeys((2, 5), MilvusUnavailable),
    **dict.fromkeys((10000, 10001), MilvusRequestTimeout),
    96026: MilvusImportJobNotFound,
    100: MilvusCollectionNotFound,
    800: MilvusDatabaseNotFound,
    1600: MilvusAliasNotFound,
}
_IMPORT_FAMILY = (2100, 2101)
# Of a describe, and of a commit or an abort: "job 7 not found" in Milvus's `TwoPCImportSuite`.
_NO_SUCH_JOB = re.compile(r"does not exist|\bjob (\S{1,40} )?not found")
_BROKEN_CALLS = ("deadline exceeded", "context canceled", "code = unavailable", "connection refused")


def server_error(
    message: str, *, code: int | None, http_status: int, retry_after: float | None = None
) -> MilvusServerError:
    """The error for a response, by its code first, by its HTTP status otherwise."""
    kind = (_kind_by_code(code, message) if code is not None else None) or _kind_by_status(http_status)
    return kind(message, code=code, http_status=http_status, retry_after=retry_after)


def _kind_by_code(code: int, message: str) -> type[MilvusServerError] | None:
    text = message.lower()
    # 2100 and 2101 are families: only the text distinguishes a missing job and a full queue from a bad request.
    if code in _IMPORT_FAMILY and _NO_SUCH_JOB.search(text):
        return MilvusImportJobNotFound
    if code in _IMPORT_FAMILY and "number of jobs has reached the limit" in text:
        return MilvusBusyError
    if code == 65535 and "permission" in text:
        return MilvusAuthError
    # A call between two parts of Milvus broke off; what was called may have been carried out.
    if code == 65535 and any(sign in text for sign in _BROKEN_CALLS):
        return MilvusUnavailable
    return _BY_CODE.get(code)


def _kind_by_status(status: int) -> type[MilvusServerError]:
    if status in (401, 403):
        return MilvusAuthError
    if status == 404:
        return MilvusRouteNotFound
    if status == 408:
        return MilvusRequestTimeout
    if status == 429:
        return MilvusBusyError
    return MilvusUnavailable if status >= 500 else MilvusServerError
