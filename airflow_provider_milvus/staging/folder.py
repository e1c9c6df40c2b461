"""A folder of a file system, local or of object storage, seen through fsspec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO, cast

# What file systems name a version of an object by, and the time of its last change.
_MARKS = ("ETag", "etag", "md5Hash", "content_md5", "generation", "version_id", "VersionId")
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "timeModified")


@dataclass(frozen=True)
class Fingerprint:
    """What shows that an object is another one than before: its size in bytes, its ETag, the time of its change."""

    size: int
    marks: tuple[str, ...] = ()

    @classmethod
    def of(cls, info: dict[str, Any]) -> Fingerprint:
        marks = tuple(f"{name}={info[name]}" for name in (*_MARKS, *_TIMES) if info.get(name) is not None)
        return cls(int(info.get("size") or 0), marks)


@dataclass(frozen=True)
class Folder:
    """Objects below a path. A key is relative to it.

    :param file_system: as fsspec has it.
    :param root: the path, without slashes around it.
    """

    file_system: Any
    root: str

    def path(self, key: str) -> str:
        """The path of a key in the file system."""
        parts = "/".join(part for part in (self.root.strip("/"), key.lstrip("/")) if part)
        return f"/{parts}" if self.file_system.root_marker else parts

    def fingerprint(self, key: str) -> Fingerprint:
        """What the object is now.

        :raises FileNotFoundError: where there is none.
        """
        # Listings of an earlier moment must not count.
        self.file_system.invalidate_cache()
        info = self.file_system.info(self.path(key))
        if info.get("type") == "directory":
            raise FileNotFoundError(key)
        return Fingerprint.of(info)

    def open(self, key: str, mode: str = "rb", **options: Any) -> BinaryIO:
        """The object as a file; one that is written gets the folders that its file system needs."""
        path = self.path(key)
        try:
            return cast(BinaryIO, self.file_system.open(path, mode, **options))
        except FileNotFoundError:
            if "w" not in mode:
                raise
        self.file_system.makedirs(path.rpartition("/")[0], exist_ok=True)
        return cast(BinaryIO, self.file_system.open(path, mode, **options))
