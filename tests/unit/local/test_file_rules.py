"""Where the readers of the versions differ, and what they share: names, defaults, nulls, time zones, functions."""

import pyarrow as pa
import pytest
from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema, Function, FunctionType

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.columns import Converter
from airflow_provider_milvus.local.importing.file_rules import SINCE_2_6, SINCE_3_0, UNTIL_2_5
from airflow_provider_milvus.local.importing.readers import CsvRows
from airflow_provider_milvus.local.milvus_versions import VERSIONS

ID = FieldSchema("id", DataType.INT64, is_primary=True)
AUTO_ID = FieldSchema("id", DataType.INT64, is_primary=True, auto_id=True)
VECTOR = FieldSchema("v", DataType.FLOAT_VECTOR, dim=2)
FORMATS = ("parquet", "json", "csv")


def load(fields, rows, file_format, rules=SINCE_2_6, **schema):
    """The columns that these rows become when a file of this format has them."""
    used = Converter(CollectionSchema(fields, **schema), rules=rules)
    names = list(rows[0])
    if file_format == "parquet":
        batch = pa.RecordBatch.from_pylist(rows)
        if "v" in names:
            batch = batch.set_column(
                names.index("v"), "v", pa.array([row["v"] for row in rows], pa.list_(pa.float32()))
            )
        used.check(batch.schema)
    elif file_format == "csv":
        batch = CsvRows(names, [["" if value is None else str(value) for value in row.values()] for row in rows])
        used.check(names)
    else:
        batch = rows
        used.check(None)
    return used.convert(batch).to_pydict()


def refusal(*arguments, **options):
    with pytest.raises(ImportDataError) as caught:
        load(*arguments, **options)
    return str(caught.value)


@pytest.mark.parametrize("name", VERSIONS)
def test_each_version_has_the_rules_of_its_readers(name):
    assert VERSIONS[name].files == (UNTIL_2_5 if name < "2.6" else SINCE_2_6 if name < "3" else SINCE_3_0)


# 2.6: parquet/util.go:138, json/row_parser.go:263, csv/row_parser.go:295;
# 2.5: parquet/util.go:65, json/row_parser.go:135,
# csv/row_parser.go:127
@pytest.mark.parametrize("file_format", FORMATS)
def test_unknown_columns_are_refused_until_2_5_and_skipped_since(file_format):
    rows = [{"id": 1, "v": [1, 2], "other": "x"}]
    assert load([ID, VECTOR], rows, file_format) == {"id": [1], "v": [[1.0, 2.0]]}
    assert "other" in refusal([ID, VECTOR], rows, file_format, rules=UNTIL_2_5)


@pytest.mark.parametrize("file_format", FORMATS)
def test_meta_without_dynamic_field_is_another_unknown_column(file_format):
    rows = [{"id": 1, "v": [1, 2], "$meta": "{}"}]
    assert load([ID, VECTOR], rows, file_format) == {"id": [1], "v": [[1.0, 2.0]]}
    assert "$meta" in refusal([ID, VECTOR], rows, file_format, rules=UNTIL_2_5)


@pytest.mark.parametrize(
    ("file_format", "meta"), [("json", '{"other": "x"}'), ("csv", '{"other": "x"}'), ("parquet", None)]
)
def test_unknown_columns_of_text_become_dynamic_fields(file_format, meta):
    rows = [{"id": 1, "v": [1, 2], "other": "x"}]
    assert load([ID, VECTOR], rows, file_format, enable_dynamic_field=True)["$meta"] == [meta]


# parquet/util.go:65 of 2.5 knows no dynamic field
def test_unknown_columns_of_parquet_never_become_dynamic_fields_until_2_5():
    rows = [{"id": 1, "v": [1, 2], "other": "x"}]
    assert "other" in refusal([ID, VECTOR], rows, "parquet", rules=UNTIL_2_5, enable_dynamic_field=True)


# json/row_parser.go:384, csv/row_parser.go:351
@pytest.mark.parametrize("rules", [UNTIL_2_5, SINCE_2_6])
@pytest.mark.parametrize(
    ("file_format", "bad"),
    [
        *[("json", bad) for bad in (None, [], 7, True, "", "x", "[]", "7", '{"a": 1e400}')],
        *[("csv", bad) for bad in ("", "x", "[]", "7")],
        *[("parquet", bad) for bad in ("", "x", "[]", "7")],
    ],
)
def test_meta_is_an_object_or_its_text(file_format, bad, rules):
    rows = [{"id": 1, "v": [1, 2], "$meta": bad}]
    assert "illegal value for dynamic field" in refusal(
        [ID, VECTOR], rows, file_format, rules=rules, enable_dynamic_field=True
    )


@pytest.mark.parametrize("file_format", FORMATS)
def test_meta_may_be_the_text_null(file_format):
    rows = [{"id": 1, "v": [1, 2], "$meta": "null"}]
    assert load([ID, VECTOR], rows, file_format, enable_dynamic_field=True)["$meta"] == [None]


# The field is nullable since 2.6: internal/rootcoord/create_collection_task.go:271
def test_meta_of_parquet_may_be_null_since_2_6():
    batch = pa.record_batch(
        {"id": [1], "v": pa.array([[1, 2]], pa.list_(pa.float32())), "$meta": pa.array([None], pa.string())}
    )
    schema = CollectionSchema([ID, VECTOR], enable_dynamic_field=True)
    assert Converter(schema).convert(batch)["$meta"].to_pylist() == [None]
    with pytest.raises(ImportDataError, match="null value"):
        Converter(schema, rules=UNTIL_2_5).convert(batch)


OPTIONAL = [FieldSchema("x", DataType.INT32, nullable=True), FieldSchema("x", DataType.INT32, default_value=9)]


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("field", OPTIONAL, ids=["nullable", "default"])
def test_optional_field_may_be_left_out(field, file_format):
    assert load([ID, VECTOR, field], [{"id": 1, "v": [1, 2]}], file_format)["x"] == [field.default_value]


# csv/row_parser.go:88-92 of 2.5
@pytest.mark.parametrize("field", OPTIONAL, ids=["nullable", "default"])
def test_optional_column_of_csv_may_be_missing_until_2_5_beside_auto_id(field):
    assert "missed" in refusal([ID, VECTOR, field], [{"id": 1, "v": [1, 2]}], "csv", rules=UNTIL_2_5)
    assert load([AUTO_ID, VECTOR, field], [{"v": [1, 2]}], "csv", rules=UNTIL_2_5)["x"] == [field.default_value]


# csv/row_parser.go:416 requires a default value first, that of 2.5 for nullable alone
def test_null_key_of_csv_stands_for_a_default_value_since_2_6():
    rows = [{"id": 1, "v": [1, 2], "x": ""}]
    assert load([ID, VECTOR, OPTIONAL[1]], rows, "csv")["x"] == [9]
    assert "Int32" in refusal([ID, VECTOR, OPTIONAL[1]], rows, "csv", rules=UNTIL_2_5)


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("rules", [UNTIL_2_5, SINCE_2_6])
def test_field_that_is_not_optional_must_be_there(file_format, rules):
    assert "missed" in refusal(
        [AUTO_ID, VECTOR, FieldSchema("x", DataType.INT32)], [{"v": [1, 2]}], file_format, rules=rules
    )


# parquet/field_reader.go:1176 of 2.5 has no check, list_like.go:206 has one
@pytest.mark.parametrize(
    ("element", "values", "read"),
    [
        (DataType.INT64, [1, None], [1, 0]),
        (DataType.DOUBLE, [0.5, None], [0.5, 0.0]),
        (DataType.BOOL, [True, None], [True, False]),
        (DataType.VARCHAR, ["a", None], ["a", ""]),
    ],
)
def test_null_in_a_list_of_parquet_is_nothing_until_2_5_and_refused_since(element, values, read):
    field = FieldSchema("x", DataType.ARRAY, element_type=element, max_length=9)
    rows = [{"id": 1, "v": [1, 2], "x": values}, {"id": 2, "v": [1, 2], "x": []}]
    assert load([ID, VECTOR, field], rows, "parquet", rules=UNTIL_2_5)["x"] == [read, []]
    assert "null" in refusal([ID, VECTOR, field], rows, "parquet")


def test_null_in_a_vector_of_parquet_is_zero_until_2_5_and_refused_since():
    rows = [{"id": 1, "v": [1, None]}]
    assert load([ID, VECTOR], rows, "parquet", rules=UNTIL_2_5)["v"] == [[1.0, 0.0]]
    assert "null" in refusal([ID, VECTOR], rows, "parquet")


@pytest.mark.parametrize("cell", ["[1, null]", "[1,0]", " [1e0, 0.0] "])
def test_null_in_a_vector_of_csv_is_zero(cell):
    assert load([ID, VECTOR], [{"id": 1, "v": cell}], "csv")["v"] == [[1.0, 0.0]]


@pytest.mark.parametrize(("cell", "read"), [("null", []), ("[1, 2] more", [1, 2])])
def test_array_of_csv_is_the_first_value_of_its_cell(cell, read):
    field = FieldSchema("x", DataType.ARRAY, element_type=DataType.INT64)
    assert load([ID, VECTOR, field], [{"id": 1, "v": "[1,2]", "x": cell}], "csv")["x"] == [read]


@pytest.mark.parametrize(("given", "stored"), [("null", b""), ("{}", b""), ('{"1": 0}', b"\\1\\0\\0\\0\\0\\0\\0\\0")])
def test_sparse_vector_may_be_empty(given, stored):
    field = FieldSchema("x", DataType.SPARSE_FLOAT_VECTOR)
    stored = stored.decode("unicode_escape").encode()
    for file_format in ("csv", "parquet"):
        assert load([ID, field], [{"id": 1, "x": given}], file_format)["x"] == [stored]


def test_sparse_vector_of_json_is_an_object():
    field = FieldSchema("x", DataType.SPARSE_FLOAT_VECTOR)
    assert load([ID, field], [{"id": 1, "x": {}}], "json")["x"] == [b""]
    for bad in ("{}", [[1, 0.5]], None):
        assert "SparseFloatVector" in refusal([ID, field], [{"id": 1, "x": bad}], "json")


def test_csv_column_given_twice_is_read_twice_and_the_last_counts():
    used = Converter(CollectionSchema([ID, VECTOR]))
    assert used.convert(CsvRows(["id", "id", "v"], [["1", "2", "[1,2]"]]))["id"].to_pylist() == [2]
    with pytest.raises(ImportDataError):
        used.convert(CsvRows(["id", "id", "v"], [["x", "2", "[1,2]"]]))


# parquet/util.go:165
def test_parquet_column_of_a_field_is_there_only_once():
    with pytest.raises(ImportDataError, match="multi field"):
        Converter(CollectionSchema([ID, VECTOR])).check(pa.schema([("id", pa.int64()), ("id", pa.int64())]))


# pkg/util/timestamptz/timestamptz.go
@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize(
    ("zone", "text", "moment"),
    [
        (None, "2025-01-02T03:04:05Z", "2025-01-02 03:04:05+00:00"),
        (None, "2025-01-02 03:04:05", "2025-01-02 03:04:05+00:00"),
        (None, "2025-01-02 03:04:05.25+08", "2025-01-01 19:04:05.250000+00:00"),
        ("Asia/Shanghai", "2025-01-02T03:04:05.123456789", "2025-01-01 19:04:05.123456+00:00"),
        ("Asia/Shanghai", "2025-01-02T03:04:05-12:00", "2025-01-02 15:04:05+00:00"),
    ],
)
def test_timestamp_without_offset_is_in_the_time_zone_of_the_collection(file_format, zone, text, moment):
    properties = {"timezone": zone} if zone else {}
    field = FieldSchema("x", DataType.TIMESTAMPTZ)
    found = load([ID, VECTOR, field], [{"id": 1, "v": [1, 2], "x": text}], file_format, properties=properties)
    assert str(found["x"][0]) == moment


@pytest.mark.parametrize("bad", ["2025-01-02", "2025-01-02T03:04:05+08", "2025-01-02T03:04:05+15:00", "x", ""])
def test_timestamp_is_in_a_layout_that_milvus_reads(bad):
    field = FieldSchema("x", DataType.TIMESTAMPTZ)
    for file_format in FORMATS:
        assert "'x'" in refusal([ID, VECTOR, field], [{"id": 1, "v": [1, 2], "x": bad}], file_format)


def test_timestamp_of_json_is_a_text():
    field = FieldSchema("x", DataType.TIMESTAMPTZ)
    assert "Timestamptz" in refusal([ID, VECTOR, field], [{"id": 1, "v": [1, 2], "x": 1735787045000000}], "json")


BM25 = Function("f", FunctionType.BM25, ["text"], ["words"])
TEXT = FieldSchema("text", DataType.VARCHAR, max_length=99, enable_analyzer=True)
WORDS = FieldSchema("words", DataType.SPARSE_FLOAT_VECTOR, is_function_output=True)


@pytest.mark.parametrize("file_format", FORMATS)
def test_output_of_a_function_may_not_be_given(file_format):
    rows = [{"id": 1, "text": "a", "words": "{}"}]
    assert "function output" in refusal([ID, TEXT, WORDS], rows, file_format, functions=[BM25])


def test_output_of_a_function_is_derived_from_the_columns_that_were_read():
    def derive(records):
        for record in records:
            record["words"] = {len(record["text"]): 1.0}

    used = Converter(CollectionSchema([ID, TEXT, WORDS], functions=[BM25]), derive=derive)
    for batch in (
        [{"id": 1, "text": "abc"}],
        pa.record_batch({"id": [1], "text": ["abc"]}),
        CsvRows(["id", "text"], [["1", "abc"]]),
    ):
        assert used.convert(batch)["words"].to_pylist() == [b"\3\0\0\0\0\0\x80?"]
