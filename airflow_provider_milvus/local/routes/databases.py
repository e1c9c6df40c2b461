"""The REST routes of databases: `/v2/vectordb/databases/*`."""

import zlib
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_milvus.local.routes.binding import property_text, required
from airflow_provider_milvus.local.routes.services import Request, Routes, Services
from airflow_provider_milvus.local.routes.unsupported import refuse_database_properties


@dataclass(kw_only=True)
class DatabaseReqRequiredName(Request):
    """A request about one database, which must be named in the body."""

    db_name: str = required()


@dataclass(kw_only=True)
class DatabaseReqWithProperties(DatabaseReqRequiredName):
    """Body of `create` and `alter`."""

    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class DropDatabasePropertiesReq(DatabaseReqRequiredName):
    """Body of `drop_properties`."""

    property_keys: list[str] = field(default_factory=list)


def create(services: Services, request: DatabaseReqWithProperties) -> None:
    """Create a database."""
    with services.engine.write_lock:
        services.engine.db.create_database(request.db_name, _texts(request))


def alter(services: Services, request: DatabaseReqWithProperties) -> None:
    """Set properties of a database; those that are not named stay."""
    with services.engine.write_lock:
        services.engine.db.alter_database_properties(request.db_name, properties=_texts(request))


def drop_properties(services: Services, request: DropDatabasePropertiesReq) -> None:
    """Remove properties of a database."""
    with services.engine.write_lock:
        services.engine.db.drop_database_properties(request.db_name, request.property_keys)


def drop(services: Services, request: DatabaseReqRequiredName) -> None:
    """Drop an empty database; nothing happens where there is none."""
    with services.engine.write_lock:
        if services.engine.db.has_database(request.db_name):
            services.engine.db.drop_database(request.db_name)


def list_databases(services: Services, request: Request) -> list[str]:
    """The names of all databases."""
    names: list[str] = services.engine.db.list_databases()
    return names


def describe(services: Services, request: DatabaseReqRequiredName) -> dict[str, Any]:
    """A database and its properties. Milvus Lite numbers no databases, so `dbID` is made from the name."""
    found = services.engine.db.describe_database(request.db_name)
    return {
        "dbName": found["name"],
        "dbID": zlib.crc32(found["name"].encode()),
        "properties": [{"key": key, "value": str(value)} for key, value in found["properties"].items()],
    }


def _texts(request: DatabaseReqWithProperties) -> dict[str, str]:
    refuse_database_properties(request.properties)
    return {key: property_text(value) for key, value in request.properties.items()}


ROUTES: Routes = {
    "/databases/create": (DatabaseReqWithProperties, create),
    "/databases/alter": (DatabaseReqWithProperties, alter),
    "/databases/alter_properties": (DatabaseReqWithProperties, alter),
    "/databases/drop_properties": (DropDatabasePropertiesReq, drop_properties),
    "/databases/drop": (DatabaseReqRequiredName, drop),
    "/databases/list": (Request, list_databases),
    "/databases/describe": (DatabaseReqRequiredName, describe),
}
