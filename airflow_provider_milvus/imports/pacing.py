"""When to ask next. Seconds everywhere; chance is passed in, so that tests can fix it."""

from __future__ import annotations

import random
from collections.abc import Callable

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


def backoff(failures: int, retry_after: float | None = None, chance: Chance = random.uniform) -> float:
    """The time to wait after so many failures in a row (1, 2, …).

    It doubles from one second to a minute, each time shortened by chance to no less than its half. What the server
    asks for with ``Retry-After`` is the least.
    """
    ceiling = min(MAX_BACKOFF, FIRST_BACKOFF * 2.0 ** min(failures - 1, 10))
    return max(retry_after or 0.0, ceiling * chance(0.5, 1.0))
