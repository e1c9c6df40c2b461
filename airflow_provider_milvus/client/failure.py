"""What an error of an HTTP library means: whether the request may have been sent, and whether TLS is the reason."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from airflow_provider_milvus.client.exchange import Exchange
from airflow_provider_milvus.rest.decoding import clean
from airflow_provider_milvus.rest.errors import MilvusConnectionError, MilvusTLSError

MAX_ERROR_TEXT = 500
# A connection that ended early, as it does when a server restarts behind a proxy.
_ENDED_EARLY = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
Kinds = tuple[type[BaseException], ...]


def failure(
    url: str, exchange: Exchange, error: BaseException, outer: BaseException | None, *, connecting: Kinds, tls: Kinds
) -> MilvusConnectionError:
    """The error that a task sees for one of an HTTP library, of ``ssl`` or of the operating system.

    :param outer: what was being handled before the request, and has nothing to do with it.
    :param connecting: errors that mean by their type that no connection was made.
    :param tls: errors that mean by their type that a certificate does not fit, beside that of ``ssl``.
    """
    errors = list(_chain(error, outer))
    verification: Kinds = (ssl.SSLCertVerificationError, *tls)
    sent = exchange.sent and not any(isinstance(each, connecting + verification) for each in errors)
    text = clean(exchange.redactor.text(_text(errors, exchange)), MAX_ERROR_TEXT)
    if any(isinstance(each, verification) or _is_lasting(each, sent) for each in errors):
        return MilvusTLSError(f"TLS with {url} failed: {text}", sent=sent)
    return MilvusConnectionError(f"no response from {url}: {text}", sent=sent)


def _chain(error: BaseException, outer: BaseException | None) -> Iterator[BaseException]:
    """The error and what caused it, from the outside in."""
    queue, seen = [error], {id(outer)}
    for each in queue:
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            inner = (*each.args, getattr(each, "reason", None), each.__context__, each.__cause__)
            queue += [cause for cause in inner if isinstance(cause, BaseException)]


def _text(errors: list[BaseException], exchange: Exchange) -> str:
    if any(isinstance(each, TimeoutError) and each.errno is None for each in errors):
        return f"not complete after {exchange.seconds:g} s"
    # The others only wrap the innermost one, and the texts of urllib3 have addresses of objects.
    return str(errors[-1]) or type(errors[-1]).__name__


def _is_lasting(error: BaseException, sent: bool) -> bool:
    """Whether it is an error of TLS that stays until somebody fixes the connection."""
    if not isinstance(error, ssl.SSLError) or isinstance(error, _ENDED_EARLY):
        return False
    # With TLS 1.3 a client certificate is refused after the handshake; anything else then is a broken connection.
    reason = getattr(error, "reason", None) or ""
    return not sent or ("ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason))
