"""Files found in object storage: which of them belong together, and how many imports they need."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import PurePosixPath

from airflow_provider_milvus.rest.decoding import MASK
from airflow_provider_milvus.rest.import_jobs import EXTENSIONS, MAX_FILE_GROUPS, ImportSource
from airflow_provider_milvus.submission.record import Store, UnreadableRecord, checked

RECORD = "milvus_files"
# What Milvus takes of one file, or of one set of NumPy files, in bytes (dataNode.import.maxImportFileSizeInGB).
MAX_SET_SIZE = 16 * 2**30
MAX_NAMES_IN_ERROR = 5


@dataclass(frozen=True)
class FoundFile:
    """A file in the bucket of the Milvus server: its key there, and its size in bytes."""

    key: str
    size: int


def file_sets(found: Iterable[FoundFile], source: str) -> list[list[str]]:
    """What an import takes as ``files``: each entry one file, or the ``.npy`` files of one folder, sorted by key.

    :param source: where the files were searched for, in words.
    :raises ValueError: where nothing was found, a file is of another type, or one is larger than Milvus takes.
    """
    files = sorted(found, key=lambda file: file.key)
    if not files:
        raise ValueError(f"{source} matches no file; give a pattern that does, such as 's3://bucket/folder/*.parquet'")
    if unknown := [file.key for file in files if PurePosixPath(file.key).suffix not in EXTENSIONS]:
        raise ValueError(
            f"{source} matches files of a type that Milvus does not import: {_some(unknown)}; it imports "
            f"{', '.join(EXTENSIONS)} (lower case). Give a narrower pattern"
        )
    sets: defaultdict[str, list[FoundFile]] = defaultdict(list)
    for file in files:
        path = PurePosixPath(file.key)
        sets[str(path.parent) if path.suffix == ".npy" else file.key].append(file)
    if large := [files[0].key for files in sets.values() if sum(file.size for file in files) > MAX_SET_SIZE]:
        raise ValueError(
            f"{source} matches files above the 16 GB that Milvus takes: {_some(large)}; write smaller ones"
        )
    return [[file.key for file in files] for files in sets.values()]


def split(sets: Sequence[str | Sequence[str]], limit: int = MAX_FILE_GROUPS) -> list[list[str | Sequence[str]]]:
    """The fewest imports for these sets, each of at most ``limit`` and nearly as many as the others."""
    count = -(-len(sets) // limit)
    size, larger = divmod(len(sets), count)
    starts = [number * size + min(number, larger) for number in range(count + 1)]
    return [list(sets[start:end]) for start, end in pairwise(starts)]


def batches(source: ImportSource) -> list[ImportSource]:
    """The fewest imports that a source needs."""
    if source.files is None or isinstance(source.files, str) or len(source.files) <= MAX_FILE_GROUPS:
        return [source]
    return [replace(source, files=batch) for batch in split(source.files)]


def listed_once(
    store: Store | None,
    source: str,
    find: Callable[[], list[list[str]]],
    *,
    load_number: int,
    find_again: bool = False,
) -> list[list[str]]:
    """The file sets of a load: those that its first try found, so that a file that arrives between two tries makes no
    other load of it.

    :param store: ``None`` where Airflow has none (before 3.3): then every try finds them again.
    :param source: where the files are.
    :param find: finds them there.
    :param load_number: which load of the task this is.
    :param find_again: whether to find them again in any case, since no row of the load is there.
    :raises UnreadableRecord: where the store has an entry that makes no sense.
    """
    if store is not None and not find_again:
        recorded = _recorded(store, source, load_number)
        if recorded is not None:
            return recorded
    sets = find()
    if store is not None:
        # These names are those of release 0.1, which reads them after a rollback.
        store.set(RECORD, {"source": source, "generation": load_number, "files": _pack(sets)})
    return sets


def are_same(reported: Iterable[str], files: Iterable[str]) -> bool:
    """Whether a job reports these files, whatever their order and their leading slashes.

    A part of a name that looks like a secret is reported as ``***``, and counts as the same.
    """
    names, ours = sorted(name.lstrip("/") for name in reported), sorted(files)
    if names == ours or len(names) != len(ours):
        return names == ours
    redacted = [re.compile(".*".join(map(re.escape, name.split(MASK)))) for name in names if MASK in name]
    left = Counter(ours) - Counter(names)
    return left.total() == len(redacted) and all(any(map(name.fullmatch, left)) for name in redacted)


def _recorded(store: Store, source: str, load_number: int) -> list[list[str]] | None:
    entry = store.get(RECORD)
    if entry is None:
        return None
    record = checked(RECORD, entry)
    # Where a field is missing, the files are those of this load.
    if (record.get("source", source), record.get("generation", load_number)) != (source, load_number):
        return None
    try:
        return _unpack(record["files"])
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise UnreadableRecord(f"the record {RECORD!r} in the task state store does not name files: {error}") from error


def _pack(sets: list[list[str]]) -> str:
    # A thousand keys are more than the 64 KB that Airflow's store accepts, and nearly the same text.
    return base64.b64encode(zlib.compress(json.dumps(sets).encode())).decode()


def _unpack(packed: str) -> list[list[str]]:
    sets = json.loads(zlib.decompress(base64.b64decode(packed)))
    if not isinstance(sets, list) or not all(isinstance(keys, list) for keys in sets):
        raise ValueError("they are no list of file sets")
    return sets


def _some(keys: list[str]) -> str:
    more = f" and {len(keys) - MAX_NAMES_IN_ERROR} more" if len(keys) > MAX_NAMES_IN_ERROR else ""
    return ", ".join(keys[:MAX_NAMES_IN_ERROR]) + more
