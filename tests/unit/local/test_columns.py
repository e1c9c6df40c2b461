"""From a file's columns to a collection's, or an error that names the row and the field."""

import json
import math
import struct

import pyarrow as pa
import pytest
from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.columns import Converter
from airflow_provider_milvus.local.importing.readers import CsvRows

ID = FieldSchema("id", DataType.INT64, is_primary=True)
AUTO_ID = FieldSchema("id", DataType.INT64, is_primary=True, auto_id=True)
VECTOR = FieldSchema("v", DataType.FLOAT_VECTOR, dim=2)


def converter(*fields, dynamic=False, **options):
    return Converter(CollectionSchema([ID, *fields], enable_dynamic_field=dynamic), **options)


def convert(used, batch):
    """What a batch of a Parquet file becomes, its columns checked first."""
    used.check(batch.schema if isinstance(batch, pa.RecordBatch) else None)
    return used.convert(batch)


def arrow(field, column):
    """What a Parquet column of one field becomes."""
    batch = pa.record_batch({"id": pa.array(range(len(column)), pa.int64()), field.name: column})
    return convert(converter(field), batch).column(field.name)


def rows(field, *values):
    """What values of one field in a JSON file become."""
    batch = [{"id": n, field.name: value} for n, value in enumerate(values)]
    return converter(field).convert(batch).column(field.name)


def cells(field, *texts, null_key=""):
    """What cells of one field in a CSV file become."""
    batch = CsvRows(["id", field.name], [[str(n), text] for n, text in enumerate(texts)])
    return converter(field, null_key=null_key).convert(batch).column(field.name)


def refusal(convert, *arguments, **options):
    with pytest.raises(ImportDataError) as caught:
        convert(*arguments, **options)
    return caught.value


def sparse(*pairs):
    return b"".join(struct.pack("<If", *pair) for pair in pairs)


SCALARS = [
    (DataType.BOOL, pa.bool_(), [True, False], ["true", "False"]),
    (DataType.INT8, pa.int8(), [-128, 127], ["-128", "127"]),
    (DataType.INT16, pa.int16(), [-32768, 32767], ["-32768", "32767"]),
    (DataType.INT32, pa.int32(), [-(2**31), 2**31 - 1], ["-2147483648", "2147483647"]),
    (DataType.INT64, pa.int64(), [-(2**63), 2**63 - 1], ["-9223372036854775808", "9223372036854775807"]),
    (DataType.FLOAT, pa.float32(), [0.5, -2.0], ["0.5", "-2"]),
    (DataType.DOUBLE, pa.float64(), [0.1, 1e300], ["0.1", "1e300"]),
    (DataType.VARCHAR, pa.string(), ["", "ünïcode"], ["", "ünïcode"]),
]


@pytest.mark.parametrize(("kind", "type_", "values", "texts"), SCALARS, ids=lambda one: getattr(one, "name", None))
def test_scalars_arrive_the_same_from_every_format(kind, type_, values, texts):
    field = FieldSchema("x", kind, max_length=20 if kind == DataType.VARCHAR else None)
    for found in (arrow(field, pa.array(values, type_)), rows(field, *values), cells(field, *texts)):
        assert found.to_pylist() == values


@pytest.mark.parametrize("bad", [300, -129])
def test_integer_out_of_range_names_its_row(bad):
    field = FieldSchema("x", DataType.INT8)
    for error in (refusal(rows, field, 1, bad), refusal(cells, field, "1", str(bad))):
        assert (error.row, error.field) == (1, "x")


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        (DataType.INT64, pa.array(["1"])),
        (DataType.INT64, pa.array([1.0])),
        (DataType.BOOL, pa.array([1])),
        (DataType.VARCHAR, pa.array([1])),
        (DataType.FLOAT, pa.array(["1.0"])),
        (DataType.FLOAT_VECTOR, pa.array([1.0])),
        (DataType.FLOAT_VECTOR, pa.array([["a", "b"]])),
        (DataType.ARRAY, pa.array([1])),
        (DataType.ARRAY, pa.array([["a"]])),
    ],
)
def test_column_of_another_type_names_the_field(kind, column):
    field = FieldSchema("x", kind, dim=2, element_type=DataType.INT32)
    assert refusal(arrow, field, column).field == "x"


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (DataType.INT64, "1", ["", "x", "1.5", " 1", "1_0", "\u0663", "0x1"]),
        (DataType.BOOL, "1", ["", "2", "yes", "tRUE"]),
        (DataType.FLOAT, "1.5", ["", "x", "1__0.0", "nan", "-inf", "1e39"]),
        (DataType.FLOAT_VECTOR, "[1, 2]", ["", "1.5", "[1", "[NaN, 1]", '["a", "b"]']),
        (DataType.JSON, "{}", ["", "x", "[1", "NaN", "1e400"]),
    ],
)
def test_cell_that_is_no_such_value_names_row_and_field(kind, good, bad):
    for cell in bad:
        error = refusal(cells, FieldSchema("x", kind, dim=2), good, cell)
        assert (error.row, "x" in str(error)) == (1, True)


NOT_UTF8 = pa.StringArray.from_buffers(2, pa.array([0, 1, 2], pa.int32()).buffers()[1], pa.py_buffer(b"a\xff"))


@pytest.mark.parametrize("kind", [DataType.VARCHAR, DataType.JSON, DataType.SPARSE_FLOAT_VECTOR, DataType.GEOMETRY])
def test_text_that_is_no_utf8_names_its_row(kind):
    error = refusal(arrow, FieldSchema("x", kind), NOT_UTF8)
    assert (error.row, error.field, "UTF8" in str(error)) == (1, "x", True)


def test_text_that_is_too_long_names_its_row():
    field = FieldSchema("x", DataType.VARCHAR, max_length=3)
    for text in ("long", "üü"):
        assert refusal(arrow, field, pa.array(["ün", text])).row == 1
        assert refusal(rows, field, "ün", text).row == 1


@pytest.mark.parametrize("kind", [DataType.FLOAT, DataType.DOUBLE])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_number_that_is_none_names_its_row(kind, bad):
    field = FieldSchema("x", kind, nullable=True)
    assert refusal(arrow, field, pa.array([1.5, None, bad], pa.float64())).row == 2
    assert refusal(rows, field, 1.5, None, bad).row == 2


def test_null_key_means_null_only_where_null_may_be():
    kinds = {"max_length": 9}
    assert cells(FieldSchema("x", DataType.VARCHAR, **kinds), "", "a").to_pylist() == ["", "a"]
    assert cells(FieldSchema("x", DataType.VARCHAR, nullable=True, **kinds), "", "a").to_pylist() == [None, "a"]
    assert cells(FieldSchema("x", DataType.INT8, default_value=7), "NULL", "1", null_key="NULL").to_pylist() == [7, 1]
    assert refusal(cells, FieldSchema("x", DataType.INT8), "NULL", null_key="NULL").row == 0


def test_cell_of_json_may_be_a_text():
    assert cells(FieldSchema("x", DataType.JSON), '"a"', "7").to_pylist() == ['"a"', "7"]


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.list_(pa.float64(), 2), pa.list_(pa.int32())])
def test_vector_may_be_a_list_of_signed_numbers(kind):
    column = pa.array([[1, 2], [3, 4]], kind)
    assert arrow(VECTOR, column).to_pylist() == [[1.0, 2.0], [3.0, 4.0]]


def test_sliced_vectors_keep_their_rows():
    column = pa.array([[9.0, 9.0], [1.0, 2.0]]).slice(1)
    assert arrow(VECTOR, column).to_pylist() == [[1.0, 2.0]]


@pytest.mark.parametrize("bad", [[1.0], [1.0, 2.0, 3.0], [], [1.0, None], [1.0, math.nan], [math.inf, 1.0], None])
def test_bad_vector_names_its_row(bad):
    good = [0.0, 0.0]
    error = refusal(arrow, VECTOR, pa.array([good, good, bad], pa.list_(pa.float64())))
    assert (error.row, error.field) == (2, "v")
    assert refusal(rows, VECTOR, good, good, bad).row == 2


def test_null_vector_is_stored_as_zeros_where_it_may_be_null():
    field = FieldSchema("v", DataType.FLOAT_VECTOR, dim=2, nullable=True)
    values = [[1.0, 2.0], None, [3.0, 4.0]]
    stored = [[1.0, 2.0], [0.0, 0.0], [3.0, 4.0]]
    column = pa.array(values, pa.list_(pa.float32()))
    assert arrow(field, column).to_pylist() == rows(field, *values).to_pylist() == stored


@pytest.mark.parametrize(
    "column",
    [
        pa.array(['{"7": 0.5, "1": 2}']),
        pa.array(['{"indices": [7, 1.0], "values": [0.5, 2]} and more']),
        pa.array([{"indices": [7, 1], "values": [0.5, 2.0]}]),
    ],
)
def test_sparse_vector_has_several_spellings(column):
    field = FieldSchema("x", DataType.SPARSE_FLOAT_VECTOR)
    assert arrow(field, column).to_pylist() == [sparse((1, 2.0), (7, 0.5))]


@pytest.mark.parametrize(
    "bad",
    [
        "nonsense",
        '{"-1": 1}',
        '{"1": -1}',
        '{"1": 1, "0x1": 2}',
        '{"4294967295": 1}',
        '{"indices": [1, 1], "values": [1, 2]}',
        '{"1": "x"}',
        '{"indices": [1], "values": []}',
        "[1]",
    ],
)
def test_bad_sparse_vector_names_its_row(bad):
    field = FieldSchema("x", DataType.SPARSE_FLOAT_VECTOR)
    assert refusal(arrow, field, pa.array(['{"1": 1}', bad])).row == 1
    assert refusal(rows, field, {"1": 1}, bad).row == 1


def test_json_is_stored_as_insert_stores_it():
    field = FieldSchema("x", DataType.JSON)
    value = {"b": [1, "ü"], "a": None}
    assert rows(field, value).to_pylist() == [json.dumps(value, ensure_ascii=False)]


@pytest.mark.parametrize("text", [' {"b" : [1,  "\\u00fc"]}\n', '"a"', "7", "null", '{"a": 1, "a": 2}'])
def test_text_of_json_is_stored_as_it_is(text):
    field = FieldSchema("x", DataType.JSON)
    for found in (arrow(field, pa.array([text])), rows(field, text), cells(field, text)):
        assert found.to_pylist() == [text]


# internal/util/importutilv2/json/row_parser.go:620
@pytest.mark.parametrize("value", [[1], 7, 1.5, True])
def test_json_of_a_row_is_an_object_or_a_text(value):
    assert refusal(rows, FieldSchema("x", DataType.JSON), {}, value).row == 1


def test_text_that_is_no_json_names_its_row():
    assert refusal(arrow, FieldSchema("x", DataType.JSON), pa.array(["{}", "{"])).row == 1


@pytest.mark.parametrize("others", [(), (FieldSchema("g", DataType.GEOMETRY, nullable=True),)])
def test_json_that_holds_no_number_names_its_row(others):
    values = ['{"a": 1.0}', '{"a": NaN}']
    batch = pa.record_batch({"id": [1, 2], "x": values})
    error = refusal(convert, converter(FieldSchema("x", DataType.JSON), *others), batch)
    assert (error.row, error.field) == (1, "x")
    batch = pa.record_batch({"id": [1, 2], "$meta": values})
    error = refusal(convert, converter(*others, dynamic=True), batch)
    assert (error.row, error.field) == (1, "$meta")


def test_array_is_cast_to_its_element_type():
    field = FieldSchema("x", DataType.ARRAY, element_type=DataType.INT8, max_capacity=3)
    found = arrow(field, pa.array([[1, 2], []], pa.list_(pa.int8())))
    assert (found.type, found.to_pylist()) == (pa.list_(pa.int8()), [[1, 2], []])


# internal/util/importutilv2/json/row_parser.go:721 reads elements of Int8 as 32 bits
def test_element_that_milvus_lite_cannot_store_is_refused_with_that_reason():
    field = FieldSchema("x", DataType.ARRAY, element_type=DataType.INT8, max_capacity=3)
    for error in (refusal(rows, field, [1], [300]), refusal(cells, field, "[1]", "[300]")):
        assert (error.row, "Milvus Lite stores Int8" in error.message) == (1, True)


@pytest.mark.parametrize("bad", [[1, 2, 3, 4], [1, None]])
def test_bad_array_names_its_row(bad):
    field = FieldSchema("x", DataType.ARRAY, element_type=DataType.INT8, max_capacity=3)
    assert refusal(arrow, field, pa.array([[1], bad], pa.list_(pa.int8()))).row == 1
    assert refusal(rows, field, [1], bad).row == 1


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (DataType.INT64, [1], [2.0]),
        (DataType.INT64, [1], [1.9, -1.9]),
        (DataType.INT8, [1], [0.5]),
        (DataType.INT8, [1], [1, True]),
        (DataType.INT8, [1], [1, None]),
        (DataType.BOOL, [True], [1]),
        (DataType.FLOAT, [1, 0.5], [1.0, 1e300]),
        (DataType.FLOAT, [1, 0.5], ["1"]),
        (DataType.DOUBLE, [1, 1e300], [1.0, None]),
        (DataType.VARCHAR, ["", "ün"], ["a", "long"]),
        (DataType.VARCHAR, ["", "ün"], ["a", "üü"]),
        (DataType.VARCHAR, ["", "ün"], [1]),
    ],
)
def test_element_that_does_not_fit_names_the_row(kind, good, bad):
    field = FieldSchema("x", DataType.ARRAY, element_type=kind, max_length=3, nullable=True)
    assert rows(field, good, None).to_pylist() == [good, None]
    for convert, values in ((rows, [good, None, [], bad]), (cells, list(map(json.dumps, [good, good, [], bad])))):
        error = refusal(convert, field, *values)
        assert (error.row, error.field) == (3, "x")


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (DataType.INT64, [1], [1, None]),
        (DataType.FLOAT, [1.0, 0.5], [1.0, 1e300]),
        (DataType.DOUBLE, [1.0], [math.nan]),
        (DataType.VARCHAR, ["", "ün"], ["a", "üü"]),
    ],
)
def test_element_of_a_column_that_does_not_fit_names_the_row(kind, good, bad):
    field = FieldSchema("x", DataType.ARRAY, element_type=kind, max_length=3, nullable=True)
    column = pa.array([good, None, [], bad, good], pa.list_(pa.array(good).type))
    # internal/util/importutilv2/parquet/list_like.go:105, an empty list of a nullable field is a null
    assert arrow(field, column[:3]).to_pylist() == [good, None, None]
    for part, row in ((column, 3), (column[1:], 2)):
        error = refusal(arrow, field, part)
        assert (error.row, error.field) == (row, "x")


def test_null_names_its_row_where_it_may_not_be():
    field = FieldSchema("x", DataType.INT32)
    assert refusal(arrow, field, pa.array([1, None], pa.int32())).row == 1
    assert refusal(rows, field, 1, None).row == 1


@pytest.mark.parametrize("kind", [DataType.INT32, DataType.VARCHAR, DataType.JSON, DataType.BOOL])
def test_null_stays_null_where_it_may_be(kind):
    field = FieldSchema("x", kind, nullable=True, max_length=5)
    assert arrow(field, pa.nulls(2)).to_pylist() == rows(field, None, None).to_pylist() == [None, None]


@pytest.mark.parametrize("column", [pa.array([None, 5], pa.int32()), pa.array([None, 5], pa.int8())])
def test_default_stands_in_for_null(column):
    field = FieldSchema("x", DataType.INT32, default_value=9)
    assert arrow(field, column).to_pylist() == rows(field, None, 5).to_pylist() == [9, 5]


@pytest.mark.parametrize(
    ("kind", "default", "column"),
    [
        (DataType.FLOAT, 0.5, pa.array([1, None], pa.int32())),
        (DataType.DOUBLE, 0.1, pa.array([1, None], pa.float32())),
        (DataType.INT64, 1000, pa.array([1, None], pa.int8())),
        (DataType.VARCHAR, "d", pa.array(["a", None])),
        (DataType.JSON, {"d": 0.5}, pa.array(["{}", None])),
    ],
)
def test_default_keeps_its_value_whatever_type_the_file_has(kind, default, column):
    found = arrow(FieldSchema("x", kind, default_value=default, max_length=9), column)[1].as_py()
    assert (json.loads(found) if kind == DataType.JSON else found) == default


def test_default_stands_in_for_a_missing_column():
    field = FieldSchema("x", DataType.INT32, default_value=9)
    batch = pa.record_batch({"id": [1, 2]})
    assert converter(field).convert(batch).column("x").to_pylist() == [9, 9]


def test_missing_column_names_the_field():
    error = refusal(convert, converter(VECTOR), pa.record_batch({"id": [1]}))
    assert (error.row, error.field) == (None, "v")


def test_missing_key_of_a_row_names_the_row():
    error = refusal(converter(VECTOR).convert, [{"id": 1, "v": [1, 2]}, {"id": 2}])
    assert (error.row, "v" in str(error)) == (1, True)


@pytest.mark.parametrize("batch", [pa.record_batch({"id": [1]}), [{"id": 1}]])
def test_generated_primary_key_may_not_be_given(batch):
    error = refusal(convert, Converter(CollectionSchema([AUTO_ID, VECTOR])), batch)
    assert "auto-generated" in error.message


@pytest.mark.parametrize("batch", [pa.record_batch({"v": [[1.0, 2.0]]}), [{"v": [1, 2]}]])
def test_generated_primary_key_is_left_out(batch):
    found = Converter(CollectionSchema([AUTO_ID, VECTOR])).convert(batch)
    assert found.schema.names == ["v"]


@pytest.mark.parametrize(
    "batch",
    [
        [{"id": 1, "v": [1, 2], "b": 2, "a": "ü"}],
        [{"id": 1, "v": [1, 2], "$meta": {"a": "ü", "b": 2}}],
        [{"id": 1, "v": [1, 2], "b": 2, "$meta": '{"a": "ü"}'}],
        pa.record_batch({"id": [1], "v": [[1.0, 2.0]], "$meta": ['{"b": 2, "a": "ü"}']}),
    ],
)
def test_dynamic_fields_are_stored_as_insert_stores_them(batch):
    found = converter(VECTOR, dynamic=True).convert(batch)
    assert found.column("$meta").to_pylist() == [json.dumps({"a": "ü", "b": 2}, sort_keys=True)]


@pytest.mark.parametrize("meta", ["[]", "7", "{", ""])
def test_dynamic_fields_must_be_an_object(meta):
    batch = pa.record_batch({"id": [1, 2], "v": [[1.0, 2.0]] * 2, "$meta": ["{}", meta]})
    error = refusal(converter(VECTOR, dynamic=True).convert, batch)
    assert (error.row, error.field) == (1, "$meta")
    assert refusal(converter(VECTOR, dynamic=True).convert, batch.to_pylist()).row == 1


def test_dynamic_field_is_given_only_once():
    error = refusal(converter(VECTOR, dynamic=True).convert, [{"id": 1, "v": [1, 2], "a": 1, "$meta": {"a": 2}}])
    assert (error.row, error.field, "duplicated key" in error.message) == (0, "$meta", True)


# internal/util/importutilv2/json/row_parser.go:388-392 compares with other dynamic keys alone
@pytest.mark.parametrize(
    "batch",
    [
        [{"id": 1, "v": [1, 2], "$meta": {"id": 2, "a": 3}}],
        pa.record_batch({"id": [1], "v": [[1.0, 2.0]], "$meta": ['{"id": 2, "a": 3}']}),
    ],
)
def test_dynamic_field_never_hides_another(batch):
    found = converter(VECTOR, dynamic=True).convert(batch)
    assert (found["id"].to_pylist(), found["$meta"].to_pylist()) == ([1], ['{"a": 3}'])


def test_errors_read_well():
    error = ImportDataError("expected 2 numbers, got 1", row=3, field="v").after(100)
    assert str(error) == "row 103 (counted from 0), field 'v': expected 2 numbers, got 1"
