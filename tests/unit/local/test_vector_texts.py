"""Vectors parsed from texts of JSON: what Python's own parser finds, and nothing else."""

import json

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from milvus_lite.schema.types import DataType, FieldSchema

from airflow_provider_milvus.local.importing.columns.vector_texts import checked_text, parse_vectors

FIELD = FieldSchema("vector", DataType.FLOAT_VECTOR, dim=3)
NULLABLE = FieldSchema("vector", DataType.FLOAT_VECTOR, dim=3, nullable=True)
SPACE = st.text(" \t\r\n", max_size=3)
# Numbers as JSON writes them, with signs, exponents, and more digits than a float holds.
NUMBER = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats(-3e38, 3e38).map(repr),
    st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9])?", fullmatch=True),
)


@st.composite
def texts(draw):
    numbers = draw(st.lists(NUMBER, min_size=3, max_size=3))
    return "[" + ",".join(f"{draw(SPACE)}{number}{draw(SPACE)}" for number in numbers) + "]"


def parse(*values, field=FIELD):
    column = parse_vectors(field, [None if value is None else checked_text(value) for value in values])
    return None if column is None else column.to_pylist()


@given(st.lists(texts(), min_size=1, max_size=5))
def test_whatever_is_found_is_what_python_finds_rounded_to_32_bits(found):
    with np.errstate(over="ignore"):
        expected = np.array([json.loads(text, parse_int=float) for text in found], np.float64).astype(np.float32)
    # Rare white space is left to the slow way.
    assert parse(*found) in (None, expected.tolist())


LAYOUTS = [{}, {"separators": (",", ":")}, {"indent": 2}, {"indent": "\t"}]


@given(
    st.lists(st.lists(NUMBER.map(float), min_size=3, max_size=3), min_size=1, max_size=5),
    st.sampled_from(LAYOUTS),
    st.booleans(),
)
def test_no_number_is_lost_in_a_usual_layout(vectors, layout, windows):
    texts = [json.dumps(vector, **layout) for vector in vectors]
    with np.errstate(over="ignore"):
        expected = np.array(vectors, np.float32)
    found = parse(*[text.replace("\n", "\r\n") if windows else text for text in texts])
    assert found == (expected.tolist() if np.isfinite(expected).all() else None)


@pytest.mark.parametrize(
    "wrong",
    [
        *["[]", "[ ]", "[1, 2]", "[1, 2, 3, 4]", "[1, 2, null]", "[1, 2, true]", '[1, 2, "3"]', '[1, 2, "nan"]'],
        *['["1, 2", 3]', '["1\\n2", 3]', "[[1, 2, 3]]", "[1, [2], 3]", '[1, 2, {"a": 3}]', "[1, 2, 1e60]"],
        *["null", "true", "1", '"[1, 2, 3]"', '{"a": [1, 2, 3]}', "[1, 2, 1e999]"],
    ],
)
@pytest.mark.parametrize("field", [FIELD, NULLABLE], ids=["required", "nullable"])
def test_one_text_of_anything_else_leaves_all_to_the_slow_way(wrong, field):
    if wrong != "null" or field is FIELD:
        assert parse("[1, 2, 3]", wrong, "[1, 2, 3]", field=field) is None


def test_one_vector_too_long_and_the_next_too_short_are_no_two_vectors():
    assert parse("[1, 2, 3, 4]", "[5, 6]") is None


@pytest.mark.parametrize("null", [None, "null", " null "])
def test_null_of_a_nullable_field_is_stored_as_zeros(null):
    assert parse("[1, 2, 3]", null, field=NULLABLE) == [[1, 2, 3], [0, 0, 0]]


@pytest.mark.parametrize("null", [None, "null"])
def test_null_of_another_field_is_no_vector(null):
    assert parse("[1, 2, 3]", null) is None


@pytest.mark.parametrize(
    "text", ["[1, 2, nan]", "[1, 2, NaN]", "[1, 2, inf]", "[1, 2, 03]", "[1, 2, .5]", "[1, 2, 3,]"]
)
def test_text_that_is_no_json_is_refused(text):
    with pytest.raises(msgspec.MsgspecError, match="JSON is malformed"):
        checked_text(text)
