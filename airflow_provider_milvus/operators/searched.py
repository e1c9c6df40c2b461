"""A collection whose rows are searched and compared: its key, its vector field, its metric, its rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus.rest.values import records, text

if TYPE_CHECKING:
    from airflow_provider_milvus.hooks.milvus import MilvusHook

MAX_PAGE = 2000
# Numbers in a page of rows, which are some 20 bytes each.
MAX_PAGE_NUMBERS = 500_000
# Milvus reads no further than this from the beginning of a result.
MAX_OFFSET = 16_384


class Searched:
    """A collection that is searched: its key, its vector field, and the metric of the index on that.

    :raises ValueError: where the field is not known.
    """

    def __init__(self, hook: MilvusHook, name: str, vector_field: str | None, filter: str) -> None:
        self._hook = hook
        self._filter = filter
        self.name = name
        description = hook.describe_collection(name)
        fields = records(description.get("fields"))
        vectors = {text(one.get("name")): one for one in fields if "Vector" in text(one.get("type"))}
        if vector_field is None and len(vectors) != 1:
            raise ValueError(f"{name!r} has the vector fields {', '.join(vectors) or '(none)'}: give vector_field")
        self.field = vector_field or next(iter(vectors))
        if self.field not in vectors:
            raise ValueError(
                f"vector_field={self.field!r} is no vector field of {name!r}, but {', '.join(vectors)} are"
            )
        self.data_type = text(vectors[self.field].get("type"))
        self._dimension = _dimension(vectors[self.field])
        key: Mapping[str, Any] = next((one for one in fields if one.get("primaryKey") is True), {})
        self.key = text(key.get("name"))
        self._is_number = text(key.get("type")) == "Int64"
        indexes = records(description.get("indexes"))
        metrics = [text(one.get("metricType")) for one in indexes if one.get("fieldName") == self.field]
        self.metric_type = metrics[0] if metrics else ""

    def search(self, vector: Any, limit: int, search_params: Mapping[str, Any] | None) -> list[str]:
        """The keys of the nearest rows, best first."""
        hits = self._hook.search(
            self.name,
            [vector],
            anns_field=self.field,
            limit=limit,
            filter=self._filter,
            output_fields=[self.key],
            search_params=search_params,
        )
        return [str(hit.get(self.key)) for hit in hits]

    def vectors_of(self, keys: Sequence[Any]) -> dict[str, Any]:
        """The vectors of rows by key."""
        found: dict[str, Any] = {}
        for start in range(0, len(keys), 100):
            part = keys[start : start + 100]
            listed = ", ".join(str(key) if self._is_number else json.dumps(str(key)) for key in part)
            rows = self._query(f"{self.key} in [{listed}]", len(part))
            found |= {str(row.get(self.key)): row.get(self.field) for row in rows}
        return found

    def pages(self) -> Iterator[list[Mapping[str, Any]]]:
        """All rows, by key and vector.

        Milvus returns rows in the order of their keys, which pymilvus's iterators rely on as well. From one that does
        not, as Milvus Lite, rows are read by their offset.
        """
        size = max(1, min(MAX_PAGE, MAX_PAGE_NUMBERS // max(1, self._dimension)))
        after, offset = "", 0
        while True:
            page = self._query(self._both(after), size, offset)
            if page:
                yield page
            if len(page) < size:
                return
            keys = [row[self.key] for row in page]
            if offset == 0 and keys == sorted(keys):
                last = keys[-1] if self._is_number else json.dumps(keys[-1])
                after = f"{self.key} > {last}"
                continue
            offset += size
            size = min(size, MAX_OFFSET - offset)
            if size < 1:
                raise ValueError(
                    f"{self.name!r} returns its rows in no order, and no more than {MAX_OFFSET:,} of them: give a "
                    f"filter that holds for a part of them"
                )

    def _both(self, condition: str) -> str:
        conditions = [f"({one})" for one in (self._filter, condition) if one]
        return " and ".join(conditions)

    def _query(self, filter: str, limit: int, offset: int = 0) -> list[Mapping[str, Any]]:
        fields = [self.key, self.field]
        return self._hook.query(self.name, filter, output_fields=fields, limit=limit, offset=offset or None)


def _dimension(field: Mapping[str, Any]) -> int:
    for one in records(field.get("params")):
        if one.get("key") == "dim" and str(one.get("value")).isdecimal():
            return int(str(one["value"]))
    return MAX_PAGE_NUMBERS // MAX_PAGE
