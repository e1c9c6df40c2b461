"""The exact nearest rows of vectors, and how many of them the result of a search has. No Airflow and no HTTP."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

METRICS = ("L2", "IP", "COSINE")
# Rows that are as near as the last of the nearest ones are as good; of so many more per query it is known.
MAX_TIES = 64
TIE_TOLERANCE = 1e-5


class ExactNearest:
    """Brute force: rows are added page by page, and what is kept does not grow with their number.

    :param queries: vectors.
    :param metric_type: ``L2``, ``IP`` or ``COSINE``.
    :param limit: how many of the nearest rows are wanted.
    :raises ImportError: where numpy is missing.
    """

    def __init__(self, queries: Sequence[Sequence[float]], metric_type: str, limit: int) -> None:
        import numpy

        self._numpy = numpy
        self._metric_type = metric_type
        self._limit = limit
        self._queries = self._normalised(numpy.asarray(queries, dtype=numpy.float32))
        self._scores: Any = numpy.empty((len(queries), 0), dtype=numpy.float32)
        self._keys: Any = numpy.empty((len(queries), 0), dtype=object)
        self.rows = 0

    def add(self, keys: Sequence[Any], vectors: Sequence[Sequence[float]]) -> None:
        """Compare so many more rows."""
        if not keys:
            return
        numpy = self._numpy
        found = self._normalised(numpy.asarray(vectors, dtype=numpy.float32))
        scores = self._queries @ found.T
        if self._metric_type == "L2":
            # The greater the nearer; the length of the query is the same for all rows.
            scores = 2 * scores - (found * found).sum(axis=1)
        page = numpy.empty((len(self._queries), len(keys)), dtype=object)
        page[:] = [str(key) for key in keys]
        scores, names = numpy.hstack([self._scores, scores]), numpy.hstack([self._keys, page])
        kept = min(self._limit + MAX_TIES, scores.shape[1])
        nearest = numpy.argsort(-scores, axis=1, kind="stable")[:, :kept]
        self._scores = numpy.take_along_axis(scores, nearest, axis=1)
        self._keys = numpy.take_along_axis(names, nearest, axis=1)
        self.rows += len(keys)

    def nearest(self) -> list[set[str]]:
        """For each query the keys of the nearest rows, and of those that are as near as the last of them."""
        last = min(self._limit, self._scores.shape[1])
        if not last:
            return [set() for _ in self._queries]
        bounds = self._scores[:, last - 1]
        bounds = bounds - TIE_TOLERANCE * self._numpy.maximum(1.0, abs(bounds))
        near = self._scores >= bounds[:, None]
        return [set(keys[is_near]) for keys, is_near in zip(self._keys, near, strict=True)]

    def recall(self, found: Sequence[Collection[str]]) -> list[float]:
        """For each query the share of the nearest rows that a result has."""
        expected = min(self._limit, self.rows)
        return [
            1.0 if not expected else min(1.0, len(near & set(keys)) / expected)
            for near, keys in zip(self.nearest(), found, strict=True)
        ]

    def _normalised(self, vectors: Any) -> Any:
        if self._metric_type != "COSINE":
            return vectors
        lengths = self._numpy.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / self._numpy.where(lengths == 0, 1, lengths)


def overlap(first: Sequence[Sequence[str]], second: Sequence[Sequence[str]]) -> list[float]:
    """For each query the share of the longer of two results that both have."""
    return [
        len(set(one) & set(other)) / max(len(one), len(other)) if one or other else 1.0
        for one, other in zip(first, second, strict=True)
    ]
