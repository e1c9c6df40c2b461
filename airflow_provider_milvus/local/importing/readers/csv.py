"""CSV files."""

import csv
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.readers import limits
from airflow_provider_milvus.local.importing.readers.reader import Batch, SizedRow, reading
from airflow_provider_milvus.local.importing.readers.text import TOO_LONG, batched, open_text


class CsvReader:
    """A CSV file with a header line; every cell is text."""

    def __init__(self, path: Path, separator: str) -> None:
        if len(separator) != 1 or separator in '\0\r\n"\ufffd':
            raise ImportDataError(f"unsupported CSV separator {separator!r}")
        self._path = path
        self._separator = separator
        csv.field_size_limit(limits.MAX_ROW_CHARS)

    def count_rows(self) -> int:
        # A row ends with the line that leaves no quote open, which is all that counting needs to know.
        records = 0
        with reading("CSV file"), open_text(self._path) as file:
            lines = _CsvLines(file)
            for line in lines:
                if not lines.open_quote and (line.strip(b"\r\n") or not records):
                    records += 1
                    lines.end_row(records - 1)
        if lines.open_quote:
            raise ImportDataError("a quoted cell does not end")
        if not records:
            raise ImportDataError("the file has no header line")
        return records - 1

    def batches(self) -> Iterator[Batch]:
        return batched(self._rows())

    def _rows(self) -> Iterator[SizedRow]:
        with reading("CSV file"), open_text(self._path) as file:
            lines = _CsvLines(file)
            records = self._records(lines)
            header = next(records, None)
            if header is None:
                raise ImportDataError("the file has no header line")
            if len(set(header)) != len(header):
                raise ImportDataError("two columns have the same name")
            row = 0
            for cells in records:
                size = lines.end_row(row + 1)
                if not cells:
                    continue
                if lines.open_quote:
                    raise ImportDataError("a quote in a cell that is not quoted", row=row)
                if len(cells) != len(header):
                    raise ImportDataError(f"{len(cells)} cells for {len(header)} columns", row=row)
                yield dict(zip(header, cells, strict=True)), size
                row += 1

    def _records(self, lines: "_CsvLines") -> Iterator[list[str]]:
        following = map(bytes.decode, lines)
        for line in following:
            # The standard library looks at every character, which takes longer than all the rest.
            cells = None if lines.open_quote else _split_simple(line, self._separator)
            if cells is None:
                cells = next(csv.reader(chain((line,), following), delimiter=self._separator, strict=True))
            yield cells


def _split_simple(line: str, separator: str) -> list[str] | None:
    """The cells of a line whose quotes, if there are any, stand around whole cells; else None."""
    unquoted, *rest = line.rstrip("\r\n").split('"')
    cells = unquoted.split(separator) if unquoted else []
    while rest:
        quoted, unquoted, *rest = rest
        if cells and cells.pop():
            return None
        cells.append(quoted)
        # Two quotes side by side are one within a cell.
        nothing, *more = unquoted.split(separator)
        if nothing or (rest and not more):
            return None
        cells += more
    return cells


class _CsvLines:
    """The lines of a CSV file, as long as no row of them is too long."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = limits.MAX_ROW_CHARS
        self._row = 0
        self.open_quote = False

    def end_row(self, rows: int) -> int:
        """Allow as much again, as a quoted cell makes one row of many lines; the size of the row that ends here."""
        size = limits.MAX_ROW_CHARS - self._left
        self._row, self._left = rows, limits.MAX_ROW_CHARS
        return size

    def __iter__(self) -> Iterator[bytes]:
        while line := self._file.readline(self._left + 1):
            self._left -= len(line)
            if self._left < 0:
                raise ImportDataError(TOO_LONG, row=self._row)
            self.open_quote ^= line.count(b'"') % 2 == 1
            yield line
