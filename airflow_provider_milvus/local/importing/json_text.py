"""JSON as Go reads it: no NaN and no infinity, the last of two equal keys, U+FFFD for what is no Unicode.

msgspec parses ten times as fast as the standard library and alike in all that is well-formed; only a text that it
refuses is parsed by the standard library.
"""

import json
from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode
_skim = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
REPLACEMENT = "\ufffd"


def parse(text: str | bytes, *, finite: bool = False) -> Any:
    """The value of a JSON text. Raises ValueError, or RecursionError when it is nested too deeply.

    :param finite: whether a number that no float64 can hold is refused; else it is infinity.
    """
    try:
        return _decode(text)
    except (msgspec.MsgspecError, UnicodeError) as error:
        refused = error
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    try:
        return _repaired(json.loads(text, parse_constant=refuse_constant, parse_float=_finite if finite else float))
    except json.JSONDecodeError:
        raise ValueError(str(refused)) from None


def skim(text: str | bytes) -> dict[str, Any]:
    """An empty object for the text of any object, in a third of the time: no value is made.

    Raises ValueError or RecursionError for a text that is no JSON, or no object.
    """
    try:
        _skim(text)
    except msgspec.ValidationError:
        raise ValueError("expected an object") from None
    except (msgspec.MsgspecError, UnicodeError):
        if not isinstance(parse(text), dict):
            raise ValueError("expected an object") from None
    return {}


def first_value(text: str) -> Any:
    """The value that a text begins with, whatever follows it, as a decoder of a stream reads it. Raises ValueError."""
    try:
        return parse(text)
    except ValueError:
        start = len(text) - len(text.lstrip(" \t\r\n"))
        _, end = json.JSONDecoder().raw_decode(text, start)
        return parse(text[start:end])


def refuse_constant(name: str) -> Any:
    """Raises ValueError for NaN and infinity, which the standard library would take."""
    raise ValueError(f"{name} is not a JSON value")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is out of range")
    return number


def _repaired(value: Any) -> Any:
    """The value, with U+FFFD for each half of a surrogate pair."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_repaired(one) for one in value]
    if isinstance(value, dict):
        return {_repaired(key): _repaired(one) for key, one in value.items()}
    return value
