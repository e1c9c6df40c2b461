"""Check files before an import: whether a Milvus of a version would take them, and all reasons why it would not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from airflow_provider_milvus.staging.file_check import FileCheck
from airflow_provider_milvus.staging.findings import Finding
from airflow_provider_milvus.staging.folder import Folder
from airflow_provider_milvus.staging.numpy_check import NumpyCheck
from airflow_provider_milvus.staging.parquet_check import ParquetCheck
from airflow_provider_milvus.staging.reader_rules import ReaderRules
from airflow_provider_milvus.staging.target import Target
from airflow_provider_milvus.staging.text_checks import CsvCheck, JsonCheck

FILES_AT_A_TIME = 8
# What Milvus takes of one file, or of one set of NumPy files, in bytes (dataNode.import.maxImportFileSizeInGB).
MAX_SET_BYTES = 16 * 2**30
_CHECKS: dict[str, type[FileCheck]] = {".parquet": ParquetCheck, ".npy": NumpyCheck, ".csv": CsvCheck}


@dataclass(frozen=True)
class FileReport:
    """What a check found.

    :param files: how many file sets were checked.
    :param rows: how many rows they have by footers and headers, and of text files those that were read.
    :param bytes: of all files.
    """

    files: int
    rows: int
    bytes: int
    findings: tuple[Finding, ...] = ()

    @property
    def refused(self) -> tuple[Finding, ...]:
        """The findings for which Milvus would fail the import."""
        return tuple(finding for finding in self.findings if not finding.is_warning)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        findings = [finding.as_dict() for finding in self.findings]
        return {"files": self.files, "rows": self.rows, "bytes": self.bytes, "findings": findings}


def check_files(
    folder: Folder,
    sets: Sequence[str | Sequence[str]],
    target: Target,
    rules: ReaderRules,
    *,
    options: Mapping[str, str] | None = None,
    full: bool = False,
) -> FileReport:
    """Check the files that an import would load.

    Footers and headers are read, and the first 1,000 rows; several files at a time.

    :param folder: the bucket that Milvus reads.
    :param sets: keys in it: each entry one file, or the ``.npy`` files that belong together.
    :param options: those of the import: ``sep`` and ``nullkey`` of CSV files count.
    :param full: whether to read every row of every file.
    """
    check = partial(_check, folder=folder, target=target, rules=rules, options=options, full=full)
    with ThreadPoolExecutor(FILES_AT_A_TIME, thread_name_prefix="check") as pool:
        found = list(pool.map(check, ([one] if isinstance(one, str) else list(one) for one in sets)))
    return FileReport(
        files=len(found),
        rows=sum(rows for _, rows, _ in found),
        bytes=sum(size for _, _, size in found),
        findings=tuple(finding for findings, _, _ in found for finding in findings),
    )


def _check(
    keys: list[str],
    *,
    folder: Folder,
    target: Target,
    rules: ReaderRules,
    options: Mapping[str, str] | None,
    full: bool,
) -> tuple[list[Finding], int, int]:
    size, missing, empty = 0, [], []
    for key in keys:
        try:
            found = folder.fingerprint(key).size
        except FileNotFoundError:
            missing.append(Finding(key, "no such key in the bucket", "the key of an object that is there"))
            continue
        size += found
        if not found:
            empty.append(Finding(key, "an empty file", "a file with rows"))
    if missing or empty:
        return [*missing, *empty], 0, size
    suffix = PurePosixPath(keys[0]).suffix
    if suffix not in rules.extensions:
        needed = f"one of {', '.join(rules.extensions)}, as Milvus {rules.version} imports them"
        return [Finding(keys[0], f"a file of the type {suffix or '(none)'}", needed)], 0, size
    check = _CHECKS.get(suffix, JsonCheck)(folder, keys, target, rules, options=options, full=full)
    check.run()
    if size > MAX_SET_BYTES:
        check.findings.append(Finding(keys[0], f"{size:,} bytes", f"at most {MAX_SET_BYTES:,}; write smaller files"))
    return check.findings, check.rows, size
