"""Log lines about the progress of staging."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

INTERVAL_SECONDS = 10.0


class StagingProgress:
    """Counts files, rows and bytes, and logs them now and then. Several threads may add.

    :param files: how many there are in all; ``None`` where that is not known before the end.
    """

    def __init__(self, log: Any, files: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._of_files = files
        self._clock = clock
        self._started = self._logged = clock()
        self._lock = threading.Lock()
        self.files = self.rows = self.bytes = 0

    def add(self, *, files: int = 0, rows: int = 0, size: int = 0) -> None:
        """Count what has been staged since the last call, and log if it is time to."""
        with self._lock:
            self.files += files
            self.rows += rows
            self.bytes += size
            due = self._clock() >= self._logged + INTERVAL_SECONDS
            if due:
                self._logged = self._clock()
        if due:
            self._log.info("Staging: %s", self)

    def __str__(self) -> str:
        seconds = max(self._clock() - self._started, 1e-3)
        of = "" if self._of_files is None else f" of {self._of_files:,}"
        rows = f"{self.rows:,} rows, " if self.rows else ""
        return f"{self.files:,}{of} files, {rows}{self.bytes:,} bytes, {self.bytes / seconds / 1e6:,.1f} MB/s"
