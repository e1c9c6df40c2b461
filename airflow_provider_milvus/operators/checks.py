"""The operator that checks the rows of a collection."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus import airflow_compat, waiting
from airflow_provider_milvus.exceptions import MilvusRowCountWrong
from airflow_provider_milvus.operators.base import MilvusCollectionOperator
from airflow_provider_milvus.operators.job_results import COMPLETED, UNCOMMITTED
from airflow_provider_milvus.operators.parameters import NATIVE, check_flag
from airflow_provider_milvus.waiting import backoff

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

# An import in any other state may have read some of its rows only.
STATES_WITH_ALL_ROWS = (COMPLETED, UNCOMMITTED, "Committing")


class MilvusRowCountCheckOperator(MilvusCollectionOperator):
    """Fail unless a collection has the rows that it should have; return their number.

    While the count is wrong, the rows are counted again until ``timeout``: rows that were imported into a loaded
    collection appear some seconds after ``refresh_load``.

    :param collection_name: the collection. (templated)
    :param expected_rows: it must have exactly this many rows: a number, or the results of imports, which are an import
        operator's ``output["import_progress"]``, mapped or not. (templated)
    :param min_rows: it must have no fewer rows. (templated)
    :param filter: count only the rows for which this expression holds. (templated)
    :param by_statistics: whether to read Milvus's statistics, for which the collection need not be loaded, and which
        count deleted rows as well. Without it, the rows are counted by a query, and the collection must be loaded.
    :param timeout: seconds within which the count must become right (30).
    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    :raises ValueError: for bad parameters, before anything is sent.
    :raises MilvusRowCountWrong: where the count is wrong.
    """

    template_fields: Sequence[str] = (
        *MilvusCollectionOperator.template_fields,
        "expected_rows",
        "min_rows",
        "filter",
    )

    def __init__(
        self,
        *,
        collection_name: str,
        expected_rows: int | str | Any | None = None,
        min_rows: int | str | None = None,
        filter: str = "",
        by_statistics: bool = False,
        timeout: float = 30.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(collection_name=collection_name, **kwargs)
        if expected_rows is None and min_rows is None:
            raise ValueError("give expected_rows, min_rows or both; without them there is nothing to check")
        check_flag("by_statistics", by_statistics)
        if by_statistics and filter:
            raise ValueError(
                f"filter={filter!r} needs a query, and by_statistics=True makes none; leave one of them out"
            )
        if timeout is None:
            raise ValueError("timeout must be a number of seconds above 0, got None")
        backoff.check_wait(poll_interval=1, timeout=timeout)
        self.expected_rows = expected_rows
        self.min_rows = min_rows
        self.filter = filter
        self.by_statistics = by_statistics
        self.timeout = timeout

    def check_templated(self) -> None:
        super().check_templated()
        if not isinstance(self.filter, str):
            raise ValueError(f"filter must be an expression as text, such as 'id > 7', got {self.filter!r}")
        if self.expected_rows is None and self.min_rows is None:
            raise ValueError(
                "expected_rows and min_rows are both None, so there is nothing to check: a template, or a task before "
                "this one, that should have given a number gave none"
            )

    def execute(self, context: Context) -> int:
        """Count until the number is right or the time is over."""
        self.check_templated()
        expected = _number("expected_rows", _expected_rows(self.expected_rows))
        lower_bound = _number("min_rows", self.min_rows)
        started = time.time()
        while True:
            rows = self._count()
            reason = waiting.outcome.refusal(rows, expected, lower_bound)
            if reason is None:
                self.log.info("Collection %s has %s rows", self.collection_name, f"{rows:,}")
                return rows
            delay = backoff.interval(time.time() - started, backoff.DEFAULT_POLL_INTERVAL)
            if time.time() + delay > started + self.timeout:
                raise MilvusRowCountWrong(f"collection {self.collection_name!r} is not as it should be: {reason}")
            time.sleep(delay)

    def _count(self) -> int:
        if self.by_statistics:
            return self.hook.get_collection_stats(self.collection_name)
        return self.hook.count(self.collection_name, self.filter)


def _number(name: str, rows: Any) -> int | None:
    return None if rows is None else backoff.whole_number(name, rows, minimum=0)


def _expected_rows(expected: Any) -> Any:
    """A number as it was given, or the sum of the rows of imports."""
    expected = airflow_compat.evaluated(expected)
    if isinstance(expected, Mapping):
        expected = [expected]
    if not isinstance(expected, list):
        if isinstance(expected, str) and expected.strip()[:1] in ("[", "{"):
            raise ValueError(
                f"expected_rows must be a number or the results of imports, got the text {expected[:200]!r}: {NATIVE}"
            )
        return expected
    results = waiting.job_ids.flat(expected)
    for job in results:
        if isinstance(job, Mapping) and job.get("state", COMPLETED) not in STATES_WITH_ALL_ROWS:
            raise ValueError(
                f"expected_rows needs the results of imports that have read all rows, and import job "
                f"{job.get('job_id')} was {job['state']} when its task reported it last"
            )
    try:
        rows = [job["total_rows"] or job["imported_rows"] for job in results]
    except (KeyError, TypeError):
        rows = []
    if not rows or not all(type(count) is int for count in rows):
        raise ValueError(
            f"expected_rows must be a number, or the results of imports, which are an import operator's "
            f"output['import_progress']; got {str(results)[:200]}. A task that was marked as succeeded has none, and "
            f"neither has one with do_xcom_push=False"
        )
    return sum(rows)
