"""What every reader of a file has in common."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import pyarrow as pa
from msgspec import Struct

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.readers import limits

if TYPE_CHECKING:
    from airflow_provider_milvus.local.importing.readers.numpy import ArrayFile

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class CsvRows:
    """Rows of a CSV file: the names of the header line, two of which may be the same, and the cells of each row."""

    names: list[str]
    cells: list[list[str]]

    def columns(self) -> list[list[str]]:
        """The cells of each column."""
        return list(map(list, zip(*self.cells, strict=True)))


# A row of text, and how many characters it had.
SizedRow: TypeAlias = tuple[dict[str, Any], int]
# What reads a row, or only checks that it can be read: an object of a row is a dict, or a struct of msgspec.
Read: TypeAlias = Callable[[str | bytes], Any]
Batch: TypeAlias = "pa.RecordBatch | CsvRows | Rows"
# What a file declares of its columns before its rows: nothing (JSON), names (CSV), or names and types.
Columns: TypeAlias = "pa.Schema | Mapping[str, ArrayFile] | list[str] | None"
# The names of columns, each with the upper bound of values in a row, or None.
Fields: TypeAlias = Mapping[str, int | None]


class Reader(Protocol):
    """One file, or one set of `.npy` files."""

    def count_rows(self) -> int:
        """The number of rows, without keeping any of them."""

    def columns(self) -> Columns:
        """What the file declares of its columns."""

    def batches(self) -> Iterator[Batch]:
        """The rows, in file order. Raises ImportDataError with the row counted from 0."""


def is_row(value: Any) -> bool:
    """Whether a value was read from an object."""
    return isinstance(value, dict | Struct)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn whatever a parser raises on broken bytes into an ImportDataError that names what was being read.

    Parsers of third parties raise nearly anything on hostile input, hence the broad clause.
    """
    try:
        yield
    except ImportDataError:
        raise
    except RecursionError:
        raise ImportDataError(f"cannot read {what}: nested too deeply") from None
    except Exception as error:
        # Some parsers quote what they could not read, however long it is.
        message = shorten(str(error), limits.MAX_ERROR_CHARS, placeholder=" …")
        raise ImportDataError(f"cannot read {what}: {message}") from error
