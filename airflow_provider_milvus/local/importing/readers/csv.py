"""CSV files."""

from collections.abc import Iterator
from pathlib import Path

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.readers import limits
from airflow_provider_milvus.local.importing.readers.csv_records import CsvRecords
from airflow_provider_milvus.local.importing.readers.reader import Batch, CsvRows, reading

UNSUPPORTED_SEPARATORS = '\0\r\n"\ufffd'


class CsvReader:
    """A CSV file with a header line; every cell is text. Of a longer separator its first character counts."""

    def __init__(self, path: Path, separator: str) -> None:
        self._path = path
        self._separator = separator[:1] or ","
        if self._separator in UNSUPPORTED_SEPARATORS:
            raise ImportDataError(f"unsupported csv separator: {separator!r}")

    def count_rows(self) -> int:
        with reading("CSV file"), self._path.open("rb", limits.BUFFER_BYTES) as file:
            records = CsvRecords(file, self._separator)
            self._header(records, rows := iter(records))
            return sum(1 for _ in _rows(rows))

    def columns(self) -> list[str]:
        with reading("CSV file"), self._path.open("rb", limits.BUFFER_BYTES) as file:
            records = CsvRecords(file, self._separator)
            return self._header(records, iter(records))

    def batches(self) -> Iterator[Batch]:
        with reading("CSV file"), self._path.open("rb", limits.BUFFER_BYTES) as file:
            records = CsvRecords(file, self._separator)
            names = self._header(records, rows := iter(records))
            batch: list[list[str]] = []
            chars = 0
            for row, cells in enumerate(_rows(rows)):
                if len(cells) != len(names):
                    raise ImportDataError("the number of fields in the row is not equal to the header", row=row)
                batch.append(cells)
                chars += records.size
                if len(batch) == limits.TEXT_BATCH_ROWS or chars >= limits.TEXT_BATCH_CHARS:
                    yield CsvRows(names, batch)
                    batch, chars = [], 0
            if batch:
                yield CsvRows(names, batch)

    def _header(self, records: CsvRecords, rows: Iterator[list[str]]) -> list[str]:
        names = next(rows, None)
        if names is None:
            raise ImportDataError("failed to read csv header, error: EOF")
        if records.broken:
            raise ImportDataError(
                "failed to read csv header, error: a quote in a cell that is not quoted, or not closed"
            )
        return names


def _rows(records: Iterator[list[str]]) -> Iterator[list[str]]:
    """The records up to where Milvus stops: at two of which not even the first cell can be read, with none between."""
    found = False
    for cells in records:
        if cells:
            yield cells
        elif not found:
            return
        found = bool(cells)
