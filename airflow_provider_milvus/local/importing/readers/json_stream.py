"""A JSON text as Go's decoder of streams reads it, in memory no more than the row that is read."""

import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.readers import limits
from airflow_provider_milvus.local.importing.readers.reader import Read, SizedRow

# So many closing braces are tried as the end of an object.
TRIED_BRACES = 8
# So many bytes are decoded at first for an object of more braces.
DECODED_BYTES = 1 << 16
NO_SPACE = re.compile(rb"[^ \t\r\n]")
NEXT_ROW = re.compile(rb"[ \t\r\n]*,[ \t\r\n]*(?=\{)")
# Where Go's decoder finds one of these, or nothing, it reports that there are no more values.
NO_MORE = (b"", b"]", b"}")


class JsonStream:
    """Rows of a text. `begin` is text that was read from `file` before, and `row` how many rows it follows."""

    def __init__(self, file: BinaryIO, read: Read, begin: bytes = b"", row: int = 0) -> None:
        self._file = file
        self._read = read
        self._row = row
        self._buffer = begin
        self._at = 0
        self._dropped = 0
        self._decoder = json.JSONDecoder()

    def document(self) -> Iterator[SizedRow]:
        """The rows of an array, or of an object whose only key is `rows`."""
        start = self._peek()
        if start not in (b"[", b"{"):
            raise ImportDataError("invalid JSON format, the content should be started with '{' or '['")
        self._at += 1
        if self._peek() in NO_MORE:
            return
        if start == b"{":
            self._begin_rows()
        yield from self._array()
        if self._peek() not in NO_MORE:
            raise ImportDataError("failed to decode JSON: text after the end of the rows")

    def values(self) -> Iterator[SizedRow]:
        """Objects, one after the other."""
        while self._peek() not in NO_MORE:
            yield self._sized_row()

    def _begin_rows(self) -> None:
        key, self._at = self._decode()
        if not isinstance(key, str) or key.lower() != "rows":
            raise ImportDataError(f"invalid JSON format, the root key should be 'rows', but get '{str(key)[:100]}'")
        if self._peek() != b":":
            raise ImportDataError("failed to decode the JSON file: expected ':' after the root key")
        self._at += 1
        if self._peek() != b"[":
            raise ImportDataError("invalid JSON format, rows list should begin with '['")
        self._at += 1

    def _array(self) -> Iterator[SizedRow]:
        more = self._peek() not in NO_MORE
        while more:
            yield self._sized_row()
            yield from self._next_rows()
            more = self._peek() not in NO_MORE
            if more and self._peek() != b",":
                raise ImportDataError("invalid JSON: expected ',' or ']' after a row", row=self._row - 1)
            self._at += more
        if self._peek() != b"]":
            raise ImportDataError("invalid JSON format, rows list should end with ']'", row=max(0, self._row - 1))
        self._at += 1

    def _next_rows(self) -> Iterator[SizedRow]:
        """The rows after this one as far as each begins in the buffer; the fast way for those without inner braces."""
        while found := NEXT_ROW.match(self._buffer, self._at):
            self._at = start = found.end()
            end = self._buffer.find(b"}", start) + 1
            try:
                value = self._read(self._buffer[start:end])
            except (ValueError, RecursionError):
                yield self._sized_row()
            else:
                self._at = end
                self._row += 1
                yield value, end - start

    def _sized_row(self) -> SizedRow:
        if self._peek() != b"{":
            raise ImportDataError("invalid JSON format, each row should be a key-value map", row=self._row)
        start = self._dropped + self._at
        value = self._object()
        self._row += 1
        return value, self._dropped + self._at - start

    def _object(self) -> Any:
        """The object that begins here."""
        value = self._small_object()
        if value is None:
            # The standard library finds where it ends.
            end = self._decode()[1]
            try:
                value = self._read(self._buffer[self._at : end])
            except ValueError as error:
                raise ImportDataError(f"invalid JSON: {error}", row=self._row) from None
            self._at = end
        return value

    def _decode(self) -> tuple[Any, int]:
        """The value that begins here, and where it ends."""
        self._peek()
        window = DECODED_BYTES
        while True:
            # Bytes that are no UTF-8 stay as many as they are, and what reads the value replaces them.
            text = self._buffer[self._at : self._at + window].decode(errors="surrogateescape")
            try:
                value, end = self._decoder.raw_decode(text)
                return value, self._at + len(text[:end].encode(errors="surrogateescape"))
            except json.JSONDecodeError as error:
                is_all = self._at + window >= len(self._buffer)
                if not _may_be_cut(error, text) or (is_all and not self._read_more()):
                    raise ImportDataError(f"invalid JSON: {error.msg}", row=self._row) from None
                window *= 2
            except ValueError as error:
                raise ImportDataError(str(error), row=self._row) from None

    def _small_object(self) -> Any:
        """The object that begins here, if it has few braces and is all in the buffer; the fast way for most rows."""
        end = self._at
        for _ in range(TRIED_BRACES):
            end = self._buffer.find(b"}", end) + 1
            if not end:
                break
            try:
                value = self._read(self._buffer[self._at : end])
            except (ValueError, RecursionError):
                continue
            self._at = end
            return value
        return None

    def _peek(self) -> bytes:
        """The next byte that is no white space, or none at the end of the file."""
        while True:
            found = NO_SPACE.search(self._buffer, self._at)
            if found:
                self._at = found.start()
                return found.group()
            self._at = len(self._buffer)
            if not self._read_more():
                return b""

    def _read_more(self) -> bool:
        kept = self._buffer[self._at :]
        if len(kept) > limits.MAX_ROW_CHARS:
            return False
        # Reading at least as much as is kept keeps re-parsing of one long row linear.
        more = self._file.read(max(limits.CHUNK_CHARS, len(kept)))
        self._dropped += self._at
        self._buffer, self._at = kept + more, 0
        return bool(more)


def _may_be_cut(error: json.JSONDecodeError, text: str) -> bool:
    """Whether a parse error may come from the end of what was read rather than from the text."""
    longest_token = 16
    return error.msg.startswith("Unterminated string") or error.pos >= len(text) - longest_token
