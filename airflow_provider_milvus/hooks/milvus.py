"""The hooks: Milvus's REST calls as methods, for workers and for the triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import AirflowException, AirflowNotFoundException, BaseHook

from airflow_provider_milvus import airflow_compat, metrics, rest, waiting
from airflow_provider_milvus.client.diagnosis import diagnosis
from airflow_provider_milvus.client.job_pages import JobPages
from airflow_provider_milvus.exceptions import error_of
from airflow_provider_milvus.hooks.collection_calls import CollectionCalls
from airflow_provider_milvus.waiting import backoff

if TYPE_CHECKING:
    import requests

    from airflow_provider_milvus.client.settings import ClientSettings
    from airflow_provider_milvus.client.transport import RequestsTransport
    from airflow_provider_milvus.rest.envelope import Request
    from airflow_provider_milvus.rest.import_jobs import ImportJob, ImportProgress, ImportSource
    from airflow_provider_milvus.waiting.event import Event
    from airflow_provider_milvus.waiting.import_wait import ImportWait

T = TypeVar("T")

# The last poll before a deadline gets so much time for its response.
MIN_REQUEST_SECONDS = 1.0


class MilvusHook(CollectionCalls, BaseHook):
    """Talk to Milvus's REST API from a worker.

    Methods are named as pymilvus names them. Each sends one request over a kept-alive session and returns a plain
    value. A request that is safe to repeat is retried after a transient error, with capped exponential back-off and
    jitter; starting an import is retried only where the server certainly did not get it.

    https://milvus.io/api-reference/restful/v2.6.x/About.md

    :param milvus_conn_id: a connection of the type ``milvus``.
    :param database: instead of the connection's database.
    """

    conn_name_attr = "milvus_conn_id"
    default_conn_name = "milvus_default"
    conn_type = "milvus"
    hook_name = "Milvus"

    def __init__(self, milvus_conn_id: str = default_conn_name, database: str | None = None) -> None:
        super().__init__()
        self.milvus_conn_id = milvus_conn_id
        self.database = database

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The form's extra fields, for Airflow before 3.2; newer ones read them from the provider's description."""
        from airflow_provider_milvus.client.form import widgets

        return widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """The form's standard fields, for Airflow before 3.2."""
        from airflow_provider_milvus.client.form import hook_field_behaviour

        return hook_field_behaviour()

    @cached_property
    def settings(self) -> ClientSettings:
        """The connection, read once.

        :raises ValueError: naming the field of the connection that is wrong.
        """
        from airflow_provider_milvus.client.settings import ClientSettings

        return ClientSettings.from_connection(self.get_connection(self.milvus_conn_id), self.database)

    @cached_property
    def _transport(self) -> RequestsTransport:
        from airflow_provider_milvus.client.transport import RequestsTransport

        return RequestsTransport(self.settings)

    def get_conn(self) -> requests.Session:
        """The session, with authentication, database, certificates and proxies set."""
        return self._transport.session

    def call(self, request: Request[T], *, retries: int | None = None, timeout: float | None = None) -> T:
        """Send any request of :mod:`airflow_provider_milvus.rest`.

        :param retries: how often to retry it after a transient error, instead of the connection's number.
        :param timeout: seconds for all of its attempts together; without it, each may take the connection's.
        :raises MilvusError: where there is no response, or the response is an error.
        """
        settings = self.settings
        retries = settings.retries if retries is None else retries
        if timeout is None:
            return self._transport.call(request, retries, settings.timeout)
        return self._transport.call(request, retries, timeout, total_timeout=timeout)

    # -- import jobs ---------------------------------------------------------------------------------------------

    def bulk_import(
        self,
        collection_name: str,
        files: Sequence[str | Sequence[str]] | None = None,
        *,
        object_urls: Sequence[str | Sequence[str]] | None = None,
        volume_name: str | None = None,
        data_paths: Sequence[str | Sequence[str]] | None = None,
        partition_name: str | None = None,
        options: Mapping[str, str] | None = None,
        storage_conn_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Start an import job and return its id. Milvus loads the rows again whenever it is called again.

        :param collection_name: an existing collection.
        :param files: keys in the bucket of a self-hosted Milvus; an entry is one file, or a list of ``.npy`` files.
        :param object_urls: Zilliz Cloud: URLs of files or folders.
        :param volume_name: Zilliz Cloud: a volume, with ``data_paths`` in it.
        :param partition_name: an existing partition.
        :param options: import options, each a string, a number or a boolean (sent as text): ``timeout`` ("90m"),
            ``sep``, ``nullkey``, ….
        :param storage_conn_id: Zilliz Cloud: a connection whose login and password are the object storage's access
            key and secret key; its extra may have a ``token``.
        :param idempotency_key: with the same key, Milvus from 2.6.24 and 3.0.2 on returns the same id and loads nothing
            again, for about a day; older servers ignore it.
        :raises ValueError: for bad parameters, before anything is sent.
        """
        source = rest.import_jobs.ImportSource(
            files=files, object_urls=object_urls, volume_name=volume_name, data_paths=data_paths
        )
        self.check_source(source, storage_conn_id)
        request = rest.import_jobs.create(
            collection_name,
            source,
            partition_name=partition_name,
            options=options,
            storage=self.storage_fields(storage_conn_id),
            idempotency_key=idempotency_key,
        )
        return self.call(request)

    def get_import_progress(self, job_id: str) -> ImportProgress:
        """Report an import job.

        :raises MilvusImportJobNotFound: where the server has no record of it.
        """
        return self.call(rest.import_jobs.describe(job_id))

    def list_import_jobs(self, collection_name: str | None = None, *, retries: int | None = None) -> list[ImportJob]:
        """The import jobs that the server still has a record of, oldest first by their ids.

        :param retries: as in :meth:`call`, for each page.
        """
        records = self.list_import_records(collection_name, retries=retries)
        return [rest.import_jobs.parse_job(records[job_id]) for job_id in sorted(records, key=_age)]

    def list_import_job_ids(self, collection_name: str | None = None, *, retries: int | None = None) -> list[str]:
        """The ids of :meth:`list_import_jobs` alone, in their order, for a third of its CPU."""
        return sorted(self.list_import_records(collection_name, retries=retries), key=_age)

    def list_import_records(
        self, collection_name: str | None = None, *, retries: int | None = None
    ) -> Mapping[str, Mapping[str, Any]]:
        """The records of the server's list of import jobs as they are, by job id."""
        pages = JobPages(collection_name, self.settings)
        while request := pages.next():
            pages.take(self.call(request, retries=retries))
        return pages.records

    def commit_import(self, job_id: str) -> None:
        """Make the rows of an uncommitted two-phase job visible (Milvus 3)."""
        self.call(rest.import_jobs.commit(job_id))

    def abort_import(self, job_id: str) -> None:
        """Discard a two-phase job before its commit (Milvus 3)."""
        self.call(rest.import_jobs.abort(job_id))

    def wait_for_import(
        self,
        job_id: str | Sequence[str],
        *,
        poll_interval: float = backoff.DEFAULT_POLL_INTERVAL,
        timeout: float | None = None,
        max_poll_failures: int = backoff.DEFAULT_MAX_POLL_FAILURES,
    ) -> ImportProgress | list[ImportProgress]:
        """Wait, in this process, until an import job or several are ``Completed``. For use inside a ``@task``.

        :param job_id: one id, or a list of ids. An empty list, such as the output of a task that was mapped over
            nothing, is waited for no longer.
        :param poll_interval: the longest time between two polls, in seconds.
        :param timeout: seconds after which to give up; the job goes on. ``None`` waits for ever.
        :param max_poll_failures: failed polls in a row after which to give up.
        :return: the progress of the one job, or those of the list in its order.
        :raises MilvusImportFailed: and others of :mod:`airflow_provider_milvus.exceptions`.
        """
        backoff.check_wait(poll_interval=poll_interval, max_poll_failures=max_poll_failures, timeout=timeout)
        job_ids = airflow_compat.evaluated(job_id)
        if isinstance(job_ids, list) and not waiting.job_ids.flat(job_ids):
            self.log.info("job_id is an empty list: there is no import job to wait for")
            return []
        wait = waiting.import_wait.ImportWait(
            job_ids,
            poll_interval=poll_interval,
            deadline=None if timeout is None else time.time() + timeout,
            max_poll_failures=max_poll_failures,
            log=self.log,
        )
        event = self.run_wait(wait)
        metrics.record_end(event, {"milvus_conn_id": self.milvus_conn_id})
        if error := error_of(event):
            raise error
        return wait.progress if isinstance(wait.job_ids, list) else wait.progress[0]

    def run_wait(
        self,
        wait: ImportWait,
        *,
        until: float | None = None,
        kind: str = "import",
        on_progress: Callable[[ImportProgress], None] | None = None,
    ) -> Event | None:
        """Poll with this hook's connection; see :func:`airflow_provider_milvus.waiting.import_wait.wait_for`.

        :param kind: of the jobs, see :mod:`airflow_provider_milvus.rest.job_kinds`.
        :param on_progress: is called with each response.
        """

        # The wait has a back-off of its own, which its deadline bounds; the transport's would run past it.
        def describe(job_id: str) -> ImportProgress:
            timeout = min(self.settings.timeout, max(wait.remaining, MIN_REQUEST_SECONDS))
            progress = self.call(request(job_id), retries=0, timeout=timeout)
            if on_progress is not None:
                on_progress(progress)
            return progress

        request = rest.job_kinds.JOB_KINDS[kind].describe
        return waiting.import_wait.wait_for(wait, metrics.counted(describe, self.milvus_conn_id), until=until)

    def check_source(self, source: ImportSource, storage_conn_id: str | None = None) -> None:
        """Check that the connection's server can import from there.

        :raises ValueError: naming the parameter and the remedy.
        """
        cloud = self.settings.on_zilliz_cloud
        if cloud and source.files is not None:
            raise ValueError(
                f"files are keys in the bucket of a self-hosted Milvus, and {self.milvus_conn_id!r} is a connection to "
                f"Zilliz Cloud: give object_urls, or volume_name and data_paths"
            )
        if not cloud and source.files is None:
            raise ValueError(
                f"object_urls and volume_name are for Zilliz Cloud, and {self.milvus_conn_id!r} is no connection to "
                f"it: give files, or the connection a cluster_id (or a project_id and a region_id)"
            )
        if storage_conn_id is not None and source.object_urls is None:
            raise ValueError(f"storage_conn_id={storage_conn_id!r} goes with object_urls, which are not given")

    def storage_fields(self, storage_conn_id: str | None) -> dict[str, str]:
        """Zilliz Cloud: the keys of the object storage as fields of a create request.

        They are secrets: from now on this hook redacts them in all that the server sends, and Airflow masks them.

        :raises ValueError: where the connection has no keys, or keys that cannot be right; it quotes none.
        """
        if storage_conn_id is None:
            return {}
        from airflow_provider_milvus.client.storage_keys import storage_keys

        found = storage_keys(self.get_connection(storage_conn_id), storage_conn_id)
        self._transport.add_secrets(found.values())
        return found

    # -- the connection ------------------------------------------------------------------------------------------

    def test_connection(self) -> tuple[bool, str]:
        """Whether the connection works, and what is wrong where it does not."""
        try:
            settings = self.settings
            self.get_conn()  # reads proxies and certificates from the environment
        except (ValueError, AirflowNotFoundException) as error:
            return False, str(error)
        url = settings.base_url
        try:
            names = self.call(rest.collections.list_collections(), retries=0)
            message = f"Connected to {url}; database {settings.database!r} has {len(names)} collections"
            if settings.on_zilliz_cloud:
                url = settings.import_url
                self.call(rest.import_jobs.list_jobs(page=1, page_size=1), retries=0)
                message += f"; import jobs go to {url} for {settings.cluster_id or settings.project_id}"
        except rest.errors.MilvusError as error:
            return False, diagnosis(url, settings.database, error)
        return True, message


def _age(job_id: str) -> tuple[int, str]:
    return len(job_id), job_id


class MilvusAsyncHook:
    """Talk to Milvus's REST API from the triggerer, over one keep-alive ``httpx`` client.

    Use it as an async context manager. Requests are not repeated: what waits on an event loop has its own back-off.

    :param milvus_conn_id: a connection of the type ``milvus``.
    :param database: instead of the connection's database.
    :param storage_conn_id: Zilliz Cloud: the connection whose keys an import was created with, which are redacted in
        all that the server sends.
    :param job_kind: of the jobs whose progress is requested, see :mod:`airflow_provider_milvus.rest.job_kinds`.
    """

    def __init__(
        self,
        milvus_conn_id: str,
        database: str | None = None,
        storage_conn_id: str | None = None,
        job_kind: str = "import",
    ) -> None:
        self.milvus_conn_id = milvus_conn_id
        self.database = database
        self.storage_conn_id = storage_conn_id
        self.job_kind = job_kind

    async def __aenter__(self) -> MilvusAsyncHook:
        from airflow_provider_milvus.client.transport import HttpxTransport

        self.settings: ClientSettings = await _settings(self.milvus_conn_id, self.database)
        # Reading CA bundles blocks for tens of milliseconds, too long for a loop that serves a thousand triggers.
        self._transport = await asyncio.to_thread(HttpxTransport, self.settings)
        self._transport.mask()
        if self.storage_conn_id is not None:
            await self._redact_storage_keys(self.storage_conn_id)
        return self

    async def _redact_storage_keys(self, conn_id: str) -> None:
        from airflow_provider_milvus.client.storage_keys import storage_keys

        # A connection that was removed after the submit, or changed, ends no wait.
        with suppress(AirflowException, ValueError):
            self._transport.add_secrets(storage_keys(await _connection(conn_id), conn_id).values())

    async def __aexit__(self, *exc_info: object) -> None:
        await self._transport.client.aclose()

    async def get_import_progress(self, job_id: str) -> ImportProgress:
        """Report a job.

        :raises MilvusImportJobNotFound: where the server has no record of it.
        """
        return await self._transport.call(rest.job_kinds.JOB_KINDS[self.job_kind].describe(job_id))

    async def list_import_records(self, collection_name: str | None = None) -> Mapping[str, Mapping[str, Any]]:
        """The records of the server's list of jobs, by job id."""
        if self.job_kind != rest.job_kinds.IMPORT:
            return await self._transport.call(rest.job_kinds.JOB_KINDS[self.job_kind].list_jobs(collection_name))
        pages = JobPages(collection_name, self.settings)
        while request := pages.next():
            pages.take(await self._transport.call(request))
        return pages.records

    async def abort_import(self, job_id: str) -> None:
        """Discard a two-phase job before its commit (Milvus 3)."""
        await self._transport.call(rest.import_jobs.abort(job_id))

    async def call(self, request: Request[T]) -> T:
        """Send any request of :mod:`airflow_provider_milvus.rest` once.

        :raises MilvusError: where there is no response, or the response is an error.
        """
        return await self._transport.call(request)


async def _connection(conn_id: str) -> Any:
    from airflow.providers.common.compat.connection import get_async_connection
    from asgiref.sync import sync_to_async

    try:
        return await get_async_connection(conn_id)
    except AirflowNotFoundException:
        # `dag.test` of Airflow 3.1 to 3.3 hides the database's connections from the asynchronous way alone.
        return await sync_to_async(BaseHook.get_connection)(conn_id)


async def _settings(conn_id: str, database: str | None) -> ClientSettings:
    from airflow.providers.common.compat.connection import get_async_extra_dejson

    from airflow_provider_milvus.client.settings import ClientSettings

    connection = await _connection(conn_id)
    return ClientSettings.from_connection(connection, database, await get_async_extra_dejson(connection))
