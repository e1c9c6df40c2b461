"""Brute force: which rows are the nearest, and how much of them an answer has."""

import numpy
import pytest

from airflow_provider_milvus.nearest import MAX_TIES, METRICS, ExactNearest, overlap

RANDOM = numpy.random.default_rng(7)
ROWS = RANDOM.normal(size=(500, 8))
QUERIES = RANDOM.normal(size=(4, 8))
DISTANCES = {
    "L2": lambda query: ((ROWS - query) ** 2).sum(axis=1),
    "IP": lambda query: -(ROWS @ query),
    "COSINE": lambda query: -(ROWS @ query) / numpy.linalg.norm(ROWS, axis=1),
}


@pytest.mark.parametrize("metric_type", METRICS)
@pytest.mark.parametrize("page", [1, 7, 500])
def test_nearest_rows_are_found_in_pages_of_any_size(metric_type, page):
    exact = ExactNearest(QUERIES, metric_type, 10)
    for start in range(0, len(ROWS), page):
        exact.add(range(start, min(start + page, len(ROWS))), ROWS[start : start + page])
    expected = [{str(key) for key in numpy.argsort(DISTANCES[metric_type](query))[:10]} for query in QUERIES]
    assert (exact.nearest(), exact.rows) == (expected, 500)


def test_recall_is_the_share_of_the_nearest_rows():
    exact = ExactNearest([[0.0]], "L2", 4)
    exact.add([1, 2, 3, 4, 5], [[1.0], [2.0], [3.0], [4.0], [5.0]])
    assert exact.recall([["1", "2", "5", "x"]]) == [0.5]


def test_row_that_is_as_near_as_the_last_one_is_as_good():
    exact = ExactNearest([[0.0]], "L2", 2)
    exact.add(range(9), [[1.0]] * 8 + [[2.0]])
    assert [exact.recall([found])[0] for found in (["6", "7"], ["0", "8"])] == [1.0, 0.5]


def test_fewer_rows_than_wanted_are_all_there_is():
    exact = ExactNearest([[0.0]], "L2", 10)
    exact.add([1], [[1.0]])
    assert exact.recall([["1"]]) == [1.0]


def test_no_rows_are_found_completely():
    assert ExactNearest([[0.0]], "L2", 10).recall([[]]) == [1.0]


def test_memory_does_not_grow_with_the_rows():
    exact = ExactNearest(QUERIES, "IP", 3)
    for _ in range(3):
        exact.add(range(500), ROWS)
    assert exact._scores.shape == (4, 3 + MAX_TIES)


def test_vector_of_zeros_has_no_direction():
    exact = ExactNearest([[1.0, 0.0]], "COSINE", 1)
    exact.add([1, 2], [[0.0, 0.0], [1.0, 0.0]])
    assert exact.nearest() == [{"2"}]


@pytest.mark.parametrize(
    ("first", "second", "share"),
    [("abc", "abc", 1), ("abcd", "cdef", 0.5), ("ab", "abcd", 0.5), ("", "", 1), ("a", "", 0)],
)
def test_overlap_is_the_share_that_both_have(first, second, share):
    assert overlap([list(first)], [list(second)]) == [share]
