"""Work on batches ahead of their use."""

import threading
from contextlib import closing

import pytest

from airflow_provider_milvus.local.importing.parallel import THREADS, call_ahead


def results(function, items):
    return [call.result() for call in call_ahead(function, iter(items))]


def test_results_keep_the_order_of_the_items():
    second_is_done = threading.Event()

    def double(number):
        if number == 0:
            assert second_is_done.wait(10)
        elif number == 1:
            second_is_done.set()
        return 2 * number

    assert results(double, range(100)) == list(range(0, 200, 2))


def test_no_items_are_no_calls():
    assert results(abs, []) == []


def test_no_more_items_are_taken_ahead_than_there_are_threads():
    taken = []

    def items():
        for number in range(10):
            taken.append(number)
            yield number

    with closing(call_ahead(abs, items())) as calls:
        assert next(calls).result() == 0
        assert taken == list(range(1 + THREADS))


def test_error_of_an_item_comes_after_the_calls_before_it():
    def items():
        yield 1
        yield 2
        raise ValueError("broken")

    calls = call_ahead(abs, items())
    assert [next(calls).result(), next(calls).result()] == [1, 2]
    with pytest.raises(ValueError, match="broken"):
        next(calls)


def test_error_of_a_call_comes_in_its_turn():
    calls = call_ahead(int, iter(["1", "x", "3"]))
    assert next(calls).result() == 1
    with pytest.raises(ValueError, match="'x'"):
        next(calls).result()


def test_closing_ends_the_threads():
    before = threading.active_count()
    with closing(call_ahead(abs, iter(range(10)))) as calls:
        next(calls)
        assert threading.active_count() == before + THREADS
    assert threading.active_count() == before
