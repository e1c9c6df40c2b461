"""How much memory is left: imported rows stay in it, so an import has to stop before there is none."""

from pathlib import Path

from airflow_provider_milvus.local.errors import ImportDataError

# What must be available for an import to go on: the next segment is held three times while it is written.
RESERVE = 256 << 20
# So many bytes of rows are taken between two checks.
UNCHECKED_BYTES = 8 << 20
MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


class MemoryGuard:
    """Stops an import while the server itself is not in danger yet."""

    def __init__(self) -> None:
        self._unchecked = UNCHECKED_BYTES

    def take(self, size: int) -> None:
        """Let so many more bytes of rows into memory. Raises ImportDataError when too little of it is left."""
        self._unchecked += size
        # To ask the system for each batch would take longer than to convert one.
        if self._unchecked < UNCHECKED_BYTES:
            return
        self._unchecked = 0
        left = available()
        if left is not None and left < RESERVE:
            raise ImportDataError(
                f"memory limit exceeded: {left >> 20} MB are left, an import needs {RESERVE >> 20} MB to go on"
            )


def available() -> int | None:
    """Bytes that this machine or container still has; None where the system does not report them (not on Linux)."""
    found = [left for left in (_of_the_machine(), _of_the_container()) if left is not None]
    return min(found, default=None)


def _of_the_machine() -> int | None:
    try:
        _, _, rest = MEMINFO.read_text().partition("MemAvailable:")
        return int(rest.split()[0]) << 10
    except (OSError, ValueError, IndexError):
        return None


def _of_the_container() -> int | None:
    try:
        limit, used = (int((CGROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        # What the kernel caches of files counts as used, and is given back when somebody needs it.
        _, _, rest = (CGROUP / "memory.stat").read_text().partition("inactive_file ")
        return limit - used + int(rest.split()[0])
    except (OSError, ValueError, IndexError):
        return None
