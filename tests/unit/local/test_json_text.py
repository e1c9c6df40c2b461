"""JSON is what Go reads: no NaN, the last of two equal keys, and a replacement for what is no Unicode."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_milvus.local.importing.json_text import first_value, parse, skim

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
def test_last_of_two_equal_keys_counts(value, depth, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only)
    key = next(iter(value))
    text = f"{text[:-1]}, {json.dumps(key, ensure_ascii=ascii_only)}: null}}"
    expected = {**value, key: None}
    for _ in range(depth):
        text, expected = f'{{"a": [1, {text}], ":": ":"}}', {"a": [1, expected], ":": ":"}
    assert parse(text) == expected


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "-Infinity", "", "{", "1 2", "01", "[1,]", '"\x01"', "\ufeff1"])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(ValueError, match=r"JSON|truncated"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"\\ud800x"', "\ufffdx"),
        (b'["\xff"]', ["\ufffd"]),
        ('{"\\udc00": 1}', {"\ufffd": 1}),
        ('"\\ud83d\\ude00"', "😀"),
    ],
)
def test_what_is_no_unicode_is_replaced(text, value):
    assert parse(text) == value


def test_number_out_of_range_is_infinity_or_refused():
    assert parse("1e400") == float("inf")
    with pytest.raises(ValueError, match="out of range"):
        parse("1e400", finite=True)


@pytest.mark.parametrize(("text", "value"), [(" [1] x", [1]), ('{"a": 1}{', {"a": 1}), ("null", None)])
def test_first_value_of_a_text_is_read_whatever_follows(text, value):
    assert first_value(text) == value


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
