"""The hook's methods for the steps around an import: collections, indexes, aliases and rows."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_milvus import rest

if TYPE_CHECKING:
    from airflow_provider_milvus.rest.collections import LoadState
    from airflow_provider_milvus.rest.envelope import Request
    from airflow_provider_milvus.rest.indexes import IndexState

T = TypeVar("T")


class CollectionCalls:
    """Requests about collections, each sent with :meth:`call`."""

    @abstractmethod
    def call(self, request: Request[T], *, retries: int | None = None, timeout: float | None = None) -> T: ...

    def create_collection(
        self,
        collection_name: str,
        *,
        dimension: int | None = None,
        metric_type: str | None = None,
        schema: Mapping[str, Any] | None = None,
        index_params: Sequence[Mapping[str, Any]] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        """Create a collection from a dimension alone, or from a schema in the REST API's spelling."""
        self.call(
            rest.collections.create_collection(
                collection_name,
                dimension=dimension,
                metric_type=metric_type,
                schema=schema,
                index_params=index_params,
                params=params,
            )
        )

    def has_collection(self, collection_name: str) -> bool:
        """Whether the collection exists."""
        return self.call(rest.collections.has_collection(collection_name))

    def describe_collection(self, collection_name: str) -> Mapping[str, Any]:
        """The collection's schema, indexes and load state, as the server sends them."""
        return self.call(rest.collections.describe_collection(collection_name))

    def list_collections(self) -> list[str]:
        """The names of the database's collections."""
        return self.call(rest.collections.list_collections())

    def drop_collection(self, collection_name: str) -> None:
        """Drop the collection and its rows."""
        self.call(rest.collections.drop_collection(collection_name))

    def load_collection(self, collection_name: str) -> None:
        """Begin to load the collection for search."""
        self.call(rest.collections.load_collection(collection_name))

    def refresh_load(self, collection_name: str) -> None:
        """Make a loaded collection see rows that were imported since."""
        self.call(rest.collections.refresh_load(collection_name))

    def get_load_state(self, collection_name: str) -> LoadState:
        """How far the collection is loaded."""
        return self.call(rest.collections.get_load_state(collection_name))

    def get_collection_stats(self, collection_name: str) -> int:
        """The number of rows by the server's statistics; the collection need not be loaded."""
        return self.call(rest.collections.get_collection_stats(collection_name))

    def create_index(self, collection_name: str, index_params: Sequence[Mapping[str, Any]]) -> None:
        """Begin to build indexes; ``index_params`` in the REST API's spelling."""
        self.call(rest.indexes.create_index(collection_name, index_params))

    def list_indexes(self, collection_name: str) -> list[str]:
        """The names of the collection's indexes."""
        return self.call(rest.indexes.list_indexes(collection_name))

    def describe_index(self, collection_name: str, index_name: str) -> IndexState:
        """How far an index is built."""
        return self.call(rest.indexes.describe_index(collection_name, index_name))

    def create_alias(self, collection_name: str, alias: str) -> None:
        """Give the collection another name."""
        self.call(rest.aliases.create_alias(collection_name, alias))

    def alter_alias(self, collection_name: str, alias: str) -> None:
        """Point an existing alias at another collection, in one step of the server."""
        self.call(rest.aliases.alter_alias(collection_name, alias))

    def describe_alias(self, alias: str) -> str | None:
        """The name of the collection that the alias points to, or ``None`` where there is no such alias."""
        try:
            return self.call(rest.aliases.describe_alias(alias))
        except rest.errors.MilvusAliasNotFound:
            return None

    def query(
        self,
        collection_name: str,
        filter: str = "",
        *,
        output_fields: Sequence[str] | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[Mapping[str, Any]]:
        """The rows for which the filter expression holds, at most ``limit`` (the server's default is 100)."""
        return self.call(
            rest.entities.query(collection_name, filter, output_fields=output_fields, limit=limit, offset=offset)
        )

    def count(self, collection_name: str, filter: str = "") -> int:
        """How many rows a query would find. The collection must be loaded."""
        return self.call(rest.entities.count_rows(collection_name, filter))

    def search(
        self,
        collection_name: str,
        data: Sequence[Any],
        *,
        anns_field: str,
        limit: int | None = None,
        filter: str = "",
        output_fields: Sequence[str] | None = None,
        search_params: Mapping[str, Any] | None = None,
    ) -> list[Mapping[str, Any]]:
        """The nearest rows of each vector in ``data``, best first, in one flat list."""
        return self.call(
            rest.entities.search(
                collection_name,
                data,
                anns_field=anns_field,
                limit=limit,
                filter=filter,
                output_fields=output_fields,
                search_params=search_params,
            )
        )
