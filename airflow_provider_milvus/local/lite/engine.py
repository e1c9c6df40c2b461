"""Milvus Lite, opened once and shared by REST, gRPC and imports.

The only module that touches Milvus Lite's private state. It needs that for two things: to publish whole
segment files in one atomic step, as a cluster does, where `Collection.insert` would show rows half-way and
leave a part of them behind when the process dies; and to show those of a loaded collection only when it is refreshed.
"""

import os
import secrets
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from milvus_lite.engine.collection import Collection
from milvus_lite.exceptions import (
    CollectionNotFoundError,
    DataDirLockedError,
    PartitionNotFoundError,
)
from milvus_lite.storage.manifest import Manifest
from milvus_lite.storage.segment import Segment, _extract_vector_array

from airflow_provider_milvus.local.errors import LocalMilvusError
from airflow_provider_milvus.local.lite.catalog import DEFAULT_DATABASE, Catalog
from airflow_provider_milvus.local.lite.collection import is_loaded
from airflow_provider_milvus.local.lite.kept import Kept

__all__ = ["DEFAULT_DATABASE", "Engine", "StagedSegment", "is_loaded"]

Records = list[dict[str, Any]]


@dataclass(frozen=True)
class StagedSegment:
    """A segment file written aside, and the same rows in memory, ready to be published."""

    partition: str
    path: Path
    segment: Segment

    @property
    def name(self) -> str:
        """The path that the manifest stores."""
        return f"data/{self.path.name}"


class Engine:
    """One Milvus Lite data directory.

    `write_lock` must be held by every writer: Milvus Lite allows one writer per collection, and publishing
    an import is a write. Raises LocalMilvusError when the directory is in use or cannot be read.
    """

    def __init__(self, data_dir: Path) -> None:
        self.write_lock = threading.RLock()
        try:
            self.db = Catalog(str(data_dir))
        except DataDirLockedError:
            raise LocalMilvusError(f"data directory {data_dir} is in use by another server") from None
        except OSError as error:
            raise LocalMilvusError(f"data directory {data_dir} cannot be used: {error.strerror}") from None
        self._read_catalog(data_dir)

    def _read_catalog(self, data_dir: Path) -> None:
        """Read what every request needs now, since Milvus Lite reads it late. A broken collection harms only itself."""
        for name in self.db.list_databases():
            try:
                self.db._aliases(name)
                self.db._database_properties(name)
                self.db.tidy(name)
            except (OSError, ValueError) as error:
                self.db.close()
                raise LocalMilvusError(
                    f"data directory {data_dir} cannot be read: aliases or properties of the database {name!r}: {error}"
                ) from None

    def close(self) -> None:
        """Flush and release the data directory."""
        with self.write_lock:
            self.db.close()

    def collection(self, db_name: str, name: str) -> Collection:
        """The collection with this name or alias. Raises Milvus Lite's own errors when there is none."""
        return self.db.get_collection(name, database_name=db_name)

    def collection_of_id(self, db_name: str, collection_id: int) -> Collection:
        """The collection with this id, whatever it is called by now. Raises CollectionNotFoundError."""
        with self.db.catalog_lock:
            folder = self._folder_of_id(db_name, collection_id)
            if folder is None:
                raise CollectionNotFoundError(f"collection {collection_id} does not exist")
            return self.db.get_collection(folder.name, database_name=db_name)

    @property
    def drops(self) -> int:
        """How often a collection was dropped since the start; as long as it does not change, none has gone."""
        return self.db.drops

    def has_collection_of_id(self, db_name: str, collection_id: int) -> bool:
        """Whether the collection with this id is still there, whatever it is called by now."""
        with self.db.catalog_lock:
            return self._folder_of_id(db_name, collection_id) is not None

    def _folder_of_id(self, db_name: str, collection_id: int) -> Path | None:
        if not self.db.has_database(db_name):
            return None
        for name in self.db.list_collections(database_name=db_name):
            path = Path(self.db._collection_dir(name, db_name), "collection_id")
            if path.exists() and int(path.read_text()) == collection_id:
                return path.parent
        return None

    def collection_id(self, collection: Collection) -> int:
        """A number that a collection keeps for life. Milvus Lite has none, so it lies beside the schema."""
        path = Path(collection.data_dir, "collection_id")
        if not path.exists():
            with self.db.catalog_lock:
                # Written aside: a server killed between creating and writing it must not leave an empty one.
                draft = path.with_suffix(".draft")
                draft.write_text(str(secrets.randbits(62)))
                if not path.exists():
                    draft.replace(path)
        return int(path.read_text())

    def functions_of(self, collection: Collection) -> Callable[[Records], None] | None:
        """What fills in the output fields of the collection's functions, or None if it has no function."""
        chain = collection._ingestion_chain
        if not chain:
            return None
        from milvus_lite.function.dataframe import DataFrame

        return lambda records: chain.execute(DataFrame.from_records(records))

    def buckets_of(self, collection: Collection) -> tuple[str, int] | None:
        """The partition key field and the number of bucket partitions, or None without a partition key."""
        field = collection._partition_key_field
        return None if field is None else (field, collection._num_partition_buckets)

    def kept(self, collection: Collection) -> Kept:
        """What a cluster knows of the collection and Milvus Lite has no place for."""
        return Kept.of(collection.schema.properties)

    def keep(self, db_name: str, collection: Collection, kept: Kept) -> None:
        """Write what is kept of the collection."""
        self.db.alter_collection_properties(collection.name, kept.as_property(), database_name=db_name)

    def properties_of(self, collection: Collection) -> dict[str, Any]:
        """The properties of the collection's database, which Milvus Lite's validation wants."""
        properties: dict[str, Any] = collection._database_properties
        return properties

    def stored_rows(self, collection: Collection) -> int:
        """The rows in all segments, among them imported ones that readers do not see yet."""
        rows: int = collection.stored_rows()
        return rows

    def with_waiting(self, collection: Collection) -> Collection:
        """The collection as it will be seen once imported rows are shown, for reading only."""
        return collection.with_waiting()

    def refresh(self, collection: Collection) -> None:
        """Show all rows that were imported since the collection was loaded. Raises CollectionNotLoadedError."""
        collection.refresh()

    def compact(self, collection: Collection) -> int:
        """Merge what Milvus Lite would merge after the next flush; how many segments are gone."""
        collection.flush()
        before = len(collection._segments_snapshot())
        collection._schedule_bg_maintenance()
        collection._wait_for_bg()
        return max(0, before - len(collection._segments_snapshot()))

    def reserve(self, collection: Collection, rows: int) -> int:
        """Take `rows` sequence numbers that no insert will ever use, not even after kill -9; returns the first.

        The same numbers serve as auto-generated primary keys: inserts draw theirs from the same counter.
        """
        with self.write_lock:
            # A later flush may not lower the manifest's sequence counter: rows still in memory go first.
            collection.flush()
            with collection._maintenance_lock:
                first: int = max(collection._next_seq, collection._next_auto_id)
                collection._next_seq = collection._next_auto_id = first + rows
                collection._manifest.current_seq = first + rows - 1
                collection._manifest.save()
            return first

    def wrote_after(self, collection: Collection, seq: int) -> bool:
        """Whether a sequence number after this one was taken, by a write or by an import."""
        return bool(collection._next_seq > seq + 1)

    def stage(self, collection: Collection, partition: str, path: Path, rows: pa.Table) -> StagedSegment:
        """A staged segment file whose rows are in memory, as `load_staged` would read them, in half of the time."""
        # Fresh arrays, each in one piece: Milvus Lite takes all that lies beneath an array for its rows.
        columns = [pa.concat_arrays([*column.chunks, pa.array([], column.type)]) for column in rows.columns]
        # In a file the elements of lists have another name.
        table = pa.Table.from_arrays(columns, schema=rows.schema).cast(pq.read_schema(path))
        if collection._vector_name is None:
            vectors, valid = np.zeros((len(table), 0), np.float32), None
        else:
            vectors, valid = _extract_vector_array(table.column(collection._vector_name))
        segment = Segment(
            str(path),
            partition,
            collection._pk_name,
            collection._vector_name or "",
            table.column(collection._pk_name).to_pylist(),
            table.column("_seq").to_numpy(),
            vectors,
            table,
            valid,
        )
        return StagedSegment(partition, path, segment)

    def load_staged(self, collection: Collection, partition: str, path: Path) -> StagedSegment:
        """Read a staged segment file into memory before it is published, so that publishing takes no time."""
        segment = Segment.load(str(path), partition, collection._pk_name, collection._vector_name)
        return StagedSegment(partition, path, segment)

    def publish(
        self,
        collection: Collection,
        staged: list[StagedSegment],
        before: Callable[[], None],
        after: Callable[[], None],
    ) -> None:
        """Make all staged segments a part of the collection at once, or none.

        Readers of a collection that is loaded see them after `refresh`. `before` runs when nothing is published yet,
        `after` when everything is; no other writer and no compaction can come between. Raises PartitionNotFoundError
        if a partition has gone.
        """
        with self.write_lock, collection._maintenance_lock:
            for one in staged:
                if not collection.has_partition(one.partition):
                    raise PartitionNotFoundError(f"partition not found[partition={one.partition}]")
            before()
            self._commit(collection, staged)
            after()
        collection._schedule_bg_maintenance()

    def _commit(self, collection: Collection, staged: list[StagedSegment]) -> None:
        manifest = collection._manifest
        try:
            for one in staged:
                final = Path(collection.data_dir, "partitions", one.partition, one.name)
                final.parent.mkdir(parents=True, exist_ok=True)
                _link(one.path, final)
                one.segment.file_path = str(final)
                manifest.add_data_file(one.partition, one.name)
            manifest.save()
        except BaseException:
            for one in staged:
                manifest.remove_data_files(one.partition, [one.name])
            raise
        published = {(one.partition, one.name): one.segment for one in staged}
        if is_loaded(collection):
            collection.waiting |= published.keys()
        collection._segment_cache.update(published)
        collection._refresh_segment_cache()

    def was_published(self, db_name: str, collection_id: int, segments: dict[str, list[str]]) -> bool:
        """Whether these segment files reached the manifest of a collection that has not been opened yet.

        Opening would start a compaction, which may merge the files away before anyone has read them.
        """
        folder = self._folder_of_id(db_name, collection_id)
        if folder is None:
            return False
        manifest = Manifest.load(str(folder))
        return all(
            manifest.has_partition(partition) and set(names) <= set(manifest.get_data_files(partition))
            for partition, names in segments.items()
        )


def _link(staged: Path, final: Path) -> None:
    # Not moved: a two-phase job that dies before the manifest is saved commits again, with the same staged files.
    final.unlink(missing_ok=True)
    try:
        os.link(staged, final)
    except OSError:
        # Some file systems have no links.
        shutil.copyfile(staged, final)
