"""Reading ahead of the work."""

import threading
from contextlib import closing

import pytest

from airflow_provider_milvus.local.importing.prefetch import prefetch


def test_items_keep_their_order():
    assert list(prefetch(iter(range(100)))) == list(range(100))


def test_nothing_gives_nothing():
    assert list(prefetch(iter(()))) == []


def test_item_is_made_while_the_one_before_is_worked_on():
    made = threading.Event()

    def items():
        yield 1
        made.set()
        yield 2

    with closing(prefetch(items())) as found:
        assert next(found) == 1
        assert made.wait(10)


def test_no_more_than_one_item_is_made_ahead():
    made = []

    def items():
        for number in range(10):
            made.append(number)
            yield number

    with closing(prefetch(items())) as found:
        assert next(found) == 0
    assert made == [0, 1]


def test_error_comes_after_the_items_before_it():
    def items():
        yield 1
        raise ValueError("broken")

    found = prefetch(items())
    assert next(found) == 1
    with pytest.raises(ValueError, match="broken"):
        next(found)


def test_closing_ends_the_thread():
    before = threading.active_count()
    with closing(prefetch(iter(range(10)))) as found:
        next(found)
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
