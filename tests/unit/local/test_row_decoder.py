"""Rows that the parser checks come out as those that Python checks, with the same errors."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.columns import Converter
from airflow_provider_milvus.local.importing.file_rules import SINCE_2_6, UNTIL_2_5
from airflow_provider_milvus.local.importing.json_text import parse
from airflow_provider_milvus.local.importing.readers import open_reader

FIELDS = [
    FieldSchema("id", DataType.INT64, is_primary=True),
    FieldSchema("vector", DataType.FLOAT_VECTOR, dim=2),
    FieldSchema("maybe", DataType.VARCHAR, max_length=4, nullable=True),
    FieldSchema("filled", DataType.INT8, default_value=3),
]
NUMBERS = st.one_of(st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.booleans(), st.text(max_size=2))
VECTORS = st.one_of(st.lists(NUMBERS, max_size=3), st.none(), st.just("[1, 2]"), st.just({"1": 2}))
GOOD_VECTORS = st.lists(st.floats(-1e30, 1e30), min_size=2, max_size=2)
ROW = st.fixed_dictionaries(
    {},
    optional={
        "id": st.one_of(st.integers(-(2**63), 2**63), st.none(), st.text(max_size=1)),
        "vector": st.one_of(GOOD_VECTORS, VECTORS),
        "maybe": st.one_of(st.text(max_size=3), st.none(), st.integers()),
        "filled": st.one_of(st.integers(-130, 130), st.none()),
        "more": st.integers(),
        "$meta": st.dictionaries(st.text(max_size=1), st.integers(), max_size=1),
    },
)
GOOD_ROW = st.fixed_dictionaries({"id": st.integers(0, 9), "vector": GOOD_VECTORS}, optional={"maybe": st.none()})


def outcome(path, dynamic, rules, read=None):
    converter = Converter(CollectionSchema(FIELDS, enable_dynamic_field=dynamic), rules=rules)
    reader = open_reader([path], {}, converter.columns, read or converter.read)
    try:
        return pa.Table.from_batches([converter.convert(batch) for batch in reader.batches()], converter.stored)
    except ImportDataError as error:
        return error.message, error.row, error.field


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
@given(data=st.data())
def test_checked_by_the_parser_or_not_rows_are_the_same(tmp_path_factory, suffix, data):
    rows = data.draw(st.lists(st.one_of(GOOD_ROW, ROW), max_size=4))
    dynamic, rules = data.draw(st.booleans()), data.draw(st.sampled_from([SINCE_2_6, UNTIL_2_5]))
    path = tmp_path_factory.mktemp("rows") / f"rows.{suffix}"
    path.write_text(json.dumps(rows) if suffix == "json" else "\n".join(map(json.dumps, rows)))
    assert outcome(path, dynamic, rules) == outcome(path, dynamic, rules, parse)


def test_rows_of_the_collection_are_not_parsed_as_objects(tmp_path):
    converter = Converter(CollectionSchema(FIELDS))
    (tmp_path / "rows.json").write_text('[{"id": 1, "vector": [1, 2]}, {"id": 2, "vector": [3, 4.5], "maybe": "x"}]')
    (batch,) = open_reader([tmp_path / "rows.json"], {}, None, converter.read).batches()
    assert not any(isinstance(row, dict) for row in batch)
    assert converter.convert(batch)["vector"].to_pylist() == [[1, 2], [3, 4.5]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"id": 1, "vector": [1, 2, 3]}', "expected dim '2', got dim '3'"),
        ('{"id": 1, "vector": [1, "2"]}', "expected type 'FloatVector', got type 'string'"),
        ('{"id": 1, "vector": null}', "expected type 'FloatVector', got type '<nil>'"),
        ('{"id": 1}', "value of field 'vector' is missed"),
        ('{"id": null, "vector": [1, 2]}', "expected type 'Int64', got type '<nil>'"),
        ('{"id": 1, "vector": [1, 1e60]}', "value is not a number or infinity"),
    ],
)
def test_error_of_a_row_after_good_ones_names_it(tmp_path, text, message):
    good = '{"id": 1, "vector": [1, 2]}'
    (tmp_path / "rows.jsonl").write_text(f"{good}\n{good}\n{text}")
    assert outcome(tmp_path / "rows.jsonl", False, SINCE_2_6)[:2] == (message, 2)
