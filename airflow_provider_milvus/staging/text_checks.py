"""The checks of JSON, JSON Lines and CSV files, row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from airflow_provider_milvus.rest.schemas import DYNAMIC_FIELD as META
from airflow_provider_milvus.staging import text_values
from airflow_provider_milvus.staging.file_check import FileCheck
from airflow_provider_milvus.staging.findings import Refused
from airflow_provider_milvus.staging.text_rows import CsvRecords, JsonRows, readable

_UNSUPPORTED_SEPARATORS = '\0\r\n"\ufffd'


class JsonCheck(FileCheck):
    """The findings of a file of JSON or JSON Lines."""

    def _read(self) -> None:
        lines = not self._key.endswith(".json")
        with self._folder.open(self._key) as file:
            for number, row in enumerate(islice(JsonRows(file, lines), self._limit)):
                self.rows = number + 1
                self._check_row(row, number)

    def _check_row(self, row: Mapping[str, Any], number: int) -> None:
        extra = {key: value for key, value in row.items() if key not in self._target.by_name}
        self._once(self._check_names, row, extra, number)
        for field in self._target.given:
            if field.name in self._refused_columns:
                continue
            value = row.get(field.name)
            with self._refusing(field.name, number):
                if value is not None:
                    text_values.check_value(field, value)
                elif not field.may_be_missing:
                    raise Refused("null" if field.name in row else "no such key", f"a value of {field}", 0)
        if self._target.is_dynamic and extra and META not in self._refused_columns:
            with self._refusing(META, number):
                _check_dynamic(extra)

    def _once(self, check: Callable[..., None], *arguments: Any) -> None:
        """Run a check of names, which has the same findings for many rows: each column is named once."""
        known = {finding.column for finding in self.findings}
        before = len(self.findings)
        check(*arguments)
        self.findings[before:] = [one for one in self.findings[before:] if one.column not in known]

    def _check_names(self, row: Mapping[str, Any], extra: Mapping[str, Any], number: int) -> None:
        self._check_generated(row)
        if not self._target.is_dynamic:
            self._check_unknown(extra, [field.name for field in self._target.given])


class CsvCheck(FileCheck):
    """The findings of a CSV file."""

    def _read(self) -> None:
        separator = (self._options.get("sep") or ",")[:1]
        if separator in _UNSUPPORTED_SEPARATORS:
            raise Refused(f"the separator {separator!r}", "another one in the import's option 'sep'")
        with self._folder.open(self._key) as opened:
            records = CsvRecords(opened, separator)
            rows = iter(records)
            names = next(rows, None)
            if names is None:
                raise Refused("an empty file", "a line with the names of the columns")
            if records.is_broken:
                raise Refused("a broken quote in the header", "names of columns")
            self._check_header(names)
            for number, record in enumerate(islice(readable(rows), self._limit)):
                self.rows = number + 1
                if len(record) != len(names):
                    needed = f"{len(names)}, as the header has, with quotes closed"
                    raise Refused(f"{len(record)} cells", needed, number)
                self._check_row(names, record, number)

    def _check_header(self, names: list[str]) -> None:
        if names[0].startswith("\ufeff"):
            self._warn(names[0], "a byte order mark", "a file without one (encoding utf-8, not utf-8-sig)")
        self._check_generated(names)
        if not self._target.is_dynamic:
            self._check_unknown(names, [field.name for field in self._target.given])
        # Until 2.5 every field must be there, unless the primary key is generated.
        self._check_missing(names, all_fields=not (self._rules.csv_defaults or self._target.auto_id))

    def _check_row(self, names: list[str], record: list[str], number: int) -> None:
        null_key = self._options.get("nullkey", "")
        extra: dict[str, Any] = {}
        for name, cell in zip(names, record, strict=True):
            field = self._wanted(name)
            if field is not None:
                nullable = field.nullable or (field.has_default and self._rules.csv_defaults)
                if not (nullable and cell == null_key):
                    with self._refusing(name, number):
                        text_values.check_cell(field, cell)
            elif name not in self._target.by_name:
                extra[name] = cell
        if self._target.is_dynamic and META in extra and META not in self._refused_columns:
            with self._refusing(META, number):
                _check_dynamic(extra)


def _check_dynamic(extra: dict[str, Any]) -> None:
    """Raises Refused for keys of no field that do not make a dynamic field."""
    text_values.check_finite({key: value for key, value in extra.items() if key != META})
    if META in extra:
        given = text_values.check_meta(extra[META])
        text_values.check_finite(given)
        if twice := given.keys() & extra.keys():
            raise Refused(f"the key {min(twice)!r} in {META} and beside it", "it once", 0)
