"""One request and the reading of its response.

Every Milvus v2 route is a POST of a JSON object. Its response is ``{"code": 0, "data": …}`` or, mostly with HTTP 200
as well, ``{"code": <non-zero>, "message": "…"}``
(https://milvus.io/api-reference/restful/v2.6.x/About.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Generic, TypeVar

from airflow_provider_milvus.rest.decoding import DETAILS, Limit, NoSecrets, Redact, clean, loads
from airflow_provider_milvus.rest.errors import MilvusError, MilvusProtocolError, server_error

BASE_PATH = "/v2/vectordb"
MAX_RETRY_AFTER = 300.0
# Bytes that are read of an error page.
MAX_ERROR_PAGE = 64_000
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")

T = TypeVar("T")


@dataclass(frozen=True)
class Request(Generic[T]):
    """What to send, and how to read the response.

    :param path: the route below ``/v2/vectordb``, with a leading slash.
    :param body: the JSON object; fields that are ``None`` are left out.
    :param parse: turns the response's ``data`` into the value the caller wants.
    :param repeatable: sending it twice has the same effect as sending it once.
    :param control_plane: on Zilliz Cloud it goes to the control plane, and names the cluster.
    :param headers: headers of this request alone.
    :param secrets: what the body holds that no response may quote.
    :param fallback: what to send where the server does not know the route.
    :param limit: how large the response may be.
    """

    path: str
    body: Mapping[str, Any] = field(repr=False)
    parse: Callable[[Any], T]
    repeatable: bool = True
    control_plane: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    secrets: Sequence[str] = field(default=(), repr=False)
    fallback: Request[T] | None = None
    limit: Limit = DETAILS

    def encode(self, **more: Any) -> bytes:
        """The body as JSON, with ``more`` fields where they are not ``None``."""
        fields = {**more, **self.body}
        return json.dumps({k: v for k, v in fields.items() if v is not None}).encode()

    def read(self, status: int, headers: Mapping[str, str], body: bytes, redact: Redact | None = None) -> T:
        """The response's value.

        :param redact: replaces secrets in the response's texts; rows are the user's own and stay as they are.
        :raises MilvusError: whatever bytes came back, never anything else.
        """
        redact = redact or NoSecrets()
        data = decode(status, headers, body, limit=self.limit, redact=redact)
        try:
            return self.parse(data)
        except MilvusError:
            raise
        except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
            # The text of the error may quote the data.
            text = _short(redact.text(str(error)))
        raise MilvusProtocolError(f"the response to {self.path} has data of another shape: {text}")


def decode(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    limit: Limit = DETAILS,
    redact: Redact | None = None,
) -> Any:
    """The ``data`` of a response, or the error that the response is.

    :param headers: the response's headers; ``Retry-After`` is read by this name.
    :raises MilvusError: for every response that is not a success.
    """
    redact = redact or NoSecrets()
    retry_after = _retry_after(headers.get("Retry-After"))
    try:
        response = loads(body, limit, redact)
    except (ValueError, RecursionError):
        response = None
    code = _code(response)
    if code is None:
        if body.strip() == b"timeout":  # Milvus before November 2024 sends this bare word with 408
            status = 408
        snippet = _snippet(body, redact)
        if status >= 400:
            raise server_error(snippet, code=None, http_status=status, retry_after=retry_after)
        raise MilvusProtocolError(f"HTTP {status} with a body that is not Milvus's JSON: {snippet}")
    message = clean(str(response.get("message") or response.get("msg") or ""))
    # Milvus before 2.4 GA sends 200 for success, and 200 is also "partition not found", which has a message.
    succeeded = code == 0 or (code == 200 and "data" in response and not message)
    if succeeded and status < 400:
        return response.get("data")
    error_code = None if succeeded else code
    raise server_error(message or "(no message)", code=error_code, http_status=status, retry_after=retry_after)


def _code(response: Any) -> int | None:
    code = response.get("code") if isinstance(response, dict) else None
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) < 10:
        code = int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _retry_after(value: str | None) -> float | None:
    """``Retry-After`` in seconds, at most five minutes: a server never silences its clients for longer."""
    text = (value or "")[:64].strip()
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    else:
        try:
            date = parsedate_to_datetime(text)
            now = datetime.now(UTC)
            seconds = ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds()
        except (ValueError, OverflowError):
            return None
    return min(seconds, MAX_RETRY_AFTER) if seconds > 0 else None


def _snippet(body: bytes, redact: Redact) -> str:
    # Redacted before it is cut, or the first part of a secret could remain.
    return _short(redact.text(body[:MAX_ERROR_PAGE].decode("utf-8", "replace"))) or "(empty body)"


def _short(text: str) -> str:
    return clean(" ".join(text.split()), 160)
