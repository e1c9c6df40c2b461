"""When to ask next. Seconds everywhere; chance is passed in, so that tests can fix it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

DEFAULT_POLL_INTERVAL = 10.0
# About an hour.
DEFAULT_MAX_POLL_FAILURES = 120
MIN_POLL_INTERVAL = 1.0
AGE_SHARE = 0.05
FIRST_BACKOFF = 1.0
MAX_BACKOFF = 60.0

Chance = Callable[[float, float], float]


def interval(age: float, poll_interval: float, chance: Chance = random.uniform) -> float:
    """The time to the next look at jobs that have been watched for ``age``.

    It is 5 % of the age, at least one second and at most ``poll_interval``, so that a short import is noticed soon and
    a long one costs little; then 10 % more or less by chance, so that jobs started together drift apart.
    """
    return min(poll_interval, max(MIN_POLL_INTERVAL, age * AGE_SHARE)) * chance(0.9, 1.1)


def backoff(
    failures: int, retry_after: float | None = None, *, ceiling: float = MAX_BACKOFF, chance: Chance = random.uniform
) -> float:
    """The time to wait after so many failures in a row (1, 2, …).

    It doubles from one second to ``ceiling``, each time shortened by chance to no less than its half. What the server
    asks for with ``Retry-After`` is the least.
    """
    longest = min(ceiling, FIRST_BACKOFF * 2.0 ** min(failures - 1, 10))
    return max(retry_after or 0.0, longest * chance(0.5, 1.0))


def ceiling(outage: float, poll_interval: float) -> float:
    """The longest back-off of a wait, after ``outage`` seconds without an answer.

    It is the poll interval, so that after a short outage nobody waits longer than on any other day, or 5 % of the
    outage, so that a long one costs little; a minute at most.
    """
    return min(MAX_BACKOFF, max(FIRST_BACKOFF, poll_interval, outage * AGE_SHARE))


def check_wait(
    *,
    poll_interval: float,
    max_poll_failures: int = DEFAULT_MAX_POLL_FAILURES,
    timeout: float | None = None,
    defer_after: float = 0.0,
) -> None:
    """Refuse a wait that could not work.

    :raises ValueError: naming the parameter, the value and the remedy.
    """
    if not _is_number(poll_interval) or poll_interval <= 0:
        raise ValueError(f"poll_interval must be a number of seconds above 0, got {poll_interval!r}")
    if not isinstance(max_poll_failures, int) or max_poll_failures < 1:
        raise ValueError(f"max_poll_failures must be a whole number from 1 up, got {max_poll_failures!r}")
    if timeout is not None and (not _is_number(timeout) or timeout <= 0):
        raise ValueError(f"timeout must be a number of seconds above 0, or None to wait for ever, got {timeout!r}")
    if not _is_number(defer_after) or defer_after < 0:
        raise ValueError(f"defer_after must be a number of seconds from 0 up, got {defer_after!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def whole_number(name: str, value: Any, *, least: int = 1) -> int:
    """A number that may come out of a template as a text.

    :raises ValueError: naming the parameter, for anything that is not a whole number from ``least`` up.
    """
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = least - 1
    if isinstance(value, bool | float) or number < least:
        raise ValueError(f"{name} must be a whole number from {least} up, got {value!r}")
    return number
