"""The operator that builds indexes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus import rest
from airflow_provider_milvus.operators.base import MilvusReadinessOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class MilvusCreateIndexOperator(MilvusReadinessOperator):
    """Build indexes of a collection, and wait until they are built.

    The figures of each are returned as a list of dicts. An index that is there already in the same form is left alone;
    another one on the same field is refused by Milvus.

    https://milvus.io/docs/index-explained.md

    :param collection_name: the collection. (templated)
    :param index_params: the indexes in the spelling of Milvus's REST API, such as
        ``[{"fieldName": "vector", "indexType": "AUTOINDEX", "metricType": "COSINE"}]``. (templated)
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

    template_fields: Sequence[str] = (*MilvusReadinessOperator.template_fields, "index_params")
    template_fields_renderers = {"index_params": "json"}

    def __init__(self, *, index_params: Sequence[Mapping[str, Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.index_params = index_params

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Begin to build them, and wait."""
        self.hook.create_index(self.collection_name, self.index_params)
        description = self.hook.describe_collection(self.collection_name)
        fields = [index["fieldName"] for index in self.index_params]
        names = rest.collections.index_names(description, fields)
        built: list[dict[str, Any]] = self._wait(context, names)
        return built
