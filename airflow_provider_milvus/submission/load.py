"""What one intended import is, and the idempotency keys that stand for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_milvus.submission.record import EarlierTries

MAX_KEY_LENGTH = 256


@dataclass(frozen=True)
class Load:
    """One intended import, and what distinguishes it from every other.

    :param identity: dag, task, run, map index and, in a loop, the iteration.
    :param load_number: which load of the task it belongs to, see :mod:`~airflow_provider_milvus.submission.record`.
    :param digest: of the request, see :func:`digest`.
    :param target: of the request without its files.
    :param files: the names of the files as Milvus reports them; empty where they are not known, as for a folder.
    :param earlier_tries: what tries before this one may have sent without a record.
    :param run_started_at: epoch seconds; where there is no record, no completed job of this load is older.
    :param batch_index: which of a load's batches this is, counted from 1. Each has its own record.
    """

    identity: tuple[str, ...]
    load_number: int
    digest: str
    target: str
    files: tuple[str, ...]
    earlier_tries: EarlierTries
    run_started_at: float
    batch_index: int = 1

    def key(self, attempt_number: int) -> str:
        """The idempotency key: printable ASCII, at most 256 bytes, the same for every try of one attempt."""
        distinct = [*self.identity, self.load_number, self.batch_index, self.digest, attempt_number]
        exact = hashlib.sha256(json.dumps(distinct).encode()).hexdigest()
        readable = "/".join(part.encode("ascii", "replace").decode()[:40] for part in self.identity)
        printable = "".join(char if " " <= char <= "~" else "?" for char in readable)
        return f"airflow/{printable[: MAX_KEY_LENGTH - 60]}/{attempt_number}/{exact[:40]}"


def digest(request: Mapping[str, Any]) -> str:
    """A digest of the request's fields; another one is another load."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:32]
