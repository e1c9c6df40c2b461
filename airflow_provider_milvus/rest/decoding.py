"""The JSON of a response as values that cannot hurt their reader.

A server may send anything. A number beyond 64 bits or a text that UTF-8 cannot encode ends Airflow's triggerer when it
reaches an event, and a million empty lists stop its event loop. So a body is bounded before it is parsed, and every
value of it is checked afterwards.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from typing import Any, Protocol

from airflow_provider_milvus.rest.errors import MilvusResponseTooLarge

MAX_INTEGER = 2**63 - 1
MAX_DEPTH = 64
MAX_TEXT = 4_000
# What is left of a secret.
MASK = "***"
# Lone surrogates, which UTF-8 cannot encode, and NUL, which PostgreSQL cannot store.
_UNSTORABLE = re.compile("[\ud800-\udfff\x00]")
_MAX_FLOAT = sys.float_info.max
# Fields by which jobs, collections and files are recognised.
_NAMES = frozenset(
    {"jobId", "jobID", "state", "collectionName", "fileName", "aliasName", "indexName", "fieldName", "createTime"}
)


@dataclass(frozen=True)
class Limit:
    """How large a response of a route may be.

    :param size: bytes, after decompression.
    :param values: JSON values. Parsing a million of them takes the interpreter, and with it every other trigger, about
        0.1 s; ``None`` for routes that only workers use.
    :param lists: JSON lists, which cost most, as Python's garbage collector visits each.
    :param rows: whether ``data`` is the user's own rows, in which nothing is redacted.
    """

    size: int
    values: int | None
    lists: int = 50_000
    rows: bool = False


# An import has at most 1,024 files of some 300 bytes each. A triggerer has up to 80 of these responses at a time.
DETAILS = Limit(size=2_000_000, values=200_000)
# A hundred thousand jobs of some 130 bytes and 5 fields each.
LISTS = Limit(size=24_000_000, values=1_000_000)
# Rows with vectors. Their bytes, their text and their values are in memory at the same time: 192 MB at the most.
ROWS = Limit(size=64_000_000, values=None, rows=True)


class Redact(Protocol):
    """Replaces secrets in the texts of a response."""

    def text(self, text: str) -> str:
        """A text without any secret."""

    def name(self, text: str) -> str:
        """The same for what names something, in which a password such as ``books`` may be an ordinary word."""

    def may_occur(self, text: str) -> bool:
        """Whether a secret may occur in a JSON text; quick, and never wrongly ``False``."""


class NoSecrets:
    """For a caller that has no secrets."""

    def text(self, text: str) -> str:
        return text

    def name(self, text: str) -> str:
        return text

    def may_occur(self, text: str) -> bool:
        return False


def clean(text: str, limit: int = MAX_TEXT) -> str:
    """A text that can be encoded and stored anywhere, of at most ``limit`` characters."""
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii() and "\0" not in text:
        return text
    return _UNSTORABLE.sub("\ufffd", text)


def bounded(number: int | float) -> int | float | None:
    """A number within 64 bits; a larger whole number as the float next to it, and NaN as ``None``."""
    if isinstance(number, int):
        if -MAX_INTEGER <= number <= MAX_INTEGER:
            return number
        try:
            return float(number)
        except OverflowError:
            return _MAX_FLOAT if number > 0 else -_MAX_FLOAT
    return max(-_MAX_FLOAT, min(_MAX_FLOAT, number)) if number == number else None


def loads(body: bytes, limit: Limit, redact: Redact) -> Any:
    """Parse a response's body.

    :raises ValueError: where it is no JSON.
    :raises MilvusResponseTooLarge: where it has more values than the route may have, or is nested too deeply.
    """
    lists = body.count(b"[")
    if limit.values is not None and (lists > limit.lists or lists + body.count(b"{") + body.count(b",") > limit.values):
        raise MilvusResponseTooLarge(f"the response has more than {limit.values:,} values")
    text = body.decode("utf-8-sig", "replace")
    # The hook gives other threads their turn at every object.
    value = json.loads(text, object_hook=_same)
    texts: Redact | None = None
    if redact.may_occur(text):
        texts = _Storable(redact)
    elif "\\ud" in text or "\\uD" in text or "\\u0000" in text:
        texts = _Storable(NoSecrets())
    del text
    if limit.rows and texts and isinstance(value, dict) and "data" in value:
        value["data"] = _check(value["data"], _Storable(NoSecrets()), 1)
        return {**_check({k: v for k, v in value.items() if k != "data"}, texts, 0), "data": value["data"]}
    return _check(value, texts, 0)


def _same(value: Any) -> Any:
    return value


class _Storable:
    """Redacts, and replaces what cannot be encoded or stored."""

    def __init__(self, redact: Redact) -> None:
        self._redact = redact
        self.may_occur = redact.may_occur

    def text(self, text: str) -> str:
        return _UNSTORABLE.sub("\ufffd", self._redact.text(text))

    def name(self, text: str) -> str:
        return _UNSTORABLE.sub("\ufffd", self._redact.name(text))


def _check(value: Any, texts: Redact | None, depth: int) -> Any:
    """The value with each number and text of it made safe, in place where it is a container.

    :param texts: makes texts safe; ``None`` where all of them are.
    """
    if depth > MAX_DEPTH:
        raise MilvusResponseTooLarge(f"the response is nested more than {MAX_DEPTH} levels deep")
    kind = type(value)
    if kind is dict:
        _check_object(value, texts, depth)
    elif kind is list:
        for index, item in enumerate(value):
            if type(item) is dict and depth < MAX_DEPTH:
                _check_object(item, texts, depth + 1)
            elif texts or type(item) is not str:
                value[index] = _check(item, texts, depth + 1)
    elif kind is str:
        return texts.name(value) if texts else value
    elif kind is int or kind is float:
        return bounded(value)
    return value


def _check_object(fields: dict[str, Any], texts: Redact | None, depth: int) -> None:
    if texts:
        # The protocol's own fields are words of ASCII letters.
        for key in [key for key in fields if not (key.isascii() and key.isalpha())]:
            fields[texts.name(key)] = fields.pop(key)
    for key, item in fields.items():
        kind = type(item)
        if kind is str:
            if texts:
                fields[key] = texts.name(item) if key in _NAMES else texts.text(item)
        elif kind is int:
            if not -MAX_INTEGER <= item <= MAX_INTEGER:
                fields[key] = bounded(item)
        elif kind is not bool and item is not None:
            fields[key] = _check(item, texts, depth + 1)
