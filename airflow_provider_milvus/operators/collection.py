"""The operators that create, load, check and drop a collection."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_milvus import airflow_compat, rest, waiting
from airflow_provider_milvus.exceptions import MilvusCollectionExists, MilvusRowCountWrong
from airflow_provider_milvus.operators.base import MilvusOperator, MilvusReadinessOperator
from airflow_provider_milvus.waiting import backoff

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_milvus.waiting.event import Event

IF_EXISTS = ("skip", "fail", "recreate")


class MilvusCreateCollectionOperator(MilvusOperator):
    """Create a collection, from a schema or from a dimension alone.

    The collection's name is returned; the XCom ``outcome`` is ``created``, ``kept`` or ``recreated``.

    https://milvus.io/docs/create-collection.md

    :param collection_name: its name. (templated)
    :param schema: the schema in the spelling of Milvus's REST API, as a dict or as the path of a JSON file, absolute or
        relative to the DAG file. (templated, the file's content is not)
    :param dimension: instead of a schema: Milvus's quick setup with the fields ``id`` and ``vector``, an index, and
        loaded. (templated)
    :param metric_type: of the quick setup, such as ``"COSINE"``. (templated)
    :param index_params: indexes in the spelling of the REST API; with them the collection is loaded at once.
        (templated)
    :param collection_params: further ``params`` of the REST API, such as ``{"shardsNum": 2}``. (templated)
    :param if_exists: what to do with a collection of this name: ``"skip"`` keeps it, and fails if its schema is
        another, naming the field; ``"fail"`` fails; ``"recreate"`` drops it with all its rows and creates it again.
    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    :raises ValueError: for bad parameters, before anything is sent.
    :raises MilvusCollectionExists: where ``if_exists`` says so.
    """

    template_fields: Sequence[str] = (
        *MilvusOperator.template_fields,
        "collection_name",
        "schema",
        "dimension",
        "metric_type",
        "index_params",
        "collection_params",
    )
    template_fields_renderers = {"schema": "json", "index_params": "json", "collection_params": "json"}

    def __init__(
        self,
        *,
        collection_name: str,
        schema: Mapping[str, Any] | str | None = None,
        dimension: int | str | None = None,
        metric_type: str | None = None,
        index_params: Sequence[Mapping[str, Any]] | None = None,
        collection_params: Mapping[str, Any] | None = None,
        if_exists: Literal["skip", "fail", "recreate"] = "skip",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if if_exists not in IF_EXISTS:
            raise ValueError(f"if_exists must be one of {', '.join(IF_EXISTS)}, got {if_exists!r}")
        self.collection_name = collection_name
        self.schema = schema
        self.dimension = dimension
        self.metric_type = metric_type
        self.index_params = index_params
        self.collection_params = collection_params
        self.if_exists = if_exists

    def execute(self, context: Context) -> str:
        """Create it unless it is there."""
        name, schema = self.collection_name, self._schema(context)
        dimension = None if self.dimension is None else backoff.whole_number("dimension", self.dimension)
        create = rest.collections.create_collection(
            name,
            dimension=dimension,
            metric_type=self.metric_type,
            schema=schema,
            index_params=self.index_params,
            params=self.collection_params,
        )
        outcome = "created"
        if self.hook.has_collection(name):
            outcome = self._meet(schema or rest.schemas.quick_schema(dimension or 0))
        if outcome != "kept":
            self.hook.call(create)
        self.log.info("Collection %s: %s", name, outcome)
        context["ti"].xcom_push(key="outcome", value=outcome)
        return name

    def _schema(self, context: Context) -> Mapping[str, Any] | None:
        if not isinstance(self.schema, str):
            return self.schema
        path = Path(getattr(context.get("dag"), "folder", "."), self.schema)
        try:
            schema: Mapping[str, Any] = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise ValueError(f"schema: {self.schema!r} is no JSON file that can be read: {error}") from error
        return schema

    def _meet(self, schema: Mapping[str, Any]) -> str:
        """Do with the collection that is there what ``if_exists`` says."""
        name = self.collection_name
        if self.if_exists == "recreate":
            self.hook.drop_collection(name)
            return "recreated"
        if self.if_exists == "fail":
            raise MilvusCollectionExists(f"there is a collection {name!r} already, and if_exists='fail'")
        if difference := rest.schemas.difference(schema, self.hook.describe_collection(name)):
            raise MilvusCollectionExists(
                f"there is a collection {name!r} already, with another schema: {difference}. Give it the schema that "
                f"it has, or another name, or drop it with if_exists='recreate'"
            )
        return "kept"


class MilvusLoadCollectionOperator(MilvusReadinessOperator):
    """Make the rows of a collection searchable, and wait until they are.

    A collection that is not loaded is loaded; one that is gets ``refresh_load``, without which it would not see what
    was imported since. The figures of the load are returned, with ``call``, the request that was made. After
    ``refresh_load`` Milvus reports the collection as loaded at once; its new rows can take some seconds more, which
    :class:`MilvusRowCountCheckOperator` waits for.

    https://milvus.io/docs/load-and-release.md

    :param collection_name: the collection, every vector field of which has an index. (templated)
    :param deferrable: whether to wait in the triggerer, holding no worker slot.
    :param defer_after: seconds that a deferrable operator waits by itself first.
    :param poll_interval: the most seconds between two looks; a young wait looks more often.
    :param timeout: seconds after which the task fails, while Milvus goes on; the task's ``execution_timeout`` holds as
        well, deferred or not. ``None`` waits for ever.
    :param max_poll_failures: failed looks in a row after which to give up.
    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    :raises ValueError: for bad parameters, before anything is sent.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Load or refresh, whichever is right, and wait."""
        state = self.hook.get_load_state(self.collection_name)
        if state.loaded:
            return self._refresh(context)
        self.hook.load_collection(self.collection_name)
        # Who began to load it may have done so before the rows came.
        return self._loaded(context, call="load", then_refresh=state.state == "Loading")

    def _refresh(self, context: Context) -> dict[str, Any]:
        self.hook.refresh_load(self.collection_name)
        return self._loaded(context, call="refresh_load", then_refresh=False)

    def _loaded(self, context: Context, *, call: str, then_refresh: bool) -> dict[str, Any]:
        figures: dict[str, Any] = self._wait(context, call=call, then_refresh=then_refresh)
        return figures

    def execute_complete(
        self, context: Context, event: Event | None, call: str = "load", then_refresh: bool = False
    ) -> dict[str, Any]:
        """End the wait."""
        (figures,) = super().execute_complete(context, event)
        if then_refresh:
            return self._refresh(context)
        return {"collection_name": self.collection_name, "call": call, **figures}


class MilvusRowCountCheckOperator(MilvusOperator):
    """Fail unless a collection has the rows that it should have; return their number.

    A count that is wrong is asked for again until ``timeout``: rows that were imported into a loaded collection appear
    some seconds after ``refresh_load``.

    :param collection_name: the collection. (templated)
    :param expected_rows: it must have exactly this many rows: a number, or the final figures of imports, which are an
        import operator's ``output["import_progress"]``, mapped or not. (templated)
    :param min_rows: it must have no fewer rows. (templated)
    :param filter: count only the rows for which this expression holds. (templated)
    :param by_statistics: whether to read Milvus's statistics, for which the collection need not be loaded, and which
        count deleted rows as well. Without it, the rows are counted by a query, and the collection must be loaded.
    :param timeout: seconds within which the number must become right.
    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    :raises ValueError: for bad parameters, before anything is sent.
    :raises MilvusRowCountWrong: where the number is wrong.
    """

    template_fields: Sequence[str] = (
        *MilvusOperator.template_fields,
        "collection_name",
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
        super().__init__(**kwargs)
        if expected_rows is None and min_rows is None:
            raise ValueError("give expected_rows, min_rows or both; without them there is nothing to check")
        if by_statistics and filter:
            raise ValueError(
                f"filter={filter!r} needs a query, and by_statistics=True makes none; leave one of them out"
            )
        backoff.check_wait(poll_interval=1, max_poll_failures=1, timeout=timeout)
        self.collection_name = collection_name
        self.expected_rows = expected_rows
        self.min_rows = min_rows
        self.filter = filter
        self.by_statistics = by_statistics
        self.timeout = timeout

    def execute(self, context: Context) -> int:
        """Count until the number is right or the time is over."""
        if self.expected_rows is None and self.min_rows is None:
            raise ValueError(
                "expected_rows and min_rows are both None, so there is nothing to check: a template, or a task before "
                "this one, that should have given a number gave none"
            )
        expected, least = (
            None if rows is None else backoff.whole_number(name, rows, minimum=0)
            for name, rows in (("expected_rows", self._expected()), ("min_rows", self.min_rows))
        )
        began = time.time()
        while True:
            rows = self._count()
            reason = waiting.outcome.refusal(rows, expected, least)
            if reason is None:
                self.log.info("Collection %s has %s rows", self.collection_name, f"{rows:,}")
                return rows
            delay = backoff.interval(time.time() - began, backoff.DEFAULT_POLL_INTERVAL)
            if time.time() + delay > began + self.timeout:
                raise MilvusRowCountWrong(f"collection {self.collection_name!r} is not as it should be: {reason}")
            time.sleep(delay)

    def _expected(self) -> Any:
        expected = airflow_compat.evaluated(self.expected_rows)
        if isinstance(expected, str) or not isinstance(expected, Mapping | Sequence):
            return expected
        figures = [expected] if isinstance(expected, Mapping) else waiting.job_ids.flat(expected)
        try:
            rows = [job["total_rows"] or job["imported_rows"] for job in figures]
        except (KeyError, TypeError):
            rows = []
        if not rows:
            raise ValueError(
                f"expected_rows must be a number, or the final figures of imports, which are an import operator's "
                f"output['import_progress']; got {figures!r}. A task that was marked as succeeded gives none"
            )
        return sum(rows)

    def _count(self) -> int:
        if self.by_statistics:
            return self.hook.get_collection_stats(self.collection_name)
        return self.hook.count(self.collection_name, self.filter)


class MilvusDropCollectionOperator(MilvusOperator):
    """Drop a collection with all its rows; return whether there was one.

    Milvus from 2.5.5 on refuses to drop a collection that an alias leads to.

    :param collection_name: the collection. (templated)
    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    :raises ValueError: for bad parameters, before anything is sent.
    """

    template_fields: Sequence[str] = (*MilvusOperator.template_fields, "collection_name")

    def __init__(self, *, collection_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.collection_name = collection_name

    def execute(self, context: Context) -> bool:
        """Drop it if it is there."""
        there = self.hook.has_collection(self.collection_name)
        if there:
            self.hook.drop_collection(self.collection_name)
        self.log.info("Collection %s: %s", self.collection_name, "dropped" if there else "there was none")
        return there
