"""The cells of a CSV file."""

import re
from typing import Any

from milvus_lite.schema.types import DataType, FieldSchema

from airflow_provider_milvus.local.importing.columns.fields import INTEGERS
from airflow_provider_milvus.local.importing.json_text import parse

# Go's spelling of numbers and booleans, which is Milvus's for CSV.
NUMBER = re.compile(r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?", re.ASCII)
BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}


def from_text(field: FieldSchema, text: str) -> Any:
    """The value of a CSV cell."""
    if field.dtype in (DataType.ARRAY, DataType.FLOAT_VECTOR):
        return parse(text)
    if field.dtype in INTEGERS or field.dtype in (DataType.FLOAT, DataType.DOUBLE):
        if not NUMBER.fullmatch(text):
            raise ValueError(f"{text!r} is not a number")
        return int(text) if field.dtype in INTEGERS else float(text)
    if field.dtype == DataType.BOOL:
        if text not in BOOLEANS:
            raise ValueError(f"{text!r} is not a boolean")
        return BOOLEANS[text]
    return text
