"""What is known of the fields of a collection."""

from milvus_lite.schema.types import DataType

META = "$meta"
# A cluster refuses a VarChar without max_length, or with a greater one.
MAX_TEXT_BYTES = 65535
MAX_CAPACITY = 4096
NUMBERS = frozenset((int, float))
INTEGERS = (DataType.INT8, DataType.INT16, DataType.INT32, DataType.INT64)


# What Python's JSON has for an element of an array.
ELEMENTS = {
    DataType.BOOL: frozenset((bool,)),
    **dict.fromkeys(INTEGERS, frozenset((int,))),
    DataType.FLOAT: NUMBERS,
    DataType.DOUBLE: NUMBERS,
    DataType.VARCHAR: frozenset((str,)),
}
