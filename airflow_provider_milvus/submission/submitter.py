"""Submit an import exactly once.

Milvus never de-duplicates rows: the same files submitted twice are twice the rows, and a response can get lost after
the job was created. So what is about to be sent is recorded first, and every later try begins with the record::

    no record ──► list the jobs ──► intent {attempt 1, known job ids} recorded
                                      │
                                      ▼
        ┌──────────────────────► create(Idempotency-Key) ──► job id recorded ──► done
        │                             │ response lost                 │ later try: describe
        │ none, once a lost           ▼                               ├─ running, completed: re-attach, take it
        │ create cannot arrive   list, match files ──► adopt ──► done ├─ Failed: attempt + 1, new key ──► create
        └──────────────────────────── │                               └─ no such job: outcome unknown
                                      ▼
             cannot be known: outcome unknown (fail, or attempt + 1 with on_unknown_outcome="resubmit")

A later try that finds only the intent goes on at "list, match files" if anything may have been sent, else at "create".
``known job ids`` are the jobs from before the first intent; nothing adds to them, or a job of this very load would be
taken for another's.

A server from 2.6.24 or 3.0.2 on responds with the original job's id to a key that it has seen
(https://milvus.io/docs/idempotent-import.md). An older one ignores the key without any sign, so the job list is read
before every create that is not the first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol, TypeVar

from airflow_provider_milvus.rest.errors import MilvusError, MilvusImportJobNotFound
from airflow_provider_milvus.rest.import_jobs import ImportJob, ImportProgress, ImportState
from airflow_provider_milvus.submission import known_jobs
from airflow_provider_milvus.submission import record as records
from airflow_provider_milvus.submission.files import are_same
from airflow_provider_milvus.submission.load import Load
from airflow_provider_milvus.submission.record import Record, Store, UnreadableRecord
from airflow_provider_milvus.submission.result import Submission, SubmitOutcome
from airflow_provider_milvus.waiting import backoff
from airflow_provider_milvus.waiting.import_wait import POLLS_FOR_A_MISSING_JOB
from airflow_provider_milvus.waiting.outcome import Outcome, failure_reason, outcome
from airflow_provider_milvus.waiting.wait import Log

T = TypeVar("T")

# A create whose response was lost can still be carried out: Milvus's own request timeout is 30 s.
LATE_CREATE_SECONDS = 30.0
# How long a create can be under way before its response is given up on.
CREATE_TIMEOUT_SECONDS = 30.0
# How long to wait for jobs that do not name their files yet, which they do when they begin to import.
FILE_NAMES_TIMEOUT_SECONDS = 600.0
LIST_INTERVAL_SECONDS = 2.0
# The shortest time for which a Milvus keeps the record of an ended job, less a little for what is under way: after it,
# an empty list proves nothing.
JOB_RETENTION_SECONDS = 3 * 3600.0 - 2 * CREATE_TIMEOUT_SECONDS
CLOCK_SKEW_SECONDS = 5.0
# A run that is created again under its id, as `airflow dags test` does all day, has the keys of the runs before it. A
# server that responds to more keys with jobs from before is not to be believed.
MAX_KEYS_OF_OTHER_LOADS = 20


class Client(Protocol):
    """The three requests of a submission, each for the one import that it is about.

    Lists are in the order in which the server made the jobs, as far as their ids show. Of ids alone a list costs less,
    and the first try needs no more.
    """

    def create(self, idempotency_key: str | None) -> str: ...

    def describe(self, job_id: str) -> ImportProgress: ...

    def list_job_ids(self) -> Sequence[str]: ...

    def list_jobs(self) -> Sequence[ImportJob]: ...


class Submitter:
    """The state machine of one batch.

    :param store: ``None`` where Airflow has none (before 3.3): then the key and the job list are all there is.
    :param durable: without it, every call submits a new job, with no key and no regard to what was there before.
    :param resubmit_unknown: submit again, once, where the outcome of the earlier job is unknown.
    :param deadline: epoch seconds after which an outage is no longer waited for.
    :param max_failures: failed requests in a row after which an outage is no longer waited for.
    """

    def __init__(
        self,
        client: Client,
        store: Store | None,
        load: Load,
        *,
        log: Log,
        durable: bool = True,
        resubmit_unknown: bool = False,
        deadline: float | None = None,
        max_failures: int = backoff.DEFAULT_MAX_POLL_FAILURES,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._client = client
        self._store = store
        self._load = load
        self._log = log
        self._durable = durable
        self._resubmit_unknown = resubmit_unknown
        self._deadline = deadline
        self._max_failures = max_failures
        self._clock = clock or time.time
        self._sleep = sleep or time.sleep

    def submit(self) -> Submission:
        """The import's job: an earlier one where there is one, else a new one.

        :raises MilvusError: where the server refuses the import, or could not be reached for too long.
        """
        if not self._durable:
            return Submission(self._client.create(None), SubmitOutcome.NEW)
        try:
            record = self._recorded()
        except UnreadableRecord as error:
            return self._unreadable(error)
        if record is not None:
            return self._go_on(record)
        # A record of another request shows that whatever was sent has a record.
        if self._load.earlier_tries == "none" or records.read(self._store, self._load.batch_index):
            return self._begin()
        return self._recover()

    # -- where a try begins --------------------------------------------------------------------------------------

    def _begin(self) -> Submission:
        """Record the first intent of the load, and send it."""
        self._wait_for_late_create()
        known = known_jobs.newest(self._read(self._client.list_job_ids))
        # The list may have taken long, and a process that was believed dead may have gone on.
        record = self._recorded()
        if record is not None:
            return self._go_on(record)
        return self._create(replace(self._intent(), known_job_ids=known), SubmitOutcome.NEW)

    def _recover(self) -> Submission:
        """Go on after tries that had no record to write to, or whose record was removed."""
        record, known = self._intent(), list[str]()
        # The newest first: a lost job of this load is one of them, and the server may list thousands.
        for job in reversed(self._read(self._client.list_jobs)):
            if self._is_over(job):
                known.append(job.job_id)
            elif self._load.earlier_tries != "cleared" and (progress := self._describe(job.job_id)):
                if self._is_older_than_the_run(progress):
                    known.append(job.job_id)
                elif self._has_our_files(progress):
                    return self._accept(record, job.job_id, SubmitOutcome.ADOPTED)
        # The create of the try before may have been lost a moment ago.
        known_job_ids = known_jobs.newest(reversed(known))
        return self._reconcile(replace(record, known_job_ids=known_job_ids, maybe_sent_at=self._clock()))

    def _is_over(self, job: ImportJob) -> bool:
        """Whether a job cannot be of this load, as far as a list shows."""
        # A failed job holds no rows, so there is nothing to be adopted.
        if job.state is ImportState.FAILED:
            return True
        # It may be of the load that was cleared. A job that runs is of the task's last try, which did not succeed.
        return self._load.earlier_tries == "cleared" and job.state is ImportState.COMPLETED

    def _is_older_than_the_run(self, progress: ImportProgress) -> bool:
        created = _epoch(progress.create_time)
        return created is not None and created < self._load.run_started_at - CLOCK_SKEW_SECONDS

    def _go_on(self, record: Record) -> Submission:
        """Go on with what an earlier try recorded of this load."""
        if record.job_id:
            return self._resume(record)
        if record.maybe_sent_at == 0:
            return self._create(record, SubmitOutcome.NEW)
        return self._reconcile(record)

    def _unreadable(self, error: UnreadableRecord) -> Submission:
        message = f"{error}: an earlier try may have started an import, or not"
        if not self._resubmit_unknown:
            return Submission("", SubmitOutcome.UNKNOWN, message)
        self._warn_of_resubmission(message)
        known = known_jobs.newest(self._read(self._client.list_job_ids))
        return self._create(replace(self._intent(), known_job_ids=known), SubmitOutcome.RESUBMITTED)

    def _intent(self) -> Record:
        load = self._load
        return Record(load.digest, load.target, load.load_number, maybe_sent_at=0.0)

    def _wait_for_late_create(self) -> None:
        """Wait for a lost create of an abandoned intent, or its job would be taken for one of this intent."""
        record = records.read(self._store, self._load.batch_index)
        if record and not record.job_id:
            sent = self._clock() if record.maybe_sent_at is None else record.maybe_sent_at
            self._sleep(max(0.0, sent + LATE_CREATE_SECONDS - self._clock()))

    # -- the branches --------------------------------------------------------------------------------------------

    def _resume(self, record: Record) -> Submission:
        if record.completed:
            return Submission(record.job_id, SubmitOutcome.COMPLETED, result=record.result)
        if record.failed:
            return self._after_failure(record, record.result.get("reason"))
        progress = self._describe(record.job_id)
        found = outcome(progress)
        if found is Outcome.DONE:
            return Submission(record.job_id, SubmitOutcome.COMPLETED)
        if progress is not None and found is Outcome.FAILED:
            return self._after_failure(record, failure_reason(progress))
        if found is Outcome.UNKNOWN:
            return self._unknown(
                record,
                f"the server has no record of import job {record.job_id}, which an earlier try submitted: it may have "
                f"loaded its rows, or not",
            )
        return Submission(record.job_id, SubmitOutcome.REATTACHED)

    def _after_failure(self, record: Record, reason: Any) -> Submission:
        self._log.warning("Import job %s failed: %s", record.job_id, reason)
        return self._create(_next_attempt(record), SubmitOutcome.RESUBMITTED)

    def _reconcile(self, record: Record) -> Submission:
        if record.maybe_sent_at is None:
            record = replace(record, maybe_sent_at=self._clock())
        found = self._find(record)
        if isinstance(found, Submission):
            return found
        if self._clock() > (record.maybe_sent_at or 0.0) + JOB_RETENTION_SECONDS:
            return self._unknown(
                record,
                "an earlier try may have started an import more than 3 hours ago, whose record Milvus may have dropped",
            )
        return self._create(record, SubmitOutcome.NEW)

    def _create(self, record: Record, outcome: SubmitOutcome) -> Submission:
        attempts, keys_of_other_loads = backoff.Backoff(clock=self._clock), 0
        while keys_of_other_loads < MAX_KEYS_OF_OTHER_LOADS:
            # Whatever was sent earlier has been searched for by now.
            nothing_sent = replace(record, maybe_sent_at=0.0)
            record = self._write(replace(record, maybe_sent_at=self._clock() + CREATE_TIMEOUT_SECONDS))
            try:
                job_id = self._client.create(self._load.key(record.attempt_number))
            except MilvusError as error:
                maybe_sent = replace(record, maybe_sent_at=self._clock())
                record = self._write(maybe_sent if error.maybe_done else nothing_sent)
                self._back_off(attempts, error)
                if error.maybe_done:
                    found = self._find(record)
                    if isinstance(found, Submission):
                        return found
                continue
            if not record.is_known(job_id):
                return self._accept(record, job_id, outcome)
            # The server remembers the key from a load that was there before the first intent of this one, as of an
            # earlier run with the same id.
            record = _next_attempt(record)
            keys_of_other_loads += 1
        return self._unknown(
            record, f"the server responds with import job {job_id} to every key, which was there before this load"
        )

    def _accept(self, record: Record, job_id: str, outcome: SubmitOutcome) -> Submission:
        self._write(replace(record, job_id=job_id))
        return Submission(job_id, outcome)

    def _unknown(self, record: Record, message: str) -> Submission:
        if not self._resubmit_unknown:
            return Submission(record.job_id, SubmitOutcome.UNKNOWN, message)
        self._warn_of_resubmission(message)
        return self._create(_next_attempt(record), SubmitOutcome.RESUBMITTED)

    def _warn_of_resubmission(self, message: str) -> None:
        self._resubmit_unknown = False
        self._log.warning("Submitting again, since on_unknown_outcome='resubmit', although %s", message)

    # -- list and match ------------------------------------------------------------------------------------------

    def _find(self, record: Record) -> Submission | None:
        """The job that an earlier create of this intent left, if it left one."""
        began = self._clock()
        last_arrival = (record.maybe_sent_at or 0.0) + LATE_CREATE_SECONDS
        others: set[str] = set()
        while True:
            now = self._clock()
            unclear: list[str] = []
            for job in self._read(self._client.list_jobs):
                # A failed job holds no rows, so there is nothing to be adopted.
                if job.job_id in others or job.state is ImportState.FAILED:
                    continue
                ours = False if record.is_known(job.job_id) else self._is_ours(job.job_id)
                if ours:
                    return self._accept(record, job.job_id, SubmitOutcome.ADOPTED)
                if ours is None:
                    unclear.append(job.job_id)
                else:
                    others.add(job.job_id)
            if not unclear and now >= last_arrival:
                return None
            if unclear and now >= began + FILE_NAMES_TIMEOUT_SECONDS:
                return self._unknown(
                    record,
                    f"an earlier try may have started an import, and job {', '.join(unclear)} does not report which "
                    f"files it loads",
                )
            self._sleep(LIST_INTERVAL_SECONDS)

    def _is_ours(self, job_id: str) -> bool | None:
        """Whether a job loads our files; ``None`` while it does not report which files it loads."""
        progress = self._describe(job_id)
        return False if progress is None else self._has_our_files(progress)

    def _has_our_files(self, progress: ImportProgress) -> bool | None:
        if progress.state is ImportState.FAILED:
            return False
        if not progress.files or not self._load.files:
            return None
        return are_same((file.name for file in progress.files), self._load.files)

    # -- the record and the wire ---------------------------------------------------------------------------------

    def _recorded(self) -> Record | None:
        record = records.read(self._store, self._load.batch_index)
        if record is None:
            return None
        if record.digest not in ("", self._load.digest):
            self._log.info("The request has changed since an earlier try: this is a different load")
            return None
        if not record.is_of(self._load.load_number):
            self._log.info("The task had succeeded and was cleared: the files are loaded again")
            return None
        return record

    def _write(self, record: Record) -> Record:
        records.write(self._store, self._load.batch_index, record)
        return record

    def _describe(self, job_id: str) -> ImportProgress | None:
        for poll in range(POLLS_FOR_A_MISSING_JOB):
            try:
                return self._read(lambda: self._client.describe(job_id))
            except MilvusImportJobNotFound:
                if poll + 1 < POLLS_FOR_A_MISSING_JOB:
                    self._sleep(backoff.FIRST_BACKOFF)
        return None

    def _read(self, request: Callable[[], T]) -> T:
        """A request that only reads, sent again through an outage."""
        attempts = backoff.Backoff(clock=self._clock)
        while True:
            try:
                return request()
            except MilvusError as error:
                self._back_off(attempts, error)

    def _back_off(self, attempts: backoff.Backoff, error: MilvusError) -> None:
        attempts.record_error(error)
        delay = attempts.delay()
        late = self._deadline is not None and self._clock() + delay > self._deadline
        if late or attempts.is_exhausted(self._max_failures):
            raise error
        self._log.warning(
            "Request to Milvus failed (%d in a row), next attempt in %.1f s: %s", attempts.failures, delay, error
        )
        self._sleep(delay)


def _next_attempt(record: Record) -> Record:
    return replace(record, attempt_number=record.attempt_number + 1, job_id="", result={}, maybe_sent_at=0.0)


def _epoch(time_text: str) -> float | None:
    try:
        return datetime.fromisoformat(time_text).timestamp()
    except ValueError:
        return None
