"""Columns of vectors from their texts of JSON, without a Python object for each number.

Arrow's reader of CSV parses the numbers, one a line. It takes half of the time of a parser that makes Python objects,
and lets other threads run meanwhile.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv
from milvus_lite.schema.types import FieldSchema

NULL = b"null"
# Ends each vector. No text of JSON has it, so a vector of another length moves it to another place.
END = b",nan,"
_NO_DELIMITER = pyarrow.csv.ParseOptions(quote_char=False, delimiter="\1")
_NUMBERS = pyarrow.csv.ConvertOptions(column_types={"number": pa.float64()}, null_values=[], check_utf8=False)
_raw = msgspec.json.Decoder(msgspec.Raw).decode


def checked_text(text: str) -> msgspec.Raw:
    """A text of JSON as it is. Raises MsgspecError, UnicodeError or RecursionError for what is none."""
    return _raw(text)


def parse_vectors(field: FieldSchema, texts: Sequence[msgspec.Raw | None]) -> pa.Array | None:
    """A column of vectors from texts of JSON, or None if one of them is no vector of the field.

    A null is stored as zeros, as Milvus Lite does it, where the field may be null.
    """
    views = [memoryview(NULL if text is None else text) for text in texts]
    if field.nullable:
        zeros = memoryview(str([0] * field.dim).encode())
        views = [zeros if view == NULL else view for view in views]
    if any(view[0] != ord("[") for view in views):
        return None
    lines = END.join([view[1:-1] for view in views] + [b""]).replace(b",", b"\n")
    reading = pyarrow.csv.ReadOptions(column_names=["number"], use_threads=False, block_size=len(lines) + 1)
    try:
        table = pyarrow.csv.read_csv(pa.BufferReader(lines), reading, _NO_DELIMITER, _NUMBERS)
    except pa.ArrowInvalid:
        return None
    numbers = table.column("number").to_numpy()
    if len(numbers) != len(texts) * (field.dim + 1):
        return None
    rows = numbers.reshape(len(texts), field.dim + 1)
    with np.errstate(over="ignore"):
        vectors = rows[:, : field.dim].astype(np.float32)
    if not (np.isnan(rows[:, field.dim]).all() and np.isfinite(vectors).all()):
        return None
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), field.dim)
