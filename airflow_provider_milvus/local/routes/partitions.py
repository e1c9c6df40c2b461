"""The REST routes of partitions: `/v2/vectordb/partitions/*`."""

from dataclasses import dataclass

from milvus_lite.engine.collection import Collection

from airflow_provider_milvus.local.errors import not_supported
from airflow_provider_milvus.local.lite.engine import is_loaded
from airflow_provider_milvus.local.lite.valid_names import check_partition_name
from airflow_provider_milvus.local.routes.binding import required
from airflow_provider_milvus.local.routes.loading import load_collection, require_partitions
from airflow_provider_milvus.local.routes.services import CollectionNameReq, Routes, Services


@dataclass(kw_only=True)
class PartitionReq(CollectionNameReq):
    """A request about one partition."""

    partition_name: str = required()


@dataclass(kw_only=True)
class PartitionsReq(CollectionNameReq):
    """A request about several partitions."""

    partition_names: list[str] = required()


def create(services: Services, request: PartitionReq) -> None:
    """Create a partition; one that is there is left alone."""
    with services.engine.write_lock:
        collection = request.collection(services)
        if not collection.has_partition(request.partition_name):
            check_partition_name(request.partition_name)
            collection.create_partition(request.partition_name)


def drop(services: Services, request: PartitionReq) -> None:
    """Drop a partition and its rows; nothing happens where there is none."""
    with services.engine.write_lock:
        collection = request.collection(services)
        if collection.has_partition(request.partition_name):
            collection.drop_partition(request.partition_name)


def has(services: Services, request: PartitionReq) -> dict[str, bool]:
    """Whether the partition exists."""
    return {"has": request.collection(services).has_partition(request.partition_name)}


def list_partitions(services: Services, request: CollectionNameReq) -> list[str]:
    """The names of the collection's partitions."""
    names: list[str] = request.collection(services).list_partitions()
    return names


def get_stats(services: Services, request: PartitionReq) -> dict[str, int]:
    """The number of rows of one partition."""
    stats = services.engine.db.get_partition_stats(
        request.collection_name, request.partition_name, database_name=request.db_name
    )
    return {"rowCount": stats["row_count"]}


def load(services: Services, request: PartitionsReq) -> None:
    """Load partitions. Milvus Lite loads a whole collection, so these must be all of it, or loaded already."""
    with services.engine.write_lock:
        collection = _with_partitions(services, request)
        if not is_loaded(collection):
            _check_all(collection, request, "loading")
            load_collection(collection)


def release(services: Services, request: PartitionsReq) -> None:
    """Release partitions. Milvus Lite releases a whole collection, so these must be all of it, or released already."""
    with services.engine.write_lock:
        collection = _with_partitions(services, request)
        if is_loaded(collection):
            _check_all(collection, request, "releasing")
            collection.release()


def _with_partitions(services: Services, request: PartitionsReq) -> Collection:
    collection = request.collection(services)
    require_partitions(collection, request.partition_names)
    return collection


def _check_all(collection: Collection, request: PartitionsReq, act: str) -> None:
    if set(collection.list_partitions()) - set(request.partition_names):
        raise not_supported(f"{act} some of the partitions of a collection")


ROUTES: Routes = {
    "/partitions/create": (PartitionReq, create),
    "/partitions/drop": (PartitionReq, drop),
    "/partitions/has": (PartitionReq, has),
    "/partitions/list": (CollectionNameReq, list_partitions),
    "/partitions/get_stats": (PartitionReq, get_stats),
    "/partitions/load": (PartitionsReq, load),
    "/partitions/release": (PartitionsReq, release),
}
