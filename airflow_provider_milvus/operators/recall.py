"""The operator that measures what searches in a collection find, before readers search there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus import airflow_compat, nearest, rest
from airflow_provider_milvus.exceptions import MilvusRecallTooLow, MilvusRowCountWrong
from airflow_provider_milvus.operators.base import MilvusCollectionOperator, push_xcom
from airflow_provider_milvus.operators.parameters import check_dict, check_list, check_name
from airflow_provider_milvus.operators.searched import Searched
from airflow_provider_milvus.waiting.backoff import whole_number

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

MAX_WORST = 5
MAX_QUERIES = 1000


class MilvusRecallCheckOperator(MilvusCollectionOperator):
    """Fail unless golden queries find in a collection what they should.

    Each query is searched in the collection. Its *recall* is the share of the truly nearest rows among the hits, which
    are computed by brute force over the same rows: it shows whether the index is good enough. Its *overlap* is the
    share of hits that the serving version has as well: it shows whether these are the right vectors at all. Vectors of
    another model, or vectors that belong to other rows, have a perfect recall and no overlap.

    A dict of ``queries``, ``limit``, ``metric_type``, ``rows`` (compared by brute force), ``recall`` and ``overlap``
    (means over the queries, ``None`` where not measured) and ``worst`` queries is returned, and pushed as ``recall``
    also where the task fails. The worst queries are in the log.

    Brute force reads all vectors over REST. Of a large collection let ``filter`` choose a part of the rows, such as
    ``"id % 100 == 0"``: searches and brute force are about these alone.

    :param collection_name: the collection, which must be loaded. (templated)
    :param queries: golden queries, as vectors. (templated)
    :param keys: instead: primary keys of rows whose vectors are the queries. They are read from ``compare_with``, where
        there is such a collection, or else from the collection itself. (templated)
    :param compare_with: the collection or alias that serves. Where there is none yet, no overlap is measured.
        (templated)
    :param min_recall: from 0 to 1; without it no recall is measured, and no row is read.
    :param min_overlap: from 0 to 1.
    :param limit: how many hits each query has (10).
    :param metric_type: the metric by which rows are near: ``"L2"``, ``"IP"`` or ``"COSINE"``. Without it, that of
        ``compare_with``, or else that of the index. An index with another one fails the task.
    :param vector_field: the field to search in; it can be left out where there is one vector field.
    :param filter: search and compare only rows for which this expression holds. (templated)
    :param search_params: of the searches, as readers give them, such as ``{"params": {"ef": 64}}``.
    :param max_rows: fail where brute force would read more rows than this (100,000).
    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    :raises ValueError: for bad parameters, before anything is sent.
    :raises MilvusRecallTooLow: where recall or overlap is too low, or the metric is another one.
    """

    template_fields: Sequence[str] = (
        *(*MilvusCollectionOperator.template_fields, "queries", "keys", "compare_with", "filter"),
    )
    template_fields_renderers = {"queries": "json", "keys": "json"}

    def __init__(
        self,
        *,
        queries: Sequence[Sequence[float]] | None = None,
        keys: Sequence[Any] | None = None,
        compare_with: str | None = None,
        min_recall: float | None = None,
        min_overlap: float | None = None,
        limit: int = 10,
        metric_type: str | None = None,
        vector_field: str | None = None,
        filter: str = "",
        search_params: Mapping[str, Any] | None = None,
        max_rows: int = 100_000,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if (queries is None) == (keys is None):
            raise ValueError("give either queries, which are vectors, or keys of rows to use as queries")
        if min_recall is None and min_overlap is None:
            raise ValueError("give min_recall, min_overlap or both; without them there is nothing to check")
        if min_overlap is not None and compare_with is None:
            raise ValueError(f"min_overlap={min_overlap!r} needs compare_with, the collection or alias that serves")
        _check_share("min_recall", min_recall)
        _check_share("min_overlap", min_overlap)
        if metric_type is not None and metric_type not in nearest.METRICS:
            raise ValueError(f"metric_type must be one of {', '.join(nearest.METRICS)}, got {metric_type!r}")
        check_dict("search_params", search_params)
        self.queries = queries
        self.keys = keys
        self.compare_with = compare_with
        self.min_recall = min_recall
        self.min_overlap = min_overlap
        self.limit = whole_number("limit", limit)
        self.metric_type = metric_type
        self.vector_field = vector_field
        self.filter = filter
        self.search_params = search_params
        self.max_rows = whole_number("max_rows", max_rows)

    def check_templated(self) -> None:
        super().check_templated()
        check_name("compare_with", self.compare_with, what="a collection or an alias", optional=True)
        for name in ("queries", "keys"):
            value = airflow_compat.evaluated(getattr(self, name))
            check_list(name, value)
            if value is not None and not 1 <= len(value) <= MAX_QUERIES:
                raise ValueError(f"{name} must be 1 to {MAX_QUERIES:,} queries, got {len(value):,}")

    def execute(self, context: Context) -> dict[str, Any]:
        """Search, compare, and fail where too little is found."""
        self.check_templated()
        new = Searched(self.hook, self.collection_name, self.vector_field, self.filter)
        serving = self._serving()
        metric_type = self.metric_type or (serving or new).metric_type
        if new.metric_type != metric_type:
            raise MilvusRecallTooLow(
                f"the index of {new.name!r} compares vectors by {new.metric_type}, and rows are near by {metric_type}: "
                f"build it with metricType {metric_type}, or give metric_type={new.metric_type!r} if it is meant so"
            )
        names, vectors = self._vectors(serving or new)
        hits = [new.search(vector, self.limit, self.search_params) for vector in vectors]
        measured: dict[str, list[float] | None] = {"recall": None, "overlap": None}
        rows = 0
        if self.min_recall is not None:
            exact = self._brute_force(new, vectors, metric_type)
            measured["recall"], rows = exact.recall(hits), exact.rows
        if serving is not None and self.compare_with is not None:
            served = [serving.search(vector, self.limit, self.search_params) for vector in vectors]
            measured["overlap"] = nearest.overlap(hits, served)
        table = self._table(names, measured, metric_type, rows)
        push_xcom(self, context, "recall", table)
        self._judge(table)
        return table

    def _serving(self) -> Searched | None:
        if self.compare_with is None:
            return None
        try:
            return Searched(self.hook, self.compare_with, self.vector_field, self.filter)
        except rest.errors.MilvusCollectionNotFound:
            self.log.info("There is no %s yet: no overlap is measured", self.compare_with)
            return None

    def _vectors(self, source: Searched) -> tuple[list[str], list[Any]]:
        """The queries by name."""
        if self.queries is not None:
            vectors = list(airflow_compat.evaluated(self.queries))
            return [f"query {number}" for number in range(1, len(vectors) + 1)], vectors
        keys = list(airflow_compat.evaluated(self.keys))
        found = source.vectors_of(keys)
        if missing := [str(key) for key in keys if str(key) not in found]:
            raise ValueError(f"keys {', '.join(missing[:10])} are not in {source.name!r}, so they are no queries")
        return [f"row {key}" for key in keys], [found[str(key)] for key in keys]

    def _brute_force(self, new: Searched, vectors: list[Any], metric_type: str) -> nearest.ExactNearest:
        if metric_type not in nearest.METRICS or new.data_type != "FloatVector":
            raise ValueError(
                f"min_recall is for FloatVector fields with {', '.join(nearest.METRICS)}, and {new.field!r} is a "
                f"{new.data_type} with {metric_type}: give min_overlap alone"
            )
        rows = self.hook.count(new.name, self.filter)
        if rows > self.max_rows:
            raise ValueError(
                f"brute force over {rows:,} rows of {new.name!r} is more than max_rows={self.max_rows:,}: give a "
                f"filter that holds for a part of them, such as '{new.key} % 100 == 0', or raise max_rows"
            )
        try:
            exact = nearest.ExactNearest(vectors, metric_type, self.limit)
        except ImportError as error:
            raise ImportError("min_recall needs numpy: pip install 'airflow-provider-milvus[recall]'") from error
        for page in new.pages():
            exact.add([row[new.key] for row in page], [row[new.field] for row in page])
        if exact.rows < rows:
            raise MilvusRowCountWrong(
                f"{new.name!r} has {rows:,} rows, and a query of all of them finds {exact.rows:,}: it is changed "
                f"meanwhile, or a query node lags behind"
            )
        return exact

    def _table(
        self, names: list[str], measured: Mapping[str, list[float] | None], metric_type: str, rows: int
    ) -> dict[str, Any]:
        each: list[dict[str, Any]] = [
            {"query": name, **{key: round(shares[position], 4) for key, shares in measured.items() if shares}}
            for position, name in enumerate(names)
        ]
        each.sort(key=lambda one: (min(one.get("recall", 1), one.get("overlap", 1)), one["query"]))
        return {
            "collection_name": self.collection_name,
            "queries": len(names),
            "limit": self.limit,
            "metric_type": metric_type,
            "rows": rows,
            **{key: round(sum(shares) / len(shares), 4) if shares else None for key, shares in measured.items()},
            "worst": each[:MAX_WORST],
        }

    def _judge(self, table: Mapping[str, Any]) -> None:
        for one in table["worst"]:
            shares = ", ".join(f"{key} {one[key]}" for key in ("recall", "overlap") if key in one)
            self.log.info("%s: %s", one["query"], shares)
        low = [
            f"{key} is {table[key]}, and min_{key}={lower}"
            for key, lower in (("recall", self.min_recall), ("overlap", self.min_overlap))
            if lower is not None and table[key] is not None and table[key] < lower
        ]
        if low:
            worst = table["worst"][0]
            raise MilvusRecallTooLow(
                f"{table['queries']} queries in {self.collection_name!r}: {'; '.join(low)}. The worst is "
                f"{worst['query']}: {json.dumps({key: worst[key] for key in worst if key != 'query'})}"
            )
        shown = (table[key] for key in ("queries", "collection_name", "recall", "overlap"))
        self.log.info("%d queries in %s: recall %s, overlap %s", *shown)


def _check_share(name: str, value: Any) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1):
        raise ValueError(f"{name} must be a number from 0 to 1, got {value!r}")
