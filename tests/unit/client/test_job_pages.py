"""The list of import jobs in pages."""

import pytest

from airflow_provider_milvus.client.job_pages import MAX_PAGES, ZILLIZ_PAGE_SIZE, JobPages
from airflow_provider_milvus.client.settings import ClientSettings
from airflow_provider_milvus.rest import errors


def test_list_without_an_end_is_an_error():
    url = "https://in03-1.example.org"
    pages = JobPages(None, ClientSettings(base_url=url, import_url=url, cluster_id="in03-1"))
    page = 1
    while page < MAX_PAGES:
        assert pages.next()
        pages.take({f"{page}-{n}": {} for n in range(ZILLIZ_PAGE_SIZE)})
        page += 1
    assert pages.next()
    with pytest.raises(errors.MilvusResponseTooLarge, match="1,000 pages"):
        pages.take({f"{page}-{n}": {} for n in range(ZILLIZ_PAGE_SIZE)})
