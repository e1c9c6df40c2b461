"""The types of fields, as Milvus spells them and as Milvus Lite has them."""

from milvus_lite.schema.types import DataType

TYPES = {
    "Bool": DataType.BOOL,
    "Int8": DataType.INT8,
    "Int16": DataType.INT16,
    "Int32": DataType.INT32,
    "Int64": DataType.INT64,
    "Float": DataType.FLOAT,
    "Double": DataType.DOUBLE,
    "VarChar": DataType.VARCHAR,
    "JSON": DataType.JSON,
    "Array": DataType.ARRAY,
    "Geometry": DataType.GEOMETRY,
    "Timestamptz": DataType.TIMESTAMPTZ,
    "FloatVector": DataType.FLOAT_VECTOR,
    "SparseFloatVector": DataType.SPARSE_FLOAT_VECTOR,
}
NAMES = {kind: name for name, kind in TYPES.items()}
