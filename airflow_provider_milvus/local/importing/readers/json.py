"""JSON and JSON Lines files."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.json_text import parse, skim
from airflow_provider_milvus.local.importing.readers import limits
from airflow_provider_milvus.local.importing.readers.json_stream import JsonStream
from airflow_provider_milvus.local.importing.readers.reader import Batch, Columns, Read, SizedRow, is_row, reading
from airflow_provider_milvus.local.importing.readers.text import TOO_LONG, batched


class _JsonRows(ABC):
    """Rows that are JSON objects, each what `read` makes of its text; a row that is only counted is skimmed."""

    def __init__(self, path: Path, read: Read = parse) -> None:
        self._path = path
        self._read = read

    def count_rows(self) -> int:
        return sum(1 for _ in self._rows(skim))

    def columns(self) -> Columns:
        """Nothing: each row has keys of its own."""
        return None

    def batches(self) -> Iterator[Batch]:
        return batched(self._rows(self._read))

    @abstractmethod
    def _rows(self, read: Read) -> Iterator[SizedRow]: ...


class JsonReader(_JsonRows):
    """A JSON file: an array of row objects, or an object whose `rows` key holds that array."""

    def _rows(self, read: Read) -> Iterator[SizedRow]:
        with reading("JSON file"), self._path.open("rb", limits.BUFFER_BYTES) as file:
            yield from JsonStream(file, read).document()


class JsonLinesReader(_JsonRows):
    """A JSON Lines file. To Go a line end is nothing but white space: an object may have many lines, or share one."""

    def _rows(self, read: Read) -> Iterator[SizedRow]:
        row = 0
        with reading("JSON Lines file"), self._path.open("rb", limits.BUFFER_BYTES) as file:
            while line := file.readline(limits.MAX_ROW_CHARS + 1):
                if len(line) > limits.MAX_ROW_CHARS:
                    raise ImportDataError(TOO_LONG, row=row)
                if line.isspace():
                    continue
                try:
                    value = read(line)
                except (ValueError, RecursionError):
                    value = None
                if not is_row(value):
                    yield from JsonStream(file, read, line, row).values()
                    return
                yield value, len(line)
                row += 1
