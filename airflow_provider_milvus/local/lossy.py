"""A stderr that nobody has to read."""

import contextlib
import io
import os
import select
from typing import TextIO


class _LossyPipe(io.RawIOBase):
    """Passes bytes on to a file as far as that takes them without waiting, and drops the others."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._fd = file.fileno()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        # What poll calls writable takes PIPE_BUF bytes at once, and would wait for room for one more.
        for start in range(0, len(view), select.PIPE_BUF):
            if not self._has_room():
                break
            self._pass_on(view[start : start + select.PIPE_BUF])
        return len(view)

    def _has_room(self) -> bool:
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        return bool(poll.poll(0))

    def _pass_on(self, data: memoryview) -> None:
        # Its reader may be gone.
        with contextlib.suppress(OSError):
            os.write(self._fd, data)


def lossy(file: TextIO) -> TextIO:
    """The same file for a program that must not stop when a pipe behind it is full.

    Whoever starts a server with `stderr=PIPE` and does not read would otherwise stop its event loop with a few
    thousand bytes of log.
    """
    return io.TextIOWrapper(_LossyPipe(file), encoding="utf-8", errors="backslashreplace", write_through=True)  # type: ignore[type-var]
