"""Texts as Go reads them, since Milvus does: numbers of CSV cells, JSON, timestamps; and geometries as WKT.

Each function raises ValueError for a text that Milvus refuses.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from math import isfinite
from typing import Any

_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_DIGITS = r"[0-9](?:_?[0-9])*"
_DECIMAL = re.compile(rf"[+-]?(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?", re.ASCII)
_HEX = r"[0-9a-fA-F](?:_?[0-9a-fA-F])*"
_HEXADECIMAL = re.compile(rf"[+-]?0[xX]_?(?:{_HEX}(?:\.(?:{_HEX})?)?|\.{_HEX})[pP][+-]?{_DIGITS}", re.ASCII)
_UNSIGNED = re.compile(r"0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO]?(?:_?[0-7])+|0|[1-9](?:_?[0-9])*", re.ASCII)
_BOOLEANS = frozenset(("1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"))
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(T| +)(\d{1,2}):(\d{2}):(\d{2})(?:[.,](\d+))?(Z|([+-])(\d{2})(?::(\d{2}))?)?", re.ASCII
)
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_POINT = rf"\s*{_NUMBER}(?:\s+{_NUMBER}){{1,3}}\s*"
_WKT = re.compile(
    r"\s*(POINT|LINESTRING|POLYGON|MULTIPOINT|MULTILINESTRING|MULTIPOLYGON|GEOMETRYCOLLECTION)\s*(?:Z|M|ZM)?\s*"
    r"(EMPTY|\(.*\))\s*",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)


def boolean(text: str) -> bool:
    """As ``strconv.ParseBool``."""
    if text not in _BOOLEANS:
        raise ValueError(f"{text[:80]!r} is not a boolean")
    return text in ("1", "t", "T", "TRUE", "true", "True")


def integer(text: str) -> int:
    """As ``strconv.ParseInt`` to base 10, of any size."""
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is not an integer")
    return int(text)


def number(text: str) -> float:
    """As ``strconv.ParseFloat``, without NaN and infinity."""
    if _DECIMAL.fullmatch(text):
        value = float(text)
    elif _HEXADECIMAL.fullmatch(text):
        try:
            value = float.fromhex(text.replace("_", ""))
        except OverflowError:
            value = float("inf")
    else:
        raise ValueError(f"{text[:80]!r} is not a number")
    if not isfinite(value):
        raise ValueError(f"{text[:80]!r} is out of range")
    return value


def index(text: str) -> int:
    """As ``strconv.ParseUint`` to base 0, with 32 bits."""
    if not _UNSIGNED.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is not an unsigned integer")
    digits = text.replace("_", "")
    value = int(digits, 8) if re.fullmatch(r"0[0-7]+", digits) else int(digits, 0)
    if value >= 1 << 32:
        raise ValueError(f"{text[:80]!r} is out of range")
    return value


def refuse_constant(name: str) -> Any:
    """For ``parse_constant`` of :mod:`json`, which would take NaN and infinity."""
    raise ValueError(f"{name} is not a JSON value")


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text[:80]} is out of range")
    return value


def parse_json(text: str) -> Any:
    """The value of a JSON text."""
    try:
        return json.loads(text, parse_constant=refuse_constant, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def first_json(text: str) -> Any:
    """The value that a text begins with, whatever follows it."""
    start = len(text) - len(text.lstrip(" \t\r\n"))
    try:
        return json.JSONDecoder(parse_constant=refuse_constant).raw_decode(text, start)[0]
    except RecursionError:
        raise ValueError("nested too deeply") from None


def meta_object(value: Any) -> dict[str, Any]:
    """The object of ``$meta``, or of its text, of which ``null`` is the empty one."""
    if isinstance(value, str):
        value = parse_json(value)
        value = {} if value is None else value
    if not isinstance(value, dict):
        raise ValueError(f"{type(value).__name__} instead of a JSON object")
    return value


def timestamp(text: str) -> None:
    """A timestamp in one of the layouts of ``pkg/util/timestamptz/timestamptz.go``."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:80]!r} is no timestamp")
    year, month, day, separator, hour, minute, second, _, offset, sign, hours, minutes = match.groups()
    if separator == "T" and hours is not None and minutes is None:
        raise ValueError(f"{text[:80]!r} has an offset without minutes")
    zone: timezone = UTC
    if offset is not None and sign is not None:
        shift = timedelta(hours=int(hours), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
        if not timedelta(hours=-12) <= shift <= timedelta(hours=14) or int(minutes or 0) > 60:
            raise ValueError(f"the offset of {text[:80]!r} is not within -12 and +14 hours")
        zone = timezone(shift)
    try:
        datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=zone)
    except ValueError as error:
        raise ValueError(f"{text[:80]!r}: {error}") from None


def geometry(text: str) -> None:
    """A geometry as WKT; coordinates are checked for points alone."""
    match = _WKT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:80]!r} is no geometry in WKT")
    kind, body = match.group(1).upper(), match.group(2)
    if body.upper() == "EMPTY":
        return
    if body.count("(") != body.count(")") or (kind == "POINT" and not re.fullmatch(rf"\({_POINT}\)", body, re.ASCII)):
        raise ValueError(f"{text[:80]!r} is no geometry in WKT")
