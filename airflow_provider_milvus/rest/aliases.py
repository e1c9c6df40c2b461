"""``/aliases/*``: the requests that make, move and report aliases, and their responses.

https://milvus.io/api-reference/restful/v2.6.x/v2/Alias%20(v2)/Create.md and its neighbours.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_milvus.rest.envelope import Request
from airflow_provider_milvus.rest.errors import MilvusProtocolError
from airflow_provider_milvus.rest.names import checked_name
from airflow_provider_milvus.rest.values import nothing, record, text


def create_alias(collection_name: str, alias: str) -> Request[None]:
    """Give the collection another name. Nothing changes where it has that name already."""
    return Request("/aliases/create", _alias_body(collection_name, alias), nothing)


def alter_alias(collection_name: str, alias: str) -> Request[None]:
    """Point an existing alias at another collection, in one step of the server."""
    return Request("/aliases/alter", _alias_body(collection_name, alias), nothing)


def describe_alias(alias: str) -> Request[str]:
    """The name of the collection that the alias points to."""
    return Request("/aliases/describe", {"aliasName": checked_name("alias", alias)}, _alias_target)


def _alias_body(collection_name: str, alias: str) -> dict[str, str]:
    return {
        "collectionName": checked_name("collection_name", collection_name),
        "aliasName": checked_name("alias", alias),
    }


def _alias_target(data: Any) -> str:
    target = text(record(data).get("collectionName"))
    if not target:
        raise MilvusProtocolError("the response names no collection for the alias")
    return target
