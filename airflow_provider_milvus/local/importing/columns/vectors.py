"""Columns of dense vectors."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from milvus_lite.schema.types import FieldSchema

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.columns.fields import VECTOR_ELEMENTS, type_error
from airflow_provider_milvus.local.importing.columns.scalars import first_true


def vector_column(field: FieldSchema, column: pa.Array, null_elements: bool) -> pa.Array:
    """Vectors from lists of numbers.

    :param null_elements: whether a null within a list is zero; else it is refused.
    """
    wrong = pc.and_kleene(column.is_valid(), pc.not_equal(pc.list_value_length(column), field.dim))
    if (row := first_true(wrong)) is not None:
        raise _wrong_length(field, len(column[row]), row)
    given = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    flat = column.drop_null().flatten().cast(pa.float32(), safe=False)
    if flat.null_count and null_elements:
        flat = flat.fill_null(0)
    if flat.null_count:
        row = int(given[(first_true(flat.is_null()) or 0) // field.dim])
        raise ImportDataError("array element is not allowed to be null value", row=row, field=field.name)
    _check_finite(field, flat, given)
    if len(given) < len(column):
        # Milvus Lite stores a null vector as zeros.
        zeros = np.zeros((len(column), field.dim), dtype=np.float32)
        zeros[given] = flat.to_numpy().reshape(-1, field.dim)
        flat = pa.array(zeros.reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, field.dim)


def check_vector(field: FieldSchema, value: Any, row: int) -> None:
    """Raises ImportDataError for what is no vector of the field."""
    if value is None:
        if not field.nullable:
            raise type_error(field, value, row)
    elif not isinstance(value, list | tuple):
        raise type_error(field, value, row)
    elif len(value) != field.dim:
        raise _wrong_length(field, len(value), row)
    elif not VECTOR_ELEMENTS.issuperset(map(type, value)):
        raise type_error(field, next(one for one in value if type(one) not in VECTOR_ELEMENTS), row)


def gather_vectors(field: FieldSchema, values: list[Any], kind: pa.DataType) -> pa.Array:
    """A column of vectors that were checked; None is stored as zeros."""
    if None in values:
        zeros = [0.0] * (field.dim or 0)
        values = [zeros if value is None else value for value in values]
    try:
        # NumPy takes a list of lists twenty times as fast as Arrow does.
        with np.errstate(over="ignore"):
            flat = pa.array(np.array(values, np.float32).reshape(-1))
    except (ValueError, TypeError, OverflowError):
        flat = to_array(field, values, kind).values
    _check_finite(field, flat, np.arange(len(values)))
    return pa.FixedSizeListArray.from_arrays(flat, field.dim)


def _wrong_length(field: FieldSchema, length: int, row: int) -> ImportDataError:
    return ImportDataError(f"expected dim '{field.dim}', got dim '{length}'", row=row, field=field.name)


def _check_finite(field: FieldSchema, flat: pa.Array, rows: np.ndarray[Any, Any]) -> None:
    finite = np.isfinite(flat.to_numpy(zero_copy_only=False))
    if not finite.all():
        row = int(rows[int(np.argmin(finite)) // field.dim])
        raise ImportDataError("value is not a number or infinity", row=row, field=field.name)


def to_array(field: FieldSchema, values: list[Any], kind: pa.DataType) -> pa.Array:
    """An Arrow array of these values. Raises ImportDataError for the first that does not fit."""
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, OverflowError, ValueError, TypeError) as error:
        for row, value in enumerate(values):
            try:
                pa.array([value], kind)
            except (pa.ArrowException, OverflowError, ValueError, TypeError) as cause:
                raise ImportDataError(str(cause), row=row, field=field.name) from None
        raise ImportDataError(str(error), field=field.name) from None
