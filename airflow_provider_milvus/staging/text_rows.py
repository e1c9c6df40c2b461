"""The rows of JSON and CSV files as Go's decoders read them (``encoding/json``, ``encoding/csv``)."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from airflow_provider_milvus.staging.findings import Refused, shown
from airflow_provider_milvus.staging.texts import refuse_constant

CHUNK_BYTES = 1 << 20
MAX_ROW_CHARS = 16 << 20
_NO_SPACE = re.compile(r"[^ \t\r\n]")
# Where Go's decoder finds one of these, or nothing, it reports that there are no more values.
_NO_MORE = ("", "]", "}")


class JsonRows:
    """The rows of a JSON file, which begin in an array, or of JSON Lines. Raises Refused, with the row."""

    def __init__(self, file: BinaryIO, lines: bool) -> None:
        self._file = file
        self._lines = lines
        self._text = codecs.getincrementaldecoder("utf-8")("replace")
        self._decoder = json.JSONDecoder(parse_constant=refuse_constant)
        self._buffer, self._at, self._row, self._ended = "", 0, 0, False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        if self._peek() == "\ufeff":
            raise Refused("a byte order mark", "a file that begins with its rows (encoding utf-8, not utf-8-sig)")
        if self._lines:
            while self._peek() not in _NO_MORE:
                yield self._object()
        else:
            yield from self._document()

    def _document(self) -> Iterator[dict[str, Any]]:
        start = self._peek()
        if start not in ("[", "{"):
            raise Refused(f"{shown(start)} at the beginning" if start else "an empty file", "a list of objects")
        self._at += 1
        if self._peek() in _NO_MORE:
            return
        if start == "{":
            self._begin_rows()
        more = self._peek() not in _NO_MORE
        while more:
            yield self._object()
            # After a comma there is a row.
            more = self._peek() not in _NO_MORE
            if more and self._peek() != ",":
                raise Refused(f"{shown(self._peek())} after a row", "',' or ']'", self._row - 1)
            self._at += more
        if self._peek() != "]":
            raise Refused("a list of rows that does not end", "']' after the last row", max(0, self._row - 1))
        self._at += 1
        if self._peek() not in _NO_MORE:
            raise Refused("text after the end of the rows", "the end of the file")

    def _begin_rows(self) -> None:
        key = self._value()
        if not isinstance(key, str) or key.lower() != "rows":
            raise Refused(f"the key {shown(key)}", "a list of objects, or an object with the key 'rows'")
        for char in ":[":
            if self._peek() != char:
                raise Refused(f"{shown(self._peek())} after the key 'rows'", '{"rows": [ … ]}')
            self._at += 1

    def _object(self) -> dict[str, Any]:
        if self._peek() != "{":
            raise Refused(f"a row that begins with {shown(self._peek())}", "an object for each row", self._row)
        value: dict[str, Any] = self._value()
        self._row += 1
        return value

    def _value(self) -> Any:
        self._peek()
        while True:
            try:
                value, self._at = self._decoder.raw_decode(self._buffer, self._at)
                return value
            except RecursionError:
                raise Refused("JSON that is nested too deeply", "fewer levels", self._row) from None
            except json.JSONDecodeError as error:
                # It may be cut at the end of what was read.
                if not self._read_more():
                    raise Refused(f"what is no JSON ({error.msg})", "an object", self._row) from None
            except ValueError as error:
                raise Refused(f"what is no JSON ({error})", "an object", self._row) from None

    def _peek(self) -> str:
        """The next character that is no white space, or none at the end of the file."""
        while True:
            found = _NO_SPACE.search(self._buffer, self._at)
            if found:
                self._at = found.start()
                return found.group()
            self._at = len(self._buffer)
            if not self._read_more():
                return ""

    def _read_more(self) -> bool:
        kept = self._buffer[self._at :]
        if self._ended or len(kept) > MAX_ROW_CHARS:
            return False
        chunk = self._file.read(max(CHUNK_BYTES, len(kept)))
        self._ended = not chunk
        self._buffer, self._at = kept + self._text.decode(chunk, final=self._ended), 0
        return True


class CsvRecords:
    """The records of a CSV file, the header first; quotes are strict. Raises Refused for a row that is too long.

    A record that is broken has the cells before its error, maybe none.
    """

    def __init__(self, file: BinaryIO, separator: str) -> None:
        self._file = file
        self._separator = separator
        self.is_broken = False

    def __iter__(self) -> Iterator[list[str]]:
        while line := self._line():
            if line != "\n":
                self.is_broken = False
                yield self._record(line)

    def _line(self) -> str:
        """The next line, its end one character, as Go reads it; "" at the end of the file."""
        line = self._file.readline(MAX_ROW_CHARS + 1)
        if len(line) > MAX_ROW_CHARS:
            raise Refused(f"a line of more than {MAX_ROW_CHARS:,} bytes", "shorter rows")
        if line.endswith(b"\r\n"):
            line = line[:-2] + b"\n"
        elif line.endswith(b"\r"):
            line = line[:-1]
        # What is no UTF-8 matters to the field that it is read into.
        return line.decode(errors="surrogateescape")

    def _record(self, line: str) -> list[str]:
        if '"' not in line:
            return line.removesuffix("\n").split(self._separator)
        found: list[str] = []
        while True:
            if line.startswith('"'):
                cell, after = self._quoted(line[1:])
            else:
                cell, separator, rest = line.partition(self._separator)
                cell, after = cell if separator else cell.removesuffix("\n"), separator + rest
                cell = None if '"' in cell else cell
            if cell is None:
                self.is_broken = True
                return found
            found.append(cell)
            if not after:
                return found
            line = after[len(self._separator) :]

    def _quoted(self, text: str) -> tuple[str | None, str]:
        """The cell whose quote was opened, and what follows it from the separator on; ``None`` if it is broken."""
        parts = []
        while True:
            part, quote, text = text.partition('"')
            parts.append(part)
            if not quote:
                text = self._line()
                if not text:
                    return None, ""
            elif text.startswith('"'):
                parts.append('"')
                text = text[1:]
            elif text.startswith(self._separator):
                return "".join(parts), text
            else:
                return (None, "") if text.removesuffix("\n") else ("".join(parts), "")


def readable(records: Iterator[list[str]]) -> Iterator[list[str]]:
    """The records up to where Milvus stops: at two of which not even the first cell can be read, with none between."""
    found = False
    for record in records:
        if record:
            yield record
        elif not found:
            return
        found = bool(record)
