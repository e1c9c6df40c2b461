"""What a task records of its loads, so that it outlives the process.

One entry identifies the load of the task, and there is one entry for each batch of a load: more files than Milvus
takes in one import are several batches. A load ends when its task succeeds; until then every try goes on with it.

A try can run with another version of this package than the try before it, so entries of any version are read: fields
that are missing get defaults, and fields that are not known are ignored. An entry that makes no sense may stand for a
job that was submitted, so it is never taken for none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import count
from math import isfinite
from typing import Any, Literal, Protocol

from airflow_provider_milvus.rest.import_jobs import ImportState
from airflow_provider_milvus.submission import known_jobs

RECORD = "milvus_import"
LOADS = "milvus_loads"
# Raised when an older release would misunderstand a record, and never only because a field is added.
VERSION = 1
FINAL_STATES = (ImportState.COMPLETED.value, ImportState.FAILED.value)

# What earlier tries of the same load may have sent, where no record has it: "none" is certain, "some" are retries of
# one load, "cleared" may have ended a load, which a clear of the task then begins again.
EarlierTries = Literal["none", "some", "cleared"]


class UnreadableRecord(Exception):
    """An entry of the store makes no sense, so nobody knows whether anything was submitted."""


class Store(Protocol):
    """Where the record outlives the process; Airflow's task state store is one."""

    def get(self, key: str, default: Any = None) -> Any: ...

    def set(self, key: str, value: Any) -> None: ...


@dataclass(frozen=True)
class Record:
    """What is recorded of one batch between tries.

    :param digest: of the request; empty where it was not recorded.
    :param target: of the request without its files.
    :param load_number: which load of the task it belongs to; ``None`` where it was not recorded.
    :param attempt_number: counts the jobs that the batch has needed, from 1; each has its own idempotency key.
    :param known_job_ids: the jobs that were there before the first intent of the load. See :meth:`is_known`.
    :param maybe_sent_at: the latest time, in epoch seconds, at which a create may have been carried out without a
        response; 0 for never, ``None`` where it was not recorded.
    :param job_id: empty until a create has succeeded.
    :param result: the final progress of the job, once a try has recorded its end.
    """

    digest: str = ""
    target: str = ""
    load_number: int | None = None
    attempt_number: int = 1
    known_job_ids: tuple[str, ...] = ()
    maybe_sent_at: float | None = None
    job_id: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)

    @property
    def completed(self) -> bool:
        return self.result.get("state") == ImportState.COMPLETED.value

    @property
    def failed(self) -> bool:
        return self.result.get("state") == ImportState.FAILED.value

    def is_of(self, load_number: int) -> bool:
        return self.load_number in (None, load_number)

    def is_known(self, job_id: str) -> bool:
        """Whether a job was there before the first intent of the load."""
        return job_id in self._known_jobs

    @cached_property
    def _known_jobs(self) -> known_jobs.KnownJobs:
        return known_jobs.KnownJobs(self.known_job_ids)


# A record has the field names of release 0.1 in the store, which takes a record with any other field for none, and
# would then load again after a rollback. For the same reason version 1 is not written out.
_STORED_NAMES = {
    "digest": "digest",
    "target": "target",
    "load_number": "generation",
    "attempt_number": "attempt",
    "known_job_ids": "known",
    "maybe_sent_at": "sent",
    "job_id": "job_id",
    "result": "ended",
}


def read(store: Store | None, batch_index: int) -> Record | None:
    """The record of a batch, counted from 1, whichever load it belongs to.

    :raises UnreadableRecord: where there is one that makes no sense.
    """
    entry = store.get(_name(batch_index)) if store is not None else None
    if entry is None:
        return None
    name = _name(batch_index)
    data = checked(name, entry)
    values = {ours: data[stored] for ours, stored in _STORED_NAMES.items() if stored in data}
    try:
        values["known_job_ids"] = known_jobs.read(values.get("known_job_ids", ()))
    except ValueError as error:
        raise UnreadableRecord(f"the record {name!r} in the task state store has no usable 'known': {error}") from error
    for ours, value in values.items():
        if not _CHECKS[ours](value):
            raise UnreadableRecord(
                f"the record {name!r} in the task state store has {_STORED_NAMES[ours]}={value!r:.50}"
            )
    return Record(**values)


def write(store: Store | None, batch_index: int, record: Record) -> None:
    """Record what is known of a batch."""
    if store is not None:
        data = {_STORED_NAMES[each.name]: getattr(record, each.name) for each in fields(record)}
        store.set(
            _name(batch_index), {**data, "known": known_jobs.stored(record.known_job_ids), "ended": dict(record.result)}
        )


def _name(batch_index: int) -> str:
    return RECORD if batch_index == 1 else f"{RECORD}_{batch_index}"


def checked(name: str, entry: Any) -> dict[str, Any]:
    """An entry of the store that this release can read.

    :raises UnreadableRecord: for anything else.
    """
    if not isinstance(entry, dict):
        raise UnreadableRecord(f"the record {name!r} in the task state store is not one: {entry!r:.50}")
    version = entry.get("version", VERSION)
    if not _is_number(version) or version > VERSION:
        raise UnreadableRecord(
            f"the record {name!r} in the task state store has version {version!r:.50}, and this release of "
            f"airflow-provider-milvus understands versions up to {VERSION}"
        )
    return entry


def _is_number(value: Any, lower_bound: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= lower_bound


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and value >= 0


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "digest": lambda value: isinstance(value, str),
    "target": lambda value: isinstance(value, str),
    "load_number": lambda value: value is None or _is_number(value, 0),
    "attempt_number": _is_number,
    "known_job_ids": lambda value: isinstance(value, tuple),
    "maybe_sent_at": lambda value: value is None or _is_time(value),
    "job_id": lambda value: isinstance(value, str),
    "result": lambda value: isinstance(value, dict),
}


def load_of_try(
    store: Store | None, clear_count: int, unrecorded: tuple[int, EarlierTries]
) -> tuple[int, EarlierTries]:
    """Which load of its task a try belongs to, from 0 up, and what earlier tries of it may have sent unrecorded.

    The first try after a success was cleared begins another load.

    :param clear_count: how often the task was cleared.
    :param unrecorded: the result where the store has no record: before Airflow 3.3, after an upgrade from there, and
        where a clear has emptied the store (Airflow 3.4).
    :raises UnreadableRecord: where the store has one that makes no sense.
    """
    if store is None:
        return unrecorded
    loads = _loads(store)
    if loads is None:
        number, earlier = unrecorded if read(store, 1) is None else (_recorded_number(store), unrecorded[1])
        if earlier == "none":
            begin(store, number)
        return number, earlier
    if loads["done_in"] not in (None, clear_count):
        begin(store, loads["generation"] + 1)
        return loads["generation"] + 1, "none"
    return loads["generation"], "none"


def begin(store: Store | None, load_number: int) -> None:
    """Record that whatever this load submits has a record."""
    if store is not None:
        store.set(LOADS, {"generation": load_number, "done_in": None})


def finish(store: Store | None, clear_count: int) -> None:
    """Record that the task is about to succeed, so that clearing it on purpose loads again."""
    if store is None:
        return
    try:
        loads = _loads(store) or {"generation": _recorded_number(store)}
    except UnreadableRecord:
        loads = {"generation": _recorded_number(store)}
    store.set(LOADS, {**loads, "done_in": clear_count})


def _recorded_number(store: Store) -> int:
    # Release 0.1 recorded the number of a load when it ended.
    try:
        first = read(store, 1)
    except UnreadableRecord:
        return 0
    return (first.load_number if first else None) or 0


def _loads(store: Store) -> dict[str, Any] | None:
    entry = store.get(LOADS)
    if entry is None:
        return None
    loads = {"generation": 0, "done_in": None, **checked(LOADS, entry)}
    if not _is_number(loads["generation"], 0) or not (loads["done_in"] is None or _is_number(loads["done_in"], 0)):
        raise UnreadableRecord(f"the record {LOADS!r} in the task state store makes no sense: {entry!r:.80}")
    return loads


def record_results(store: Store | None, results: Iterable[Mapping[str, Any]]) -> None:
    """Record how jobs ended, for a retry after Milvus has dropped its own records of them."""
    ended = {job["job_id"]: dict(job) for job in results if job["state"] in FINAL_STATES}
    for batch_index, record in _batches(store):
        if record and record.job_id in ended:
            write(store, batch_index, replace(record, result=ended[record.job_id]))


def all_failed(store: Store | None, load_number: int) -> bool:
    """Whether all that a load has sent so far was seen to fail, so that none of its rows is there."""
    records = [record for _, record in _batches(store) if record is None or record.is_of(load_number)]
    return bool(records) and all(record is not None and record.failed for record in records)


def other_files(store: Store | None, load_number: int, target: str, digests: Iterable[str]) -> list[str]:
    """The jobs of a load of several batches that have loaded, or may have, other files than those of ``digests``."""
    records = [
        record for _, record in _batches(store) if record and record.is_of(load_number) and record.target == target
    ]
    expected = list(digests)
    if len(records) < 2 and len(expected) < 2:
        return []
    return [
        record.job_id for record in records if record.digest not in expected and record.job_id and not record.failed
    ]


def jobs_of_earlier_loads(store: Store | None, load_number: int) -> list[str]:
    """The jobs of earlier loads of the task whose end was not recorded, as of loads that were left uncommitted."""
    return [
        record.job_id
        for _, record in _batches(store)
        if record and record.job_id and not record.is_of(load_number) and not record.result
    ]


def _batches(store: Store | None) -> Iterator[tuple[int, Record | None]]:
    """The records of all batches; ``None`` for one that cannot be read."""
    for batch_index in count(1):
        try:
            record = read(store, batch_index)
        except UnreadableRecord:
            yield batch_index, None
            continue
        if record is None:
            return
        yield batch_index, record
