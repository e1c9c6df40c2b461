"""Copies of objects from one file system to another: streaming, several at a time, each whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_milvus.staging.casts import Caster
from airflow_provider_milvus.staging.columns import check_type
from airflow_provider_milvus.staging.findings import Refused
from airflow_provider_milvus.staging.folder import Fingerprint, Folder
from airflow_provider_milvus.staging.manifest import Manifest, StagedLoad
from airflow_provider_milvus.staging.progress_log import StagingProgress
from airflow_provider_milvus.staging.reader_rules import ReaderRules
from airflow_provider_milvus.staging.target import Target
from airflow_provider_milvus.staging.writer import ParquetFileWriter

COPIES_AT_A_TIME = 8
# Of the source and of the target, each of which has a buffer of its own, of this size or some of it.
BLOCK_BYTES = 8 << 20
ATTEMPTS = 3
BATCH_ROWS = 8192


class SourceChanged(OSError):
    """An object was replaced again and again while it was copied."""


@dataclass(frozen=True)
class Rewriting:
    """How Parquet files that do not fit are rewritten.

    :param target: the collection.
    :param rules: of the Milvus that reads them.
    """

    target: Target
    rules: ReaderRules


class Copier:
    """Copies objects into the folder of a load.

    :param source: where the objects are.
    :param name: of the source in messages and digests; a URL without keys.
    :param rewriting: ``None`` to copy all files as they are.
    """

    def __init__(
        self, source: Folder, name: str, load: StagedLoad, *, log: Any, rewriting: Rewriting | None = None
    ) -> None:
        self._source = source
        self._name = name
        self._load = load
        self._log = log
        self._rewriting = rewriting
        # What an earlier try has copied.
        self._sizes: dict[str, int] = {}

    def run(self, sets: Sequence[Sequence[str]]) -> Manifest:
        """Copy the files that are not there yet, and write the manifest.

        :param sets: keys in the source.
        :raises SourceChanged: where a file was replaced each time that it was copied.
        :raises RowsRefused: for a file that cannot be rewritten without a loss.
        """
        progress = StagingProgress(self._log, sum(map(len, sets)))
        self._sizes = self._load.sizes()
        with ThreadPoolExecutor(COPIES_AT_A_TIME, thread_name_prefix="stage") as pool:
            copies = [pool.submit(self._copy, keys, progress) for keys in sets]
            _wait(copies)
        manifest = Manifest([copy.result() for copy in copies], -1, progress.bytes)
        self._load.write(manifest)
        self._log.info("Staged from %s: %s", self._name, progress)
        return manifest

    def _copy(self, keys: Sequence[str], progress: StagingProgress) -> list[str]:
        """Copy one file, or the ``.npy`` files that belong together, into a folder of their own."""
        for _ in range(ATTEMPTS):
            before = {key: self._source.fingerprint(key) for key in keys}
            folder = self._digest(before)
            staged = {key: self._load.key(f"{folder}/{PurePosixPath(key).name}") for key in keys}
            replaced = next((key for key in keys if not self._is_there(key, staged[key], before[key])), None)
            if replaced is None:
                progress.add(files=len(keys), size=sum(one.size for one in before.values()))
                return list(staged.values())
            self._log.warning("%r of %s was replaced while it was copied; it is copied again", replaced, self._name)
        raise SourceChanged(
            f"{replaced!r} of {self._name} was replaced each of {ATTEMPTS} times that it was copied: stage files that "
            f"are complete"
        )

    def _is_there(self, key: str, staged: str, before: Fingerprint) -> bool:
        """Copy a file unless an earlier try has; whether it was not replaced meanwhile."""
        rewrites = self._rewriting is not None and self._must_be_rewritten(key, self._rewriting)
        # A rewritten file has a size that nobody knows before.
        if not rewrites and self._sizes.get(staged) == before.size:
            return True
        return self._copied(key, staged, before, rewrites)

    def _copied(self, key: str, staged: str, before: Fingerprint, rewrites: bool) -> bool:
        """Whether the source was the same from the first byte to the last; if not, the copy is removed."""
        whole = False
        try:
            if rewrites and self._rewriting is not None:
                self._rewrite(key, staged, self._rewriting)
                size = before.size
            else:
                size = self._stream(key, staged)
            whole = size == before.size and self._source.fingerprint(key) == before
        except OSError as error:
            # A file system that pins the version that it reads refuses to go on.
            if self._source.fingerprint(key) == before:
                raise
            self._log.debug("Copying %r: %s", key, error)
        finally:
            if not whole:
                self._discard(staged)
        return whole

    def _stream(self, key: str, staged: str) -> int:
        size = 0
        with (
            self._source.open(key, block_size=BLOCK_BYTES) as source,
            self._load.folder.open(staged, "wb", block_size=BLOCK_BYTES) as target,
        ):
            while chunk := source.read(BLOCK_BYTES):
                target.write(chunk)
                size += len(chunk)
        return size

    def _rewrite(self, key: str, staged: str, rewriting: Rewriting) -> None:
        caster = Caster(rewriting.target, f"{key!r} of {self._name}")
        with self._source.open(key) as source, self._load.folder.open(staged, "wb", block_size=BLOCK_BYTES) as target:
            file = pq.ParquetFile(source, buffer_size=1 << 20, pre_buffer=False)
            writer = ParquetFileWriter(target)
            for batch in file.iter_batches(BATCH_ROWS, use_threads=False):
                writer.write(caster.cast(batch))
            writer.close()

    def _must_be_rewritten(self, key: str, rewriting: Rewriting) -> bool:
        if not key.endswith(".parquet"):
            return False
        with self._source.open(key) as file:
            try:
                schema = pq.read_schema(file)
            except pa.ArrowException:
                return False
        fields = rewriting.target.by_name
        unknown = [name for name in schema.names if name not in fields]
        return bool(unknown and not rewriting.rules.skips_unknown) or any(
            _is_refused(fields[one.name], one.type, rewriting.rules) for one in schema if one.name in fields
        )

    def _discard(self, key: str) -> None:
        with suppress(FileNotFoundError):
            self._load.folder.file_system.rm_file(self._load.folder.path(key))

    def _digest(self, found: Mapping[str, Fingerprint]) -> str:
        """What stands for the content: another version of an object never has the key of this one."""
        distinct = [self._name, [[key, one.size, list(one.marks)] for key, one in found.items()]]
        return hashlib.sha256(json.dumps(distinct).encode()).hexdigest()[:20]


def _is_refused(field: Any, kind: pa.DataType, rules: ReaderRules) -> bool:
    try:
        check_type(field, kind, rules)
    except Refused:
        return True
    return False


def _wait(futures: Sequence[Future[Any]]) -> None:
    """Wait for all; after a failure, for no more than those that run."""
    wait(futures, return_when=FIRST_EXCEPTION)
    for future in futures:
        future.cancel()
    for future in futures:
        if not future.cancelled() and (error := future.exception()):
            raise error
