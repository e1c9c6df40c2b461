"""The operator that builds indexes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus import rest
from airflow_provider_milvus.operators.base import MilvusReadinessOperator
from airflow_provider_milvus.operators.parameters import check_list

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class MilvusCreateIndexOperator(MilvusReadinessOperator):
    """Build indexes of a collection, and wait until they are built.

    The state of each is returned as a list of dicts. An index that is there already in the same form is kept; another
    one on the same field is refused by Milvus.

    https://milvus.io/docs/index-explained.md

    :param collection_name: the collection. (templated)
    :param index_params: the indexes in the spelling of Milvus's REST API, such as
        ``[{"fieldName": "vector", "indexType": "AUTOINDEX", "metricType": "COSINE"}]``. (templated)
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

    template_fields: Sequence[str] = (*MilvusReadinessOperator.template_fields, "index_params")
    template_fields_renderers = {"index_params": "json"}

    def __init__(self, *, index_params: Sequence[Mapping[str, Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.index_params = index_params

    def check_templated(self) -> None:
        super().check_templated()
        check_list("index_params", self.index_params)
        if not self.index_params or not all(
            isinstance(index, Mapping) and _field(index) for index in self.index_params
        ):
            raise ValueError(
                f"index_params must be a list of dicts with fieldName, such as "
                f"[{{'fieldName': 'vector', 'indexType': 'AUTOINDEX'}}], got {self.index_params!r}"
            )

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Begin to build them, and wait."""
        self.check_templated()
        self.hook.create_index(self.collection_name, self.index_params)
        description = self.hook.describe_collection(self.collection_name)
        fields = [_field(index) for index in self.index_params]
        names = rest.indexes.index_names(description, fields)
        built: list[dict[str, Any]] = self._wait(context, names)
        return built


def _field(index: Any) -> str:
    name = index.get("fieldName") if isinstance(index, Mapping) else None
    return name if isinstance(name, str) else ""
