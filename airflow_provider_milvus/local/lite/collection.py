"""A collection of Milvus Lite in which imported rows stay hidden until it is loaded or refreshed."""

import copy
from typing import Any

from milvus_lite.engine.collection import Collection
from milvus_lite.engine.compaction import CompactionManager
from milvus_lite.exceptions import CollectionNotLoadedError
from milvus_lite.storage.segment import Segment

from airflow_provider_milvus.local.lite.index_rules import InvalidIndex, nearest_index


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
            collection._compaction_mgr = _Compaction(collection)
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
        form = (found["index_type"], found.get("metric_type") or "NONE")
        if there is None:
            super().create_index(field_name, found)
        elif (there["index_type"], there["metric_type"]) != form:
            raise InvalidIndex(
                f"at most one distinct index is allowed per field, field={field_name}: invalid parameter"
            )

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
        rows: int = self.with_waiting()._num_entities(partition_names)
        return rows


class _Compaction(CompactionManager):  # type: ignore[misc]
    """Leaves all segments alone while some of them wait: merged with the others they would be seen."""

    def __init__(self, collection: LocalCollection) -> None:
        super().__init__(collection.data_dir, collection.schema)
        self._collection = collection

    def maybe_compact(self, *args: Any) -> bool:
        return not self._collection.waiting and super().maybe_compact(*args)


def is_loaded(collection: Collection) -> bool:
    """Whether it is loaded. Milvus Lite calls one without any index loaded, too; on a cluster it could not be."""
    return collection.load_state == "loaded" and bool(collection.has_index())
