"""Searches of binary vectors by JACCARD, a metric that Milvus Lite does not have: all rows are compared."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from milvus_lite.engine.collection import Collection


@dataclass(frozen=True)
class JaccardSearch:
    """Which hits are wanted of which rows. `radius` is excluded, `range_filter` included, as for any distance."""

    field: str
    top_k: int
    offset: int = 0
    where: str | None = None
    partitions: list[str] | None = None
    timezone: str | None = None
    output_fields: list[str] | None = None
    radius: float | None = None
    range_filter: float | None = None

    def run(self, collection: Collection, queries: Any) -> list[list[dict[str, Any]]]:
        """By query, its hits, the nearest first."""
        key = collection.pk_field
        rows = collection.query(self.where, [key, self.field], self.partitions, timezone=self.timezone)
        rows = [row for row in rows if row[self.field] is not None]
        held = np.array([row[self.field] for row in rows], np.float32).reshape(len(rows), -1)
        found = []
        for query in np.asarray(queries, np.float32):
            distances = _distances(held, query)
            order = np.argsort(distances, kind="stable")
            hits = [(rows[number][key], float(distances[number])) for number in order if self._is_in(distances[number])]
            found.append(self._shown(collection, key, hits[self.offset : self.offset + self.top_k]))
        return found

    def _is_in(self, distance: float) -> bool:
        near = self.radius is None or distance < self.radius
        return bool(near and (self.range_filter is None or distance >= self.range_filter))

    def _shown(self, collection: Collection, key: str, hits: list[tuple[Any, float]]) -> list[dict[str, Any]]:
        rows = collection.get([one for one, _ in hits], output_fields=self.output_fields, timezone=self.timezone)
        entities = {row[key]: {name: value for name, value in row.items() if name != key} for row in rows}
        return [{"id": one, "distance": distance, "entity": entities.get(one, {})} for one, distance in hits]


def _distances(held: np.ndarray, query: np.ndarray) -> np.ndarray:
    both = held @ query if len(held) else np.zeros(0, np.float32)
    either = held.sum(axis=1) + query.sum() - both
    # Two vectors without any bit are alike.
    return np.where(either > 0, 1 - both / np.maximum(either, 1), 0.0)
