"""What an import operator loads: its parameters become the sources of as few imports as Milvus allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus import rest, submission
from airflow_provider_milvus.operators.parameters import check_list, check_name
from airflow_provider_milvus.operators.two_phase import FOOTERS

if TYPE_CHECKING:
    from airflow_provider_milvus.client.storage import BucketFiles
    from airflow_provider_milvus.operators.task_load import TaskLoad
    from airflow_provider_milvus.rest.import_jobs import ImportSource
    from airflow_provider_milvus.waiting.wait import Log


FIELDS = ("files", "files_from", "files_root", "object_urls", "volume_name", "data_paths")


@dataclass(frozen=True)
class SourceParameters:
    """The parameters of an import operator that name where its data lies, as the operator describes them."""

    files: Any = None
    files_from: Any = None
    files_root: Any = None
    object_urls: Any = None
    volume_name: Any = None
    data_paths: Any = None

    def check_combination(self, expected_rows: Any, needs_root: bool = False) -> None:
        """Refuse parameters that exclude each other.

        :param needs_root: whether ``files_root`` has another use than that of ``files_from``.
        :raises ValueError: naming the parameter and the remedy.
        """
        others = (self.files, self.object_urls, self.volume_name, self.data_paths)
        if self.files_from is not None and any(other is not None for other in others):
            raise ValueError("files_from finds the files; leave out files, object_urls, volume_name and data_paths")
        if self.files_from is None and self.files_root is not None and not needs_root:
            raise ValueError(f"files_root={str(self.files_root)!r} goes with files_from, which is not given")
        if self.files_from is None and expected_rows == FOOTERS:
            raise ValueError(f"expected_rows={FOOTERS!r} goes with files_from, which is not given")

    def check_values(self) -> None:
        """Refuse values of a wrong type.

        :raises ValueError: naming the parameter, the value and the remedy.
        """
        check_list("files", self.files, single=True)
        check_list("object_urls", self.object_urls, single=True, secret=True)
        check_list("data_paths", self.data_paths, single=True)
        check_name("volume_name", self.volume_name, what="a volume", optional=True)

    @cached_property
    def bucket(self) -> BucketFiles | None:
        """The files that ``files_from`` finds."""
        from airflow_provider_milvus.client.storage import BucketFiles

        return None if self.files_from is None else BucketFiles(self.files_from, self.files_root)

    def source(self, load: TaskLoad, log: Log) -> ImportSource:
        """What is to be loaded, with files that are listed once for all tries of a load.

        :raises ValueError: for a bad parameter, and where no file is found.
        """
        files = self.files
        if self.bucket is not None:
            where = f"{self.bucket.source} files_root={str(self.files_root)!r}"
            files = load.list_files(where, self.bucket.sets)
            log.info("%s: %s file sets", self.bucket.source, f"{len(files):,}")
        return rest.import_jobs.ImportSource(
            files=files, object_urls=self.object_urls, volume_name=self.volume_name, data_paths=self.data_paths
        )


def split(source: ImportSource, *, wait_for_completion: bool, log: Log) -> list[ImportSource]:
    """As many sources as there must be imports.

    :raises ValueError: where there are several, which only a task that waits can submit again.
    """
    sources: list[ImportSource] = submission.files.batches(source)
    if len(sources) == 1:
        return sources
    count = f"{len(source.file_names()):,}"
    if not wait_for_completion:
        raise ValueError(
            f"wait_for_completion=False is for one import, and {count} file sets need {len(sources)}: write fewer and "
            f"larger files, or plan imports with MilvusPlanImportsOperator, each of which is a task of its own"
        )
    log.info("%s file sets need %d imports", count, len(sources))
    return sources


def paths(source: ImportSource) -> Sequence[str]:
    """The files of a source, one by one."""
    return [path for files in source.fields()["files"] for path in files]
