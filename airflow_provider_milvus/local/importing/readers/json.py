"""JSON and JSON Lines files."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.json_text import parse, skim
from airflow_provider_milvus.local.importing.readers import limits
from airflow_provider_milvus.local.importing.readers.reader import Batch, Read, SizedRow, reading
from airflow_provider_milvus.local.importing.readers.text import TOO_LONG, batched, open_text

# So many closing braces are tried as the end of an object.
FEW_BRACES = 8
NO_SPACE = re.compile(r"[^ \t\r\n]")


class _JsonRows(ABC):
    """Rows that are JSON objects; a row that is only counted is skimmed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def count_rows(self) -> int:
        return sum(1 for _ in self._rows(skim))

    def batches(self) -> Iterator[Batch]:
        return batched(self._rows(parse))

    @abstractmethod
    def _rows(self, read: Read) -> Iterator[SizedRow]: ...


class JsonReader(_JsonRows):
    """A JSON file: an array of row objects, or an object whose `rows` key holds that array."""

    def _rows(self, read: Read) -> Iterator[SizedRow]:
        with reading("JSON file"), self._path.open(encoding="utf-8-sig") as file:
            yield from _JsonStream(file, read).rows()


class JsonLinesReader(_JsonRows):
    """A JSON Lines file: one row object per line; blank lines are skipped."""

    def _rows(self, read: Read) -> Iterator[SizedRow]:
        row = 0
        with reading("JSON Lines file"), open_text(self._path) as file:
            while line := file.readline(limits.MAX_ROW_CHARS + 1):
                if len(line) > limits.MAX_ROW_CHARS:
                    raise ImportDataError(TOO_LONG, row=row)
                if not line.isspace():
                    yield _parse_line(line, row, read), len(line)
                    row += 1


def _parse_line(line: bytes, row: int, read: Read) -> dict[str, Any]:
    try:
        value = read(line)
    except RecursionError:
        raise ImportDataError("nested too deeply", row=row) from None
    except ValueError as error:
        raise ImportDataError(f"invalid JSON: {error}", row=row) from None
    if not isinstance(value, dict):
        raise ImportDataError("a row must be an object", row=row)
    return value


class _JsonStream:
    """A reader of one JSON text that keeps no more of it than the row being read."""

    def __init__(self, file: TextIO, read: Read) -> None:
        self._file = file
        self._read = read
        self._buffer = ""
        self._at = 0
        self._dropped = 0
        self._decoder = json.JSONDecoder()

    def rows(self) -> Iterator[SizedRow]:
        if self._peek() == "[":
            yield from self._array()
        elif self._peek() == "{":
            yield from self._rows_of_object()
        else:
            raise ImportDataError("expected an array of rows, or an object with the key 'rows'")
        if self._peek():
            raise ImportDataError("text after the end of the JSON value")

    def _rows_of_object(self) -> Iterator[SizedRow]:
        self._expect("{")
        key, self._at = self._decode(0)
        if key != "rows":
            raise ImportDataError("expected the key 'rows'")
        self._expect(":")
        yield from self._array()
        self._expect("}")

    def _array(self) -> Iterator[SizedRow]:
        self._expect("[")
        if self._peek() == "]":
            self._at += 1
            return
        row = 0
        while True:
            if self._peek() != "{":
                raise ImportDataError("a row must be an object", row=row)
            start = self._dropped + self._at
            value = self._object(row)
            yield value, self._dropped + self._at - start
            row += 1
            separator = self._peek()
            self._at += 1
            if separator == "]":
                return
            if separator != ",":
                raise ImportDataError("expected ',' or ']' after a row", row=row - 1)

    def _object(self, row: int) -> Any:
        """The object that begins here."""
        value = self._small_object()
        if value is None:
            # The standard library tells where it ends, but takes more than JSON has, such as 1e999 or "\ud800".
            end = self._decode(row)[1]
            try:
                value = self._read(self._buffer[self._at : end])
            except ValueError as error:
                raise ImportDataError(f"invalid JSON: {error}", row=row) from None
            self._at = end
        return value

    def _decode(self, row: int) -> tuple[Any, int]:
        """The value that begins here, and where it ends."""
        self._peek()
        while True:
            try:
                return self._decoder.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                if not (_may_be_cut(error, self._buffer) and self._read_more()):
                    raise ImportDataError(f"invalid JSON: {error.msg}", row=row) from None
            except ValueError as error:
                raise ImportDataError(str(error), row=row) from None

    def _small_object(self) -> Any:
        """The object that begins here, if it has few braces and is all in the buffer; the fast way for most rows."""
        end = self._at
        for _ in range(FEW_BRACES):
            end = self._buffer.find("}", end) + 1
            if not end:
                break
            try:
                value = self._read(self._buffer[self._at : end])
            except (ValueError, RecursionError):
                continue
            self._at = end
            return value
        return None

    def _peek(self) -> str:
        """The next character that is no white space, or "" at the end of the file."""
        while True:
            found = NO_SPACE.search(self._buffer, self._at)
            if found:
                self._at = found.start()
                return found.group()
            self._at = len(self._buffer)
            if not self._read_more():
                return ""

    def _expect(self, character: str) -> None:
        if self._peek() != character:
            raise ImportDataError(f"expected '{character}'")
        self._at += 1

    def _read_more(self) -> bool:
        kept = self._buffer[self._at :]
        if len(kept) > limits.MAX_ROW_CHARS:
            return False
        # Reading at least as much as is kept keeps re-parsing of one long row linear.
        more = self._file.read(max(limits.CHUNK_CHARS, len(kept)))
        self._dropped += self._at
        self._buffer, self._at = kept + more, 0
        return bool(more)


def _may_be_cut(error: json.JSONDecodeError, buffer: str) -> bool:
    """Whether a parse error may come from the end of the buffer rather than from the text."""
    longest_token = 16
    return error.msg.startswith("Unterminated string") or error.pos >= len(buffer) - longest_token
