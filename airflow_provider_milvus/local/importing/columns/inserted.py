"""Rows given to `insert`."""

import json
from datetime import UTC
from typing import Any

from milvus_lite.schema.arrow_builder import build_data_schema
from milvus_lite.schema.types import CollectionSchema, DataType

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.columns.python_values import value_column
from airflow_provider_milvus.local.importing.readers import Rows
from airflow_provider_milvus.local.lite.vector_types import held_type

# Milvus Lite's `insert` casts numbers of these without a word.
CAST_SILENTLY = (DataType.FLOAT, DataType.FLOAT_VECTOR, DataType.ARRAY)


def check_inserted(schema: CollectionSchema, rows: Rows) -> None:
    """Raises ImportDataError for what Milvus Lite's `insert` would store as another value, or no response can hold."""
    stored = build_data_schema(schema)
    fields = [field for field in schema.fields if field.dtype in CAST_SILENTLY]
    for field in fields:
        if held_type(field):
            # Those were checked when they were turned into floats.
            continue
        value_column(field, [row.get(field.name) for row in rows], stored.field(field.name).type, UTC)
    names = {field.name for field in fields}
    for number, row in enumerate(rows):
        for name, value in row.items():
            if name not in names:
                _check_text(name, value, number)


def _check_text(name: str, value: Any, row: int) -> None:
    # JSON can spell half of a surrogate pair, which no response can hold.
    try:
        json.dumps({name: value}, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError) as error:
        raise ImportDataError(str(error), row=row, field=name) from None
