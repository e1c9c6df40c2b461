"""JSON is what the standard library reads, without NaN and without a key twice."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_milvus.local.importing.json_text import parse, skim

TEXTS = st.text() | st.sampled_from([":", '"', "\\", "a:b", "\\u003a", "http://x"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(value=VALUES, ascii_only=st.booleans(), indent=st.none() | st.just(1))
def test_value_is_the_one_that_was_written(value, ascii_only, indent):
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert repr(parse(text)) == repr(parse(text.encode())) == repr(value)


@given(value=st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4), depth=st.integers(0, 3), ascii_only=st.booleans())
def test_key_that_is_there_twice_is_found_anywhere(value, depth, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only)
    key = json.dumps(next(iter(value)), ensure_ascii=ascii_only)
    text = f"{text[:-1]}, {key}: null}}"
    for _ in range(depth):
        text = f'{{"a": [1, {text}], ":": ":"}}'
    with pytest.raises(ValueError, match="duplicate key"):
        parse(text)


@pytest.mark.parametrize(
    "text", ['{"a": 1, "\\u0061": 2}', '{"x\\u003ay": 1, "a": 1, "a": 2}', '[{"a": ":", "a": ":"}]']
)
def test_key_that_is_there_twice_is_found_however_it_is_written(text):
    with pytest.raises(ValueError, match="duplicate key"):
        parse(text)


@pytest.mark.parametrize(
    "text", ["NaN", "[Infinity]", "-Infinity", "", "{", "1 2", '"\\ud800"', "01", "[1,]", b'"\xff"']
)
def test_what_is_no_json_is_refused(text):
    with pytest.raises(ValueError, match=r"malformed|truncated|utf-8"):
        parse(text)


@given(value=VALUES, ascii_only=st.booleans())
def test_skimming_takes_what_is_an_object(value, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only)
    if isinstance(value, dict):
        assert skim(text) == skim(text.encode()) == {}
    else:
        with pytest.raises(ValueError, match="expected an object"):
            skim(text)


@pytest.mark.parametrize("text", ["{", '{"a": [1,}', '{"a": NaN}', '{"a": 1} x', '{"a": 01}'])
def test_skimming_refuses_what_is_no_json(text):
    with pytest.raises(ValueError, match=r"JSON|truncated"):
        skim(text)


def test_number_of_any_length_is_kept():
    assert parse('{"n": 123456789012345678901234567890, "n2": [{}]}')["n"] == 123456789012345678901234567890


def test_nesting_without_end_is_refused():
    with pytest.raises((ValueError, RecursionError)):
        parse("[" * 100_000)
