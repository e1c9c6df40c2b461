"""Runs import jobs: a small pool of workers, each taking one job through its states."""

import logging
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_milvus.local.errors import is_disk_full
from airflow_provider_milvus.local.importing.bucket import Bucket
from airflow_provider_milvus.local.importing.file_rules import SINCE_3_0, FileRules
from airflow_provider_milvus.local.importing.jobs import (
    COMMITTING,
    COMPLETED,
    IMPORTING,
    PENDING,
    UNCOMMITTED,
    Job,
    JobTable,
)
from airflow_provider_milvus.local.importing.task import (
    ABORTED,
    IMPORT,
    TIMED_OUT,
    ImportTask,
    JobFailed,
    Stopped,
    dropped,
    overdue,
)
from airflow_provider_milvus.local.lite.engine import Engine

logger = logging.getLogger(__name__)

# As many as a cluster takes by default (`maxImportJobNum`).
MAX_JOBS = 1024
WORKERS = 2
DISK_FULL = "disk quota exceeded, please allocate more resources"


@dataclass(frozen=True)
class JobSettings:
    """How import jobs are run. Durations are seconds of the clock.

    :param min_seconds: how long a job takes or longer, its progress spread over that time; 0 is as fast as possible.
    :param retention_seconds: how long the record of an ended job is kept.
    :param speed: how much faster than the clock the `timeout` of a job passes; the durations above already heed it.
    :param max_jobs: the upper bound of jobs that wait, run or rest at a time.
    :param workers: how many jobs run at a time; the others are Pending.
    :param commit_timestamps: whether rows are as old as the commit of their job; else as old as its run.
    """

    min_seconds: float
    retention_seconds: float
    speed: float = 1.0
    max_jobs: int = MAX_JOBS
    workers: int = WORKERS
    commit_timestamps: bool = True


class JobRunner:
    """Takes jobs from `table` to Completed or Failed. Staged segments live below `staging`."""

    def __init__(
        self,
        engine: Engine,
        table: JobTable,
        bucket: Bucket,
        staging: Path,
        settings: JobSettings,
        rules: FileRules = SINCE_3_0,
    ) -> None:
        self.engine = engine
        self.table = table
        self.bucket = bucket
        self.staging = staging
        self.settings = settings
        self.rules = rules
        self.stopping = threading.Event()
        self._pool = ThreadPoolExecutor(settings.workers, thread_name_prefix="import")
        self.lock = threading.RLock()
        self._queued: set[int] = set()
        self._drops_seen = -1
        self._dropped: set[int] = set()

    def start(self) -> None:
        """Recover the jobs that the last server did not finish, then run them.

        A job whose segments reached the manifest is Completed, one that waited for its commit waits on, and
        any other starts again from nothing. Must run before a collection is opened (see
        `Engine.was_published`).
        """
        unfinished = self.table.unfinished()
        for job in unfinished:
            self._recover(job)
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

    def _recover(self, job: Job) -> None:
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
