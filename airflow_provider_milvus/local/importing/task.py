"""One run of one import job."""

import shutil
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from milvus_lite.engine.collection import Collection
from milvus_lite.exceptions import MilvusLiteError

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.columns import Converter
from airflow_provider_milvus.local.importing.jobs import (
    COMPLETED,
    FAILED,
    IMPORTING,
    IN_PROGRESS,
    PENDING,
    FileProgress,
    Job,
    Publication,
)
from airflow_provider_milvus.local.importing.memory import MemoryGuard
from airflow_provider_milvus.local.importing.parallel import call_ahead
from airflow_provider_milvus.local.importing.readers import open_reader, reading
from airflow_provider_milvus.local.importing.segments import SegmentWriter, renumbered
from airflow_provider_milvus.local.lite.engine import StagedSegment

if TYPE_CHECKING:
    from airflow_provider_milvus.local.importing.runner import JobRunner

MAX_FILE_BYTES = 16 << 30
# How soon a job that only waits notices that it was aborted.
CHECK_SECONDS = 0.1
# Every row takes a sequence number for good, and a file can announce more rows than there are numbers.
MAX_FILE_ROWS = 1 << 36
PRE_IMPORT, IMPORT = "PreImportTask", "ImportTask"
TIMED_OUT = "import timeout"
ABORTED = "aborted by user"


class JobFailed(Exception):
    """The job ends as Failed, with this reason."""


class Stopped(Exception):
    """The server stops; the job starts again with the next one."""


class ImportTask:
    """One run of one job: check every file, convert every row, publish all of them at once."""

    def __init__(self, runner: "JobRunner", job: Job, folder: Path) -> None:
        self._runner = runner
        self._engine = runner.engine
        self._job = job
        self._folder = folder
        # Segments lie in folders named after partitions, and no partition can have this name.
        self._objects = folder / ".objects"
        self._started = time.monotonic()

    def run(self) -> None:
        """Raises JobFailed with the reason that the job shall report."""
        self._advance(10)
        collection = self._collection()
        self._enter(IMPORTING)
        self._for_each_file(self._count, PRE_IMPORT)
        self._advance(40)
        self._job.importing = True
        writer = self._write_segments(collection)
        self._advance(80)
        self._build_index()
        if self._job.auto_commit:
            self._publish(writer.staged)
        else:
            self._rest(writer.staged)

    def commit(self) -> None:
        """Publish what an earlier run staged. Raises JobFailed with the reason that the job shall report."""
        collection, publication = self._collection(), self._job.publication
        staged = [
            self._engine.load_staged(collection, partition, self._folder / partition / Path(name).name)
            for partition, names in (publication.segments if publication else {}).items()
            for name in names
        ]
        self._publish(staged)

    def _rest(self, staged: list[StagedSegment]) -> None:
        # Who aborts a job at this moment must find it either running or at rest.
        with self._runner.lock:
            self._check_alive()
            publication = self._publication(staged)
            self._runner.table.change(self._job, lambda job: job.rest(publication))

    def _publication(self, staged: list[StagedSegment]) -> Publication:
        segments: dict[str, list[str]] = {}
        for one in staged:
            segments.setdefault(one.partition, []).append(one.name)
        return Publication(segments, self._job.total_rows)

    def _collection(self) -> Collection:
        job = self._job
        try:
            return self._engine.collection_of_id(job.db_name, job.collection_id)
        except MilvusLiteError:
            raise JobFailed(dropped(job)) from None

    def _enter(self, state: str) -> None:
        self._job.state = state
        self._runner.table.save(self._job)

    def _for_each_file(self, step: Callable[[FileProgress], None], phase: str) -> None:
        """Every file gets its step even after one failed, so that the job names all bad files at once."""
        for file in self._job.files:
            file.state = IN_PROGRESS
            try:
                step(file)
            except ImportDataError as error:
                file.state = FAILED
                file.reason = f"file '{' '.join(file.paths)}': {error}: importing data failed ({phase})"
        failed = [file for file in self._job.files if file.state == FAILED]
        if failed:
            raise JobFailed(failed[0].reason)

    def _count(self, file: FileProgress) -> None:
        file.size = sum(self._runner.bucket.size(path) for path in file.paths)
        if file.size > MAX_FILE_BYTES:
            raise ImportDataError(f"the file has {file.size} bytes, the upper bound of an import is {MAX_FILE_BYTES}")
        paths = self._fetch(file)
        with reading("file"):
            file.total_rows = open_reader(paths, self._job.options).count_rows()
        if file.total_rows > MAX_FILE_ROWS:
            raise ImportDataError(f"the file announces {file.total_rows} rows, the upper bound is {MAX_FILE_ROWS}")
        self._check_alive()
        file.state = PENDING

    def _fetch(self, file: FileProgress) -> list[Path]:
        return [self._runner.bucket.fetch(path, self._objects, self._check_alive) for path in file.paths]

    def _write_segments(self, collection: Collection) -> SegmentWriter:
        with self._engine.write_lock:
            first_seq = self._engine.reserve(self._collection(), self._job.total_rows)
        writer = SegmentWriter(self._engine, collection, self._folder, self._job.partition_name, first_seq)
        self._for_each_file(lambda file: self._import(file, collection, writer), IMPORT)
        writer.finish()
        shutil.rmtree(self._objects, ignore_errors=True)
        return writer

    def _import(self, file: FileProgress, collection: Collection, writer: SegmentWriter) -> None:
        converter = Converter(
            collection.schema,
            self._engine.properties_of(collection),
            self._engine.functions_of(collection),
            null_key=self._job.options.get("nullkey", ""),
            rules=self._runner.rules,
        )
        reader = open_reader(self._fetch(file), self._job.options, converter.columns, converter.read)
        converter.check(reader.columns())
        memory = MemoryGuard()
        with closing(call_ahead(converter.convert, reader.batches())) as conversions:
            for conversion in conversions:
                try:
                    rows = conversion.result()
                except ImportDataError as error:
                    raise error.after(file.imported_rows) from None
                # The sequence numbers were reserved for the rows counted before; more would collide.
                if file.imported_rows + rows.num_rows > file.total_rows:
                    raise ImportDataError("the file has more rows than it announced")
                memory.take(rows.nbytes)
                writer.append(rows)
                file.imported_rows += rows.num_rows
                self._advance(40 + 30 * self._job.imported_rows // max(1, self._job.total_rows))
        if file.imported_rows < file.total_rows:
            raise ImportDataError("the file has fewer rows than it announced")
        file.state = COMPLETED
        file.completed_at = time.time()

    def _publish(self, staged: list[StagedSegment]) -> None:
        job, table = self._job, self._runner.table
        if self._runner.settings.commit_timestamps:
            staged = self._as_of_now(staged)

        def announce() -> None:
            job.publication = self._publication(staged)
            table.save(job)

        def complete() -> None:
            table.change(job, Job.complete)

        with self._engine.write_lock:
            try:
                self._engine.publish(self._collection(), staged, announce, complete)
            except MilvusLiteError as error:
                raise JobFailed(f"{error}: importing data failed ({IMPORT})") from None

    def _as_of_now(self, staged: list[StagedSegment]) -> list[StagedSegment]:
        """The rows as if they were inserted now: they win over what was written of their keys since they were read."""
        if not staged:
            return staged
        with self._engine.write_lock:
            collection = self._collection()
            if not self._engine.wrote_after(collection, max(int(one.segment.seqs.max()) for one in staged)):
                return staged
            first_seq = self._engine.reserve(collection, self._job.total_rows)
        return renumbered(self._engine, collection, staged, first_seq)

    def _advance(self, progress: int) -> None:
        """Move on to `progress`, no sooner than `min_seconds` allows."""
        pace = self._runner.settings.min_seconds / 100
        while pace and self._job.progress < progress:
            self._runner.stopping.wait(self._started + pace * (self._job.progress + 1) - time.monotonic())
            self._check_alive()
            self._job.progress += 1
        self._check_alive()
        self._job.progress = progress

    def _build_index(self) -> None:
        """Stand at 80 percent, as a cluster does for as long as it builds the index; Milvus Lite does it at `load`."""
        until = self._started + self._runner.settings.min_seconds * 0.99
        while (left := until - time.monotonic()) > 0:
            self._runner.stopping.wait(min(left, CHECK_SECONDS))
            self._check_alive()
        self._advance(99)

    def _check_alive(self) -> None:
        if self._runner.stopping.is_set():
            raise Stopped
        if overdue(self._job):
            raise JobFailed(TIMED_OUT)
        if self._job.aborted:
            raise JobFailed(ABORTED)
        if self._runner.is_dropped(self._job):
            raise JobFailed(dropped(self._job))


def overdue(job: Job) -> bool:
    """Whether the job's `timeout` option has run out."""
    return job.deadline is not None and time.time() >= job.deadline


def dropped(job: Job) -> str:
    """Why a job failed whose collection is gone."""
    return f"collection {job.collection_id} dropped"
