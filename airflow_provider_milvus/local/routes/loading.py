"""What is loaded of a collection, and what a request needs of it."""

from milvus_lite.engine.collection import Collection
from milvus_lite.exceptions import CollectionNotLoadedError, IndexNotFoundError, PartitionNotFoundError
from milvus_lite.schema.types import DataType

from airflow_provider_milvus.local.errors import MilvusError
from airflow_provider_milvus.local.lite.engine import is_loaded

INVALID_PARAMETER = 1100
VECTORS = (DataType.FLOAT_VECTOR, DataType.SPARSE_FLOAT_VECTOR)


def load_state(collection: Collection) -> str:
    """The state as Milvus spells it."""
    if is_loaded(collection):
        return "LoadStateLoaded"
    return "LoadStateLoading" if collection.load_state == "loading" else "LoadStateNotLoad"


def load_collection(collection: Collection) -> None:
    """Load the collection. Raises IndexNotFoundError or MilvusError for a vector field without an index."""
    if not collection.has_index():
        raise IndexNotFoundError(f"index not found[collection={collection.name}]")
    missing = [
        one.name for one in collection.schema.fields if one.dtype in VECTORS and not collection.has_index(one.name)
    ]
    if missing:
        shown = " ".join(missing)
        raise MilvusError(
            INVALID_PARAMETER,
            f"there is no vector index on field: [{shown}], please create index firstly: invalid parameter",
        )
    collection.load()


def require_partitions(collection: Collection, names: list[str]) -> None:
    """Raises PartitionNotFoundError, which Milvus Lite itself does not when it reads."""
    for name in names:
        if not collection.has_partition(name):
            raise PartitionNotFoundError(f"partition not found[partition={name}]")


def require_loaded(collection: Collection) -> None:
    """Raises CollectionNotLoadedError, which Milvus Lite itself does not while there is no index at all."""
    if not is_loaded(collection):
        raise CollectionNotLoadedError(f"collection not loaded[collection={collection.name}]")
