"""Import files as streams: Parquet, JSON, JSON Lines, CSV and sets of NumPy arrays.

A reader tells how many rows it holds and yields them in batches, either as Arrow record batches (Parquet,
NumPy) or as lists of dicts (the text formats). No reader ever holds a whole file in memory.
Formats and options follow Milvus's import (`import-data.md`, `importutilv2`).
"""

import csv
import json
import re
from abc import ABC, abstractmethod
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from textwrap import shorten
from typing import Any, BinaryIO, Protocol, TextIO, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.json_text import parse, skim

Rows = list[dict[str, Any]]
# A row of text, and how many characters it had.
SizedRow: TypeAlias = tuple[dict[str, Any], int]
# What reads a row, or only sees to it that it could be read.
Read: TypeAlias = Callable[[str | bytes], Any]
Batch: TypeAlias = "pa.RecordBatch | Rows"

BATCH_ROWS = 8192
TEXT_BATCH_ROWS = 1024
TEXT_BATCH_CHARS = 16 << 20
# No column of a batch takes more.
BATCH_BYTES = 64 << 20
BUFFER_BYTES = 1 << 20
# What a number takes at most, however small a file makes it.
VALUE_BYTES = 8
CHUNK_CHARS = 1 << 20
# One row of text may not be larger; without a bound, a file with an unclosed brace would be read whole.
MAX_ROW_CHARS = 16 << 20
TOO_LONG = f"the row is longer than {MAX_ROW_CHARS} characters"
MAX_ERROR_CHARS = 300
# So many closing braces are tried as the end of an object.
FEW_BRACES = 8
NO_SPACE = re.compile(r"[^ \t\r\n]")


# The names of columns, each with the most values that one row may have, or None.
Fields: TypeAlias = Mapping[str, int | None]


class Reader(Protocol):
    """One file, or one set of `.npy` files."""

    def count_rows(self) -> int:
        """The number of rows, without keeping any of them."""

    def batches(self) -> Iterator[Batch]:
        """The rows, in file order. Raises ImportDataError with the row counted from 0."""


def open_reader(paths: list[Path], options: dict[str, str], fields: Fields | None = None) -> Reader:
    """The reader for these files by their extension. `options` are the job's (`sep` for CSV).

    `fields` are the columns that are wanted, each with the most values that a row of it may have if that is known;
    a reader need not read others. Default: all.
    """
    match paths[0].suffix:
        case ".parquet":
            return ParquetReader(paths[0], fields)
        case ".npy":
            return NumpyReader(paths)
        case ".json":
            return JsonReader(paths[0])
        case ".csv":
            return CsvReader(paths[0], options.get("sep", ","))
        case _:
            return JsonLinesReader(paths[0])


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn whatever a parser raises on broken bytes into an ImportDataError that says what was being read.

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
        message = shorten(str(error), MAX_ERROR_CHARS, placeholder=" …")
        raise ImportDataError(f"cannot read {what}: {message}") from error


class ParquetReader:
    """A Parquet file, read batch by batch."""

    def __init__(self, path: Path, fields: Fields | None) -> None:
        self._path = path
        self._fields = fields

    def count_rows(self) -> int:
        with reading("Parquet file"), pq.ParquetFile(self._path) as file:
            return int(file.metadata.num_rows)

    def batches(self) -> Iterator[Batch]:
        with reading("Parquet file"):
            with pq.ParquetFile(self._path) as file:
                names = file.schema_arrow.names
                if len(set(names)) != len(names):
                    raise ImportDataError("two columns have the same name")
                wanted = [name for name in names if self._fields is None or name in self._fields]
                texts = [name for name in wanted if _is_text(file.schema_arrow.field(name).type)]
                rows = self._batch_rows(file.metadata, wanted)
            # Texts come as indices into their dictionary: one long text in a million rows would be a million copies.
            # Without pre-buffering, and with a buffer, no more than some pages of a row group are in memory.
            with pq.ParquetFile(self._path, read_dictionary=texts, buffer_size=BUFFER_BYTES, pre_buffer=False) as file:
                for batch in file.iter_batches(batch_size=rows, columns=wanted, use_threads=False):
                    yield from _decoded(batch)

    def _batch_rows(self, metadata: pq.FileMetaData, wanted: list[str]) -> int:
        """How many rows to read at once, so that a batch stays small whatever the file holds."""
        heaviest = 1.0
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            for column in map(group.column, range(group.num_columns)):
                name = column.path_in_schema.partition(".")[0]
                if name in wanted:
                    self._check_values(name, column.num_values, group.num_rows)
                    size = max(column.num_values * VALUE_BYTES, column.total_uncompressed_size)
                    heaviest = max(heaviest, size / max(1, group.num_rows))
        if heaviest > BATCH_BYTES:
            raise ImportDataError(f"a row has {heaviest:,.0f} bytes, the most is {BATCH_BYTES:,}")
        return min(BATCH_ROWS, int(BATCH_BYTES / heaviest))

    def _check_values(self, name: str, values: int, rows: int) -> None:
        # The other rows may be empty, so that one alone has them all: maybe more than memory can hold.
        most = self._fields.get(name) if self._fields is not None else None
        if most is not None and values > rows * max(1, most) and values * VALUE_BYTES > BATCH_BYTES:
            raise ImportDataError(f"{values:,} values in {rows:,} rows, a row has at most {most:,}", field=name)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


def _decoded(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch with its texts, cut in pieces that stay small."""
    sizes = np.zeros(batch.num_rows, np.int64)
    for column in batch.columns:
        if pa.types.is_dictionary(column.type):
            lengths = pc.binary_length(column.dictionary).take(column.indices)
            sizes += lengths.fill_null(0).to_numpy(zero_copy_only=False)
    ends = np.cumsum(sizes)
    start = 0
    while start < batch.num_rows:
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + BATCH_BYTES, "right")))
        piece = batch.slice(start, stop - start)
        columns = [one.dictionary_decode() if pa.types.is_dictionary(one.type) else one for one in piece.columns]
        yield pa.RecordBatch.from_arrays(columns, names=piece.schema.names)
        start = stop


class NumpyReader:
    """A set of `.npy` files, one per field and named after it."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths

    def count_rows(self) -> int:
        arrays = self._open()
        counts = {name: array.rows for name, array in arrays.items()}
        if len(set(counts.values())) > 1:
            listed = ", ".join(f"{name}: {count}" for name, count in counts.items())
            raise ImportDataError(f"the NumPy files have different numbers of rows ({listed})")
        return next(iter(counts.values()))

    def batches(self) -> Iterator[Batch]:
        arrays = self._open()
        heaviest = max(1, *(array.row_bytes for array in arrays.values()))
        if heaviest > BATCH_BYTES:
            raise ImportDataError(f"a row has {heaviest:,} bytes, the most is {BATCH_BYTES:,}")
        rows = min(BATCH_ROWS, BATCH_BYTES // heaviest)
        for start in range(0, self.count_rows(), rows):
            with reading("NumPy files"):
                columns = {name: _to_arrow(array.read(start, start + rows)) for name, array in arrays.items()}
                yield pa.RecordBatch.from_pydict(columns)

    def _open(self) -> dict[str, "_ArrayFile"]:
        arrays: dict[str, _ArrayFile] = {}
        for path in self._paths:
            if path.stem in arrays:
                raise ImportDataError("two NumPy files have the same name", field=path.stem)
            with reading(f"NumPy file '{path.name}'"):
                arrays[path.stem] = _open_array(path)
        return arrays


class _JsonRows(ABC):
    """Rows that are JSON objects; a row that is only counted is skimmed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def count_rows(self) -> int:
        return sum(1 for _ in self._rows(skim))

    def batches(self) -> Iterator[Batch]:
        return _batched(self._rows(parse))

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
        with reading("JSON Lines file"), _open_text(self._path) as file:
            while line := file.readline(MAX_ROW_CHARS + 1):
                if len(line) > MAX_ROW_CHARS:
                    raise ImportDataError(TOO_LONG, row=row)
                if not line.isspace():
                    yield _parse_line(line, row, read), len(line)
                    row += 1


class CsvReader:
    """A CSV file with a header line; every cell is text."""

    def __init__(self, path: Path, separator: str) -> None:
        if len(separator) != 1 or separator in '\0\r\n"\ufffd':
            raise ImportDataError(f"unsupported CSV separator {separator!r}")
        self._path = path
        self._separator = separator
        csv.field_size_limit(MAX_ROW_CHARS)

    def count_rows(self) -> int:
        # A row ends with the line that leaves no quote open, which is all that counting needs to know.
        records = 0
        with reading("CSV file"), _open_text(self._path) as file:
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
        return _batched(self._rows())

    def _rows(self) -> Iterator[SizedRow]:
        with reading("CSV file"), _open_text(self._path) as file:
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
        self._left = MAX_ROW_CHARS
        self._row = 0
        self.open_quote = False

    def end_row(self, rows: int) -> int:
        """Allow as much again, as a quoted cell makes one row of many lines; the size of the row that ends here."""
        size = MAX_ROW_CHARS - self._left
        self._row, self._left = rows, MAX_ROW_CHARS
        return size

    def __iter__(self) -> Iterator[bytes]:
        while line := self._file.readline(self._left + 1):
            self._left -= len(line)
            if self._left < 0:
                raise ImportDataError(TOO_LONG, row=self._row)
            self.open_quote ^= line.count(b'"') % 2 == 1
            yield line


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
        if len(kept) > MAX_ROW_CHARS:
            return False
        # Reading at least as much as is kept keeps re-parsing of one long row linear.
        more = self._file.read(max(CHUNK_CHARS, len(kept)))
        self._dropped += self._at
        self._buffer, self._at = kept + more, 0
        return bool(more)


def _may_be_cut(error: json.JSONDecodeError, buffer: str) -> bool:
    """Whether a parse error may come from the end of the buffer rather than from the text."""
    longest_token = 16
    return error.msg.startswith("Unterminated string") or error.pos >= len(buffer) - longest_token


def _open_text(path: Path) -> BinaryIO:
    """A text file as bytes, behind the mark that some programs put before it."""
    file = path.open("rb", BUFFER_BYTES)
    if file.read(len(BOM_UTF8)) != BOM_UTF8:
        file.seek(0)
    return file


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


def _batched(rows: Iterator[SizedRow]) -> Iterator[Rows]:
    batch: Rows = []
    chars = 0
    for row, size in rows:
        batch.append(row)
        chars += size
        if len(batch) == TEXT_BATCH_ROWS or chars >= TEXT_BATCH_CHARS:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch


@dataclass(frozen=True)
class _ArrayFile:
    """An `.npy` file whose rows are read when they are asked for.

    They are not mapped into memory: who cuts a mapped file short kills the process that looks at it.
    """

    path: Path
    offset: int
    rows: int
    width: tuple[int, ...]
    by_column: bool
    dtype: np.dtype[Any]

    @property
    def row_bytes(self) -> int:
        return self.dtype.itemsize * int(np.prod(self.width, dtype=object))

    def read(self, start: int, stop: int) -> np.ndarray[Any, Any]:
        """Some rows."""
        stop = min(stop, self.rows)
        with self.path.open("rb") as file:
            if not self.by_column:
                return self._items(file, start * self.row_bytes, (stop - start, *self.width))
            size = self.dtype.itemsize
            columns = [
                self._items(file, (column * self.rows + start) * size, (stop - start,))
                for column in range(self.width[0])
            ]
            return np.stack(columns, axis=1)

    def _items(self, file: BinaryIO, at: int, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        file.seek(self.offset + at)
        count = int(np.prod(shape))
        items = np.frombuffer(file.read(count * self.dtype.itemsize), self.dtype)
        if len(items) != count:
            raise ImportDataError("the file has become shorter")
        return items.reshape(shape)


def _open_array(path: Path) -> _ArrayFile:
    size = path.stat().st_size
    if size == 0:
        raise ImportDataError("the file is empty")
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        headers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in headers:
            raise ImportDataError(f"unsupported version {version} of the NumPy format")
        shape, by_column, dtype = headers[version](file)
        offset = file.tell()
    if dtype.kind not in "biufU" or len(shape) not in (1, 2):
        raise ImportDataError(f"unsupported NumPy array of type {dtype} with {len(shape)} dimensions")
    array = _ArrayFile(path, offset, shape[0], shape[1:], by_column and len(shape) == 2, dtype)
    if min(shape) < 0 or offset + array.rows * array.row_bytes > size:
        raise ImportDataError(f"the file is too short for an array of the shape {shape}")
    return array


def _to_arrow(array: np.ndarray[Any, Any]) -> pa.Array:
    native = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    if native.ndim == 2:
        return pa.FixedSizeListArray.from_arrays(pa.array(native.reshape(-1)), native.shape[1])
    return pa.array(native.tolist() if native.dtype.kind == "U" else native)
