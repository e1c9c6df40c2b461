"""Operators that import rows: they are written to files, staged, imported once, and the files removed."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_milvus import staging
from airflow_provider_milvus.exceptions import MilvusFilesRefused
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.operators.parameters import check_name
from airflow_provider_milvus.waiting.backoff import whole_number

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath

    from airflow_provider_milvus.operators.staging import TaskStaging
    from airflow_provider_milvus.staging.manifest import Manifest, StagedLoad

DEFAULT_FILE_SIZE = 256 * 2**20


class MilvusRowsImportOperator(MilvusBulkImportOperator):
    """Write the rows that :meth:`rows` makes to Parquet files that the collection takes, and import them once.

    The files lie in ``stage_to`` until the import has completed. If making the rows fails half-way, nothing is imported
    and nothing stays; once all are written, a retry imports the written files and makes no rows again. Columns that no
    field has go into the collection's dynamic field. Values are cast only where none is lost; a row with one that does
    not fit fails the task, and is named.

    :param collection_name: an existing collection. (templated)
    :param stage_to: the URL of a folder in the bucket that the Milvus server reads, such as
        ``s3://aws_default@bucket/staging``. (templated)
    :param files_root: the URL of what is the bucket's root for Milvus, where that is not the bucket of ``stage_to``;
        local files need it. (templated)
    :param file_size: of a written file, in bytes (256 MiB); the last one is smaller.
    :param kwargs: what :class:`~airflow_provider_milvus.operators.bulk_import.MilvusBulkImportOperator` takes.
    """

    def __init__(self, *, stage_to: str | ObjectStoragePath, file_size: int = DEFAULT_FILE_SIZE, **kwargs: Any) -> None:
        for name in ("files", "files_from", "object_urls", "volume_name", "data_paths", "stage_from", "cast"):
            if kwargs.get(name) is not None:
                raise ValueError(f"{name} is not for an operator that makes the rows itself: leave it out")
        self.file_size = whole_number("file_size", file_size, minimum=1)
        super().__init__(stage_to=stage_to, **kwargs)

    @property
    def stages(self) -> bool:
        return True

    @abstractmethod
    def rows(self, context: Context) -> Any:
        """The rows, as :func:`airflow_provider_milvus.staging.writer.batches_of` takes them."""

    def stage(self, task: TaskStaging, load: StagedLoad) -> Manifest:
        """Write the files of the load."""
        writer = staging.writer.RowsWriter(task.target, load, log=self.log, file_bytes=self.file_size)
        return writer.run(self.rows(task.context))


class SQLToMilvusOperator(MilvusRowsImportOperator):
    """Import the result of a query, read in batches.

    The column names of the result must be those of the collection's fields; name others in the query with ``AS``. The
    query runs in any database that Airflow has a ``DbApiHook`` for: Postgres, MySQL, Snowflake, Trino and so on. Arrays
    and texts such as pgvector's ``[1,2,3]`` become vectors.

    :param sql: the query. (templated, also from a ``.sql`` file)
    :param conn_id: the connection of the database. (templated)
    :param parameters: of the query, as the hook's ``run`` takes them. (templated)
    :param batch_rows: how many rows are read at a time (10,000).
    :param hook_params: for the hook's constructor.
    :param kwargs: what :class:`MilvusRowsImportOperator` takes.
    """

    template_fields: Sequence[str] = (*MilvusRowsImportOperator.template_fields, "sql", "conn_id", "parameters")
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers = {**MilvusRowsImportOperator.template_fields_renderers, "sql": "sql"}

    def __init__(
        self,
        *,
        sql: str,
        conn_id: str,
        parameters: Mapping[str, Any] | Sequence[Any] | None = None,
        batch_rows: int = 10_000,
        hook_params: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.batch_rows = whole_number("batch_rows", batch_rows, minimum=1)
        super().__init__(**kwargs)
        self.sql = sql
        self.conn_id = conn_id
        self.parameters = parameters
        self.hook_params = hook_params

    def check_templated(self) -> None:
        super().check_templated()
        if not isinstance(self.sql, str) or not self.sql.strip():
            raise ValueError(f"sql must be the text of a query, got {self.sql!r:.120}")
        check_name("conn_id", self.conn_id, what="a connection")

    def rows(self, context: Context) -> Iterator[list[dict[str, Any]]]:
        """The result in batches, each row with the names of its columns."""
        from contextlib import closing

        database: Any = BaseHook.get_connection(self.conn_id).get_hook(  # type: ignore[no-untyped-call]
            hook_params=dict(self.hook_params or {})
        )
        if not hasattr(database, "get_conn") or not hasattr(database, "run"):
            raise ValueError(f"conn_id={self.conn_id!r} is no connection of a database with a DbApiHook")
        with closing(database.get_conn()) as connection, closing(_cursor(connection, self.batch_rows)) as cursor:
            cursor.execute(self.sql, self.parameters) if self.parameters is not None else cursor.execute(self.sql)
            while batch := cursor.fetchmany(self.batch_rows):
                # A cursor on the server's side knows its columns once it has fetched.
                names = [column[0] for column in cursor.description]
                if twice := [name for name, number in Counter(names).items() if number > 1]:
                    raise MilvusFilesRefused(f"the query returns several columns {twice[0]!r}: name them with AS")
                yield [dict(zip(names, row, strict=True)) for row in batch]


def _cursor(connection: Any, batch_rows: int) -> Any:
    """A cursor that leaves the result on the server; the usual one of these drivers keeps all rows in the worker."""
    driver = type(connection).__module__.partition(".")[0]
    if driver in ("psycopg2", "psycopg"):
        cursor = connection.cursor("airflow_provider_milvus")
        cursor.itersize = batch_rows
        return cursor
    if driver in ("MySQLdb", "pymysql"):
        return connection.cursor(import_module(f"{driver}.cursors").SSCursor)
    return connection.cursor()
