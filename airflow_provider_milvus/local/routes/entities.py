"""The REST routes that change entities: `/v2/vectordb/entities/{insert,upsert,delete}`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from milvus_lite.engine.collection import Collection
from milvus_lite.exceptions import SchemaValidationError

from airflow_provider_milvus.local.errors import ImportDataError, MilvusError
from airflow_provider_milvus.local.importing.columns import check_inserted
from airflow_provider_milvus.local.routes.binding import required
from airflow_provider_milvus.local.routes.inserts import insertable, invalid
from airflow_provider_milvus.local.routes.loading import require_loaded, require_partitions
from airflow_provider_milvus.local.routes.responses import Reply
from airflow_provider_milvus.local.routes.rows import expression, primary_field, shown_keys
from airflow_provider_milvus.local.routes.services import CollectionNameReq, Routes, Services

INVALID_PARAMETER = 1100


@dataclass(kw_only=True)
class CollectionDataReq(CollectionNameReq):
    """Body of `insert` and `upsert`."""

    data: list[dict[str, Any]] = required()
    partition_name: str = ""


@dataclass(kw_only=True)
class CollectionFilterReq(CollectionNameReq):
    """Body of `delete`."""

    filter: str = required()
    expr_params: dict[str, Any] = field(default_factory=dict)
    partition_name: str = ""


def insert(services: Services, request: CollectionDataReq) -> Reply:
    """Insert rows."""
    with _rows_to_write(services, request) as (collection, rows):
        keys = collection.insert(rows, **_partition(request.partition_name))
    return Reply({"insertCount": len(keys), "insertIds": shown_keys(request, keys)}, {"cost": 0})


def upsert(services: Services, request: CollectionDataReq) -> Reply:
    """Insert rows, each in place of the one with its primary key."""
    with _rows_to_write(services, request) as (collection, rows):
        keys = collection.upsert(rows, **_partition(request.partition_name))
    return Reply({"upsertCount": len(keys), "upsertIds": shown_keys(request, keys)}, {"cost": 0})


def delete(services: Services, request: CollectionFilterReq) -> dict[str, int]:
    """Delete the rows for which the filter holds; a filter that holds for all is refused."""
    with services.engine.write_lock:
        collection = request.described(services)
        where = expression(request.filter, request.expr_params)
        if where is None:
            raise MilvusError(
                INVALID_PARAMETER, f"delete plan can't be empty or always true : {request.filter}: invalid parameter"
            )
        require_loaded(collection)
        partitions = [request.partition_name] if request.partition_name else []
        require_partitions(collection, partitions)
        primary = primary_field(collection).name
        # Also imported rows that no reader sees yet.
        everything = services.engine.with_waiting(collection)
        rows = everything.query(where, output_fields=[primary], partition_names=partitions or None)
        collection.delete([row[primary] for row in rows], **_partition(request.partition_name))
    return {"deleteCount": len(rows)}


@contextmanager
def _rows_to_write(services: Services, request: CollectionDataReq) -> Iterator[tuple[Collection, list[dict[str, Any]]]]:
    """The collection, locked, and the rows as Milvus Lite takes them. Rows that do not fit are refused as by Milvus."""
    with services.engine.write_lock:
        try:
            collection = request.described(services)
            rows = insertable(collection, request.data)
            check_inserted(collection.schema, rows)
            yield collection, rows
        except (ImportDataError, SchemaValidationError, ValueError, TypeError, OverflowError) as error:
            raise invalid(error) from None


def _partition(name: str) -> dict[str, str]:
    return {"partition_name": name} if name else {}


ROUTES: Routes = {
    "/entities/insert": (CollectionDataReq, insert),
    "/entities/upsert": (CollectionDataReq, upsert),
    "/entities/delete": (CollectionFilterReq, delete),
}
