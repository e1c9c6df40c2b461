"""The REST routes of aliases: `/v2/vectordb/aliases/*`."""

from dataclasses import dataclass

from milvus_lite.exceptions import CollectionNotFoundError

from airflow_provider_milvus.local.errors import MilvusError
from airflow_provider_milvus.local.routes.binding import required
from airflow_provider_milvus.local.routes.services import CollectionNameReq, Request, Routes, Services

ALIAS_NOT_FOUND, ALIAS_IS_COLLECTION, ALIAS_EXISTS = 1600, 1601, 1602


@dataclass(kw_only=True)
class AliasCollectionReq(CollectionNameReq):
    """Body of `create` and `alter`."""

    alias_name: str = required()


@dataclass(kw_only=True)
class AliasReq(Request):
    """Body of `describe` and `drop`."""

    alias_name: str = required()


@dataclass(kw_only=True)
class OptionalCollectionNameReq(Request):
    """Body of `list`."""

    collection_name: str = ""


def create(services: Services, request: AliasCollectionReq) -> None:
    """Give a collection another name."""
    db, name = services.engine.db, request.alias_name
    with services.engine.write_lock:
        if name in db.list_collections(database_name=request.db_name):
            raise MilvusError(ALIAS_IS_COLLECTION, f"alias and collection name conflict[alias={name}]")
        there = db.list_aliases(database_name=request.db_name)
        target = request.collection(services).name
        if name in there and db.describe_alias(name, database_name=request.db_name)["collection"] != target:
            raise MilvusError(ALIAS_EXISTS, f"{name} is alias to another collection: alias already exist")
        db.create_alias(request.collection_name, name, database_name=request.db_name)


def alter(services: Services, request: AliasCollectionReq) -> None:
    """Point an alias at another collection, in one step."""
    with services.engine.write_lock:
        _target(services, request.db_name, request.alias_name)
        services.engine.db.alter_alias(request.collection_name, request.alias_name, database_name=request.db_name)


def describe(services: Services, request: AliasReq) -> dict[str, str]:
    """The collection behind an alias."""
    target = _target(services, request.db_name, request.alias_name)
    return {"dbName": request.db_name, "collectionName": target, "aliasName": request.alias_name}


def list_aliases(services: Services, request: OptionalCollectionNameReq) -> list[str]:
    """All aliases of the database, or of one collection."""
    names: list[str] = services.engine.db.list_aliases(request.collection_name or None, database_name=request.db_name)
    return names


def drop(services: Services, request: AliasReq) -> None:
    """Drop an alias; nothing happens where there is none."""
    with services.engine.write_lock:
        services.engine.db.drop_alias(request.alias_name, database_name=request.db_name)


def _target(services: Services, db_name: str, alias: str) -> str:
    try:
        found: dict[str, str] = services.engine.db.describe_alias(alias, database_name=db_name)
    except CollectionNotFoundError:
        raise MilvusError(ALIAS_NOT_FOUND, f"alias not found[database={db_name}][alias={alias}]") from None
    return found["collection"]


ROUTES: Routes = {
    "/aliases/create": (AliasCollectionReq, create),
    "/aliases/alter": (AliasCollectionReq, alter),
    "/aliases/describe": (AliasReq, describe),
    "/aliases/list": (OptionalCollectionNameReq, list_aliases),
    "/aliases/drop": (AliasReq, drop),
}
