"""The REST routes of databases: `/v2/vectordb/databases/*`."""

import zlib
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_milvus.local.routes.binding import required
from airflow_provider_milvus.local.routes.services import Request, Routes, Services


@dataclass(kw_only=True)
class DatabaseReq(Request):
    """A request about one database, which must be named in the body."""

    db_name: str = required()


@dataclass(kw_only=True)
class PropertiesReq(DatabaseReq):
    """Body of `create` and `alter`."""

    properties: dict[str, Any] = field(default_factory=dict)


def create(services: Services, request: PropertiesReq) -> None:
    """Create a database."""
    with services.engine.write_lock:
        services.engine.db.create_database(request.db_name, properties=request.properties)


def alter(services: Services, request: PropertiesReq) -> None:
    """Set properties of a database; those that are not named stay."""
    with services.engine.write_lock:
        services.engine.db.alter_database_properties(request.db_name, properties=request.properties)


def drop(services: Services, request: DatabaseReq) -> None:
    """Drop an empty database."""
    with services.engine.write_lock:
        services.engine.db.drop_database(request.db_name)


def list_databases(services: Services, request: Request) -> list[str]:
    """The names of all databases."""
    names: list[str] = services.engine.db.list_databases()
    return names


def describe(services: Services, request: DatabaseReq) -> dict[str, Any]:
    """A database and its properties. Milvus Lite numbers no databases, so `dbID` is made from the name."""
    found = services.engine.db.describe_database(request.db_name)
    return {
        "dbName": found["name"],
        "dbID": zlib.crc32(found["name"].encode()),
        "properties": [{"key": key, "value": str(value)} for key, value in found["properties"].items()],
    }


ROUTES: Routes = {
    "/databases/create": (PropertiesReq, create),
    "/databases/alter": (PropertiesReq, alter),
    "/databases/drop": (DatabaseReq, drop),
    "/databases/list": (Request, list_databases),
    "/databases/describe": (DatabaseReq, describe),
}
