"""How many rows a collection has: each imported row counts, also where several have one primary key, as on a cluster.

Milvus Lite counts primary keys, and would hide that a file was loaded twice.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from milvus_lite.engine.collection import Collection
from milvus_lite.search.filter import evaluate_mask
from milvus_lite.search.indexed_filter import evaluate_segment_filter
from milvus_lite.storage.segment import Segment

# In the metadata of the Parquet file of an imported segment.
IMPORTED = b"imported"


def is_imported(segment: Segment) -> bool:
    """Whether the rows of a segment were imported rather than inserted."""
    return IMPORTED in (segment.table.schema.metadata or {})


def count_rows(
    collection: Collection, where: str | None, partitions: list[str] | None, timezone: str | None = None
) -> int:
    """The rows for which the filter holds, without those that were deleted or written again since.

    On a cluster an upsert deletes the rows with its primary key, and an import deletes none.
    """
    segments, deletions = collection._read_snapshot()
    newest = _newest_changes(collection, segments)
    compiled = collection._compile_filter(where, timezone=timezone) if where else None
    plan = collection._indexed_filter_plan(compiled)
    count = 0
    for one in segments:
        if partitions and one.partition not in partitions:
            continue
        mask = None if compiled is None else evaluate_segment_filter(one, compiled, plan)
        if is_imported(one) and not newest and not len(deletions):
            count += one.num_rows if mask is None else int(mask.sum())
            continue
        count += sum(not deletions.is_deleted(key, seq) and newest.get(key, -1) <= seq for key, seq in _rows(one, mask))
    return count + _rows_in_memory(collection, compiled, partitions)


def _newest_changes(collection: Collection, segments: tuple[Segment, ...]) -> dict[Any, int]:
    """By primary key, the sequence number of the last delete that is still in memory, or of the last insert."""
    newest = {key: seq for key, (seq, _) in collection._memtable.delete_index_snapshot().items()}
    newest |= {key: seq for key, (_, _, seq) in collection._memtable.pk_index_snapshot()}
    for one in segments:
        if not is_imported(one):
            for key, seq in _rows(one, None):
                newest[key] = max(seq, newest.get(key, -1))
    return newest


def _rows(segment: Segment, mask: np.ndarray | None) -> Iterator[tuple[Any, int]]:
    rows = zip(segment.pks, segment.seqs.tolist(), strict=True)
    return rows if mask is None else (row for row, fits in zip(rows, mask.tolist(), strict=True) if fits)


def _rows_in_memory(collection: Collection, compiled: Any, partitions: list[str] | None) -> int:
    keys, *_, table = collection._memtable.to_search_snapshot(None, partitions, include_table=compiled is not None)
    return len(keys) if compiled is None or not keys else int(evaluate_mask(compiled, table).sum())
