"""What a cluster does not create a collection with, and Milvus Lite does.

The rules and texts are those of Milvus's `internal/proxy/util.go`, `internal/proxy/task.go` and
`internal/rootcoord/util.go`. They hold for REST and gRPC.
"""

from milvus_lite.analyzer.factory import create_analyzer
from milvus_lite.exceptions import SchemaValidationError
from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema

from airflow_provider_milvus.local.lite.type_names import NAMES
from airflow_provider_milvus.local.lite.valid_names import check_field_name
from airflow_provider_milvus.local.lite.vector_types import BINARY, held_type

MAX_FIELDS, MAX_VECTORS = 256, 10
MAX_DIMENSION = 32768
MAX_TEXT_BYTES, MAX_CAPACITY = 65535, 4096
VECTORS = (DataType.FLOAT_VECTOR, DataType.SPARSE_FLOAT_VECTOR)
ELEMENTS = (
    DataType.BOOL,
    DataType.INT8,
    DataType.INT16,
    DataType.INT32,
    DataType.INT64,
    DataType.FLOAT,
    DataType.DOUBLE,
    DataType.VARCHAR,
)
# What Milvus Lite makes of `analyzer_params`; it ignores all the rest.
ANALYZER_KEYS = {"tokenizer", "type", "filter"}


class Unsupported(SchemaValidationError):  # type: ignore[misc]
    """What a cluster can do and Milvus Lite cannot."""


def check_schema(schema: CollectionSchema) -> None:
    """Raises SchemaValidationError for the first thing that a cluster refuses or that Milvus Lite would ignore."""
    vectors = [one for one in schema.fields if one.dtype in VECTORS]
    if len(schema.fields) > MAX_FIELDS:
        raise SchemaValidationError(f"maximum field's number should be limited to {MAX_FIELDS}")
    if len(vectors) > MAX_VECTORS:
        raise SchemaValidationError(f"maximum vector field's number should be limited to {MAX_VECTORS}")
    for one in schema.fields:
        check_field_name(one.name)
        _check_key(one)
        _check_sizes(one)
        if one.enable_analyzer:
            _check_analyzer(one)
        elif one.enable_match:
            raise SchemaValidationError(f"field {one.name} is set to enable match but not enable analyzer")


def _check_key(field: FieldSchema) -> None:
    if field.is_primary and field.default_value is not None:
        raise SchemaValidationError(
            f"primary field not support default_value, type:{NAMES[field.dtype]}, name:{field.name}"
        )
    if field.is_partition_key and field.nullable:
        raise SchemaValidationError("partition key field not support nullable")


def _check_sizes(field: FieldSchema) -> None:
    if field.dtype == DataType.SPARSE_FLOAT_VECTOR and field.dim is not None:
        raise SchemaValidationError(f"dim should not be specified for sparse vector field {field.name}(0)")
    if field.dtype == DataType.FLOAT_VECTOR:
        _check_dimension(field)
    if DataType.VARCHAR in (field.dtype, field.element_type):
        length = field.max_length
        if length is not None and not 0 < length <= MAX_TEXT_BYTES:
            raise SchemaValidationError(
                f"the maximum length specified for the field({field.name}) should be in (0, {MAX_TEXT_BYTES}], "
                f"but got {length} instead"
            )
    if field.dtype == DataType.ARRAY:
        if field.element_type is not None and field.element_type not in ELEMENTS:
            raise SchemaValidationError(f"element type {NAMES[field.element_type]} is not supported")
        if field.max_capacity is not None and not 0 < field.max_capacity <= MAX_CAPACITY:
            raise SchemaValidationError(f"the maximum capacity specified for a Array should be in (0, {MAX_CAPACITY}]")


def _check_dimension(field: FieldSchema) -> None:
    if field.dim is None:
        raise SchemaValidationError(
            f"dimension is not defined in field type params of field {field.name}, "
            "check type param `dim` for vector field"
        )
    if field.dim <= 1:
        raise SchemaValidationError(f"invalid dimension: {field.dim}. should be in range 2 ~ {MAX_DIMENSION}")
    is_binary = held_type(field) == BINARY
    if is_binary and field.dim % 8:
        raise SchemaValidationError(
            f"invalid dimension: {field.dim} of field {field.name}. binary vector dimension should be multiple of 8. "
        )
    kind, most = ("binary", 8 * MAX_DIMENSION) if is_binary else ("float", MAX_DIMENSION)
    if field.dim > most:
        raise SchemaValidationError(
            f"invalid dimension: {field.dim} of field {field.name}. "
            f"{kind} vector dimension should be in range 2 ~ {most}"
        )


def _check_analyzer(field: FieldSchema) -> None:
    params = field.analyzer_params or {}
    unknown = sorted(set(params) - ANALYZER_KEYS)
    if unknown:
        raise Unsupported(f"{unknown[0]} in the analyzer_params of field {field.name}")
    for one in params.get("filter") or []:
        # Milvus Lite lowers the case of every text.
        if one != "lowercase" and not (isinstance(one, dict) and one.get("type") == "stop"):
            raise Unsupported(f"the analyzer filter {one!r} of field {field.name}")
    try:
        create_analyzer(params or None)
    except (ImportError, SchemaValidationError) as error:
        raise Unsupported(f"the analyzer of field {field.name} ({error})") from None
