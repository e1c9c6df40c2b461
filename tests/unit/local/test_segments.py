"""Rows that are staged are held in memory as Milvus Lite reads them from their file."""

import numpy as np
import pyarrow as pa
import pytest
from milvus_lite.constants import DEFAULT_PARTITION
from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema

from airflow_provider_milvus.local.importing import segments
from airflow_provider_milvus.local.importing.columns import Converter
from airflow_provider_milvus.local.importing.segments import SegmentWriter
from airflow_provider_milvus.local.lite.engine import Engine

ID = FieldSchema("id", DataType.INT64, is_primary=True)
SCHEMAS = {
    "vector": [ID, FieldSchema("vector", DataType.FLOAT_VECTOR, dim=2)],
    "null vector": [ID, FieldSchema("vector", DataType.FLOAT_VECTOR, dim=2, nullable=True)],
    "two vectors": [
        ID,
        FieldSchema("vector", DataType.FLOAT_VECTOR, dim=2),
        FieldSchema("other", DataType.FLOAT_VECTOR, dim=3),
    ],
    "sparse vector": [ID, FieldSchema("sparse", DataType.SPARSE_FLOAT_VECTOR)],
    "scalars": [
        FieldSchema("id", DataType.VARCHAR, is_primary=True, max_length=8),
        FieldSchema("vector", DataType.FLOAT_VECTOR, dim=2),
        FieldSchema("maybe", DataType.VARCHAR, max_length=8, nullable=True),
        FieldSchema("json", DataType.JSON),
        FieldSchema("array", DataType.ARRAY, element_type=DataType.INT32, max_capacity=4),
        FieldSchema("double", DataType.DOUBLE),
    ],
    "generated keys": [
        FieldSchema("id", DataType.INT64, is_primary=True, auto_id=True),
        FieldSchema("vector", DataType.FLOAT_VECTOR, dim=2),
    ],
}
VALUES = {
    DataType.INT64: lambda row: row,
    DataType.VARCHAR: str,
    DataType.DOUBLE: float,
    DataType.JSON: lambda row: {"row": row},
    DataType.ARRAY: lambda row: [row] * (row % 4),
    DataType.SPARSE_FLOAT_VECTOR: lambda row: {str(row): 1.0},
}


def value(field, row):
    if field.nullable and row % 2:
        return None
    if field.dtype == DataType.FLOAT_VECTOR:
        return [float(row)] * field.dim
    return VALUES[field.dtype](row)


@pytest.fixture
def engine(tmp_path):
    opened = Engine(tmp_path / "data")
    yield opened
    opened.close()


@pytest.mark.parametrize("dynamic", [False, True], ids=["fixed", "dynamic"])
@pytest.mark.parametrize("name", SCHEMAS)
def test_staged_rows_are_those_of_their_file(engine, tmp_path, monkeypatch, name, dynamic):
    # Three batches make two segments, the second of which begins within a batch.
    monkeypatch.setattr(segments, "MAX_SEGMENT_ROWS", 7)
    fields = SCHEMAS[name]
    collection = engine.db.create_collection("c", CollectionSchema(fields, enable_dynamic_field=dynamic))
    converter = Converter(collection.schema)
    writer = SegmentWriter(engine, collection, tmp_path / "staging", "", 100)
    for start in (0, 4, 8):
        rows = [
            {field.name: value(field, row) for field in fields if not field.auto_id} for row in range(start, start + 4)
        ]
        writer.append(converter.convert([{**row, "more": 1} if dynamic else row for row in rows]))
    writer.finish()
    assert [one.segment.table.num_rows for one in writer.staged] == [7, 5]
    for staged in writer.staged:
        held, read = staged.segment, engine.load_staged(collection, DEFAULT_PARTITION, staged.path).segment
        assert held.table.equals(read.table, check_metadata=True)
        assert (held.pks, held.file_path, held.partition) == (read.pks, read.file_path, read.partition)
        assert (held.seqs.dtype, held.seqs.tolist()) == (read.seqs.dtype, read.seqs.tolist())
        assert held.vectors.shape == read.vectors.shape
        np.testing.assert_array_equal(held.vectors, read.vectors)
        assert held.vector_null_mask is read.vector_null_mask is None
        assert held.pk_to_row == read.pk_to_row


def test_staged_segment_holds_no_rows_of_another(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(segments, "MAX_SEGMENT_ROWS", 2)
    collection = engine.db.create_collection("c", CollectionSchema(SCHEMAS["vector"]))
    writer = SegmentWriter(engine, collection, tmp_path / "staging", "", 0)
    writer.append(Converter(collection.schema).convert([{"id": row, "vector": [row, row]} for row in range(4)]))
    for staged in writer.staged:
        for column in staged.segment.table.columns:
            (chunk,) = column.chunks
            assert chunk.offset == 0
            if pa.types.is_fixed_size_list(chunk.type):
                assert len(chunk.values) == 2 * len(chunk)
