"""Batches that are worked on in other threads, in their order."""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

THREADS = 2


def call_ahead(function: Callable[[Item], Result], items: Iterator[Item]) -> Generator[Future[Result], None, None]:
    """The calls of a function with each item, in their order; whatever error the items end with comes last.

    While the result of one is used, the next are on their way, no more of them than there are threads.
    """
    calls: deque[Future[Result]] = deque()
    end: Exception | None = None
    with ThreadPoolExecutor(THREADS, thread_name_prefix="batch") as pool:
        while end is None:
            try:
                calls.append(pool.submit(function, next(items)))
            except Exception as error:
                end = error
            while calls and (end is not None or len(calls) > THREADS):
                yield calls.popleft()
    if not isinstance(end, StopIteration):
        raise end
