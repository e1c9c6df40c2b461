"""Milvus collections as assets of Airflow: ``milvus://host:port/database/collection``.

The host is the connection's, so that all connections to a server through the same name mean the same asset.

https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/assets.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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

    :param host: the host of the connection: a name, or an IP address with or without brackets.
    :param extra: the asset's own, for whoever reads the DAG.
    :raises ValueError: naming the parameter and the value, for one that is no part of such a URI.
    """
    for name, value in (("host", host), ("database", database), ("collection", collection)):
        if not isinstance(value, str) or not value.strip() or set(value) & set("/?#@ "):
            raise ValueError(f"{name} must be a name without spaces and without any of / ? # @, got {value!r}")
    return Asset(uri=f"milvus://{_host_and_port(host, port)}/{database}/{collection}", extra=extra or {})


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Bring the URI of a collection into its one form; Airflow calls this for every asset of the scheme ``milvus``.

    :raises ValueError: where it is no ``milvus://host:port/database/collection``.
    """
    names = uri.path.strip("/").split("/")
    try:
        host, port = uri.hostname, uri.port or DEFAULT_PORT
    except ValueError:
        host, port = None, DEFAULT_PORT
    if not host or len(names) != 2 or not all(names):
        raise ValueError(f"the asset of a collection is milvus://host:port/database/collection, got {uri.geturl()!r}")
    return uri._replace(netloc=_host_and_port(host, port), path="/" + "/".join(names))


def alias_of(milvus_conn_id: str, database: str | None, collection_name: str) -> AssetAlias:
    """An alias for a collection in a DAG file, where the connection's host and database are not known yet.

    :raises ValueError: where a name is known only when the task runs, so that the graph would show another one.
    """
    names = {"milvus_conn_id": milvus_conn_id, "database": database, "collection_name": collection_name}
    given = {name: value for name, value in names.items() if value is not None}
    for name, value in given.items():
        if not isinstance(value, str) or "{{" in value or "{%" in value:
            raise ValueError(
                f"asset_outlet=True needs a fixed {name}, got {value!r}, which is known only when the task runs; "
                f"Airflow must know outlets when it parses the DAG: leave asset_outlet out, and update an asset of a "
                f"fixed name in a task after this one"
            )
    return AssetAlias("/".join(given.values()))


def asset_of(settings: ClientSettings, collection_name: str) -> Asset:
    """The asset of a collection on the server of a connection."""
    server = urlsplit(settings.base_url)
    return create_asset(
        host=server.hostname or "",
        port=server.port or (443 if server.scheme == "https" else 80),
        database=settings.database,
        collection=collection_name,
    )


def update(events: Any, outlets: Iterable[Any], asset: Asset, extra: dict[str, Any], alias: AssetAlias | None) -> None:
    """Let a task that succeeds update the asset of its collection.

    :param events: ``outlet_events`` of the task's context.
    :param outlets: the task's; an event goes to those that are the asset or the alias.
    :param extra: of the event.
    """
    for declared in outlets:
        if isinstance(declared, AssetAlias) and declared == alias:
            events[declared].add(asset, extra=extra)
        elif isinstance(declared, Asset) and declared.uri == asset.uri:
            events[declared].extra = extra


def extra_of(job_id: str | list[str], results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The extra of an event: the jobs, their rows, and the seconds from the first create to the last end."""
    from airflow_provider_milvus.waiting.messages import seconds_between

    begin = min(str(job.get("create_time", "")) for job in results)
    end = max(str(job.get("complete_time", "")) for job in results)
    rows = sum(job.get("imported_rows") or 0 for job in results)
    return {"job_id": job_id, "rows": rows, "seconds": seconds_between(begin, end)}


def _host_and_port(host: str, port: int) -> str:
    from airflow_provider_milvus.client import address

    what = f"the asset's host {host!r}"
    name, _ = address.host_and_port(host, what, in_url=False, port=address.check_port(port, "the asset's port"))
    return f"{address.bracketed(name)}:{port}"
