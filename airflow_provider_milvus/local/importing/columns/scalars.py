"""The limits of scalars and of the elements of arrays."""

import pyarrow as pa
import pyarrow.compute as pc
from milvus_lite.schema.types import DataType, FieldSchema

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.columns.fields import FLOATS, MAX_TEXT_BYTES


def check_scalars(field: FieldSchema, column: pa.Array) -> None:
    """What Milvus checks of scalars when it imports, and Milvus Lite does not or not alike when it inserts."""
    if field.dtype == DataType.VARCHAR:
        _check_limit(field, pc.binary_length(column), field.max_length or MAX_TEXT_BYTES, "bytes", "max_length")
    if field.dtype == DataType.ARRAY:
        if field.max_capacity is not None:
            _check_limit(field, pc.list_value_length(column), field.max_capacity, "elements", "max_capacity")
        _check_elements(field, column)
    if field.dtype in FLOATS:
        row = first_true(pc.invert(pc.is_finite(column)))
        if row is not None:
            raise ImportDataError("value is not a number or infinity", row=row, field=field.name)


def _check_elements(field: FieldSchema, column: pa.Array) -> None:
    elements = column.flatten()
    try:
        if elements.null_count:
            raise ImportDataError("array element is not allowed to be null value", row=first_true(elements.is_null()))
        check_scalars(FieldSchema(field.name, field.element_type, max_length=field.max_length), elements)
    except ImportDataError as error:
        row = pc.list_parent_indices(column)[error.row].as_py()
        raise ImportDataError(error.message, row=row, field=field.name) from None


def _check_limit(field: FieldSchema, sizes: pa.Array, limit: int, unit: str, name: str) -> None:
    row = first_true(pc.greater(sizes, limit))
    if row is not None:
        raise ImportDataError(f"{sizes[row]} {unit} exceed {name} {limit}", row=row, field=field.name)


def first_true(mask: pa.Array) -> int | None:
    """The first row where a mask is true."""
    index = pc.index(mask, True).as_py()
    return None if index < 0 else int(index)
