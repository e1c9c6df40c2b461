"""The jobs that were there before a load, as a record keeps them.

The job of a lost submit is searched for among those that are not known. With an id too few the job of somebody else
would be adopted, and with an id too many the files would be loaded twice.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterable
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Any

# Of more ids only the newest are kept, and every older one counts as known: Milvus counts its ids up. Several proxies
# of Milvus 2.5 do not, so as many are kept as Airflow's store accepts (64 KB).
MAX_KNOWN_JOB_IDS = 8000
# As many ids are kept as they are. More are packed, or of another kind than Milvus's own not kept.
MAX_LISTED = 2000
# As Milvus writes one: 64 bits, without leading zeros.
_NUMBER = re.compile("[1-9][0-9]{0,19}")


def newest(job_ids: Iterable[str]) -> tuple[str, ...]:
    """As many of the ids as a record holds, newest last."""
    ids = list(job_ids)
    if len(ids) <= MAX_LISTED:
        return tuple(ids)
    if not _are_numbers(ids):
        return tuple(ids[-MAX_LISTED:])
    return tuple(sorted(ids, key=int)[-MAX_KNOWN_JOB_IDS:])


class KnownJobs:
    """The jobs that were there before, to be searched.

    :param job_ids: as :func:`newest` has returned them.
    """

    def __init__(self, job_ids: tuple[str, ...]) -> None:
        self._job_ids = frozenset(job_ids)
        # Release 0.1 kept MAX_LISTED at the most.
        are_newest = len(job_ids) in (MAX_LISTED, MAX_KNOWN_JOB_IDS) and _are_numbers(job_ids)
        self._oldest = int(job_ids[0]) if are_newest else 0

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._job_ids or (_are_numbers([job_id]) and int(job_id) < self._oldest)


def stored(known: tuple[str, ...]) -> list[str] | str:
    """The ids as a record has them: a list, or a text where it would be too long."""
    if len(known) <= MAX_LISTED or not _are_numbers(known):
        return list(known)
    return _packed(known)


# A record is written some three times, and its ids never change.
@lru_cache(maxsize=1)
def _packed(known: tuple[str, ...]) -> str:
    numbers = [int(job_id) for job_id in known]
    steps = [numbers[0], *(later - earlier for earlier, later in pairwise(numbers))]
    return base64.b64encode(zlib.compress(json.dumps(steps, separators=(",", ":")).encode())).decode()


def read(value: Any) -> tuple[str, ...]:
    """The ids that a record has.

    :raises ValueError: for a value that :func:`stored` does not return.
    """
    try:
        if isinstance(value, str):
            return tuple(str(number) for number in accumulate(json.loads(zlib.decompress(base64.b64decode(value)))))
    except (TypeError, ValueError, zlib.error) as error:
        raise ValueError(f"it holds no packed job ids: {error}") from error
    if not isinstance(value, list | tuple) or not all(isinstance(job_id, str) for job_id in value):
        raise ValueError("it holds no job ids")
    return tuple(value)


def _are_numbers(job_ids: Iterable[str]) -> bool:
    return all(map(_NUMBER.fullmatch, job_ids))
