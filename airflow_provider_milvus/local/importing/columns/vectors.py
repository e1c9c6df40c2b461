"""Dense and sparse vectors."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from milvus_lite.schema.sparse import normalize_sparse_vector
from milvus_lite.schema.types import FieldSchema

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.columns.fields import NUMBERS
from airflow_provider_milvus.local.importing.columns.scalars import first_true
from airflow_provider_milvus.local.importing.json_text import parse


def vector_column(field: FieldSchema, column: pa.Array) -> pa.Array:
    if not is_list(column.type):
        raise ImportDataError(f"expected a list of {field.dim} numbers, the file has {column.type}", field=field.name)
    source = column.type.value_type
    if not (pa.types.is_floating(source) or pa.types.is_integer(source)):
        raise ImportDataError(f"expected numbers, the file has {source}", field=field.name)
    wrong = pc.and_kleene(column.is_valid(), pc.not_equal(pc.list_value_length(column), field.dim))
    if (row := first_true(wrong)) is not None:
        raise ImportDataError(f"expected {field.dim} numbers, got {len(column[row])}", row=row, field=field.name)
    given = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    flat = column.drop_null().flatten().cast(pa.float32(), safe=False)
    if flat.null_count:
        row = int(given[(first_true(flat.is_null()) or 0) // field.dim])
        raise ImportDataError("null inside a vector", row=row, field=field.name)
    check_finite(field, flat, given)
    if len(given) < len(column):
        # Milvus Lite stores a null vector as zeros.
        zeros = np.zeros((len(column), field.dim), dtype=np.float32)
        zeros[given] = flat.to_numpy().reshape(-1, field.dim)
        flat = pa.array(zeros.reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, field.dim)


def is_list(source: pa.DataType) -> bool:
    return bool(pa.types.is_list(source) or pa.types.is_large_list(source) or pa.types.is_fixed_size_list(source))


def check_vector(field: FieldSchema, value: Any, row: int) -> None:
    if value is None:
        if not field.nullable:
            raise ImportDataError("missing or null", row=row, field=field.name)
    elif not isinstance(value, list | tuple):
        raise ImportDataError(
            f"expected a list of {field.dim} numbers, got {type(value).__name__}", row=row, field=field.name
        )
    elif len(value) != field.dim:
        raise ImportDataError(f"expected {field.dim} numbers, got {len(value)}", row=row, field=field.name)
    elif not NUMBERS.issuperset(map(type, value)):
        raise ImportDataError("a vector holds something that is no number", row=row, field=field.name)


def gather_vectors(field: FieldSchema, values: list[Any], kind: pa.DataType) -> pa.Array:
    try:
        # NumPy takes a list of lists twenty times as fast as Arrow does.
        with np.errstate(over="ignore"):
            flat = pa.array(np.array(values, np.float32).reshape(-1))
    except (ValueError, TypeError, OverflowError):
        flat = to_array(field, values, kind).values
    check_finite(field, flat, np.arange(len(values)))
    return pa.FixedSizeListArray.from_arrays(flat, field.dim)


def check_finite(field: FieldSchema, flat: pa.Array, rows: np.ndarray[Any, Any]) -> None:
    finite = np.isfinite(flat.to_numpy(zero_copy_only=False))
    if not finite.all():
        row = int(rows[int(np.argmin(finite)) // field.dim])
        raise ImportDataError("a vector holds NaN or infinity", row=row, field=field.name)


def to_array(field: FieldSchema, values: list[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, OverflowError, ValueError, TypeError) as error:
        for row, value in enumerate(values):
            try:
                pa.array([value], kind)
            except (pa.ArrowException, OverflowError, ValueError, TypeError) as cause:
                raise ImportDataError(str(cause), row=row, field=field.name) from None
        raise ImportDataError(str(error), field=field.name) from None


def parse_sparse(value: Any) -> dict[int, float]:
    """A sparse vector from `{"index": value}` or `{"indices": [...], "values": [...]}`, also as JSON text."""
    if isinstance(value, str):
        value = parse(value)
    if isinstance(value, list):
        value = dict(value)
    if isinstance(value, dict) and set(value) == {"indices", "values"}:
        value = dict(zip(value["indices"], value["values"], strict=True))
    if isinstance(value, dict):
        value = {int(index) if isinstance(index, str) else index: weight for index, weight in value.items()}
    vector: dict[int, float] = normalize_sparse_vector(value, allow_empty=False)
    return vector
