"""The list of import jobs, which Zilliz Cloud sends in pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus import rest

if TYPE_CHECKING:
    from airflow_provider_milvus.client.settings import ClientSettings
    from airflow_provider_milvus.rest.envelope import Request

ZILLIZ_PAGE_SIZE = 100
# A hundred thousand jobs; more pages have no end.
MAX_PAGES = 1000


class JobPages:
    """The list of import jobs, page by page where the server pages."""

    def __init__(self, collection_name: str | None, settings: ClientSettings) -> None:
        self.records: dict[str, Mapping[str, Any]] = {}
        self._collection_name = collection_name
        self._paged = settings.on_zilliz_cloud
        self._page = 0
        self._ended = False

    def next(self) -> Request[dict[str, Mapping[str, Any]]] | None:
        """The request for the next page, or ``None`` after the last."""
        if self._ended:
            return None
        self._page += 1
        paging = {"page": self._page, "page_size": ZILLIZ_PAGE_SIZE} if self._paged else {}
        return rest.import_jobs.list_jobs(self._collection_name, **paging)

    def take(self, found: dict[str, Mapping[str, Any]]) -> None:
        """Add the records of a page.

        :raises MilvusResponseTooLarge: where the list does not end.
        """
        known = len(self.records)
        self.records.update(found)
        # A server that does not page sends the same jobs again and again.
        self._ended = not self._paged or len(found) < ZILLIZ_PAGE_SIZE or len(self.records) == known
        if not self._ended and self._page >= MAX_PAGES:
            raise rest.errors.MilvusResponseTooLarge(f"the list of import jobs has more than {MAX_PAGES:,} pages")
