"""Collections that show how often files were loaded into them."""

from __future__ import annotations

# `vectors.parquet` fits into it as often as it is loaded: its ids are no primary key, which Milvus makes up.
SCHEMA = {
    "autoId": True,
    "fields": [
        {"fieldName": "row_id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "id", "dataType": "Int64"},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": "8"}},
    ],
}
ROWS = 100
