"""JSON as Milvus reads it: no NaN, no infinity, no key twice in an object, and numbers as they are written.

msgspec parses ten times as fast as the standard library and alike in all but one thing: it takes the last of two equal
keys. An object that loses a key so has fewer colons when it is written again than its text had, which costs little to
find out; only a text that then is still in doubt is parsed by the standard library.
"""

import json
from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode
_skim = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def parse(text: str | bytes) -> Any:
    """The value of a JSON text. Raises ValueError, or RecursionError when it is nested too deeply."""
    try:
        value = _decode(text)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None
    if not _keeps_every_key(text, value):
        value = json.loads(text, object_pairs_hook=unique_keys, parse_constant=refuse_constant)
    return value


def skim(text: str | bytes) -> dict[str, Any]:
    """An empty object for the text of any object, in a third of the time: no key is compared, no value is made.

    Raises ValueError or RecursionError for a text that is no JSON, or no object.
    """
    try:
        _skim(text)
    except msgspec.ValidationError:
        raise ValueError("expected an object") from None
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None
    return {}


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these keys and values. Raises ValueError when a key is there twice."""
    unique = dict(pairs)
    if len(unique) != len(pairs):
        raise ValueError("duplicate key in a JSON object")
    return unique


def refuse_constant(name: str) -> Any:
    """Raises ValueError for NaN and infinity, which the standard library would take."""
    raise ValueError(f"{name} is not a JSON value")


def _keeps_every_key(text: str | bytes, value: Any) -> bool:
    # Every key that was read stands before a colon of its own; other colons stand in texts.
    raw = text.encode() if isinstance(text, str) else text
    colons = raw.count(b":")
    if colons == (len(value) if isinstance(value, dict) else 0):
        return True
    if b"\\u003" in raw:  # which may be a colon that is not written as one
        return False
    try:
        return colons == msgspec.json.encode(value).count(b":")
    except (msgspec.MsgspecError, OverflowError, RecursionError):
        return False
