"""What a REST handler works with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from milvus_lite.engine.collection import Collection
from milvus_lite.exceptions import CollectionNotFoundError

from airflow_provider_milvus.local.errors import MilvusError
from airflow_provider_milvus.local.importing.jobs import JobTable
from airflow_provider_milvus.local.importing.runner import JobRunner
from airflow_provider_milvus.local.lite.engine import Engine
from airflow_provider_milvus.local.lite.snapshots import Snapshots
from airflow_provider_milvus.local.milvus_versions import Version
from airflow_provider_milvus.local.routes.binding import required
from airflow_provider_milvus.local.users import User

COLLECTION_NOT_FOUND = 100


@dataclass(frozen=True)
class Services:
    """The parts of a running local Milvus, and the version that it behaves as.

    `compactions` has by id how many segments were merged into others by a compaction on request.
    """

    engine: Engine
    table: JobTable
    runner: JobRunner
    version: Version
    compactions: dict[int, int] = field(default_factory=dict)

    @cached_property
    def snapshots(self) -> Snapshots:
        """The snapshots of its collections."""
        return Snapshots(self.engine, Path(self.engine.db._data_dir), self.table.next_id)


Handler = Callable[[Services, Any], Any]
# What a module of routes has to offer: by path, the type of the request's body and its handler.
Routes = dict[str, tuple[type[Any], Handler]]


@dataclass(kw_only=True)
class Request:
    """What every request may carry. An empty `db_name` is filled in from the `DB-Name` header.

    `user` is who sends it, or None for one who may do all.
    """

    db_name: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, init=False)
    user: User | None = field(default=None, init=False)


@dataclass(kw_only=True)
class CollectionNameReq(Request):
    """A request about one collection."""

    collection_name: str = required()

    def collection(self, services: Services) -> Collection:
        """The collection of this name or alias."""
        return services.engine.collection(self.db_name, self.collection_name)

    def described(self, services: Services) -> Collection:
        """The same for a route that describes it first, which refuses in other words."""
        try:
            return self.collection(services)
        except CollectionNotFoundError:
            where = f"[database={self.db_name}][collection={self.collection_name}]"
            raise MilvusError(COLLECTION_NOT_FOUND, f"can't find collection{where}") from None
