"""Import files as streams: Parquet, JSON, JSON Lines, CSV and sets of NumPy arrays.

A reader counts the rows of a file and yields them in batches, either as Arrow record batches (Parquet,
NumPy) or as lists of dicts (the text formats). No reader ever holds a whole file in memory.
Formats and options follow Milvus's import (`import-data.md`, `importutilv2`).
"""

from pathlib import Path

from airflow_provider_milvus.local.importing.json_text import parse
from airflow_provider_milvus.local.importing.readers.csv import CsvReader
from airflow_provider_milvus.local.importing.readers.json import JsonLinesReader, JsonReader
from airflow_provider_milvus.local.importing.readers.numpy import NumpyReader
from airflow_provider_milvus.local.importing.readers.parquet import ParquetReader
from airflow_provider_milvus.local.importing.readers.reader import (
    Batch,
    Columns,
    CsvRows,
    Fields,
    Read,
    Reader,
    Rows,
    reading,
)

__all__ = ["Batch", "Columns", "CsvRows", "Fields", "Reader", "Rows", "open_reader", "reading"]


def open_reader(paths: list[Path], options: dict[str, str], fields: Fields | None = None, read: Read = parse) -> Reader:
    """The reader for these files by their extension. `options` are the job's (`sep` for CSV).

    `fields` are the columns that are wanted, each with the upper bound of values in a row of it if that is known;
    a reader need not read others. Default: all. `read` makes a row of a text of JSON.
    """
    match paths[0].suffix:
        case ".parquet":
            return ParquetReader(paths[0], fields)
        case ".npy":
            return NumpyReader(paths)
        case ".json":
            return JsonReader(paths[0], read)
        case ".csv":
            return CsvReader(paths[0], options.get("sep", ","))
        case _:
            return JsonLinesReader(paths[0], read)
