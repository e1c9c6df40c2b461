"""The header of an ``.npy`` file, and its values as Arrow arrays, without NumPy.

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa

from airflow_provider_milvus.staging.findings import Refused, shown

_MAGIC = b"\x93NUMPY"
_DTYPE = re.compile(r"([<>=|])?([biufUS])(\d+)")
_ARROW = {
    "i1": pa.int8(),
    "i2": pa.int16(),
    "i4": pa.int32(),
    "i8": pa.int64(),
    "f4": pa.float32(),
    "f8": pa.float64(),
}
_BATCH_BYTES = 16 << 20
_MAX_HEADER_BYTES = 1 << 20


@dataclass(frozen=True)
class ArrayHeader:
    """What an ``.npy`` file declares.

    :param kind: ``b``, ``i``, ``u``, ``f``, ``U`` or ``S``.
    :param item_size: of one item, in bytes.
    """

    kind: str
    item_size: int
    is_big_endian: bool
    by_column: bool
    shape: tuple[int, ...]
    offset: int

    @property
    def dtype(self) -> str:
        """As NumPy writes it, without the byte order: ``f4``, ``U12``."""
        return f"{self.kind}{self.item_size // 4 if self.kind == 'U' else self.item_size}"

    @property
    def rows(self) -> int:
        return self.shape[0]

    @property
    def width(self) -> int:
        """How many items a row has."""
        return math.prod(self.shape[1:])


def read_header(file: BinaryIO, size: int) -> ArrayHeader:
    """The header of a file of this size.

    :raises Refused: for what Milvus cannot read.
    """
    start = file.read(10)
    if not start:
        raise Refused("an empty file", "an array in the format .npy")
    version = tuple(start[6:8])
    if start[:6] != _MAGIC or version not in ((1, 0), (2, 0)):
        raise Refused("what is no .npy file of version 1.0 or 2.0", "an array that numpy.save has written")
    length = start[8:10] + (file.read(2) if version == (2, 0) else b"")
    header_bytes = int.from_bytes(length, "little")
    offset = 8 + len(length) + header_bytes
    header = _parsed(file.read(min(header_bytes, _MAX_HEADER_BYTES)), offset)
    if header.offset + header.rows * header.width * header.item_size > size:
        raise Refused(f"a file that is too short for the shape {header.shape}", "the whole file")
    return header


def _parsed(text: bytes, offset: int) -> ArrayHeader:
    try:
        found = ast.literal_eval(text.decode("latin-1").strip())
        descr, shape, by_column = found["descr"], found["shape"], found["fortran_order"]
    except (ValueError, SyntaxError, KeyError, TypeError, MemoryError, RecursionError):
        raise Refused("a header that cannot be read", "an array that numpy.save has written") from None
    match = _DTYPE.fullmatch(descr) if isinstance(descr, str) else None
    is_shape = isinstance(shape, tuple) and len(shape) in (1, 2) and all(type(n) is int and n >= 0 for n in shape)
    if match is None or not is_shape:
        raise Refused(
            f"an array of type {shown(descr)} and shape {shown(shape)}", "numbers or texts, 1 or 2 dimensions"
        )
    order, kind, number = match.groups()
    item_size = int(number) * (4 if kind == "U" else 1)
    return ArrayHeader(kind, item_size, order == ">", bool(by_column) and len(shape) == 2, shape, offset)


def batches(file: BinaryIO, header: ArrayHeader, limit: int | None = None) -> Iterator[pa.Array]:
    """The items in the order in which the file has them, as texts or numbers.

    :param limit: how many of them; all without it.
    :raises Refused: for what is no text, with its row.
    """
    file.seek(header.offset)
    left, at = header.rows * header.width, 0
    left = left if limit is None else min(left, limit)
    size = max(1, _BATCH_BYTES // max(1, header.item_size))
    while left > 0:
        count = min(left, size)
        data = file.read(count * header.item_size)
        if len(data) < count * header.item_size:
            raise Refused("a file that has become shorter", "the whole file")
        yield _texts(data, header, at) if header.kind in "US" else _numbers(data, header)
        left -= count
        at += count


def _numbers(data: bytes, header: ArrayHeader) -> pa.Array:
    kind = _ARROW[header.dtype]
    if header.is_big_endian and header.item_size > 1:
        reversed_bytes = bytearray(len(data))
        for byte in range(header.item_size):
            reversed_bytes[byte :: header.item_size] = data[header.item_size - 1 - byte :: header.item_size]
        data = bytes(reversed_bytes)
    return pa.Array.from_buffers(kind, len(data) // header.item_size, [None, pa.py_buffer(data)])


def _texts(data: bytes, header: ArrayHeader, first: int) -> pa.Array:
    size = header.item_size
    found = []
    for number, start in enumerate(range(0, len(data), size)):
        try:
            found.append(_text(data[start : start + size], header))
        except UnicodeError:
            raise Refused("what is no text in Unicode", "text", first + number) from None
    return pa.array(found, pa.string())


def _text(item: bytes, header: ArrayHeader) -> str:
    """Milvus cuts texts of bytes at the first zero, unless that is the first byte of all."""
    if header.kind == "S":
        return (item.partition(b"\0")[0] or item).decode()
    return item.decode("utf-32-be" if header.is_big_endian else "utf-32-le").replace("\0", "")


def is_readable(header: ArrayHeader) -> bool:
    """Whether :func:`batches` reads items of this type."""
    return header.kind in "US" or header.dtype in _ARROW


def row_of(header: ArrayHeader, item: int) -> int:
    """The row of an item, counted in the order of the file."""
    return item % header.rows if header.by_column else item // max(1, header.width)
