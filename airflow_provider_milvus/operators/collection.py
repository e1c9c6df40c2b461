"""The operators that create, load and drop a collection."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_milvus import rest
from airflow_provider_milvus.exceptions import MilvusCollectionExists
from airflow_provider_milvus.operators.base import MilvusCollectionOperator, MilvusReadinessOperator, push_xcom
from airflow_provider_milvus.operators.parameters import NATIVE, check_choice, check_dict, check_list
from airflow_provider_milvus.waiting import backoff

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_milvus.hooks.milvus import MilvusHook
    from airflow_provider_milvus.waiting.event import Event

IF_EXISTS = ("skip", "fail", "recreate")


class MilvusCreateCollectionOperator(MilvusCollectionOperator):
    """Create a collection, from a schema or from a dimension alone.

    The collection's name is returned; the XCom ``outcome`` is ``created``, ``kept`` or ``recreated``.

    https://milvus.io/docs/create-collection.md

    :param collection_name: its name. (templated)
    :param schema: the schema in the spelling of Milvus's REST API: a dict, or the name of a ``.json`` file below the
        DAG file's folder or the DAG's ``template_searchpath``. (templated, and so is the file's content)
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
    :raises MilvusCollectionExists: where ``if_exists`` demands it.
    """

    template_fields: Sequence[str] = (
        *MilvusCollectionOperator.template_fields,
        "schema",
        "dimension",
        "metric_type",
        "index_params",
        "collection_params",
    )
    template_ext: Sequence[str] = (".json",)
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
        super().__init__(collection_name=collection_name, **kwargs)
        check_choice("if_exists", if_exists, IF_EXISTS)
        self.schema = schema
        self.dimension = dimension
        self.metric_type = metric_type
        self.index_params = index_params
        self.collection_params = collection_params
        self.if_exists = if_exists

    def check_templated(self) -> None:
        super().check_templated()
        check_list("index_params", self.index_params)
        check_dict("collection_params", self.collection_params)

    def execute(self, context: Context) -> str:
        """Create it unless it is there."""
        self.check_templated()
        collection = NewCollection(
            self.collection_name,
            schema=schema_of(self.schema),
            dimension=None if self.dimension is None else backoff.whole_number("dimension", self.dimension),
            metric_type=self.metric_type,
            index_params=self.index_params,
            params=self.collection_params,
        )
        outcome = collection.create(self.hook, self.if_exists)
        self.log.info("Collection %s: %s", self.collection_name, outcome)
        push_xcom(self, context, "outcome", outcome)
        return self.collection_name


def schema_of(value: Any) -> Mapping[str, Any] | None:
    """A schema, which a file that Airflow has read is the JSON text of.

    :raises ValueError: where it is neither a dict nor the JSON text of one.
    """
    if value is None or isinstance(value, Mapping):
        return value
    shown = repr(value)[:200]
    if not isinstance(value, str):
        raise ValueError(f"schema must be a dict or the name of a .json file, got {shown}")
    try:
        schema = json.loads(value)
    except ValueError as error:
        raise ValueError(
            f"schema must be a dict, or the name of a .json file below the DAG's folder or its template_searchpath, "
            f"got {shown}, which is no JSON: {error}. For a template that makes a dict, {NATIVE}"
        ) from error
    if not isinstance(schema, dict):
        raise ValueError(f"schema must be a JSON object with fields, got {shown}")
    return schema


@dataclass(frozen=True)
class NewCollection:
    """A collection to be created, in the terms of the REST API."""

    name: str
    schema: Mapping[str, Any] | None = None
    dimension: int | None = None
    metric_type: str | None = None
    index_params: Sequence[Mapping[str, Any]] | None = None
    params: Mapping[str, Any] | None = None

    def create(self, hook: MilvusHook, if_exists: str) -> str:
        """Create it, or do with the collection of this name what ``if_exists`` demands; return which of both."""
        request = rest.collections.create_collection(
            self.name,
            dimension=self.dimension,
            metric_type=self.metric_type,
            schema=self.schema,
            index_params=self.index_params,
            params=self.params,
        )
        outcome = self._resolve_existing(hook, if_exists) if hook.has_collection(self.name) else "created"
        if outcome != "kept":
            hook.call(request)
        return outcome

    def _resolve_existing(self, hook: MilvusHook, if_exists: str) -> str:
        if if_exists == "recreate":
            hook.drop_collection(self.name)
            return "recreated"
        if if_exists == "fail":
            raise MilvusCollectionExists(f"there is a collection {self.name!r} already, and if_exists='fail'")
        schema = self.schema or rest.schemas.quick_schema(self.dimension or 0)
        if difference := rest.schemas.difference(schema, hook.describe_collection(self.name)):
            raise MilvusCollectionExists(
                f"there is a collection {self.name!r} already, with another schema: {difference}. Give it the schema "
                f"that it has, or another name, or drop it with if_exists='recreate'"
            )
        return "kept"


class MilvusLoadCollectionOperator(MilvusReadinessOperator):
    """Make the rows of a collection searchable, and wait until they are.

    A collection that is not loaded is loaded; one that is gets ``refresh_load``, without which it would not see what
    was imported since. The state of the load is returned, with ``call``, the request that was made. After
    ``refresh_load`` Milvus reports the collection as loaded at once; its new rows can take some seconds more, which
    :class:`~airflow_provider_milvus.operators.checks.MilvusRowCountCheckOperator` waits for.

    https://milvus.io/docs/load-and-release.md

    :param collection_name: the collection, every vector field of which has an index. (templated)
    :param deferrable: whether to wait in the triggerer, holding no worker slot.
    :param defer_after: seconds that a deferrable operator polls in the worker before it defers (5).
    :param poll_interval: the longest time between two polls, in seconds (10); a young wait polls more often.
    :param timeout: seconds after which the task fails, while Milvus goes on; the task's ``execution_timeout`` holds as
        well, deferred or not. ``None`` waits for ever.
    :param max_poll_failures: failed polls in a row after which to give up (120).
    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    :raises ValueError: for bad parameters, before anything is sent.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Load or refresh, whichever is right, and wait."""
        self.check_templated()
        state = self.hook.get_load_state(self.collection_name)
        if state.loaded:
            return self._refresh(context)
        self.hook.load_collection(self.collection_name)
        # A load that was under way may have begun before the rows came.
        return self._loaded(context, call="load", then_refresh=state.state == "Loading")

    def _refresh(self, context: Context) -> dict[str, Any]:
        self.hook.refresh_load(self.collection_name)
        return self._loaded(context, call="refresh_load", then_refresh=False)

    def _loaded(self, context: Context, *, call: str, then_refresh: bool) -> dict[str, Any]:
        loaded: dict[str, Any] = self._wait(context, call=call, then_refresh=then_refresh)
        return loaded

    def execute_complete(
        self, context: Context, event: Event | None, call: str = "load", then_refresh: bool = False
    ) -> dict[str, Any]:
        """End the wait."""
        (state,) = super().execute_complete(context, event)
        if then_refresh:
            return self._refresh(context)
        return {"collection_name": self.collection_name, "call": call, **state}


class MilvusDropCollectionOperator(MilvusCollectionOperator):
    """Drop a collection with all its rows; return whether there was one.

    Milvus from 2.5.5 on refuses to drop a collection that an alias points to.

    :param collection_name: the collection. (templated)
    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    :raises ValueError: for bad parameters, before anything is sent.
    """

    def execute(self, context: Context) -> bool:
        """Drop it if it is there."""
        self.check_templated()
        exists = self.hook.has_collection(self.collection_name)
        if exists:
            self.hook.drop_collection(self.collection_name)
        self.log.info("Collection %s: %s", self.collection_name, "dropped" if exists else "there was none")
        return exists
