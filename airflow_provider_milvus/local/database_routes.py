"""The REST routes of databases: `/v2/vectordb/databases/*`."""

from airflow_provider_milvus.local.services import Request, Routes, Services


def create(services: Services, request: Request) -> None:
    """Create a database."""
    with services.engine.write_lock:
        services.engine.db.create_database(request.db_name)


def drop(services: Services, request: Request) -> None:
    """Drop an empty database."""
    with services.engine.write_lock:
        services.engine.db.drop_database(request.db_name)


def list_databases(services: Services, request: Request) -> list[str]:
    """The names of all databases."""
    names: list[str] = services.engine.db.list_databases()
    return names


ROUTES: Routes = {
    "/databases/create": (Request, create),
    "/databases/drop": (Request, drop),
    "/databases/list": (Request, list_databases),
}
