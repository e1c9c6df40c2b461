"""What a check of files finds, in words that name the file, the column, the need and the way to get there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

MAX_SHOWN = 120


class Refused(Exception):
    """A value, a column or a file that Milvus refuses.

    :param found: what is there.
    :param needed: what Milvus takes.
    :param row: counted from 0.
    """

    def __init__(self, found: str, needed: str, row: int | None = None) -> None:
        super().__init__(f"found {found}; needed {needed}")
        self.found = found
        self.needed = needed
        self.row = row


@dataclass(frozen=True)
class Finding:
    """One reason why Milvus refuses a file or, with ``is_warning``, reads it as something else.

    :param file: its key.
    :param column: empty where it is about the file as a whole.
    :param row: counted from 0; ``None`` where it is about the whole column.
    :param casts: how to get there, by library.
    """

    file: str
    found: str
    needed: str
    column: str = ""
    row: int | None = None
    casts: Mapping[str, str] = field(default_factory=dict)
    is_warning: bool = False

    def __str__(self) -> str:
        where = [f"file {self.file!r}"]
        where += [f"column {self.column!r}"] if self.column else []
        where += [f"row {self.row:,} (counted from 0)"] if self.row is not None else []
        casts = "".join(f". {library}: {code}" for library, code in self.casts.items())
        return f"{', '.join(where)}: found {self.found}; needed {self.needed}{casts}"

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON values."""
        return {
            "file": self.file,
            "column": self.column,
            "row": self.row,
            "found": self.found,
            "needed": self.needed,
            "casts": dict(self.casts),
            "is_warning": self.is_warning,
        }


_POLARS = {
    pa.bool_(): "pl.Boolean",
    pa.int8(): "pl.Int8",
    pa.int16(): "pl.Int16",
    pa.int32(): "pl.Int32",
    pa.int64(): "pl.Int64",
    pa.uint8(): "pl.UInt8",
    pa.float32(): "pl.Float32",
    pa.float64(): "pl.Float64",
}


def casts_to(column: str, kind: pa.DataType) -> dict[str, str]:
    """How a column becomes one of an Arrow type, in pandas, Polars and pyarrow."""
    code = arrow_code(kind)
    return {
        "pandas": f"df.to_parquet(path, schema=pa.schema([…, ({column!r}, {code})]))",
        "Polars": _polars(column, kind, code),
        "pyarrow": f"table.set_column(table.column_names.index({column!r}), {column!r}, "
        f"table[{column!r}].cast({code}))",
    }


def _polars(column: str, kind: pa.DataType, code: str) -> str:
    if kind in _POLARS:
        return f"df.with_columns(pl.col({column!r}).cast({_POLARS[kind]}))"
    # Polars itself writes large_string and large_list alone.
    return f"table = df.to_arrow(), then as with pyarrow, cast({code})"


def arrow_code(kind: pa.DataType) -> str:
    """The Python code that makes an Arrow type."""
    if pa.types.is_list(kind):
        return f"pa.list_({arrow_code(kind.value_type)})"
    names = {pa.bool_(): "pa.bool_()", pa.float32(): "pa.float32()", pa.float64(): "pa.float64()"}
    return names.get(kind) or f"pa.{kind}()"


def shown(value: Any) -> str:
    """A value for a message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
