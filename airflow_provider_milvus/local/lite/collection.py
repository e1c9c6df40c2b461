"""A collection of Milvus Lite in which imported rows stay hidden until it is loaded or refreshed."""

import copy
from typing import Any

from milvus_lite.engine.collection import Collection
from milvus_lite.exceptions import CollectionNotLoadedError, MilvusLiteError
from milvus_lite.schema.types import DataType
from milvus_lite.storage.segment import Segment

from airflow_provider_milvus.local.lite.counting import count_rows
from airflow_provider_milvus.local.lite.index_rules import (
    BINARY_METRICS,
    InvalidIndex,
    binary_metric,
    nearest_index,
    with_all_weights,
)
from airflow_provider_milvus.local.lite.jaccard import JaccardSearch
from airflow_provider_milvus.local.lite.kept import Kept
from airflow_provider_milvus.local.lite.schema_rules import Unsupported
from airflow_provider_milvus.local.lite.vector_types import BINARY, declare, held_type


class TooLong(MilvusLiteError):  # type: ignore[misc]
    """A text of more bytes than its field may have."""


class LocalCollection(Collection):  # type: ignore[misc]
    """Milvus Lite's collection, in which imported segments can wait: published, but not seen by readers.

    Only memory knows which ones wait. After a restart a collection must be loaded anyway, and that shows them all.
    """

    waiting: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def adopt(cls, collection: Collection) -> "LocalCollection":
        # Milvus Lite makes its collections itself, in several places.
        if not isinstance(collection, cls):
            collection.__class__ = cls
            collection._compaction_mgr.collection = collection
            declare(collection.schema, Kept.of(collection.schema.properties).vector_types)
        adopted: LocalCollection = collection
        return adopted

    def _read_snapshot(self) -> tuple[tuple[Segment, ...], Any]:
        with self._maintenance_lock:
            segments, deletions = super()._read_snapshot()
            if self.waiting:
                segments = tuple(one for key, one in self._segment_cache.items() if key not in self.waiting)
            return segments, deletions

    def create_index(self, field_name: str, index_params: dict[str, Any]) -> None:
        field = next((one for one in self.schema.fields if one.name == field_name), None)
        if field is None:
            raise InvalidIndex(f"cannot create index on non-exist field: {field_name}: invalid parameter")
        found = nearest_index(field, index_params)
        there = self.get_index_info(field_name)
        metric = binary_metric(index_params.get("metric_type")) if self._is_binary(field_name) else None
        form = (found["index_type"], metric or found.get("metric_type") or "NONE")
        if there is None:
            super().create_index(field_name, found)
        elif (there["index_type"], there["metric_type"]) != form:
            raise InvalidIndex(
                f"at most one distinct index is allowed per field, field={field_name}: invalid parameter"
            )

    def insert(self, records: list[dict[str, Any]], *args: Any, **kwargs: Any) -> Any:
        # Milvus Lite counts characters.
        for field in self.schema.fields:
            if field.dtype == DataType.VARCHAR and field.max_length:
                for row, record in enumerate(records):
                    value = record.get(field.name)
                    length = len(value.encode(errors="surrogatepass")) if isinstance(value, str) else 0
                    if length > field.max_length:
                        raise TooLong(
                            f"length of varchar field {field.name} exceeds max length, row number: {row}, "
                            f"length: {length}, max length: {field.max_length}"
                        )
        return super().insert(records, *args, **kwargs)

    def get_index_info(self, field_name: str | None = None) -> Any:
        info = super().get_index_info(field_name)
        return {**info, "metric_type": self._own_metric(field_name)} if info and self._is_binary(field_name) else info

    def resolve_search_metric(self, anns_field: str | None = None, metric_type: str | None = None) -> str:
        name = self._resolve_anns_field(anns_field)
        # Milvus Lite itself searches binary vectors with L2.
        if not self._is_binary(name) or metric_type == "L2":
            metric: str = super().resolve_search_metric(name, metric_type)
            return metric
        return binary_metric(metric_type or self._own_metric(name))

    def search(
        self,
        query_vectors: list[Any],
        top_k: int = 10,
        metric_type: str | None = None,
        partition_names: list[str] | None = None,
        expr: str | None = None,
        output_fields: list[str] | None = None,
        anns_field: str | None = None,
        **more: Any,
    ) -> Any:
        name = self._resolve_anns_field(anns_field)
        more["search_params"] = with_all_weights(more.get("search_params") or {})
        if self._is_binary(name):
            metric_type = self.resolve_search_metric(name, metric_type)
            if metric_type == "JACCARD":
                if more.get("group_by_field") or more.get("ranker"):
                    raise Unsupported("to group or to boost hits with the metric JACCARD")
                names = ("offset", "timezone", "radius", "range_filter")
                given = {key: more[key] for key in names if more.get(key) is not None}
                wanted = JaccardSearch(
                    name, top_k, where=expr, partitions=partition_names, output_fields=output_fields, **given
                )
                return wanted.run(self, query_vectors)
            metric_type = "L2"
        return super().search(
            query_vectors, top_k, metric_type, partition_names, expr, output_fields, anns_field, **more
        )

    def _is_binary(self, field_name: str | None) -> bool:
        return any(one.name == field_name and held_type(one) == BINARY for one in self.schema.fields)

    def _own_metric(self, field_name: str | None) -> str:
        metrics = Kept.of(self.schema.properties).index_metrics
        return metrics.get(str(field_name), BINARY_METRICS[0])

    def load(self) -> None:
        with self._maintenance_lock:
            if self.load_state != "loaded":
                self.waiting = frozenset()
            super().load()

    def refresh(self) -> None:
        with self._maintenance_lock:
            if not is_loaded(self):
                raise CollectionNotLoadedError(f"collection not loaded[collection={self.name}]")
            self.waiting = frozenset()
        self._schedule_bg_maintenance()

    def with_waiting(self) -> "LocalCollection":
        everything = copy.copy(self)
        everything.waiting = frozenset()
        return everything

    def stored_rows(self, partition_names: list[str] | None = None) -> int:
        return self.with_waiting()._num_entities(partition_names)

    def _num_entities(self, partition_names: list[str] | None) -> int:
        return count_rows(self, None, partition_names)


def is_loaded(collection: Collection) -> bool:
    """Whether it is loaded. Milvus Lite calls one without any index loaded, too; on a cluster it could not be."""
    return collection.load_state == "loaded" and bool(collection.has_index())
