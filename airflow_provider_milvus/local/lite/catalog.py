"""The databases and collections of one Milvus Lite data directory, for many threads and safe against kill -9."""

import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

from milvus_lite.db import SCHEMA_FILENAME, MilvusLite
from milvus_lite.engine.collection import Collection
from milvus_lite.exceptions import (
    CollectionNotFoundError,
    MilvusLiteError,
    PartitionNotFoundError,
)
from milvus_lite.schema.types import CollectionSchema

from airflow_provider_milvus.local.lite import compaction as _compaction  # noqa: F401  Collections make one as they open.
from airflow_provider_milvus.local.lite.collection import LocalCollection
from airflow_provider_milvus.local.lite.kept import Kept
from airflow_provider_milvus.local.lite.schema_rules import check_schema
from airflow_provider_milvus.local.lite.valid_names import check_collection_name, check_database_name
from airflow_provider_milvus.local.lite.vector_types import declare, held_types

DEFAULT_DATABASE = "default"


class Catalog(MilvusLite):  # type: ignore[misc]
    """Milvus Lite for many threads: it would open one collection twice when two threads request it first.

    `catalog_lock` is for what collections there are. A request that only reads must not wait for the lock of the
    writers, which is held for as long as a collection loads.
    """

    def __init__(self, data_dir: str) -> None:
        self.catalog_lock = threading.RLock()
        self.drops = 0
        super().__init__(data_dir)

    def get_collection(self, *args: Any, **kwargs: Any) -> Collection:
        with self.catalog_lock:
            return LocalCollection.adopt(super().get_collection(*args, **kwargs))

    def create_collection(
        self,
        name: str,
        schema: CollectionSchema,
        properties: dict[str, Any] | None = None,
        database_name: str = DEFAULT_DATABASE,
    ) -> Collection:
        kept = Kept.of(properties or {})
        declare(schema, kept.vector_types)
        check_schema(schema)
        check_collection_name(name)
        kept.check()
        kept.vector_types = held_types(schema)
        properties = {**(properties or {}), **kept.as_property()}
        with self.catalog_lock:
            database_name = self._require_database(database_name)
            if name in self._aliases(database_name):
                raise MilvusLiteError(
                    f"collection name [{name}] conflicts with an existing alias, please choose a unique name"
                )
            if self.has_collection(name, database_name=database_name):
                return self._created_before(name, schema, database_name)
            _remove_unfinished(Path(self._collection_dir(name, database_name)))
            return LocalCollection.adopt(super().create_collection(name, schema, properties, database_name))

    def _created_before(self, name: str, schema: CollectionSchema, database_name: str) -> Collection:
        # As on a cluster, where to create the same collection again is no error.
        there = self.get_collection(name, database_name=database_name)
        for part in ("fields", "functions", "enable_dynamic_field"):
            if getattr(there.schema, part) != getattr(schema, part):
                raise MilvusLiteError(f"create duplicate collection with different parameters, collection: {name}")
        return there

    def create_database(self, name: str, properties: dict[str, Any] | None = None) -> None:
        check_database_name(name)
        super().create_database(name, properties)

    def create_alias(self, collection_name: str, alias: str, database_name: str = DEFAULT_DATABASE) -> None:
        check_collection_name(alias, "alias")
        self._require_collection(collection_name, database_name)
        if self._aliases(database_name).get(alias) != collection_name:
            super().create_alias(collection_name, alias, database_name)

    def alter_alias(self, collection_name: str, alias: str, database_name: str = DEFAULT_DATABASE) -> None:
        self._require_collection(collection_name, database_name)
        super().alter_alias(collection_name, alias, database_name)

    def _require_collection(self, name: str, database_name: str) -> None:
        # As a cluster does; Milvus Lite would take the collection behind the alias.
        if name in self._aliases(self._require_database(database_name)):
            raise CollectionNotFoundError(f"collection {name!r} does not exist")

    def drop_collection(self, name: str, database_name: str = DEFAULT_DATABASE) -> None:
        with self.catalog_lock:
            database_name = self._require_database(database_name)
            self._refuse_alias("drop", name, database_name)
            if not self.has_collection(name, database_name=database_name):
                return
            aliases = self.list_aliases(name, database_name=database_name)
            if aliases:
                raise MilvusLiteError(
                    f"unable to drop the collection [{name}] because it has associated aliases [{' '.join(aliases)}], "
                    "please remove all aliases before dropping the collection"
                )
            opened = self._collections.pop((database_name, name), None)
            if opened is not None:
                opened.close()
            # Milvus Lite removes the files one by one; a server killed meanwhile would leave half a collection. What
            # lies in this folder it removes at every start.
            trash = tempfile.mkdtemp(dir=self._database_staging_root())
            os.rename(self._collection_dir(name, database_name), os.path.join(trash, name))
            self.drops += 1
            shutil.rmtree(trash, ignore_errors=True)

    def rename_collection(self, old_name: str, new_name: str, database_name: str = DEFAULT_DATABASE) -> None:
        with self.catalog_lock:
            database_name = self._require_database(database_name)
            self._refuse_alias("rename", old_name, database_name)
            check_collection_name(new_name)
            loaded = self.get_collection(old_name, database_name=database_name).load_state == "loaded"
            super().rename_collection(old_name, new_name, database_name=database_name)
            # Milvus Lite opens it again, released; on a cluster a rename changes nothing but the name. What waits is
            # shown early: a compaction may have merged it before anyone could forbid it.
            if loaded:
                self.get_collection(new_name, database_name=database_name).load()

    def truncate_collection(self, name: str, database_name: str = DEFAULT_DATABASE) -> None:
        with self.catalog_lock:
            database_name = self._require_database(database_name)
            self._refuse_alias("truncate", name, database_name)
            before = self.get_collection(name, database_name=database_name)
            before.close()
            del self._collections[database_name, before.name]
            # Milvus Lite removes the folder and makes it again; a server killed meanwhile would leave none. One write
            # of the manifest is enough, and keeps the id and the numbers that a running import has: the files that it
            # no longer names are removed when the collection is opened.
            manifest = before._manifest
            for partition in manifest.list_partitions():
                manifest.remove_data_files(partition, manifest.get_data_files(partition))
                manifest.remove_delta_files(partition, manifest.get_delta_files(partition))
            manifest.save()
            fresh = self.get_collection(before.name, database_name=database_name)
            if before.load_state == "loaded":
                fresh.load()

    def _refuse_alias(self, act: str, name: str, database_name: str) -> None:
        # As a cluster does; Milvus Lite would do it to the collection behind the alias.
        if name in self._aliases(database_name):
            raise MilvusLiteError(f"cannot {act} the collection via alias = {name}")

    def tidy(self, database_name: str) -> None:
        """Remove what a server left behind that was killed while it created or dropped a collection."""
        root = Path(self._collections_root(database_name))
        for folder in root.iterdir() if root.is_dir() else ():
            _remove_unfinished(folder)
        there = self.list_collections(database_name=database_name)
        for alias, target in list(self._aliases(database_name).items()):
            if target not in there:
                self.drop_alias(alias, database_name=database_name)

    def get_collection_stats(self, name: str, database_name: str = DEFAULT_DATABASE) -> dict[str, Any]:
        return {"row_count": self.get_collection(name, database_name=database_name).stored_rows()}

    def get_partition_stats(
        self, collection_name: str, partition_name: str, database_name: str = DEFAULT_DATABASE
    ) -> dict[str, Any]:
        collection = self.get_collection(collection_name, database_name=database_name)
        if not collection.has_partition(partition_name):
            raise PartitionNotFoundError(partition_name)
        return {"row_count": collection.stored_rows([partition_name])}

    def resolve_collection_name(self, name: str, *args: Any, **kwargs: Any) -> str:
        resolved: str = super().resolve_collection_name(name, *args, **kwargs)
        try:
            # Milvus Lite checks names only when it creates; a name is a folder, so "../x" must not pass.
            self._validate_name(resolved)
        except (TypeError, ValueError):
            raise CollectionNotFoundError(f"collection {name!r} does not exist") from None
        return resolved


def _remove_unfinished(folder: Path) -> None:
    # No collection is without a schema; nothing would ever open such a folder, nor make it again.
    if folder.is_dir() and not (folder / SCHEMA_FILENAME).exists():
        shutil.rmtree(folder, ignore_errors=True)
