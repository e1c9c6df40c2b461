"""What a task records of its loads, so that it outlives the process.

One entry says which load of the task it is, and there is one for each import of a load: more files than Milvus takes in
one are several. A load ends when its task succeeds; until then every try goes on with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import count
from typing import Any, Protocol

from airflow_provider_milvus.rest.import_jobs import ImportState

RECORD = "milvus_import"
LOADS = "milvus_loads"
ENDED = (ImportState.COMPLETED.value, ImportState.FAILED.value)


class Store(Protocol):
    """Where the record outlives the process; Airflow's task state store is one."""

    def get(self, key: str, default: Any = None) -> Any: ...

    def set(self, key: str, value: Any) -> None: ...


@dataclass(frozen=True)
class Record:
    """What is kept of one import between tries.

    :param digest: of the request.
    :param target: of the request without its files.
    :param generation: which load of the task it belongs to.
    :param attempt: counted from 1; with every other attempt the key is another.
    :param known: the jobs that were there before.
    :param sent: the latest time, in epoch seconds, at which a create left us of which nobody can tell whether it was
        carried out, or 0.
    :param ended: the final figures of the job, once it was seen to end.
    """

    digest: str
    target: str
    generation: int
    attempt: int
    known: tuple[str, ...] = ()
    sent: float = 0.0
    job_id: str = ""
    ended: Mapping[str, Any] = field(default_factory=dict)

    @property
    def completed(self) -> bool:
        return self.ended.get("state") == ImportState.COMPLETED.value

    @property
    def failed(self) -> bool:
        return self.ended.get("state") == ImportState.FAILED.value


def read(store: Store | None, part: int) -> Record | None:
    """The record of a load's import, counted from 1, whichever load it belongs to."""
    data = store.get(_name(part)) if store is not None else None
    # Another version of this package may have written another record.
    if not isinstance(data, dict) or data.keys() != {each.name for each in fields(Record)}:
        return None
    return Record(**{**data, "known": tuple(data["known"])})


def keep(store: Store | None, part: int, record: Record) -> None:
    """Write the record of a load's import."""
    if store is not None:
        store.set(_name(part), {**asdict(record), "known": list(record.known)})


def _name(part: int) -> str:
    return RECORD if part == 1 else f"{RECORD}_{part}"


def generation(store: Store | None, cycle: int) -> int:
    """Which load of its task a try belongs to, from 0 up: the first try after a success was cleared begins another.

    :param store: without one, nothing tells what was cleared, and every clear begins another.
    :param cycle: grows whenever the task is cleared.
    """
    if store is None:
        return cycle
    loads = _loads(store)
    if loads["done_in"] not in (None, cycle):
        loads = {"generation": loads["generation"] + 1, "done_in": None}
        store.set(LOADS, loads)
    return int(loads["generation"])


def finish(store: Store | None, cycle: int) -> None:
    """Record that the task is about to succeed, so that clearing it on purpose loads again."""
    if store is not None:
        store.set(LOADS, {**_loads(store), "done_in": cycle})


def _loads(store: Store) -> dict[str, Any]:
    loads = store.get(LOADS)
    return loads if isinstance(loads, dict) else {"generation": 0, "done_in": None}


def note_ended(store: Store | None, figures: Iterable[Mapping[str, Any]]) -> None:
    """Record how jobs ended, for a retry after Milvus has dropped what it knows of them."""
    ended = {job["job_id"]: dict(job) for job in figures if job["state"] in ENDED}
    for part, record in _parts(store):
        if record.job_id in ended:
            keep(store, part, replace(record, ended=ended[record.job_id]))


def all_failed(store: Store | None, generation: int) -> bool:
    """Whether all that a load has sent so far was seen to fail, so that none of its rows is there."""
    records = [record for _, record in _parts(store) if record.generation == generation]
    return bool(records) and all(record.failed for record in records)


def other_files(store: Store | None, generation: int, target: str, digests: Iterable[str]) -> list[str]:
    """The jobs of a load of several imports that have loaded, or may have, other files than those of ``digests``."""
    records = [record for _, record in _parts(store) if (record.generation, record.target) == (generation, target)]
    expected = list(digests)
    if len(records) < 2 and len(expected) < 2:
        return []
    return [
        record.job_id for record in records if record.digest not in expected and record.job_id and not record.failed
    ]


def _parts(store: Store | None) -> Iterator[tuple[int, Record]]:
    for part in count(1):
        record = read(store, part)
        if record is None:
            return
        yield part, record
