"""Milvus collections as assets of Airflow: ``milvus://host:port/database/collection``.

The host is the connection's, so that all who talk to a server through the same name mean the same asset.

https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/assets.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from airflow.providers.common.compat.sdk import Asset, AssetAlias

if TYPE_CHECKING:
    from airflow_provider_milvus.client.settings import ClientSettings

DEFAULT_PORT = 19530
DEFAULT_DATABASE = "default"


def create_asset(
    *,
    host: str,
    collection: str,
    port: int = DEFAULT_PORT,
    database: str = DEFAULT_DATABASE,
    extra: dict[str, Any] | None = None,
) -> Asset:
    """A collection as an asset.

    :param host: the host name of the connection.
    :param extra: the asset's own, for whoever reads the DAG.
    :raises ValueError: naming the parameter and the value, for one that is no part of such a URI.
    """
    for name, value in (("host", host), ("database", database), ("collection", collection)):
        if not isinstance(value, str) or not value.strip() or set(value) & set("/?#@ "):
            raise ValueError(f"{name} must be a name without spaces and without any of / ? # @, got {value!r}")
    return Asset(uri=f"milvus://{host.lower()}:{port}/{database}/{collection}", extra=extra or {})


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Bring the URI of a collection into its one form; Airflow calls this for every asset of the scheme ``milvus``.

    :raises ValueError: where it is no ``milvus://host:port/database/collection``.
    """
    names = uri.path.strip("/").split("/")
    if not uri.hostname or len(names) != 2 or not all(names):
        raise ValueError(f"the asset of a collection is milvus://host:port/database/collection, got {uri.geturl()!r}")
    return uri._replace(netloc=f"{_bracketed(uri.hostname)}:{uri.port or DEFAULT_PORT}", path="/" + "/".join(names))


def alias_of(milvus_conn_id: str, database: str | None, collection_name: str) -> AssetAlias:
    """What stands for a collection in a DAG file, where the connection's host is not known yet."""
    return AssetAlias(f"{milvus_conn_id}/{database or DEFAULT_DATABASE}/{collection_name}")


def asset_of(settings: ClientSettings, collection_name: str) -> Asset:
    """The asset of a collection on the server of a connection."""
    server = urlsplit(settings.base_url)
    return create_asset(
        host=_bracketed(server.hostname or ""),
        port=server.port or (443 if server.scheme == "https" else 80),
        database=settings.database,
        collection=collection_name,
    )


def update(events: Any, outlets: Iterable[Any], asset: Asset, extra: dict[str, Any], alias: AssetAlias | None) -> None:
    """Let a task that succeeds update the asset of its collection.

    :param events: ``outlet_events`` of the task's context.
    :param outlets: the task's; an event goes to those that are the asset or the alias.
    :param extra: what the event tells.
    """
    for declared in outlets:
        if isinstance(declared, AssetAlias) and declared == alias:
            events[declared].add(asset, extra=extra)
        elif isinstance(declared, Asset) and declared.uri == asset.uri:
            events[declared].extra = extra


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
