"""Rows of one import job, written aside as segment files until they are published together."""

import hashlib
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from milvus_lite.constants import (
    DATA_FILE_TEMPLATE,
    DEFAULT_PARTITION,
    MAX_SEGMENT_ROWS,
    PARTITION_KEY_BUCKET_PREFIX,
    SEQ_FORMAT_WIDTH,
)
from milvus_lite.engine.collection import Collection
from milvus_lite.schema.arrow_builder import build_data_schema

from airflow_provider_milvus.local.lite.counting import IMPORTED
from airflow_provider_milvus.local.lite.engine import Engine, StagedSegment

# The upper bound of bytes of rows that wait in memory for their segment file.
MAX_PENDING_BYTES = 64 << 20


class _Pending:
    """Rows of one partition that wait for their segment file, with their number and bytes."""

    def __init__(self) -> None:
        self.rows = self.size = 0
        self._batches: list[pa.RecordBatch] = []

    def append(self, batch: pa.RecordBatch) -> None:
        self._batches.append(batch)
        self.rows += batch.num_rows
        self.size += batch.nbytes

    def take(self, schema: pa.Schema) -> pa.Table:
        """All of them; none is left."""
        table = pa.Table.from_batches(self._batches, schema)
        self.rows = self.size = 0
        self._batches = []
        return table


class SegmentWriter:
    """Gathers converted rows into segment files below `folder`.

    Rows get consecutive sequence numbers from `first_seq`, which are their primary keys too where the
    collection generates them. Partition-key collections are split into the buckets that `insert` would use.
    """

    def __init__(self, engine: Engine, collection: Collection, folder: Path, partition: str, first_seq: int) -> None:
        self._engine = engine
        self._collection = collection
        self._folder = folder
        self._partition = partition or DEFAULT_PARTITION
        self._schema = build_data_schema(collection.schema)
        self._buckets = engine.buckets_of(collection)
        self._next_seq = first_seq
        self._pending: dict[str, _Pending] = defaultdict(_Pending)
        self.staged: list[StagedSegment] = []

    def append(self, batch: pa.RecordBatch) -> None:
        """Add converted rows; writes a segment file whenever one is full."""
        for partition, rows in self._split(self._numbered(batch)).items():
            pending = self._pending[partition]
            pending.append(rows)
            while pending.rows >= MAX_SEGMENT_ROWS:
                self._write(partition)
        while sum(pending.size for pending in self._pending.values()) > MAX_PENDING_BYTES:
            self._write(max(self._pending, key=lambda partition: self._pending[partition].size))

    def finish(self) -> None:
        """Write what still waits."""
        for partition, pending in self._pending.items():
            if pending.rows:
                self._write(partition)

    def _numbered(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        seqs = pa.array(np.arange(self._next_seq, self._next_seq + batch.num_rows, dtype=np.uint64))
        self._next_seq += batch.num_rows
        columns = {name: batch.column(name) for name in batch.schema.names}
        columns["_seq"] = seqs
        for field in self._schema:
            columns.setdefault(field.name, seqs.cast(pa.int64()))
        return pa.RecordBatch.from_arrays([columns[field.name] for field in self._schema], schema=self._schema)

    def _split(self, batch: pa.RecordBatch) -> dict[str, pa.RecordBatch]:
        if self._buckets is None:
            return {self._partition: batch}
        field, count = self._buckets
        keys = batch.column(field).dictionary_encode()
        bucket_of_key = np.array([_bucket(key, count) for key in keys.dictionary.to_pylist()] + [0])
        codes = keys.indices.fill_null(len(keys.dictionary)).to_numpy()
        if keys.null_count:
            bucket_of_key[-1] = _bucket(None, count)
        buckets = bucket_of_key[codes]
        return {
            f"{PARTITION_KEY_BUCKET_PREFIX}{bucket}": batch.filter(pa.array(buckets == bucket))
            for bucket in np.unique(buckets)
        }

    def _write(self, partition: str) -> None:
        table = self._pending[partition].take(self._schema)
        full, rest = table.slice(0, MAX_SEGMENT_ROWS), table.slice(MAX_SEGMENT_ROWS)
        for batch in rest.to_batches():
            self._pending[partition].append(batch)
        self.staged.append(_stage(self._engine, self._collection, partition, self._folder / partition, full))


def renumbered(
    engine: Engine, collection: Collection, staged: list[StagedSegment], first_seq: int
) -> list[StagedSegment]:
    """The same rows with consecutive sequence numbers from `first_seq`, in files beside the old ones."""
    moved = first_seq - min(int(one.segment.seqs.min()) for one in staged)
    found = []
    for one in staged:
        table = one.segment.table
        at = table.schema.get_field_index("_seq")
        seqs = pa.array(one.segment.seqs + np.uint64(moved))
        rows = table.set_column(at, table.schema.field(at), seqs)
        found.append(_stage(engine, collection, one.partition, one.path.parent, rows))
    return found


def _stage(engine: Engine, collection: Collection, partition: str, folder: Path, rows: pa.Table) -> StagedSegment:
    folder.mkdir(parents=True, exist_ok=True)
    bounds = pc.min_max(rows.column("_seq")).as_py()
    path: Path = folder / DATA_FILE_TEMPLATE.format(**bounds, w=SEQ_FORMAT_WIDTH)
    # Columns worth a dictionary; on vectors it only costs time.
    texts = [field.name for field in rows.schema if pa.types.is_string(field.type)]
    # One row group, so that Milvus Lite reads each column as one chunk and needs no second copy of it.
    rows = rows.replace_schema_metadata({IMPORTED: b"true"})
    pq.write_table(rows, path, row_group_size=MAX_SEGMENT_ROWS, use_dictionary=texts)
    return engine.stage(collection, partition, path, rows)


def _bucket(key: object, count: int) -> int:
    # The hash of Milvus Lite's own partition-key routing.
    return int(hashlib.md5(str(key).encode()).hexdigest(), 16) % count
