"""Files in the bucket of the Milvus server, seen through Airflow's object storage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus import submission
from airflow_provider_milvus.rest.import_source import check_no_keys

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

FOOTERS_AT_A_TIME = 16


class BucketFiles:
    """The files that a URL with a pattern matches.

    Whatever Airflow's ``ObjectStoragePath`` reads can be read: local files, and S3, GCS, Azure and others with the
    provider package for them.

    https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/objectstorage.html

    :param files_from: a URL, or an ``ObjectStoragePath``, such as ``s3://aws_default@bucket/folder/*.parquet``; ``*``
        stands for a part of a name, ``**`` for any number of folders.
    :param files_root: the URL of what is the bucket's root for Milvus, where that is not the bucket of ``files_from``;
        local files need it.
    :param parameter: what the URL is a parameter as, for messages.
    :raises ValueError: for a pattern that cannot be read, or does not lie below the root.
    """

    def __init__(
        self,
        files_from: str | ObjectStoragePath,
        files_root: str | ObjectStoragePath | None = None,
        *,
        parameter: str = "files_from",
    ) -> None:
        for name, value in ((parameter, files_from), ("files_root", files_root)):
            check_no_keys(name, str(value or ""))
        self._parameter = parameter
        self.source = f"{parameter}={str(files_from)!r}"
        self._files_from = files_from
        self._files_root = files_root

    @cached_property
    def _pattern(self) -> ObjectStoragePath:
        return _path(self._parameter, self._files_from)

    @cached_property
    def _root(self) -> str:
        """The root's path in the file system, without slashes around it."""
        if self._files_root is not None:
            root = _path("files_root", self._files_root).path.strip("/")
        # Some versions leave Airflow's connection id before the bucket's name.
        elif not (root := self._pattern.bucket.rpartition("@")[2]):
            raise ValueError(
                f"{self.source} lies in no bucket: give files_root, the folder that Milvus has as its bucket"
            )
        if not f"{self._pattern.path.strip('/')}/".startswith(f"{root}/"):
            raise ValueError(f"{self.source} does not lie below files_root={str(self._files_root)!r}")
        return root

    def sets(self) -> list[list[str]]:
        """What an import takes as ``files``; see :func:`airflow_provider_milvus.submission.files.file_sets`."""
        root = self._root
        return self._sets(lambda path: path.strip("/").removeprefix(root).lstrip("/"))

    def sets_of_paths(self) -> list[list[str]]:
        """The same with paths in the file system, for files in a bucket that is not the Milvus server's."""
        return self._sets(lambda path: path.strip("/"))

    def _sets(self, key_of: Callable[[str], str]) -> list[list[str]]:
        found = self._file_system.glob(self._pattern.path, detail=True)
        files = [
            submission.files.FoundFile(key_of(path), info.get("size") or 0)
            for path, info in found.items()
            if info.get("type") != "directory"
        ]
        return submission.files.file_sets(files, self.source)

    @property
    def folder(self) -> tuple[Any, str]:
        """The file system, and the path of the bucket's root in it."""
        return self._file_system, self._root

    @property
    def key(self) -> str:
        """The key of the URL itself, which may be a folder."""
        return self._pattern.path.strip("/").removeprefix(self._root).lstrip("/")

    def url(self, key: str) -> str:
        """The URL of a key, without the connection."""
        return f"{self._pattern.protocol}://{self._root}/{key}"

    def check_rows(self, keys: Sequence[str]) -> None:
        """Check that :meth:`rows` can count these files.

        :raises ValueError: for a file that is no Parquet file, and without pyarrow.
        """
        if find_spec("pyarrow") is None:
            raise ValueError("rows are counted by the footers of Parquet files with pyarrow, which is not installed")
        if others := [key for key in keys if not key.endswith(".parquet")]:
            raise ValueError(f"rows are counted by the footers of Parquet files, and {others[0]!r} is none")

    def rows(self, keys: Sequence[str]) -> int:
        """The number of rows of Parquet files, by their footers.

        :raises ValueError: for a file that is no Parquet file, and without pyarrow.
        """
        from concurrent.futures import ThreadPoolExecutor

        self.check_rows(keys)
        with ThreadPoolExecutor(FOOTERS_AT_A_TIME) as pool:
            return sum(pool.map(partial(_rows, self._file_system, self._root), keys))

    @property
    def file_system(self) -> Any:
        """As fsspec has it."""
        return self._file_system

    @property
    def _file_system(self) -> Any:
        return self._pattern.fs


def _path(name: str, value: str | ObjectStoragePath) -> ObjectStoragePath:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    if not str(value).strip() or "://" not in str(value):
        raise ValueError(f"{name} must be a URL, such as 's3://bucket/folder/*.parquet', got {value!r}")
    try:
        path = ObjectStoragePath(value)
        path.fs  # noqa: B018 - or an unknown file system would be found out later
    except ValueError as error:
        raise ValueError(
            f"{name}={str(value)!r} cannot be read by this Airflow, which may lack the provider package for it "
            f"(or, if it is 3.0, universal-pathlib<0.3): {error}"
        ) from error
    return path


def _rows(file_system: Any, root: str, key: str) -> int:
    import pyarrow.parquet

    with file_system.open(f"/{root}/{key}" if file_system.root_marker else f"{root}/{key}", "rb") as file:
        try:
            return int(pyarrow.parquet.read_metadata(file).num_rows)
        except pyarrow.ArrowInvalid as error:
            raise ValueError(f"{key!r} cannot be read as a Parquet file: {error}") from error
