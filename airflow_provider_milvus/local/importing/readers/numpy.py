"""Sets of `.npy` files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.readers import limits
from airflow_provider_milvus.local.importing.readers.reader import Batch, reading


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
        if heaviest > limits.BATCH_BYTES:
            raise ImportDataError(f"a row has {heaviest:,} bytes, the upper bound is {limits.BATCH_BYTES:,}")
        rows = min(limits.BATCH_ROWS, limits.BATCH_BYTES // heaviest)
        for start in range(0, self.count_rows(), rows):
            with reading("NumPy files"):
                columns = {name: _to_arrow(array.read(start, start + rows)) for name, array in arrays.items()}
                yield pa.RecordBatch.from_pydict(columns)

    def columns(self) -> dict[str, "ArrayFile"]:
        return self._open()

    def _open(self) -> dict[str, "ArrayFile"]:
        arrays: dict[str, ArrayFile] = {}
        for path in self._paths:
            if path.stem in arrays:
                raise ImportDataError("two NumPy files have the same name", field=path.stem)
            with reading(f"NumPy file '{path.name}'"):
                arrays[path.stem] = _open_array(path)
        return arrays


@dataclass(frozen=True)
class ArrayFile:
    """An `.npy` file whose rows are read when they are needed.

    They are not mapped into memory: who cuts a mapped file short kills the process that reads it.
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


def _open_array(path: Path) -> ArrayFile:
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
    if dtype.kind not in "biufUS" or len(shape) not in (1, 2):
        raise ImportDataError(f"unsupported NumPy array of type {dtype} with {len(shape)} dimensions")
    array = ArrayFile(path, offset, shape[0], shape[1:], by_column and len(shape) == 2, dtype)
    if min(shape) < 0 or offset + array.rows * array.row_bytes > size:
        raise ImportDataError(f"the file is too short for an array of the shape {shape}")
    return array


def _to_arrow(array: np.ndarray[Any, Any]) -> pa.Array:
    if array.dtype.kind == "S":
        return _texts(array)
    native = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    if native.ndim == 2:
        return pa.FixedSizeListArray.from_arrays(pa.array(native.reshape(-1)), native.shape[1])
    if native.dtype.kind == "U":
        return pa.array([text.replace("\0", "") for text in native.tolist()], pa.string())
    return pa.array(native)


def _texts(array: np.ndarray[Any, Any]) -> pa.Array:
    """Texts of bytes. Milvus cuts them at the first zero, unless that is the first byte of all."""
    width = array.dtype.itemsize
    found = [text.partition(b"\0")[0] or text.ljust(width, b"\0") for text in array.reshape(-1).tolist()]
    return pa.array(found, pa.binary()).view(pa.string())
