"""Blue/green: import into a new collection while readers use the old one, then move them over in one step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import TaskGroup, chain, conf

from airflow_provider_milvus import imports
from airflow_provider_milvus.exceptions import MilvusCollectionExists, MilvusVersionServes
from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.operators.alias import MilvusSwapAliasOperator
from airflow_provider_milvus.operators.bulk_import import FOOTERS, MilvusBulkImportOperator
from airflow_provider_milvus.operators.collection import (
    MilvusCreateCollectionOperator,
    MilvusLoadCollectionOperator,
    MilvusRowCountCheckOperator,
)
from airflow_provider_milvus.operators.index import MilvusCreateIndexOperator
from airflow_provider_milvus.operators.plan import MilvusPlanImportsOperator
from airflow_provider_milvus.operators.readiness import MilvusOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath

# The version that serves, and the one before: readers may still be at work in it, and the alias can go back to it.
MIN_KEEP = 2


def milvus_blue_green_import(
    *,
    alias: str,
    schema: Mapping[str, Any] | str,
    index_params: Sequence[Mapping[str, Any]],
    files: Any = None,
    files_from: str | ObjectStoragePath | None = None,
    files_root: str | ObjectStoragePath | None = None,
    expected_rows: int | str | None = None,
    keep: int = 2,
    milvus_conn_id: str = MilvusHook.default_conn_name,
    database: str | None = None,
    deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
    group_id: str = "blue_green_import",
    default_args: dict[str, Any] | None = None,
    **import_parameters: Any,
) -> TaskGroup:
    """Import files into a new version of a collection, and let an alias lead to it once it is complete.

    The tasks create ``<alias>_<time of the run>_<digest of its id>``, import, compare the rows with what the files
    hold, build the indexes, load, count again, move the alias in one step of the server, and drop old versions. Readers
    of the alias see the old rows or the new ones, never both and never none. Whatever fails leaves the alias where it
    was; a retry goes on where the try before it stopped. A run that is cleared as a whole makes another version.

    Let the DAG have ``max_active_runs=1``: of two runs at a time, the one that ends last would serve.

    :param alias: the name that readers use. It must not be the name of a collection. (templated)
    :param schema: of the collection, as in
        :class:`~airflow_provider_milvus.operators.collection.MilvusCreateCollectionOperator`. (templated)
    :param index_params: as in :class:`~airflow_provider_milvus.operators.index.MilvusCreateIndexOperator`. (templated)
    :param files: as in :class:`~airflow_provider_milvus.operators.bulk_import.MilvusBulkImportOperator`. (templated)
    :param files_from: instead of ``files``: a URL with a pattern, as in
        :class:`~airflow_provider_milvus.operators.plan.MilvusPlanImportsOperator`; any number of files. (templated)
    :param files_root: of ``files_from``: the bucket's root for Milvus. (templated)
    :param expected_rows: how many rows the files hold: a number, ``"footers"`` to read it from the Parquet files of
        ``files_from``, or ``None`` to believe what Milvus says that it imported. (templated)
    :param keep: how many versions are kept, the one that serves among them; at least 2. They stay loaded.
    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    :param deferrable: whether to wait in the triggerer, holding no worker slot.
    :param group_id: of the task group.
    :param default_args: of its tasks, such as ``retries``.
    :param import_parameters: further parameters of the import, such as ``options`` and ``timeout``; on Zilliz Cloud
        ``object_urls`` and ``storage_conn_id``, or ``volume_name`` and ``data_paths``, instead of files.
    :raises ValueError: for bad parameters, when the DAG is parsed.
    """
    if not isinstance(keep, int) or keep < MIN_KEEP:
        raise ValueError(
            f"keep must be a whole number from {MIN_KEEP} up, got {keep!r}: readers may still be at work in the "
            f"version before the one that serves"
        )
    sources = {"files": files, "files_from": files_from}
    sources |= {name: import_parameters.get(name) for name in ("object_urls", "data_paths")}
    given = [name for name, source in sources.items() if source is not None]
    if len(given) != 1:
        raise ValueError(f"give exactly one of {', '.join(sources)}; got {', '.join(given) or 'none'}")
    if files_from is None and (files_root is not None or expected_rows == FOOTERS):
        raise ValueError("files_root and expected_rows='footers' go with files_from, which is not given")
    if "collection_name" in import_parameters:
        raise ValueError("collection_name is the version that this group creates; leave it out, and give an alias")
    if not import_parameters.get("wait_for_completion", True):
        raise ValueError("wait_for_completion=False would move the readers before the import has ended; leave it out")
    server: dict[str, Any] = {"milvus_conn_id": milvus_conn_id, "database": database}
    waiting = {**server, "deferrable": deferrable}
    with TaskGroup(group_id, default_args=default_args or {}) as group:  # type: ignore[arg-type]
        create = _CreateVersion(task_id="create_version", collection_name=alias, schema=schema, **server)
        version: dict[str, Any] = {"collection_name": create.output}
        loading = {**version, **waiting, "alias": alias, **import_parameters}
        load_files: Any
        if files_from is None:
            load_files = _ImportVersion(task_id="import_files", files=files, **loading)
        else:
            plan: Any = MilvusPlanImportsOperator(
                task_id="plan_imports",
                files_from=files_from,
                files_root=files_root,
                count_rows=expected_rows == FOOTERS,
            )
            load_files = _ImportVersion.partial(task_id="import_files", **loading).expand(files=plan.output)
            if expected_rows == FOOTERS:
                expected_rows = plan.output["rows"]
        rows: dict[str, Any] = {**server, **version}
        rows["expected_rows"] = load_files.output["import_progress"] if expected_rows is None else expected_rows
        chain(
            load_files,
            MilvusRowCountCheckOperator(task_id="check_rows", by_statistics=True, **rows),
            MilvusCreateIndexOperator(task_id="build_index", index_params=index_params, **version, **waiting),
            MilvusLoadCollectionOperator(task_id="load", **version, **waiting),
            MilvusRowCountCheckOperator(task_id="check_loaded_rows", **rows),
            MilvusSwapAliasOperator(task_id="swap_alias", alias=alias, **version, **server),
            _DropOldVersions(task_id="drop_old_versions", alias=alias, keep=keep, **server),
        )
    return group


class _CreateVersion(MilvusCreateCollectionOperator):
    """Create a collection named after the alias and the run; ``collection_name`` is the alias."""

    def execute(self, context: Context) -> str:
        alias = self.collection_name
        if self.hook.describe_alias(alias) is None and self.hook.has_collection(alias):
            raise MilvusCollectionExists(
                f"{alias!r} is the name of a collection, so it cannot be an alias; give another alias, or rename the "
                f"collection"
            )
        ti, run = context["ti"], context["dag_run"]
        # Airflow 2 has no run_after; Airflow 3 has no logical date for every run.
        when: Any = getattr(run, "run_after", None) or run.logical_date
        # As in the import operator, this is 0 at first and grows with every clear.
        cycle = max(ti.max_tries - (self.retries or 0), 0)
        self.collection_name = imports.versions.version_name(alias, when, f"{ti.dag_id}/{ti.run_id}", cycle)
        return super().execute(context)


class _ImportVersion(MilvusBulkImportOperator):
    """Import, but never into the version that readers use."""

    template_fields: Sequence[str] = (*MilvusBulkImportOperator.template_fields, "alias")

    def __init__(self, *, alias: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alias = alias

    def execute(self, context: Context) -> str | list[str]:
        if self.hook.describe_alias(self.alias) == self.collection_name:
            raise MilvusVersionServes(
                f"readers of {self.alias!r} use {self.collection_name!r}, and would see its rows twice. Clear "
                f"create_version as well, so that the files are imported into a new version"
            )
        return super().execute(context)


class _DropOldVersions(MilvusOperator):
    """Drop the versions before the one that serves, but for the newest; return their names."""

    template_fields: Sequence[str] = (*MilvusOperator.template_fields, "alias")

    def __init__(self, *, alias: str, keep: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alias = alias
        self.keep = keep

    def execute(self, context: Context) -> list[str]:
        serving = self.hook.describe_alias(self.alias) or ""
        names = imports.versions.versions(self.alias, self.hook.list_collections())
        older = [self._version(name) for name in names if name < serving]
        dropped = imports.versions.outdated(older, self.keep - 1)
        for name in dropped:
            self.hook.drop_collection(name)
        self.log.info("%s serves; dropped: %s", serving, ", ".join(dropped) or "none")
        return dropped

    def _version(self, name: str) -> imports.versions.Version:
        has_alias = bool(self.hook.describe_collection(name).get("aliases"))
        return imports.versions.Version(name, self.hook.get_load_state(name).loaded, has_alias)
