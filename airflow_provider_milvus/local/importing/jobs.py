"""An import job and the durable table of all of them.

States and fields are those of `/jobs/import/describe`; progress follows Milvus's bands
(Pending 0-10, PreImporting 10-40, Importing 40-70, Sorting 70-80, IndexBuilding 80 and on, then 99 while the rows are
made visible or wait for a commit, 100 at the end).
"""

import copy
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PENDING, IMPORTING, COMPLETED, FAILED = "Pending", "Importing", "Completed", "Failed"
UNCOMMITTED, COMMITTING = "Uncommitted", "Committing"
IN_PROGRESS = "InProgress"
KEY_SECONDS = 24 * 3600.0


@dataclass
class FileProgress:
    """One file, or one set of `.npy` files, of a job. `state` is Milvus's task state, not its job state."""

    paths: list[str]
    size: int = 0
    state: str = PENDING
    imported_rows: int = 0
    total_rows: int = 0
    reason: str = ""
    completed_at: float | None = None


@dataclass
class Publication:
    """What a job is about to make visible: segment files by partition, and their rows."""

    segments: dict[str, list[str]]
    rows: int


@dataclass
class Job:
    """An import job. Times are epoch seconds; `deadline` is None unless the `timeout` option was given."""

    id: int
    db_name: str
    collection_name: str
    collection_id: int
    partition_name: str
    files: list[FileProgress]
    options: dict[str, str]
    created_at: float
    deadline: float | None = None
    auto_commit: bool = True
    aborted: bool = False
    state: str = PENDING
    progress: int = 0
    importing: bool = False
    reason: str = ""
    completed_at: float | None = None
    publication: Publication | None = None
    ended_at: float | None = None

    @property
    def finished(self) -> bool:
        return self.state in (COMPLETED, FAILED)

    @property
    def imported_rows(self) -> int:
        return sum(file.imported_rows for file in self.files)

    @property
    def total_rows(self) -> int:
        return sum(file.total_rows for file in self.files)

    def rest(self, publication: Publication) -> None:
        """Every row is staged, and waits for a commit."""
        self.state, self.progress, self.publication = UNCOMMITTED, 99, publication

    def commit(self) -> None:
        """Every row is about to be made visible."""
        self.state = COMMITTING

    def complete(self) -> None:
        """Every row is visible."""
        self.state, self.progress = COMPLETED, 100
        self.ended_at = self.completed_at = time.time()
        self.publication, self.importing = None, True
        for file in self.files:
            file.state, file.imported_rows = COMPLETED, file.total_rows
            file.completed_at = file.completed_at or self.completed_at

    def fail(self, reason: str) -> None:
        """No row is visible: Milvus reports a failed job with progress 0 and no rows."""
        self.state, self.progress, self.reason = FAILED, 0, reason
        self.ended_at, self.publication = time.time(), None
        for file in self.files:
            file.imported_rows = file.total_rows = 0
            file.completed_at = None
            if file.state == IN_PROGRESS:
                file.state = PENDING

    def restart(self) -> None:
        """Forget all work done: nothing of it was published."""
        self.state, self.progress, self.importing, self.publication = PENDING, 0, False, None
        self.files = [FileProgress(file.paths) for file in self.files]


class JobTable:
    """Every job this data directory has seen. Survives kill -9: `save` returns once the row is on disk.

    Jobs live in memory too, so reading costs no disk access and sees progress that is not worth a write.
    Idempotency keys are remembered for `key_seconds`, longer than their job may be.
    """

    def __init__(self, path: Path, key_seconds: float = KEY_SECONDS) -> None:
        self._key_seconds = key_seconds
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("CREATE TABLE IF NOT EXISTS jobs (id INTEGER PRIMARY KEY, job TEXT NOT NULL)")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS keys (collection_id INTEGER, key TEXT, job_id INTEGER NOT NULL,"
            " created_at REAL NOT NULL, PRIMARY KEY (collection_id, key))"
        )
        rows = self._connection.execute("SELECT job FROM jobs ORDER BY id").fetchall()
        self._jobs = {job.id: job for job in (_from_json(text) for (text,) in rows)}
        self._last_id = max(self._jobs, default=0)

    def next_id(self) -> int:
        """A new job id: like Milvus's own, milliseconds shifted by 18 bits, so it grows and passes 2**53."""
        with self._lock:
            self._last_id = max(self._last_id + 1, int(time.time() * 1000) << 18)
            return self._last_id

    def save(self, job: Job) -> None:
        """Write `job` as it is now."""
        with self._lock:
            self._write(job)
            self._jobs[job.id] = job

    def change(self, job: Job, change: Callable[[Job], None]) -> None:
        """Write what `change` makes of `job`, and show it only then, all of it at once.

        Who has seen a job end must not see it run again, because the server was killed before it wrote that down.
        """
        changed = copy.deepcopy(job)
        change(changed)
        with self._lock:
            self._write(changed)
            vars(job).update(vars(changed))

    def add(self, job: Job, key: str) -> int:
        """Write a new job together with its idempotency key.

        Returns its id, or that of the job which the key had before: then nothing is written.
        """
        with self._lock:
            now = time.time()
            with self._transaction():
                self._connection.execute("DELETE FROM keys WHERE created_at <= ?", (now - self._key_seconds,))
                known = self._connection.execute(
                    "SELECT job_id FROM keys WHERE collection_id = ? AND key = ?", (job.collection_id, key)
                ).fetchone()
                if known is not None:
                    return int(known[0])
                self._connection.execute("INSERT INTO keys VALUES (?, ?, ?, ?)", (job.collection_id, key, job.id, now))
                self._write(job)
            self._jobs[job.id] = job
            return job.id

    def forget(self, seconds: float) -> None:
        """Drop the jobs that ended longer ago than this."""
        before = time.time() - seconds
        with self._lock:
            old = [job.id for job in self._jobs.values() if job.ended_at is not None and job.ended_at <= before]
            if not old:
                return
            with self._transaction():
                self._connection.executemany("DELETE FROM jobs WHERE id = ?", [(job_id,) for job_id in old])
            for job_id in old:
                del self._jobs[job_id]

    def _transaction(self) -> sqlite3.Connection:
        # The connection as a context manager commits, or rolls back after an exception.
        self._connection.execute("BEGIN")
        return self._connection

    def _write(self, job: Job) -> None:
        self._connection.execute("INSERT OR REPLACE INTO jobs VALUES (?, ?)", (job.id, json.dumps(asdict(job))))

    def get(self, job_id: int) -> Job | None:
        return self._jobs.get(job_id)

    def __iter__(self) -> Iterator[Job]:
        with self._lock:
            return iter(list(self._jobs.values()))

    def unfinished(self) -> list[Job]:
        """Jobs that are neither Completed nor Failed, oldest first."""
        return [job for job in self if not job.finished]

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def _from_json(text: str) -> Job:
    fields: dict[str, Any] = json.loads(text)
    fields["files"] = [FileProgress(**file) for file in fields["files"]]
    if fields["publication"] is not None:
        fields["publication"] = Publication(**fields["publication"])
    return Job(**fields)
