"""The operator that loads files into a collection."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_provider_milvus import imports
from airflow_provider_milvus.exceptions import error_of
from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.imports.pacing import DEFAULT_MAX_POLL_FAILURES, DEFAULT_POLL_INTERVAL, check_wait
from airflow_provider_milvus.triggers.import_job import MilvusImportTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_milvus.imports.waiting import Event


class MilvusBulkImportOperator(BaseOperator):
    """Load files into a Milvus collection with a bulk-import job.

    Milvus reads the files itself, out of the bucket that it is configured with; nothing passes through the worker. The
    job's id is pushed to XCom as ``job_id`` the moment Milvus has accepted it, and returned; its final figures are
    pushed as ``import_progress``.

    A job that Milvus failed fails the task without a retry, with the reason of every failed file in the log; only where
    time can heal the reason (a job timeout, a full disk, no free slot) do the task's retries apply.

    https://milvus.io/docs/import-data.md

    :param collection_name: an existing collection. (templated)
    :param files: keys in the bucket of the Milvus server. An entry is one Parquet, JSON, JSONL or CSV file, or a list
        of ``.npy`` files, one per field. At most 1,024 entries. (templated)
    :param object_urls: Zilliz Cloud: URLs of files or folders in object storage. (templated)
    :param volume_name: Zilliz Cloud: the volume that ``data_paths`` lie in. (templated)
    :param data_paths: Zilliz Cloud: paths in the volume. (templated)
    :param partition_name: an existing partition; the collection's default without it. (templated)
    :param options: import options of Milvus, each value a string, such as ``{"timeout": "90m"}``. Without a timeout a
        job that hangs is never ended by Milvus. (templated)
    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    :param storage_conn_id: Zilliz Cloud: a connection whose login and password are the keys of the object storage.
        (templated)
    :param wait_for_completion: whether to wait until the job has ended; without it, a
        :class:`~airflow_provider_milvus.sensors.import_job.MilvusImportSensor` waits downstream.
    :param deferrable: whether to wait in the triggerer, holding no worker slot.
    :param defer_after: seconds that a deferrable operator waits by itself first, so that a short job needs no
        triggerer.
    :param poll_interval: the most seconds between two looks at the job; a young job is looked at more often.
    :param timeout: seconds to wait for the job, which goes on afterwards; the task's ``execution_timeout`` holds as
        well, deferred or not.
    :param max_poll_failures: failed looks in a row after which to give up.
    :raises ValueError: for bad parameters, before anything is sent.
    """

    template_fields: Sequence[str] = (
        "collection_name",
        "files",
        "object_urls",
        "volume_name",
        "data_paths",
        "partition_name",
        "options",
        "milvus_conn_id",
        "database",
        "storage_conn_id",
    )
    template_fields_renderers = {"files": "json", "object_urls": "json", "data_paths": "json", "options": "json"}
    ui_color = "#e0f4ff"

    def __init__(
        self,
        *,
        collection_name: str,
        files: Sequence[str | Sequence[str]] | None = None,
        object_urls: Sequence[str | Sequence[str]] | None = None,
        volume_name: str | None = None,
        data_paths: Sequence[str | Sequence[str]] | None = None,
        partition_name: str | None = None,
        options: Mapping[str, str] | None = None,
        milvus_conn_id: str = MilvusHook.default_conn_name,
        database: str | None = None,
        storage_conn_id: str | None = None,
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        defer_after: float = 5.0,
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        timeout: float | None = None,
        max_poll_failures: int = DEFAULT_MAX_POLL_FAILURES,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_wait(poll_interval=poll_interval, max_poll_failures=max_poll_failures, timeout=timeout)
        self.collection_name = collection_name
        self.files = files
        self.object_urls = object_urls
        self.volume_name = volume_name
        self.data_paths = data_paths
        self.partition_name = partition_name
        self.options = options
        self.milvus_conn_id = milvus_conn_id
        self.database = database
        self.storage_conn_id = storage_conn_id
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.defer_after = defer_after
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.max_poll_failures = max_poll_failures

    @cached_property
    def hook(self) -> MilvusHook:
        """The hook that this task sends its requests with."""
        return MilvusHook(self.milvus_conn_id, self.database)

    def execute(self, context: Context) -> str:
        """Start the job; wait for it if asked to."""
        job_id = self.hook.bulk_import(
            self.collection_name,
            self.files,
            object_urls=self.object_urls,
            volume_name=self.volume_name,
            data_paths=self.data_paths,
            partition_name=self.partition_name,
            options=self.options,
            storage_conn_id=self.storage_conn_id,
        )
        context["ti"].xcom_push(key="job_id", value=job_id)
        self.log.info("Milvus accepted import job %s into %s", job_id, self.collection_name)
        return self._wait(context, job_id) if self.wait_for_completion else job_id

    def _wait(self, context: Context, job_id: str) -> str:
        now = time.time()
        wait = imports.waiting.ImportWait(
            job_id,
            poll_interval=self.poll_interval,
            deadline=self._deadline(now),
            max_poll_failures=self.max_poll_failures,
            log=self.log,
        )
        event = self.hook.run_wait(wait, until=now + self.defer_after if self.deferrable else None)
        if event is None:
            self.defer(
                trigger=MilvusImportTrigger(
                    job_id=job_id,
                    milvus_conn_id=self.milvus_conn_id,
                    poll_interval=self.poll_interval,
                    deadline=wait.deadline,
                    max_poll_failures=self.max_poll_failures,
                    database=self.database,
                ),
                method_name="execute_complete",
            )
        return self.execute_complete(context, event)

    def _deadline(self, now: float) -> float | None:
        seconds = [self.timeout] if self.timeout is not None else []
        # Airflow 3 does not enforce execution_timeout while a task is deferred, and enforces it by itself otherwise.
        if self.deferrable and self.execution_timeout is not None:
            seconds.append(self.execution_timeout.total_seconds())
        return now + min(seconds) if seconds else None

    def execute_complete(self, context: Context, event: Event | None) -> str:
        """End the wait: push the final figures and return the job's id, or fail with what went wrong."""
        for line in imports.waiting.report(event or {}):
            self.log.error(line)
        if event and event.get("imports"):
            context["ti"].xcom_push(key="import_progress", value=event["imports"][0])
        if error := error_of(event):
            raise error
        assert event is not None  # else it was an error
        self.log.info("%s", event["message"])
        return str(event["job_id"])
