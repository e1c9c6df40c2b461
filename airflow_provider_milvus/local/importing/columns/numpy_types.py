"""Which NumPy arrays Milvus reads into which fields (`validateHeader` of its NumPy reader)."""

import numpy as np
from milvus_lite.schema.types import DataType, FieldSchema

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.columns.fields import type_name
from airflow_provider_milvus.local.importing.columns.held_vectors import numpy_widths
from airflow_provider_milvus.local.importing.file_rules import FileRules
from airflow_provider_milvus.local.importing.readers.numpy import ArrayFile
from airflow_provider_milvus.local.lite.vector_types import held_type

# The only types of elements; big and little endian are alike.
_ELEMENTS = {
    DataType.BOOL: ("b1",),
    DataType.INT8: ("i1",),
    DataType.INT16: ("i2",),
    DataType.INT32: ("i4",),
    DataType.INT64: ("i8",),
    DataType.FLOAT: ("f4",),
    DataType.DOUBLE: ("f8",),
    DataType.FLOAT_VECTOR: ("f4", "f8"),
}
_TEXTS = (DataType.VARCHAR, DataType.JSON, DataType.GEOMETRY)
UNSUPPORTED = (DataType.ARRAY, DataType.SPARSE_FLOAT_VECTOR)


def check_numpy_type(field: FieldSchema, array: ArrayFile, rules: FileRules) -> None:
    """Raises ImportDataError for an array that Milvus does not read into the field."""
    if field.dtype in UNSUPPORTED:
        raise unsupported(field)
    kind = held_type(field)
    widths = numpy_widths(kind, field.dim, rules.float_halves) if kind else None
    element, name = f"{array.dtype.kind}{array.dtype.itemsize}", kind or type_name(field.dtype)
    if not (_fits(field.dtype, array.dtype) if widths is None else element in widths):
        raise ImportDataError(f"expected element type '{name}', got type '{array.dtype.str}'", field=field.name)
    shape = 1 + len(array.width)
    expected = 2 if field.dtype == DataType.FLOAT_VECTOR else 1
    if shape != expected:
        raise ImportDataError(f"expected shape '{expected}' for {name} field, got shape '{shape}'", field=field.name)
    width = field.dim if widths is None else widths[element]
    if expected == 2 and array.width[0] != width:
        raise ImportDataError(f"expected dim '{width}', got dim '{array.width[0]}'", field=field.name)


def _fits(kind: DataType, dtype: np.dtype[np.generic]) -> bool:
    if kind in _TEXTS:
        return dtype.kind in "SU" and dtype.itemsize > 0
    return f"{dtype.kind}{dtype.itemsize}" in _ELEMENTS.get(kind, ())


def unsupported(field: FieldSchema) -> ImportDataError:
    """The refusal of a collection with a field that NumPy files cannot hold."""
    return ImportDataError(
        f"unsupported importing numpy files for collection with data type: {type_name(field.dtype)}", field=field.name
    )
