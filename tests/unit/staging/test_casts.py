"""Columns as libraries make them become columns that Milvus reads, with the same values."""

import uuid

import pyarrow as pa
import pytest

from airflow_provider_milvus.staging.casts import to_field
from airflow_provider_milvus.staging.columns import check_column
from airflow_provider_milvus.staging.findings import Refused
from airflow_provider_milvus.staging.reader_rules import RULES
from airflow_provider_milvus.staging.target import TargetField

TEXT = TargetField("field", "VarChar", max_length=40, nullable=True)
NUMBER = TargetField("field", "Int32", nullable=True)
TEXTS = TargetField("field", "Array", element_type="VarChar", max_capacity=3, max_length=9, nullable=True)
NUMBERS = TargetField("field", "Array", element_type="Int32", max_capacity=3, nullable=True)
VECTOR = TargetField("field", "FloatVector", dim=2)
SPARSE = TargetField("field", "SparseFloatVector", nullable=True)
MOMENT = TargetField("field", "Timestamptz", nullable=True)
KEY = uuid.UUID(int=7)


def categories(kind):
    """What Polars makes of categories: a dictionary, whose texts are views."""
    return pa.DictionaryArray.from_arrays(pa.array([1, None, 0], pa.uint32()), pa.array(["a", "b"], kind))


@pytest.mark.parametrize(
    ("field", "column", "values"),
    [
        (TEXT, categories(pa.string()), ["b", None, "a"]),
        (TEXT, categories(pa.large_string()), ["b", None, "a"]),
        (TEXT, categories(pa.string_view()), ["b", None, "a"]),
        (TEXT, categories(pa.string_view()).slice(2), ["a"]),
        (NUMBER, pa.array([5, None, 7]).dictionary_encode(), [5, None, 7]),
        (NUMBER, pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array([5, 7])), [5, 5, 7]),
        (MOMENT, pa.array(["2026-11-27T10:00:00Z"]).dictionary_encode(), ["2026-11-27T10:00:00Z"]),
        (SPARSE, pa.array(['{"1": 0.5}', None]).dictionary_encode(), ['{"1": 0.5}', None]),
        (TEXTS, pa.array([["a"], None, ["b", ""], []], pa.list_(pa.string_view())), [["a"], None, ["b", ""], []]),
        (TEXTS, pa.array([["a"], None, ["b", ""]], pa.large_list(pa.string_view())).slice(1), [None, ["b", ""]]),
        (NUMBERS, pa.array([[1], None, [], [2, 3]], pa.list_view(pa.int64())), [[1], None, [], [2, 3]]),
        (NUMBERS, pa.array([[1], None, [], [2, 3]], pa.large_list_view(pa.int16())).slice(1), [None, [], [2, 3]]),
        (VECTOR, pa.array([[1, 2], [3, 4]], pa.list_view(pa.float64())), [[1, 2], [3, 4]]),
        (VECTOR, pa.array([[1, 2], [3, 4]], pa.list_(pa.float64(), 2)).slice(1), [[3, 4]]),
        (TEXT, pa.ExtensionArray.from_storage(pa.uuid(), pa.array([KEY.bytes, None], pa.binary(16))), [str(KEY), None]),
    ],
)
def test_values_survive_whatever_encodes_them(field, column, values):
    found = to_field(field, column)
    found.validate(full=True)
    assert (found.type, found.to_pylist()) == (field.arrow_type, values)


def test_lists_of_categories_become_lists_of_texts():
    column = pa.ListArray.from_arrays(
        pa.array([0, 1, 1, 2]), pa.array(["a", "b"], pa.string_view()).dictionary_encode()
    )
    assert to_field(TEXTS, column).to_pylist() == [["a"], [], ["b"]]


@pytest.mark.parametrize("field", [TEXT, NUMBER, TEXTS, NUMBERS, SPARSE, MOMENT], ids=str)
def test_page_of_rows_without_a_value_is_one_of_nulls(field):
    found = to_field(field, pa.nulls(3))
    check_column(field, found, RULES["3.0"])
    assert (found.type, found.null_count) == (field.arrow_type, 3)


def test_nulls_in_a_field_that_is_not_nullable_are_refused():
    with pytest.raises(Refused, match="found null; needed a value"):
        check_column(VECTOR, to_field(VECTOR, pa.nulls(3)), RULES["3.0"])


@pytest.mark.parametrize("kind", [pa.list_view(pa.float32()), pa.large_list_view(pa.float32())], ids=str)
def test_views_of_a_file_are_checked_by_their_values(kind):
    with pytest.raises(Refused, match="a vector of 1 numbers"):
        check_column(VECTOR, pa.array([[1, 2], [3, 4], [5]], kind), RULES["3.0"])
