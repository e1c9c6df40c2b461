"""Submit an import exactly once.

Milvus never de-duplicates rows: the same files submitted twice are twice the rows, and an answer can get lost after the
job was created. So what is about to be sent is recorded first, and every later try begins with what was recorded::

    intent {key, known job ids} -> recorded
       create(Idempotency-Key: key)        -> job id recorded
       later try, job id recorded?  describe -> running: re-attach · completed: done · failed: next attempt, new key
                                                gone: outcome unknown
                  only the intent?  jobs of the collection minus the known ones, with our files -> adopt it;
                                    none: create with the same key

A server from 2.6.24 or 3.0.2 on gives the original job's id for a key that it has seen
(https://milvus.io/docs/idempotent-import.md). An older one ignores the key without any sign, so the look at the job
list comes before every create that is not the first.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from airflow_provider_milvus.rest.errors import MilvusError, MilvusImportJobNotFound
from airflow_provider_milvus.rest.import_jobs import ImportJob, ImportProgress, ImportState
from airflow_provider_milvus.submission import record as records
from airflow_provider_milvus.submission.record import Record, Store
from airflow_provider_milvus.waiting import backoff
from airflow_provider_milvus.waiting.import_wait import LOOKS_FOR_A_MISSING_JOB, Log
from airflow_provider_milvus.waiting.outcome import Outcome, failure_reason, outcome

T = TypeVar("T")

MAX_KEY_LENGTH = 256
# A create whose answer was lost can still be carried out: Milvus's own request timeout is 30 s.
SETTLE = 30.0
# How long a create can be under way before its answer is given up on.
UNDER_WAY = 30.0
# How long to wait for jobs that do not name their files yet, which they do when they begin to import.
PATIENCE = 600.0
LIST_INTERVAL = 2.0
# The shortest time for which a Milvus keeps the record of an ended job, less a little for what is under way: after it,
# an empty list proves nothing.
RETENTION = 3 * 3600.0 - 2 * UNDER_WAY
CLOCK_SKEW = 5.0
MAX_KNOWN = 2000


class Client(Protocol):
    """The three calls that a submission makes, each for the one request that it is about."""

    def create(self, idempotency_key: str | None) -> str: ...

    def describe(self, job_id: str) -> ImportProgress: ...

    def list_jobs(self) -> Sequence[ImportJob]: ...


class Case(StrEnum):
    """What a submission met."""

    NEW = "submitted"
    REATTACHED = "re-attached to the running job"
    COMPLETED = "already completed"
    RESUBMITTED = "submitted again under a new key"
    ADOPTED = "adopted the job of a try that could not record it"
    UNKNOWN = "outcome unknown"


@dataclass(frozen=True)
class Load:
    """One intended import, and what distinguishes it from every other.

    :param identity: dag, task, run and map index.
    :param generation: which load of the task it belongs to, see :mod:`~airflow_provider_milvus.submission.record`.
    :param digest: of the request, see :func:`digest`.
    :param target: of the request without its files.
    :param files: the names of the files as Milvus reports them; empty where they cannot be told, as for a folder.
    :param first_try: whether this is the first try since the task was last cleared, if it ever was.
    :param since: epoch seconds; where there is no record, no job of this load is older.
    :param part: where a load needs several imports, which of them this is, counted from 1. Each has its own record.
    """

    identity: tuple[str, ...]
    generation: int
    digest: str
    target: str
    files: tuple[str, ...]
    first_try: bool
    since: float
    part: int = 1

    def key(self, attempt: int) -> str:
        """The idempotency key: printable ASCII, at most 256 bytes, the same for every try of one attempt."""
        distinct = [*self.identity, self.generation, self.part, self.digest, attempt]
        exact = hashlib.sha256(json.dumps(distinct).encode()).hexdigest()
        readable = "/".join(part.encode("ascii", "replace").decode()[:40] for part in self.identity)
        printable = "".join(char if " " <= char <= "~" else "?" for char in readable)
        return f"airflow/{printable[: MAX_KEY_LENGTH - 60]}/{attempt}/{exact[:40]}"


def digest(request: Mapping[str, Any]) -> str:
    """A digest of the request's fields; another one is another load."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Submission:
    """The job of the load, and how it was come by.

    ``job_id`` is empty where no job could be told to be ours; ``ended`` are the final figures of a job that an earlier
    try saw to complete, of which Milvus may know nothing any more.
    """

    job_id: str
    case: Case
    message: str = ""
    ended: Mapping[str, Any] = field(default_factory=dict)


class Submitter:
    """The state machine of one import.

    :param store: ``None`` where Airflow has none (before 3.3): then the key and the job list are all there is.
    :param durable: without it, every call submits anew, with no key and no look at what was there before.
    :param resubmit_unknown: submit again where the outcome of the earlier job is unknown.
    :param deadline: epoch seconds after which trouble is no longer waited for.
    :param max_failures: failed calls in a row after which trouble is no longer waited for.
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
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._store = store
        self._load = load
        self._log = log
        self._durable = durable
        self._resubmit_unknown = resubmit_unknown
        self._deadline = deadline
        self._max_failures = max_failures
        self._clock = clock
        self._sleep = sleep

    def submit(self) -> Submission:
        """The import's job: an earlier one where there is one, else a new one.

        :raises MilvusError: where the server refuses the import, or could not be reached for too long.
        """
        if not self._durable:
            return Submission(self._client.create(None), Case.NEW)
        record = self._recorded()
        if record is None:
            # With a store, no record means that no try came as far as to send anything; or, from Airflow 3.4 on, that a
            # clear has wiped the store.
            if self._load.first_try or self._store is not None:
                return self._begin(attempt=1, case=Case.NEW)
            failed = [job.job_id for job in self._ask(self._client.list_jobs) if job.state is ImportState.FAILED]
            # The submit of the try before may have been lost a moment ago.
            record = replace(self._intent(1), known=tuple(failed), sent=self._clock())
        if record.job_id:
            return self._resume(record)
        return self._reconcile(record) if record.sent else self._begin(record.attempt, Case.NEW)

    # -- the branches --------------------------------------------------------------------------------------------

    def _begin(self, attempt: int, case: Case) -> Submission:
        self._let_settle()
        known = [job.job_id for job in self._ask(self._client.list_jobs)]
        return self._create(replace(self._intent(attempt), known=tuple(known[-MAX_KNOWN:])), case)

    def _intent(self, attempt: int) -> Record:
        return Record(self._load.digest, self._load.target, self._load.generation, attempt)

    def _let_settle(self) -> None:
        """Wait for a lost submit of an abandoned intent, or its job would look like one of this intent."""
        record = records.read(self._store, self._load.part)
        if record and not record.job_id:
            self._sleep(max(0.0, record.sent + SETTLE - self._clock()))

    def _resume(self, record: Record) -> Submission:
        if record.completed:
            return Submission(record.job_id, Case.COMPLETED, ended=record.ended)
        if record.failed:
            self._log.warning("Import job %s failed: %s", record.job_id, record.ended.get("reason"))
            return self._begin(record.attempt + 1, Case.RESUBMITTED)
        progress = self._describe(record.job_id)
        found = outcome(progress)
        if found is Outcome.DONE:
            return Submission(record.job_id, Case.COMPLETED)
        if progress is not None and found is Outcome.FAILED:
            self._log.warning("Import job %s failed: %s", record.job_id, failure_reason(progress))
            return self._begin(record.attempt + 1, Case.RESUBMITTED)
        if found is Outcome.UNKNOWN:
            return self._unknown(
                record,
                f"the server has no record of import job {record.job_id}, which an earlier try submitted: it may have "
                f"loaded its rows, or not",
            )
        return Submission(record.job_id, Case.REATTACHED)

    def _reconcile(self, record: Record) -> Submission:
        found = self._find(record)
        if isinstance(found, Submission):
            return found
        if self._clock() > record.sent + RETENTION:
            return self._unknown(
                record,
                "an earlier try may have started an import more than 3 hours ago, whose record Milvus may have dropped",
            )
        return self._create(record, Case.NEW)

    def _create(self, record: Record, case: Case) -> Submission:
        attempts = backoff.Backoff(clock=self._clock)
        while True:
            # Whatever was sent earlier has been looked for by now.
            nothing_sent = replace(record, sent=0.0)
            record = self._keep(replace(record, sent=self._clock() + UNDER_WAY))
            try:
                job_id = self._client.create(self._load.key(record.attempt))
            except MilvusError as error:
                record = self._keep(replace(record, sent=self._clock()) if error.maybe_done else nothing_sent)
                self._back_off(attempts, error)
                if error.maybe_done:
                    found = self._find(record)
                    if isinstance(found, Submission):
                        return found
                continue
            if job_id not in record.known:
                return self._accept(record, job_id, case)
            # The server remembers the key from a load that was there before this one was intended.
            record = replace(record, attempt=record.attempt + 1)

    def _accept(self, record: Record, job_id: str, case: Case) -> Submission:
        self._keep(replace(record, job_id=job_id))
        return Submission(job_id, case)

    def _unknown(self, record: Record, message: str) -> Submission:
        if not self._resubmit_unknown:
            return Submission(record.job_id, Case.UNKNOWN, message)
        self._log.warning("Submitting again as asked for, although %s", message)
        return self._begin(record.attempt + 1, Case.RESUBMITTED)

    # -- list and match ------------------------------------------------------------------------------------------

    def _find(self, record: Record) -> Submission | None:
        """The job that an earlier create of this intent left, if it left one."""
        began = self._clock()
        foreign: set[str] = set(record.known)
        while True:
            now = self._clock()
            jobs = self._ask(self._client.list_jobs)
            unclear: list[str] = []
            for job in jobs:
                # A failed job holds no rows, so there is nothing to be adopted.
                if job.job_id in foreign or job.state is ImportState.FAILED:
                    continue
                ours = self._is_ours(job.job_id)
                if ours:
                    return self._accept(record, job.job_id, Case.ADOPTED)
                if ours is None:
                    unclear.append(job.job_id)
                else:
                    foreign.add(job.job_id)
            if not unclear and now >= record.sent + SETTLE:
                return None
            if unclear and now >= began + PATIENCE:
                return self._unknown(
                    record,
                    f"an earlier try may have started an import, and job {', '.join(unclear)} does not say which files "
                    f"it loads",
                )
            self._sleep(LIST_INTERVAL)

    def _is_ours(self, job_id: str) -> bool | None:
        """Whether a job loads our files; ``None`` while it does not say which files it loads."""
        progress = self._describe(job_id)
        if progress is None or progress.state is ImportState.FAILED:
            return False
        created = _epoch(progress.create_time)
        # With a record, the jobs that were there before are known by name, whatever the clocks and a cleared run say.
        if self._store is None and created is not None and created < self._load.since - CLOCK_SKEW:
            return False
        if not progress.files or not self._load.files:
            return None
        return sorted(file.name.lstrip("/") for file in progress.files) == sorted(self._load.files)

    # -- the record and the wire ---------------------------------------------------------------------------------

    def _recorded(self) -> Record | None:
        record = records.read(self._store, self._load.part)
        if record is None:
            return None
        if record.digest != self._load.digest:
            self._log.info("The request has changed since an earlier try: this is a different load")
            return None
        if record.generation != self._load.generation:
            self._log.info("The task had succeeded and was cleared: the files are loaded again")
            return None
        return record

    def _keep(self, record: Record) -> Record:
        records.keep(self._store, self._load.part, record)
        return record

    def _describe(self, job_id: str) -> ImportProgress | None:
        for look in range(LOOKS_FOR_A_MISSING_JOB):
            try:
                return self._ask(lambda: self._client.describe(job_id))
            except MilvusImportJobNotFound:
                if look + 1 < LOOKS_FOR_A_MISSING_JOB:
                    self._sleep(backoff.FIRST_BACKOFF)
        return None

    def _ask(self, call: Callable[[], T]) -> T:
        """A call that only reads, repeated through trouble."""
        attempts = backoff.Backoff(clock=self._clock)
        while True:
            try:
                return call()
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


def _epoch(time_text: str) -> float | None:
    try:
        return datetime.fromisoformat(time_text).timestamp()
    except ValueError:
        return None
