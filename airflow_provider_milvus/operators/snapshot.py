"""The operators that make a snapshot of a collection, and restore it as a new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus import rest, waiting
from airflow_provider_milvus.exceptions import MilvusCollectionExists, error_of, read_event
from airflow_provider_milvus.operators.base import MilvusCollectionOperator, MilvusWaitOperator, push_xcom
from airflow_provider_milvus.operators.job_results import COMPLETED
from airflow_provider_milvus.operators.parameters import check_name

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_milvus.waiting.event import Event


class MilvusSnapshotOperator(MilvusCollectionOperator):
    """Keep a collection as it is now, under a name; return the name. Milvus 3.0.1 and later.

    Rows in memory are flushed first. A snapshot costs no copy: Milvus keeps the files that it names. One of this name
    that is there already is kept, so a retry makes no second one; make the name of what differs from run to run.

    https://milvus.io/docs/manage-snapshots.md

    :param collection_name: the collection. (templated)
    :param snapshot_name: unique among the collection's snapshots, such as ``"before_{{ ds_nodash }}"``. (templated)
    :param description: for people. (templated)
    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    :raises ValueError: for bad parameters, before anything is sent.
    """

    template_fields: Sequence[str] = (*MilvusCollectionOperator.template_fields, "snapshot_name", "description")

    def __init__(self, *, snapshot_name: str, description: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.snapshot_name = snapshot_name
        self.description = description

    def check_templated(self) -> None:
        super().check_templated()
        check_name("snapshot_name", self.snapshot_name, what="a snapshot")

    def execute(self, context: Context) -> str:
        """Make it unless it is there."""
        self.check_templated()
        if self._is_there():
            self.log.info("Collection %s has a snapshot %s already", self.collection_name, self.snapshot_name)
            return self.snapshot_name
        self.hook.call(rest.snapshots.flush(self.collection_name))
        try:
            self.hook.call(
                rest.snapshots.create_snapshot(self.collection_name, self.snapshot_name, self.description or "")
            )
        except rest.errors.MilvusError as error:
            # Its response may have been lost.
            if not error.maybe_done or not self._is_there():
                raise
        self.log.info("Collection %s: snapshot %s was made", self.collection_name, self.snapshot_name)
        return self.snapshot_name

    def _is_there(self) -> bool:
        return self.snapshot_name in self.hook.call(rest.snapshots.list_snapshots(self.collection_name))


class MilvusRestoreSnapshotOperator(MilvusCollectionOperator, MilvusWaitOperator):
    """Restore a snapshot as a new collection, and wait for it; return its name. Milvus 3.0.1 and later.

    Milvus copies files, indexes among them, so that it is much faster than an import. The new collection is not loaded:
    load it, and point an alias to it. The id of the job is pushed as ``job_id``; a retry goes on with the job of the
    try before. A job that Milvus failed fails the task without a retry.

    https://milvus.io/docs/manage-snapshots.md

    :param collection_name: the collection that the snapshot is of. (templated)
    :param snapshot_name: the snapshot. (templated)
    :param target_collection_name: the new collection; there must be none of this name. (templated)
    :param deferrable: whether to wait in the triggerer, holding no worker slot.
    :param defer_after: seconds that a deferrable operator polls in the worker before it defers (5).
    :param poll_interval: the longest time between two polls, in seconds (10); a young wait polls more often.
    :param timeout: seconds to wait for the job, which goes on afterwards. ``None`` waits for ever.
    :param max_poll_failures: failed polls in a row after which to give up (120).
    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    :raises ValueError: for bad parameters, before anything is sent.
    :raises MilvusCollectionExists: where the new collection is there, and no restore of this snapshot has made it.
    """

    template_fields: Sequence[str] = (
        *(*MilvusCollectionOperator.template_fields, "snapshot_name", "target_collection_name"),
    )

    def __init__(self, *, snapshot_name: str, target_collection_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.snapshot_name = snapshot_name
        self.target_collection_name = target_collection_name

    def check_templated(self) -> None:
        super().check_templated()
        check_name("snapshot_name", self.snapshot_name, what="a snapshot")
        check_name("target_collection_name", self.target_collection_name, what="a collection")

    def execute(self, context: Context) -> str:
        """Begin to restore it, or find the job of an earlier try; wait."""
        self.check_templated()
        job_id = self._job()
        push_xcom(self, context, "job_id", job_id)
        deadline = self.deadline()
        wait = waiting.import_wait.ImportWait(
            job_id,
            poll_interval=self.poll_interval,
            deadline=deadline,
            max_poll_failures=self.max_poll_failures,
            noun=rest.job_kinds.JOB_KINDS[rest.job_kinds.RESTORE].noun,
            log=self.log,
        )
        event = self.hook.run_wait(wait, until=self.defer_at(), kind=rest.job_kinds.RESTORE)
        if event is None:
            from airflow_provider_milvus.triggers.import_job import MilvusImportTrigger

            self.defer(
                trigger=MilvusImportTrigger(
                    job_id=job_id,
                    milvus_conn_id=self.milvus_conn_id,
                    target_state=COMPLETED,
                    poll_interval=self.poll_interval,
                    deadline=deadline,
                    max_poll_failures=self.max_poll_failures,
                    database=self.database,
                    report_progress=False,
                    job_kind=rest.job_kinds.RESTORE,
                ),
                method_name="execute_complete",
            )
        return self.execute_complete(context, event)

    def _job(self) -> str:
        if found := self._job_of_an_earlier_try():
            self.log.info("Job %s restores the snapshot already", found)
            return found
        if self.hook.has_collection(self.target_collection_name):
            raise MilvusCollectionExists(
                f"there is a collection {self.target_collection_name!r} already, and a restore makes a new one: drop "
                f"it, or give another target_collection_name"
            )
        request = rest.snapshots.restore_snapshot(self.collection_name, self.snapshot_name, self.target_collection_name)
        try:
            job_id = self.hook.call(request)
        except rest.errors.MilvusError as error:
            found = self._job_of_an_earlier_try() if error.maybe_done else None
            if found is None:
                raise
            job_id = found
        self.log.info("Job %s restores %s into %s", job_id, self.snapshot_name, self.target_collection_name)
        return job_id

    def _job_of_an_earlier_try(self) -> str | None:
        """The newest job that has restored this snapshot into the collection that is there, or is about to."""
        jobs = self.hook.call(rest.snapshots.list_restores(self.target_collection_name))
        ours = [
            job_id
            for job_id, job in jobs.items()
            if job.get("snapshotName") == self.snapshot_name
            and job.get("collectionName") == self.target_collection_name
            and (job["state"] in ("Pending", "Importing") or self._is_there(job["state"]))
        ]
        return max(ours, key=lambda job_id: (len(job_id), job_id), default=None)

    def _is_there(self, state: str) -> bool:
        return state == COMPLETED and self.hook.has_collection(self.target_collection_name)

    def execute_complete(self, context: Context, event: Event | None) -> str:
        """End the wait."""
        event = read_event(event)
        if error := error_of(event):
            raise error
        self.log.info("Snapshot %s is restored as %s", self.snapshot_name, self.target_collection_name)
        return self.target_collection_name
