"""What the check says of a file, and what the import of the same file does."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import mutated_files
import written_files
from mutated_files import SCHEMAS, Case

from airflow_provider_milvus import rest
from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.local import LocalMilvus
from airflow_provider_milvus.staging.folder import Folder
from airflow_provider_milvus.staging.preflight import check_files
from airflow_provider_milvus.staging.reader_rules import rules_of
from airflow_provider_milvus.staging.target import Target

CASES_AT_A_TIME = 500
METRICS = {"FloatVector": "L2", "SparseFloatVector": "IP"}


class Verdicts:
    """A local Milvus of a version, with a collection for each schema."""

    def __init__(
        self, milvus: LocalMilvus, hook: MilvusHook, version: str, schemas: Mapping[str, dict[str, Any]]
    ) -> None:
        import fsspec

        self._schemas = schemas
        self._bucket, self._hook, self._rules = Path(milvus.bucket), hook, rules_of(version)
        self._folder = Folder(fsspec.filesystem("file"), str(self._bucket).strip("/"))
        self._targets: dict[str, Target] = {}
        self.refusals: dict[str, str] = {}

    def target(self, schema: str) -> Target:
        """The collection of a schema, as the server describes it."""
        if schema not in self._targets:
            fields = self._schemas[schema]["fields"]
            index = [
                {"fieldName": one["fieldName"], "metricType": METRICS[one["dataType"]], "indexName": one["fieldName"]}
                for one in fields
                if one["dataType"] in METRICS
            ]
            self._hook.create_collection(schema, schema=self._schemas[schema], index_params=index)
            self._targets[schema] = Target.described(self._hook.describe_collection(schema))
        return self._targets[schema]

    def write(self, number: int, case: Case) -> list[str]:
        """The keys of the case's files."""
        folder = self._bucket / f"{number}"
        folder.mkdir()
        for name, data in case.files.items():
            (folder / name).write_bytes(data)
        return [f"{number}/{name}" for name in case.files]

    def check(self, case: Case, keys: list[str], full: bool = True) -> list[str]:
        """The reasons of the check."""
        report = check_files(
            self._folder, [keys], self.target(case.schema), self._rules, options=case.options, full=full
        )
        return [str(finding) for finding in report.refused]

    def import_all(self, cases: dict[int, Case], keys: dict[int, list[str]]) -> dict[int, str]:
        """The reasons of the imports, empty for those that were loaded."""
        reasons: dict[int, str] = {}
        groups = defaultdict(list)
        for number, case in cases.items():
            groups[case.schema, tuple(case.options.items())].append(number)
        for (schema, options), numbers in groups.items():
            self.target(schema)
            for start in range(0, len(numbers), CASES_AT_A_TIME):
                reasons |= self._import(schema, dict(options), numbers[start : start + CASES_AT_A_TIME], keys)
        return reasons

    def _import(
        self, schema: str, options: dict[str, str], numbers: list[int], keys: dict[int, list[str]]
    ) -> dict[int, str]:
        """One import for many files: a job names each that it refuses, first those that it cannot count."""
        reasons, left = {}, list(numbers)
        while left:
            try:
                job_id = self._hook.bulk_import(schema, [keys[number] for number in left], options=options)
            except rest.errors.MilvusError as error:
                # A type of file that the version does not know; all of the group have it.
                return {**reasons, **dict.fromkeys(left, str(error))}
            while (job := self._hook.get_import_progress(job_id)).state.value not in ("Completed", "Failed"):
                time.sleep(0.02)
            names = {" ".join(keys[number]): number for number in left}
            failed = {names[file.name]: file.reason for file in job.files if file.reason}
            if not failed and job.state.value == "Failed":
                # It does not name the file.
                if len(left) == 1:
                    return {**reasons, left[0]: job.reason}
                for half in (left[: len(left) // 2], left[len(left) // 2 :]):
                    reasons |= self._import(schema, options, half, keys)
                return reasons
            if not failed:
                return {**reasons, **dict.fromkeys(left, "")}
            reasons |= failed
            left = [number for number in left if number not in failed]
        return reasons


def disagreements(
    version: str, cases: Sequence[Case], schemas: Mapping[str, dict[str, Any]] = SCHEMAS
) -> tuple[list[str], int, int]:
    """The cases of which check and import say another thing, and how many were taken and refused."""
    import os

    with tempfile.TemporaryDirectory() as folder, LocalMilvus(Path(folder) / "data", milvus_version=version) as milvus:
        os.environ["AIRFLOW_CONN_MILVUS_DEFAULT"] = f"milvus://127.0.0.1:{milvus.port}"
        verdicts = Verdicts(milvus, MilvusHook(), version, schemas)
        numbered = dict(enumerate(cases))
        suffixes = defaultdict(dict)
        keys = {}
        for number, case in numbered.items():
            keys[number] = verdicts.write(number, case)
            suffixes[Path(keys[number][0]).suffix][number] = case
        checked = {number: verdicts.check(case, keys[number]) for number, case in numbered.items()}
        imported: dict[int, str] = {}
        for group in suffixes.values():
            imported |= verdicts.import_all(group, keys)
    found = [
        f"{version} {case.schema} {case.name}: check {checked[number] or 'takes it'}; "
        f"import {imported[number] or 'takes it'}"
        for number, case in numbered.items()
        if bool(checked[number]) != bool(imported[number])
    ]
    return found, sum(not reason for reason in imported.values()), sum(bool(reason) for reason in imported.values())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", action="append", help="of Milvus; all without it")
    parser.add_argument("--written", action="store_true", help="compare files of pymilvus's writer")
    parser.add_argument("--every", type=int, default=1, help="compare every n-th case only (%(default)s)")
    options = parser.parse_args()
    module = written_files if options.written else mutated_files
    cases, wrong = module.all_cases()[:: options.every], 0
    for version in options.version or ["2.4", "2.5", "2.6", "3.0"]:
        started = time.monotonic()
        found, taken, refused = disagreements(version, cases, module.SCHEMAS)
        wrong += len(found)
        seconds = time.monotonic() - started
        print(f"Milvus {version}: {len(cases):,} files, {taken:,} taken, {refused:,} refused, {seconds:.0f} s")
        print(f"  {len(found)} other verdicts")
        for line in found:
            print(f"  {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
