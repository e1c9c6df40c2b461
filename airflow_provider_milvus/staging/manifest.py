"""What is staged of a load: objects below a prefix of its own, and a manifest that is written when all are there.

The manifest outlives the worker and is read by the next try, so that finished staging is never done again. It is
removed last: while it is there, all objects that it names are, or the load has completed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from airflow_provider_milvus.staging.folder import Folder

NAME = "manifest.json"
VERSION = 1


@dataclass(frozen=True)
class Manifest:
    """The staged files.

    :param sets: keys in the bucket: each entry one file, or the ``.npy`` files that belong together.
    :param rows: where they are known; ``-1`` where the files were copied as they are.
    :param bytes: of all files.
    """

    sets: list[list[str]]
    rows: int
    bytes: int


class StagedLoad:
    """The objects of one load.

    :param folder: the bucket that Milvus reads.
    :param prefix: of the load's keys in it.
    :param check: called with the manifest before it is written; an error leaves none, so that a later try checks again.
    """

    def __init__(self, folder: Folder, prefix: str, check: Callable[[Manifest], Any] | None = None) -> None:
        self.folder = folder
        self.prefix = prefix.strip("/")
        self._check = check

    def key(self, name: str) -> str:
        """The key of an object of the load."""
        return f"{self.prefix}/{name}"

    def read(self) -> Manifest | None:
        """The manifest, where staging was finished."""
        self.folder.file_system.invalidate_cache()
        try:
            with self.folder.open(self.key(NAME)) as file:
                data = json.loads(file.read())
        except FileNotFoundError:
            return None
        except ValueError:
            # Cut short while it was written, so that nothing was submitted.
            return None
        if data.get("version") != VERSION:
            raise ValueError(
                f"{self.key(NAME)!r} is of version {data.get('version')!r}, which another release of "
                f"airflow-provider-milvus has written: run the task with that, or remove {self.prefix!r}"
            )
        return Manifest(data["sets"], data["rows"], data["bytes"])

    def write(self, manifest: Manifest) -> None:
        """Record that staging is finished.

        :raises Exception: what the check raises.
        """
        if self._check is not None:
            self._check(manifest)
        with self.folder.open(self.key(NAME), "wb") as file:
            file.write(json.dumps({"version": VERSION, **asdict(manifest)}).encode())

    def sizes(self) -> dict[str, int]:
        """The keys of the objects that are there, with their sizes in bytes."""
        self.folder.file_system.invalidate_cache()
        root = self.folder.path(self.prefix)
        found = self.folder.file_system.find(root, detail=True)
        return {self.key(path[len(root) :].lstrip("/")): int(info.get("size") or 0) for path, info in found.items()}

    def remove(self) -> int:
        """Remove all objects of the load, the manifest last; how many there were."""
        file_system, root = self.folder.file_system, self.folder.path(self.prefix)
        file_system.invalidate_cache()
        found = file_system.find(root)
        objects = [path for path in found if PurePosixPath(path).name != NAME]
        if objects:
            file_system.rm(objects)
        if len(objects) < len(found):
            file_system.rm(self.folder.path(self.key(NAME)))
        # File systems with folders keep empty ones.
        with suppress(OSError):
            file_system.invalidate_cache()
            if file_system.isdir(root):
                file_system.rm(root, recursive=True)
        return len(objects)
