"""Ids of import jobs, as users and other tasks give them."""

from __future__ import annotations

from array import array
from collections import UserString
from collections.abc import Sequence
from typing import Any

# Milvus's ids have 18 digits, Zilliz Cloud's about 30 characters.
MAX_LENGTH = 256
MAX_NESTING = 8
# Python calls all of these sequences; items of the first ones are numbers, and those of a UserString are UserStrings.
_NO_LISTS = (str, bytes, bytearray, memoryview, range, array, UserString)
# A list that a template made a text of contains these.
_NOT_IN_AN_ID = frozenset("[]{}(), \t\r\n\"'")


def is_list(value: object) -> bool:
    """Whether a value is a list of other values, such as the output of a mapped task."""
    return isinstance(value, Sequence) and not isinstance(value, _NO_LISTS)


def flat(values: Sequence[Any], _depth: int = 0) -> list[Any]:
    """The values of lists in lists, such as the output of a mapped operator whose instances have several jobs each.

    :raises ValueError: for lists that are nested too deep, as one that contains itself is.
    """
    if _depth > MAX_NESTING:
        raise ValueError(f"a list of lists must not be nested more than {MAX_NESTING} deep")
    found: list[Any] = []
    for value in values:
        if is_list(value):
            found += flat(value, _depth + 1)
        else:
            found.append(value)
    return found


def as_list(job_ids: Any) -> list[str]:
    """One id or several, as a list without repeats; an empty list of no ids. A native template makes a number of an id.

    :raises ValueError: naming ``job_id``, for anything that is not an id or a list of ids.
    """
    try:
        given = flat(job_ids) if is_list(job_ids) else [job_ids]
    except ValueError as error:
        raise ValueError(f"job_id must be the id of an import job, or a list of ids: {error}") from None
    return list(dict.fromkeys(map(_id, given)))


def _id(value: Any) -> str:
    text = str(value) if type(value) is int and 0 <= value < 1 << 64 else value
    if isinstance(text, str) and 0 < len(text) <= MAX_LENGTH and text.isprintable() and _NOT_IN_AN_ID.isdisjoint(text):
        return text
    raise ValueError(
        f"job_id must be the id of an import job, or a list of ids, each a text or a whole number; got "
        f"{shortened(value)}. The operator's output, or its XCom 'job_id', is such a value"
    )


def shortened(value: Any) -> str:
    """A value for an error message, which may be of any type and size."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1 << 64:
        return "a number beyond 64 bits"  # which Python may refuse to write down
    try:
        # A slice first: what follows costs time in proportion to the length.
        found = repr(value[:200] if isinstance(value, str | bytes | bytearray) else value)
    except Exception:
        found = f"a {type(value).__name__}"
    return found if len(found) <= 200 else f"{found[:200]}…"
