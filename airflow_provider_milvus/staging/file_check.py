"""What the checks of all file formats have in common: findings, and the names of columns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_milvus.rest.schemas import DYNAMIC_FIELD as META
from airflow_provider_milvus.staging.findings import Finding, Refused
from airflow_provider_milvus.staging.folder import Folder
from airflow_provider_milvus.staging.reader_rules import ReaderRules
from airflow_provider_milvus.staging.target import Target, TargetField

# So many rows are read of each file without `full`.
FIRST_ROWS = 1000


class FileCheck(ABC):
    """The findings of one file set.

    :param full: whether to read every row; else the first thousand.
    :param options: those of the import: ``sep`` and ``nullkey`` for CSV.
    """

    def __init__(
        self,
        folder: Folder,
        keys: Sequence[str],
        target: Target,
        rules: ReaderRules,
        *,
        options: Mapping[str, str] | None = None,
        full: bool = False,
    ) -> None:
        self._folder = folder
        self._keys = keys
        self._target = target
        self._rules = rules
        self._options = options or {}
        self._limit = None if full else FIRST_ROWS
        self._key = keys[0]
        self._refused_columns: set[str] = set()
        self.findings: list[Finding] = []
        self.rows = 0

    def run(self) -> None:
        """Read the file set."""
        with self._refusing(""):
            self._read()

    @abstractmethod
    def _read(self) -> None:
        """Read it; what is raised as Refused becomes a finding about the file."""

    def _add(
        self, column: str, found: str, needed: str, row: int | None = None, casts: Mapping[str, str] | None = None
    ) -> None:
        self.findings.append(Finding(self._key, found, needed, column=column, row=row, casts=casts or {}))

    def _warn(self, column: str, found: str, needed: str, casts: Mapping[str, str] | None = None) -> None:
        self.findings.append(Finding(self._key, found, needed, column=column, casts=casts or {}, is_warning=True))

    def _refusing(self, column: str, first_row: int = 0, casts: Mapping[str, str] | None = None) -> Refusing:
        return Refusing(self, column, first_row, casts)

    def refuse(self, column: str, refused: Refused, first_row: int, casts: Mapping[str, str] | None) -> None:
        """Add a finding, and read no more of the column."""
        row = None if refused.row is None else refused.row + first_row
        self._refused_columns.add(column)
        self._add(column, refused.found, refused.needed, row, casts)

    def _check_generated(self, names: Iterable[str]) -> None:
        for name in names:
            field = self._target.by_name.get(name)
            if field is not None and field.is_generated:
                what = "the key is auto-generated" if field.auto_id else "a function makes its values"
                self._refused_columns.add(name)
                self._add(name, "the column", f"a file without it, as {what}", casts=_dropped(name))

    def _check_unknown(self, names: Iterable[str], known: Collection[str]) -> None:
        for name in names:
            if name not in known and name not in self._target.by_name and not self._rules.skips_unknown:
                self._add(
                    name,
                    "a column that no field has",
                    f"only columns of fields before Milvus 2.6; its fields are {', '.join(known)}",
                    casts=_dropped(name),
                )

    def _check_missing(self, names: Collection[str], all_fields: bool = False) -> None:
        for field in self._target.given:
            if field.name not in names and (all_fields or not field.may_be_missing):
                self._add(field.name, "no such column", f"a column of {field}")

    def _wanted(self, name: str) -> TargetField | None:
        """The field that a column's values go into, unless the column was refused."""
        field = self._target.by_name.get(name)
        return None if field is None or field.is_generated or name in self._refused_columns else field

    def _is_meta(self, name: str) -> bool:
        return name == META and self._target.is_dynamic and META not in self._refused_columns


class Refusing:
    """A context in which a Refused becomes a finding about a column."""

    def __init__(self, check: FileCheck, column: str, first_row: int, casts: Mapping[str, str] | None) -> None:
        self._check = check
        self._column = column
        self._first_row = first_row
        self._casts = casts

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> bool:
        if isinstance(error, FileNotFoundError):
            error = Refused("no such key in the bucket", "the key of an object that is there")
        if not isinstance(error, Refused):
            return False
        self._check.refuse(self._column, error, self._first_row, self._casts)
        return True


def _dropped(name: str) -> dict[str, str]:
    return {
        "pandas": f"df.drop(columns=[{name!r}])",
        "Polars": f"df.drop({name!r})",
        "pyarrow": f"table.drop_columns([{name!r}])",
    }
