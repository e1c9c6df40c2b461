"""The check of a set of NumPy files: their headers, and their values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from airflow_provider_milvus.rest.schemas import DYNAMIC_FIELD as META
from airflow_provider_milvus.staging import columns, numpy_arrays
from airflow_provider_milvus.staging.file_check import FileCheck
from airflow_provider_milvus.staging.findings import Refused
from airflow_provider_milvus.staging.target import TEXTS, TargetField

_NUMPY_TYPES = {
    "Bool": ("b1",),
    "Int8": ("i1",),
    "Int16": ("i2",),
    "Int32": ("i4",),
    "Int64": ("i8",),
    "Float": ("f4",),
    "Double": ("f8",),
    "FloatVector": ("f4", "f8"),
}
_NOT_IN_NUMPY = ("Array", "SparseFloatVector", "Timestamptz")


class NumpyCheck(FileCheck):
    """The findings of ``.npy`` files that belong together, each named after its field."""

    def _read(self) -> None:
        if not self._rules.numpy_nulls:
            for field in self._target.fields:
                if field.nullable:
                    self._add(field.name, "a nullable field", "no NumPy files before Milvus 2.6; Parquet, for example")
        headers: dict[str, tuple[str, numpy_arrays.ArrayHeader]] = {}
        for key in self._keys:
            self._key, name = key, PurePosixPath(key).stem
            with self._refusing(name), self._folder.open(key) as file:
                if name in headers:
                    raise Refused("two files of this name", "one file for each field")
                headers[name] = key, numpy_arrays.read_header(file, self._folder.fingerprint(key).size)
        self._key = self._keys[0]
        self._check_counts(headers)
        self._check_generated(headers)
        found = {PurePosixPath(key).stem for key in self._keys}
        for field in self._target.given:
            if field.name not in found and not (self._rules.numpy_nulls and field.may_be_missing):
                what = f"no NumPy files, which hold no {field}" if field.type in _NOT_IN_NUMPY else "a file for it"
                self._add(field.name, "no file", what)
        for name, (key, header) in headers.items():
            self._key = key
            wanted = self._wanted(name) or (self._target.meta(nullable=True) if self._is_meta(name) else None)
            if wanted is not None:
                with self._refusing(name, casts=_numpy_cast(wanted)):
                    _check_numpy_type(wanted, header)
                if name not in self._refused_columns:
                    self._check_values(wanted, header)

    def _check_counts(self, headers: Mapping[str, tuple[str, numpy_arrays.ArrayHeader]]) -> None:
        counts = {name: header.rows for name, (_, header) in headers.items()}
        self.rows = max(counts.values(), default=0)
        if len(set(counts.values())) > 1:
            listed = ", ".join(f"{name}: {rows:,}" for name, rows in counts.items())
            self._add("", f"arrays of different numbers of rows ({listed})", "the same number in each")

    def _check_values(self, field: TargetField, header: numpy_arrays.ArrayHeader) -> None:
        if header.by_column:
            self._warn(
                field.name,
                "an array in Fortran order, which Milvus reads as if it were in C order, mixing up its rows",
                "an array in C order",
                {"NumPy": "numpy.save(path, numpy.ascontiguousarray(array))"},
            )
        if not numpy_arrays.is_readable(header):
            return
        at, limit = 0, None if self._limit is None else self._limit * header.width
        scalar = TargetField(field.name, "Float") if field.type == "FloatVector" else field
        with self._folder.open(self._key) as file, self._refusing(field.name):
            for batch in numpy_arrays.batches(file, header, limit):
                try:
                    if field.name == META:
                        columns.check_meta_column(batch, self._rules)
                    else:
                        # Milvus's NumPy reader counts the bytes of a text only if it is one of Unicode.
                        columns.check_scalars(scalar, batch, check_length=header.kind == "U")
                except Refused as refused:
                    row = None if refused.row is None else numpy_arrays.row_of(header, at + refused.row)
                    raise Refused(refused.found, refused.needed, row) from None
                at += len(batch)


def _check_numpy_type(field: TargetField, header: numpy_arrays.ArrayHeader) -> None:
    """Raises Refused for an array that Milvus does not read into the field (``validateHeader`` of its NumPy reader)."""
    if field.type in _NOT_IN_NUMPY:
        raise Refused("an array", f"no NumPy files, which hold no {field}")
    if field.type in TEXTS:
        if header.kind not in "SU" or not header.item_size:
            raise Refused(f"dtype {header.dtype}", f"texts (U or S) for {field}")
    elif field.type not in _NUMPY_TYPES:
        return
    elif header.dtype not in _NUMPY_TYPES[field.type]:
        raise Refused(f"dtype {header.dtype}", f"dtype {' or '.join(_NUMPY_TYPES[field.type])} for {field}")
    dimensions = 2 if field.type == "FloatVector" else 1
    if len(header.shape) != dimensions:
        raise Refused(f"{len(header.shape)} dimension(s)", f"{dimensions} for {field}")
    if dimensions == 2 and header.width != field.dim:
        raise Refused(f"vectors of {header.width:,} numbers", f"dim={field.dim:,}")


def _numpy_cast(field: TargetField) -> dict[str, str]:
    dtypes = _NUMPY_TYPES.get(field.type)
    return {"NumPy": f"numpy.save(path, array.astype({dtypes[0]!r}))"} if dtypes else {}
