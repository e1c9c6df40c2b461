"""The databases and collections of one Milvus Lite data directory, for many threads and safe against kill -9."""

import os
import re
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
    SchemaValidationError,
)
from milvus_lite.schema.types import CollectionSchema

from airflow_provider_milvus.local.lite.collection import LocalCollection

DEFAULT_DATABASE = "default"
FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$]{0,254}", re.ASCII)


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
        for field in schema.fields:
            # Milvus Lite takes any, and fails later, where an index file is named after the field.
            if not FIELD_NAME.fullmatch(field.name):
                raise SchemaValidationError(f"invalid field name: {field.name!r}")
        self._validate_name(name)
        with self.catalog_lock:
            _remove_unfinished(Path(self._collection_dir(name, self._require_database(database_name))))
            return LocalCollection.adopt(super().create_collection(name, schema, properties, database_name))

    def drop_collection(self, name: str, database_name: str = DEFAULT_DATABASE) -> None:
        with self.catalog_lock:
            database_name = self._require_database(database_name)
            self._refuse_alias("drop", name, database_name)
            if not self.has_collection(name, database_name=database_name):
                return
            opened = self._collections.pop((database_name, name), None)
            if opened is not None:
                opened.close()
            # Milvus Lite removes the files one by one; a server killed meanwhile would leave half a collection. What
            # lies in this folder it removes at every start.
            trash = tempfile.mkdtemp(dir=self._database_staging_root())
            os.rename(self._collection_dir(name, database_name), os.path.join(trash, name))
            self.drops += 1
            for alias in self.list_aliases(name, database_name=database_name):
                self.drop_alias(alias, database_name=database_name)
            shutil.rmtree(trash, ignore_errors=True)

    def rename_collection(self, old_name: str, new_name: str, database_name: str = DEFAULT_DATABASE) -> None:
        with self.catalog_lock:
            database_name = self._require_database(database_name)
            self._refuse_alias("rename", old_name, database_name)
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
