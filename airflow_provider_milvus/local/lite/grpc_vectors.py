"""Messages with vectors of types that Milvus Lite lacks, turned into those with floats, and back."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from milvus_lite.exceptions import SchemaValidationError
from pymilvus.grpc_gen import common_pb2

from airflow_provider_milvus.local.lite.vector_types import (
    BFLOAT16,
    BINARY,
    FLOAT16,
    INT8,
    bytes_of,
    from_bytes,
    to_bytes,
)

FLOATS, SPARSE_AND_TEXTS = 101, (104, 21)
# Numbers and names of the types in the messages.
NUMBERS = {BINARY: 100, FLOAT16: 102, BFLOAT16: 103, INT8: 105}
TYPES = {number: kind for kind, number in NUMBERS.items()}
PARTS = {BINARY: "binary_vector", FLOAT16: "float16_vector", BFLOAT16: "bfloat16_vector", INT8: "int8_vector"}


def hide_types(schema: Any) -> dict[str, str]:
    """Make FloatVector of these types in a schema; by field, what they were."""
    types = {field.name: TYPES[field.data_type] for field in schema.fields if field.data_type in TYPES}
    for field in schema.fields:
        if field.name in types:
            field.data_type = FLOATS
    return types


def show_types(schema: Any, types: Mapping[str, str]) -> None:
    """The types again in a schema that Milvus Lite describes."""
    for field in schema.fields:
        if field.name in types:
            field.data_type = NUMBERS[types[field.name]]


def hold_columns(columns: Iterable[Any], types: Mapping[str, str]) -> None:
    """Turn the vectors of columns to insert into floats. Raises SchemaValidationError for those of another type."""
    for column in columns:
        kind = types.get(column.field_name)
        if column.type in TYPES or (kind is not None and column.type == FLOATS):
            if TYPES.get(column.type) != kind or kind is None:
                raise SchemaValidationError(f"data type of field {column.field_name} is not {kind or FLOATS}")
            raw, dim = getattr(column.vectors, PARTS[kind]), column.vectors.dim
            if dim <= 0 or len(raw) % bytes_of(kind, dim):
                raise SchemaValidationError(f"the vectors of field {column.field_name} have not the dim {dim}")
            column.vectors.float_vector.data.extend(from_bytes(kind, raw, dim).reshape(-1).tolist())
            column.type = FLOATS


def show_columns(columns: Iterable[Any], types: Mapping[str, str]) -> None:
    """Turn the floats of columns that were read into the vectors that they are held for."""
    for column in columns:
        kind = types.get(column.field_name)
        if kind is not None and column.type == FLOATS:
            held = np.array(column.vectors.float_vector.data, np.float32).reshape(-1, column.vectors.dim)
            if len(column.valid_data):
                # Without the rows that have none, as a cluster sends them.
                held = held[np.array(column.valid_data, bool)]
            setattr(column.vectors, PARTS[kind], to_bytes(kind, held))
            column.type = NUMBERS[kind]


def hold_queries(request: Any, types: Mapping[str, str]) -> None:
    """Turn the vectors of a search into floats. Raises SchemaValidationError for those of another type."""
    fields = [pair.value for pair in request.search_params if pair.key == "anns_field"]
    kind = types.get(fields[0]) if fields else next(iter(types.values()), None)
    group = common_pb2.PlaceholderGroup.FromString(request.placeholder_group)
    for one in group.placeholders:
        if one.type in SPARSE_AND_TEXTS or (kind is None and one.type == FLOATS):
            continue
        if TYPES.get(one.type) != kind or kind is None:
            raise SchemaValidationError(f"vector type must be the same, field type {kind}, search type {one.type}")
        # The length of a vector tells its dimension, which Milvus Lite compares with that of the field.
        lengths = {BINARY: 8, INT8: 1}
        held = [from_bytes(kind, raw, int(len(raw) * lengths.get(kind, 0.5))).reshape(-1) for raw in one.values]
        one.type, one.values[:] = FLOATS, [vector.astype("<f4").tobytes() for vector in held]
    request.placeholder_group = group.SerializeToString()
