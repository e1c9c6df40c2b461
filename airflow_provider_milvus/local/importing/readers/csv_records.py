"""The records of a CSV file as Go's `encoding/csv` reads them: quotes are strict, and no mark is taken off."""

from collections.abc import Iterator
from typing import BinaryIO

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.readers import limits
from airflow_provider_milvus.local.importing.readers.text import TOO_LONG


class CsvRecords:
    """Records, each a list of cells. A record that is broken has the cells before its error, maybe none."""

    def __init__(self, file: BinaryIO, separator: str) -> None:
        self._file = file
        self._separator = separator
        self.row = 0
        # Characters of the last record, and whether it is broken.
        self.size = 0
        self.broken = False

    def __iter__(self) -> Iterator[list[str]]:
        while line := self._line(first=True):
            text = line.removesuffix("\n")
            if not text:
                continue
            self.broken = False
            cells = split_simple(text, self._separator)
            yield self._quoted(line) if cells is None else cells
            self.row += 1

    def _line(self, first: bool) -> str:
        """The next line, its end one character, as Go reads it; "" at the end of the file."""
        self.size = 0 if first else self.size
        line = self._file.readline(limits.MAX_ROW_CHARS + 1 - self.size)
        self.size += len(line)
        if self.size > limits.MAX_ROW_CHARS:
            raise ImportDataError(TOO_LONG, row=max(0, self.row - 1))
        if line.endswith(b"\r\n"):
            line = line[:-2] + b"\n"
        elif line.endswith(b"\r"):
            line = line[:-1]
        # What is no UTF-8 matters to the field that it is read into.
        return line.decode(errors="surrogateescape")

    def _quoted(self, line: str) -> list[str]:
        cells: list[str] = []
        while True:
            if line.startswith('"'):
                quoted, after = self._quoted_cell(line[1:])
                if quoted is None:
                    return self._broken(cells)
                cell = quoted
            else:
                cell, separator, line = line.partition(self._separator)
                cell, after = cell if separator else cell.removesuffix("\n"), separator + line
                if '"' in cell:
                    return self._broken(cells)
            cells.append(cell)
            if not after:
                return cells
            line = after[len(self._separator) :]

    def _broken(self, cells: list[str]) -> list[str]:
        self.broken = True
        return cells

    def _quoted_cell(self, text: str) -> tuple[str | None, str]:
        """The cell whose quote was opened, and what follows it from the separator on; None if it is broken."""
        parts = []
        while True:
            part, quote, text = text.partition('"')
            parts.append(part)
            if not quote:
                text = self._line(first=False)
                if not text:
                    return None, ""
            elif text.startswith('"'):
                parts.append('"')
                text = text[1:]
            elif text.startswith(self._separator):
                return "".join(parts), text
            elif text.removesuffix("\n"):
                return None, ""
            else:
                return "".join(parts), ""


def split_simple(line: str, separator: str) -> list[str] | None:
    """The cells of a line whose quotes, if there are any, stand around whole cells; else None."""
    unquoted, *rest = line.split('"')
    if len(rest) % 2:
        return None
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
