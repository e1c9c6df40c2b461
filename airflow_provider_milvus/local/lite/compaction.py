"""Milvus Lite's compaction, which keeps all imported rows and hides those that wait."""

from pathlib import Path
from typing import Any

import milvus_lite.engine.collection
import pyarrow as pa
import pyarrow.parquet as pq
from milvus_lite.engine.collection import Collection
from milvus_lite.engine.compaction import CompactionManager

from airflow_provider_milvus.local.lite.counting import IMPORTED


class Compaction(CompactionManager):  # type: ignore[misc]
    """Merges imported segments only with each other, and with all of their rows: several can have one primary key.

    Leaves all segments alone while some of them wait: merged with the others they would be seen.
    """

    collection: Collection | None = None

    def maybe_compact(self, *args: Any) -> bool:
        is_waiting = self.collection is not None and self.collection.waiting
        return not is_waiting and super().maybe_compact(*args)

    def _bucket_files(self, partition_dir: str, files: list[str]) -> Any:
        imported = [name for name in files if _is_imported(Path(partition_dir, name))]
        inserted = [name for name in files if name not in imported]
        return [*super()._bucket_files(partition_dir, inserted), *super()._bucket_files(partition_dir, imported)]

    def _select_target(self, buckets: Any, _total_files: int, partition_dir: str) -> Any:
        middle = len(buckets) // 2
        for half in (buckets[:middle], buckets[middle:]):
            target = super()._select_target(half, sum(map(len, half)), partition_dir)
            if target is not None:
                return target
        return None

    def _dedup_max_seq(self, table: pa.Table) -> pa.Table:
        return table if IMPORTED in (table.schema.metadata or {}) else super()._dedup_max_seq(table)


def _is_imported(path: Path) -> bool:
    return path.exists() and IMPORTED in (pq.read_schema(path).metadata or {})


# A collection makes its own, and starts to compact as soon as it is opened.
milvus_lite.engine.collection.CompactionManager = Compaction
