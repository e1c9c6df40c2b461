"""A process whose clocks run faster: what the package waits for passes in a moment, on real sockets all the same.

`hurry` must be called before the package is imported, which keeps some of these functions as defaults. Timeouts of
sockets stay in real seconds, timeouts of an event loop do not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

sleep, now, epoch = time.sleep, time.monotonic, time.time
_speed = 1.0


def hurry(speed: float) -> None:
    """Let so many seconds pass in one."""
    global _speed
    _speed = speed
    for name in ("time", "monotonic"):
        real = getattr(time, name)
        setattr(time, name, _faster(real, real(), speed))
    time.sleep = lambda seconds: sleep(seconds / speed)


def _faster(real: Any, began: float, speed: float) -> Any:
    return lambda: began + (real() - began) * speed


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run it on an event loop in the same time."""
    with asyncio.Runner(loop_factory=_loop) as runner:
        return runner.run(coroutine)


def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.SelectorEventLoop()
    select = loop._selector.select  # type: ignore[attr-defined]
    loop._selector.select = lambda timeout=None: select(timeout / _speed if timeout else timeout)  # type: ignore[attr-defined]
    return loop
