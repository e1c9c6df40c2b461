"""Snapshots of collections: copies of their files, and restores of these as new collections."""

import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from milvus_lite.db import SCHEMA_FILENAME
from milvus_lite.engine.collection import Collection
from milvus_lite.schema.persistence import load_schema, save_schema

from airflow_provider_milvus.local.errors import MilvusError
from airflow_provider_milvus.local.lite.engine import Engine

INVALID_PARAMETER, SNAPSHOT_NOT_FOUND, SNAPSHOT_PINNED, JOB_NOT_FOUND = 1100, 2600, 2601, 2101
ABOUT, FILES = "snapshot.json", "files"


@dataclass
class Restore:
    """The job of a restore; times in milliseconds, as Milvus has them."""

    id: int
    snapshot_name: str
    db_name: str
    collection_name: str
    started_at: float
    state: str = "RestoreSnapshotPending"
    progress: int = 0
    reason: str = ""
    ended_at: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        ended_at = self.ended_at or time.time()
        return {
            "jobId": self.id,
            "snapshotName": self.snapshot_name,
            "dbName": self.db_name,
            "collectionName": self.collection_name,
            "state": self.state,
            "progress": self.progress,
            "reason": self.reason,
            "startTime": int(self.started_at * 1000),
            "timeCost": int((ended_at - self.started_at) * 1000),
        }


class Snapshots:
    """The snapshots of one data directory. Jobs and pins are in memory alone.

    Rows that were not flushed are part of a snapshot, as they are of the files of Milvus Lite; Milvus leaves them out.
    """

    def __init__(self, engine: Engine, data_dir: Path, next_id: Callable[[], int]) -> None:
        self._engine = engine
        self._root = data_dir / "snapshots"
        self._next_id = next_id
        self._lock = threading.Lock()
        self._restores: dict[int, Restore] = {}
        self._pins: dict[int, tuple[Path, float]] = {}

    def create(self, db_name: str, collection: Collection, name: str, description: str) -> None:
        folder = self._folder(collection) / name
        if folder.exists():
            raise MilvusError(INVALID_PARAMETER, f"snapshot name {name} already exists: invalid parameter")
        about = {"description": description, "createTs": int(time.time() * 1000), "dbName": db_name}
        self._root.mkdir(exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=self._root))
        with self._engine.write_lock, collection._maintenance_lock:
            shutil.copytree(collection.data_dir, staging / FILES)
        (staging / ABOUT).write_text(json.dumps(about))
        folder.parent.mkdir(parents=True, exist_ok=True)
        os.rename(staging, folder)

    def names(self, collection: Collection) -> list[str]:
        folder = self._folder(collection)
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def describe(self, collection: Collection, name: str) -> dict[str, Any]:
        folder = self._there(collection, name)
        return {
            "snapshotName": name,
            "collectionName": collection.name,
            "partitionNames": [],
            "s3Location": str(folder.relative_to(self._root.parent)),
            **json.loads((folder / ABOUT).read_text()),
        }

    def drop(self, collection: Collection, name: str) -> None:
        folder = self._folder(collection) / name
        if any(path == folder and until > time.time() for path, until in self._pins.values()):
            raise MilvusError(SNAPSHOT_PINNED, f"snapshot is pinned[snapshot={name}]")
        if folder.exists():
            trash = Path(tempfile.mkdtemp(dir=self._root))
            os.rename(folder, trash / name)
            shutil.rmtree(trash)

    def pin(self, collection: Collection, name: str, seconds: float) -> int:
        pin_id = self._next_id()
        self._pins[pin_id] = (self._there(collection, name), time.time() + seconds if seconds else float("inf"))
        return pin_id

    def unpin(self, pin_id: int) -> None:
        self._pins.pop(pin_id, None)

    def restore(self, db_name: str, collection: Collection, name: str, target: str) -> int:
        """Begin to restore, in a thread of its own; the id of the job."""
        folder = self._there(collection, name)
        self._engine.db._validate_name(target)
        with self._lock:
            busy = any(one.collection_name == target and not one.ended_at for one in self._restores.values())
            if busy or self._engine.db.has_collection(target, database_name=db_name):
                raise MilvusError(INVALID_PARAMETER, f"collection {target} already exists: invalid parameter")
            job = Restore(self._next_id(), name, db_name, target, time.time())
            self._restores[job.id] = job
        threading.Thread(target=self._run, args=(job, folder), daemon=True).start()
        return job.id

    def _run(self, job: Restore, folder: Path) -> None:
        job.state = "RestoreSnapshotExecuting"
        try:
            self._copy(job, folder)
            job.state, job.progress = "RestoreSnapshotCompleted", 100
        except Exception as error:
            job.state, job.reason = "RestoreSnapshotFailed", str(error)
        job.ended_at = time.time()

    def _copy(self, job: Restore, folder: Path) -> None:
        staging = Path(tempfile.mkdtemp(dir=self._root)) / FILES
        shutil.copytree(folder / FILES, staging)
        # The new collection gets an id of its own, and its own name.
        (staging / "collection_id").unlink(missing_ok=True)
        _, schema = load_schema(str(staging / SCHEMA_FILENAME))
        save_schema(schema, job.collection_name, str(staging / SCHEMA_FILENAME))
        db = self._engine.db
        with self._engine.write_lock, db.catalog_lock:
            os.rename(staging, db._collection_dir(job.collection_name, job.db_name))
        staging.parent.rmdir()

    def restores(self, db_name: str, collection_name: str) -> list[dict[str, Any]]:
        return [
            one.as_dict()
            for one in self._restores.values()
            if one.db_name == db_name and collection_name in ("", one.collection_name)
        ]

    def describe_restore(self, job_id: int) -> dict[str, Any]:
        if job_id not in self._restores:
            raise MilvusError(JOB_NOT_FOUND, f"restore job not found: jobID={job_id}: importing data failed")
        return self._restores[job_id].as_dict()

    def _folder(self, collection: Collection) -> Path:
        return self._root / str(self._engine.collection_id(collection))

    def _there(self, collection: Collection, name: str) -> Path:
        folder = self._folder(collection) / name
        if not name or not folder.is_dir():
            raise MilvusError(SNAPSHOT_NOT_FOUND, f"snapshot {name} not found: snapshot not found")
        return folder
