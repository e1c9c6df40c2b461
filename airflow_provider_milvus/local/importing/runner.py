"""Runs import jobs: a small pool of workers, each taking one job through its states."""

import logging
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from milvus_lite.engine.collection import Collection
from milvus_lite.exceptions import MilvusLiteError

from airflow_provider_milvus.local.errors import ImportDataError, is_disk_full
from airflow_provider_milvus.local.importing.bucket import Bucket
from airflow_provider_milvus.local.importing.columns import Converter
from airflow_provider_milvus.local.importing.jobs import (
    COMMITTING,
    COMPLETED,
    FAILED,
    IMPORTING,
    IN_PROGRESS,
    PENDING,
    UNCOMMITTED,
    FileProgress,
    Job,
    JobTable,
    Publication,
)
from airflow_provider_milvus.local.importing.memory import require_memory
from airflow_provider_milvus.local.importing.readers import open_reader, reading
from airflow_provider_milvus.local.importing.segments import SegmentWriter
from airflow_provider_milvus.local.lite.engine import Engine, StagedSegment

logger = logging.getLogger(__name__)

# As many as a cluster takes by default (`maxImportJobNum`).
MAX_JOBS = 1024
WORKERS = 2
MAX_FILE_BYTES = 16 << 30
# How soon a job that only waits notices that it was aborted.
CHECK_SECONDS = 0.1
# Every row takes a sequence number for good, and a file can announce more rows than there are numbers.
MAX_FILE_ROWS = 1 << 36
PRE_IMPORT, IMPORT = "PreImportTask", "ImportTask"
TIMED_OUT = "import timeout"
DISK_FULL = "disk quota exceeded, please allocate more resources"
ABORTED = "import job aborted by user"


class JobFailed(Exception):
    """The job ends as Failed, with this reason."""


class Stopped(Exception):
    """The server stops; the job starts again with the next one."""


@dataclass(frozen=True)
class JobSettings:
    """How import jobs are run. Durations are seconds of the clock.

    :param min_seconds: what a job takes at least, its progress spread over that time; 0 is as fast as possible.
    :param retention_seconds: how long the record of an ended job is kept.
    :param speed: how much faster than the clock the `timeout` of a job passes; the durations above already heed it.
    :param max_jobs: the most jobs that wait, run or rest at a time.
    :param workers: how many jobs run at a time; the others are Pending.
    """

    min_seconds: float
    retention_seconds: float
    speed: float = 1.0
    max_jobs: int = MAX_JOBS
    workers: int = WORKERS


class JobRunner:
    """Takes jobs from `table` to Completed or Failed. Staged segments live below `staging`."""

    def __init__(
        self,
        engine: Engine,
        table: JobTable,
        bucket: Bucket,
        staging: Path,
        settings: JobSettings,
    ) -> None:
        self.engine = engine
        self.table = table
        self.bucket = bucket
        self.staging = staging
        self.settings = settings
        self.stopping = threading.Event()
        self._pool = ThreadPoolExecutor(settings.workers, thread_name_prefix="import")
        self.lock = threading.RLock()
        self._queued: set[int] = set()
        self._drops_seen = -1
        self._dropped: set[int] = set()

    def start(self) -> None:
        """Settle what the last server left unfinished, then run it.

        A job whose segments reached the manifest is Completed, one that waited for its commit waits on, and
        any other starts again from nothing. Must run before a collection is opened (see
        `Engine.was_published`).
        """
        unfinished = self.table.unfinished()
        for job in unfinished:
            self._settle(job)
        resting = [job for job in unfinished if job.state in (UNCOMMITTED, COMMITTING)]
        for folder in self.staging.glob("*"):
            if folder.name not in {str(job.id) for job in resting}:
                shutil.rmtree(folder, ignore_errors=True)
        for job in unfinished:
            if not job.finished and job.state != UNCOMMITTED:
                self.submit(job)

    def submit(self, job: Job) -> None:
        """Queue a job that is in the table."""
        self._queued.add(job.id)
        self._pool.submit(self._run, job)

    def stop(self) -> None:
        """Stop at the next batch; unfinished jobs stay in the table."""
        self.stopping.set()
        self._pool.shutdown(cancel_futures=True)

    def expire(self) -> None:
        """Fail waiting jobs whose `timeout` ran out or whose collection is gone, and drop records that are too old."""
        for job in self.table.unfinished():
            reason = TIMED_OUT if overdue(job) else dropped(job) if self.is_dropped(job) else None
            if reason is None:
                continue
            with self.lock:
                if job.state == UNCOMMITTED or (job.state == PENDING and self._claim(job)):
                    self._discard(job, reason)
        self.table.forget(self.settings.retention_seconds)

    def is_dropped(self, job: Job) -> bool:
        """Whether the collection of an unfinished job was dropped."""
        drops = self.engine.drops
        if drops != self._drops_seen:
            targets = {(one.db_name, one.collection_id) for one in self.table.unfinished()}
            self._dropped |= {target[1] for target in targets if not self.engine.has_collection_of_id(*target)}
            self._drops_seen = drops
        return job.collection_id in self._dropped

    def commit(self, job: Job) -> bool:
        """Publish a resting job in the background; whether it rests, is being committed, or is committed."""
        with self.lock:
            if job.state != UNCOMMITTED:
                return job.state in (COMMITTING, COMPLETED)
            self.table.change(job, Job.commit)
        self.submit(job)
        return True

    def abort(self, job: Job) -> bool:
        """Discard a job that is not committed yet; whether it could be, or was discarded before."""
        with self.lock:
            if job.state in (COMMITTING, COMPLETED):
                return False
            if job.state == UNCOMMITTED or self._claim(job):
                self._discard(job, ABORTED)
            elif not job.finished:
                # Its worker discards it at the next batch; or the next start does, so it must be on disk.
                job.aborted = True
                self.table.save(job)
        return True

    def _discard(self, job: Job, reason: str) -> None:
        self._fail(job, reason)
        shutil.rmtree(self.staging / str(job.id), ignore_errors=True)

    def _claim(self, job: Job) -> bool:
        """Take a job out of the queue; only one caller gets it."""
        with self.lock:
            waiting = job.id in self._queued
            self._queued.discard(job.id)
            return waiting

    def _settle(self, job: Job) -> None:
        publication = job.publication if job.state != UNCOMMITTED else None
        if publication and self.engine.was_published(job.db_name, job.collection_id, publication.segments):
            job.complete()
        elif job.aborted:
            job.fail(ABORTED)
        elif job.state not in (UNCOMMITTED, COMMITTING):
            job.restart()
        self.table.save(job)

    def _run(self, job: Job) -> None:
        if not self._claim(job):
            return
        folder = self.staging / str(job.id)
        try:
            task = ImportTask(self, job, folder)
            task.commit() if job.state == COMMITTING else task.run()
        except Stopped:
            pass
        except JobFailed as failure:
            self._fail(job, str(failure))
        except Exception as error:
            # Whatever goes wrong, the job must end: a waiting client would wait for ever.
            if is_disk_full(error):
                reason = f"{DISK_FULL}: {error}"
                # To write down that it failed takes space, too.
                shutil.rmtree(folder, ignore_errors=True)
            else:
                reason = f"{type(error).__name__}: {error}: importing data failed ({IMPORT})"
                logger.exception("import job %d", job.id)
            self._fail(job, reason)
        finally:
            if job.finished or job.state in (PENDING, IMPORTING):
                shutil.rmtree(folder, ignore_errors=True)

    def _fail(self, job: Job, reason: str) -> None:
        if job.finished:
            # Only the last write to the table failed; the rows are visible, and the next start finds them.
            return
        self.table.change(job, lambda failed: failed.fail(reason))


class ImportTask:
    """One run of one job: check every file, convert every row, publish all of them at once."""

    def __init__(self, runner: JobRunner, job: Job, folder: Path) -> None:
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
            raise ImportDataError(f"the file has {file.size} bytes, the most that is imported is {MAX_FILE_BYTES}")
        paths = self._fetch(file)
        with reading("file"):
            file.total_rows = open_reader(paths, self._job.options).count_rows()
        if file.total_rows > MAX_FILE_ROWS:
            raise ImportDataError(f"the file announces {file.total_rows} rows, the most is {MAX_FILE_ROWS}")
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
            null_key=self._job.options.get("nullkey", "") if file.paths[0].endswith(".csv") else None,
        )
        for batch in open_reader(self._fetch(file), self._job.options, converter.columns).batches():
            try:
                rows = converter.convert(batch)
            except ImportDataError as error:
                raise error.after(file.imported_rows) from None
            # The sequence numbers were reserved for the rows counted before; more would collide.
            if file.imported_rows + rows.num_rows > file.total_rows:
                raise ImportDataError("the file has more rows than it announced")
            require_memory()
            writer.append(rows)
            file.imported_rows += rows.num_rows
            self._advance(40 + 30 * self._job.imported_rows // max(1, self._job.total_rows))
        if file.imported_rows < file.total_rows:
            raise ImportDataError("the file has fewer rows than it announced")
        file.state = COMPLETED
        file.completed_at = time.time()

    def _publish(self, staged: list[StagedSegment]) -> None:
        job, table = self._job, self._runner.table

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
