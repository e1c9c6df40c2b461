"""When to send the next request. All durations are in seconds."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from typing import Any

DEFAULT_POLL_INTERVAL = 10.0
# An outage of about an hour.
DEFAULT_MAX_POLL_FAILURES = 120
MIN_POLL_INTERVAL = 1.0
AGE_SHARE = 0.05
FIRST_BACKOFF = 1.0
MAX_BACKOFF = 60.0
# The longest ``Retry-After`` that is honoured: it delays every wait on the server.
MAX_RETRY_AFTER = 300.0
LOG_INTERVAL_SECONDS = 60.0
# About thirty years: what is longer is a mistake, and more than dates and timers can hold.
MAX_SECONDS = 1e9

# A random number between a lower and an upper bound.
Jitter = Callable[[float, float], float]


class Backoff:
    """Failed requests in a row: how many, since when, the text of the last error, and how long to wait before the next
    request.

    The delay doubles from one second up to its upper bound, and jitter shortens it to no less than half. A
    ``Retry-After`` of the server is its lower bound, up to five minutes.

    :param clock: the time in seconds, from any origin; the time of day where there is none.
    :param jitter: a random number between a lower and an upper bound.
    """

    __slots__ = ("_clock", "_is_permanent", "_jitter", "_logged_at", "_retry_after", "_since", "error", "failures")

    def __init__(self, *, clock: Callable[[], float] | None = None, jitter: Jitter = random.uniform) -> None:
        self._clock = clock or time.time
        self._jitter = jitter
        self._since = 0.0
        self._logged_at = -math.inf
        # Of the last error, but not the exception itself: its frames hold all of a response.
        self._is_permanent = False
        self._retry_after = 0.0
        self.failures = 0
        self.error = ""

    def record_error(self, error: Exception) -> bool:
        """Count a failed request.

        :return: whether to log it: the first of an outage, and one a minute of the others.
        """
        now = self._clock()
        self.failures += 1
        self.error = str(error)
        self._is_permanent = not getattr(error, "retryable", False)
        self._retry_after = min(getattr(error, "retry_after", None) or 0.0, MAX_RETRY_AFTER)
        if self.failures == 1:
            self._since = now
        elif now < self._logged_at + LOG_INTERVAL_SECONDS:
            return False
        self._logged_at = now
        return True

    def reset(self) -> int:
        """The server responds: forget the failed requests.

        :return: how many there were.
        """
        failures, self.failures, self.error = self.failures, 0, ""
        self._is_permanent, self._retry_after = False, 0.0
        return failures

    @property
    def outage(self) -> float:
        """Seconds since the first of the failed requests."""
        return max(0.0, self._clock() - self._since) if self.failures else 0.0

    def is_exhausted(self, max_failures: int) -> bool:
        """Whether to give up: the last error is permanent, or there were ``max_failures`` in a row."""
        return bool(self.failures) and (self._is_permanent or self.failures >= max_failures)

    def delay(self, poll_interval: float = MAX_BACKOFF) -> float:
        """Seconds to wait before the next request.

        :param poll_interval: the upper bound in a short outage. A long outage raises it to 5 % of its own length, so
            that it costs little; it is never more than a minute.
        """
        upper = min(MAX_BACKOFF, max(FIRST_BACKOFF, poll_interval, self.outage * AGE_SHARE))
        upper = min(upper, FIRST_BACKOFF * 2.0 ** min(max(self.failures - 1, 0), 10))
        return max(self._retry_after, upper * self._jitter(0.5, 1.0))


def interval(age: float, poll_interval: float, jitter: Jitter = random.uniform) -> float:
    """The delay between two polls for jobs that have been waited for since ``age`` seconds.

    It is 5 % of the age, at least about one second and at most ``poll_interval``, so that the end of a short import is
    noticed soon and a long one costs little. Jitter shortens it by up to 10 %, so that jobs that were started together
    drift apart.
    """
    longest = age * AGE_SHARE
    if longest < MIN_POLL_INTERVAL:
        longest = MIN_POLL_INTERVAL
    return (poll_interval if poll_interval < longest else longest) * jitter(0.9, 1.0)


def check_wait(
    *,
    poll_interval: float,
    max_poll_failures: int = DEFAULT_MAX_POLL_FAILURES,
    timeout: float | None = None,
    defer_after: float = 0.0,
    deadline: float | None = None,
) -> None:
    """Refuse a wait that could not work.

    :raises ValueError: naming the parameter, the value and the remedy.
    """
    if not _is_seconds(poll_interval) or poll_interval <= 0:
        raise ValueError(f"poll_interval must be a number of seconds above 0, got {_shown(poll_interval)}")
    if type(max_poll_failures) is not int or max_poll_failures < 1:
        raise ValueError(f"max_poll_failures must be a whole number from 1 up, got {_shown(max_poll_failures)}")
    if timeout is not None and (not _is_seconds(timeout) or timeout <= 0):
        raise ValueError(
            f"timeout must be a number of seconds above 0, or None to wait for ever, got {_shown(timeout)}"
        )
    if deadline is not None and (isinstance(deadline, bool) or not isinstance(deadline, int | float)):
        raise ValueError(f"deadline must be a time in epoch seconds, or None for no limit, got {_shown(deadline)}")
    if not _is_seconds(defer_after) or defer_after < 0:
        raise ValueError(f"defer_after must be a number of seconds from 0 up, got {_shown(defer_after)}")


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_SECONDS


def _shown(value: Any) -> str:
    if isinstance(value, int) and abs(value) > MAX_SECONDS:
        return "a number of more than nine digits"  # which Python may refuse to write down
    return repr(value)


def whole_number(name: str, value: Any, *, minimum: int = 1) -> int:
    """A number that may come out of a template as a text.

    :raises ValueError: naming the parameter, for anything that is not a whole number from ``minimum`` up.
    """
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = minimum - 1
    if isinstance(value, bool | float | bytes | bytearray) or number < minimum:
        raise ValueError(f"{name} must be a whole number from {minimum} up, got {_shown(value)}")
    return number
