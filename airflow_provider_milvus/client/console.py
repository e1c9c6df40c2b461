"""Where a person sees an import job in a web page of the server: the connection's ``ui_url``, or Zilliz Cloud."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow_provider_milvus.client import extra as fields
from airflow_provider_milvus.rest.import_source import check_no_keys

if TYPE_CHECKING:
    from airflow_provider_milvus.client.settings import ClientSettings

PLACEHOLDERS = ("job_id", "collection_name", "database", "cluster_id", "project_id", "region_id")
_PLACEHOLDER = re.compile(r"{(\w*)}")


def template(extra: Mapping[str, Any], import_url: str, on_zilliz_cloud: bool) -> str | None:
    """The template of a job's URL, or ``None`` where there is no such page.

    Zilliz Cloud's console has the id of an organisation in its addresses, which no connection has, so without a
    ``ui_url`` it is the console's first page.

    :raises ValueError: for a ``ui_url`` that no browser would open, or with an unknown placeholder.
    """
    given = fields.text(extra, "ui_url")
    if given is None:
        chinese = (urlsplit(import_url).hostname or "").endswith(".cn")
        return f"https://cloud.zilliz.com{'.cn' if chinese else ''}/" if on_zilliz_cloud else None
    check_no_keys("the milvus connection's ui_url", given)
    unknown = [name for name in _PLACEHOLDER.findall(given) if name not in PLACEHOLDERS]
    if unknown or set(_PLACEHOLDER.sub("", given)) & set("{}"):
        raise ValueError(
            f"the milvus connection's ui_url has {'{' + unknown[0] + '}' if unknown else 'a brace'} in it, which is "
            f"none of {', '.join(f'{{{name}}}' for name in PLACEHOLDERS)}"
        )
    if not re.match(r"https?://[^/\s{]", given) or not given.isprintable() or " " in given:
        raise ValueError(
            "the milvus connection's ui_url must be an http or https URL, such as "
            "https://attu.example.org/#/databases/{database}/{collection_name}"
        )
    return given


def job_url(settings: ClientSettings, job_id: str, collection_name: str) -> str | None:
    """The URL of an import job's page, with percent-encoded names."""
    if settings.ui_url is None:
        return None
    values = {
        "job_id": job_id,
        "collection_name": collection_name,
        "database": settings.database,
        "cluster_id": settings.cluster_id,
        "project_id": settings.project_id,
        "region_id": settings.region_id,
    }
    return _PLACEHOLDER.sub(lambda found: quote(values[found[1]] or "", safe=""), settings.ui_url)
