"""Blue/green: import into a new collection while readers use the old one, then move them over in one step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import TaskGroup, chain

from airflow_provider_milvus import airflow_compat, versions, waiting
from airflow_provider_milvus.exceptions import MilvusCollectionExists, MilvusRowCountWrong, MilvusVersionServes
from airflow_provider_milvus.operators.alias import MilvusSwapAliasOperator
from airflow_provider_milvus.operators.base import MilvusOperator
from airflow_provider_milvus.operators.bulk_import import FOOTERS, MilvusBulkImportOperator
from airflow_provider_milvus.operators.collection import (
    MilvusCreateCollectionOperator,
    MilvusLoadCollectionOperator,
    MilvusRowCountCheckOperator,
)
from airflow_provider_milvus.operators.files import MilvusPlanImportsOperator
from airflow_provider_milvus.operators.index import MilvusCreateIndexOperator

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
    milvus_conn_id: str | None = None,
    database: str | None = None,
    deferrable: bool | None = None,
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
        :class:`~airflow_provider_milvus.operators.files.MilvusPlanImportsOperator`; any number of files. (templated)
    :param files_root: of ``files_from``: the bucket's root for Milvus. (templated)
    :param expected_rows: how many rows the files hold: a number, ``"footers"`` to read it from the Parquet files of
        ``files_from``, or ``None`` to believe what Milvus says that it imported. (templated)
    :param keep: how many versions are kept, the one that serves among them; at least 2. They stay loaded.
    :param milvus_conn_id: a connection of the type ``milvus``; ``None`` for that of ``default_args``, or
        ``milvus_default``. (templated)
    :param database: instead of the connection's database. (templated)
    :param deferrable: whether to wait in the triggerer, holding no worker slot; ``None`` for what ``default_args`` say,
        or Airflow's configuration.
    :param group_id: of the task group.
    :param default_args: of its tasks, such as ``retries``; those of the DAG hold as well.
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
    if import_parameters.get("asset_outlet"):
        raise ValueError(
            "asset_outlet=True would tell of a version before readers use it; leave it out, and let a task after the "
            "group have an asset of the alias as its outlet"
        )
    # What is not given is left to default_args.
    server = _given(milvus_conn_id=milvus_conn_id, database=database)
    waits = {**server, **_given(deferrable=deferrable)}
    with TaskGroup(group_id, default_args=default_args or {}) as group:  # type: ignore[arg-type]
        create = _CreateVersion(task_id="create_version", collection_name=alias, schema=schema, **server)
        version: dict[str, Any] = {"collection_name": create.output}
        loading = {**version, **waits, "alias": alias, **import_parameters}
        load_files: Any
        planned: Any = None
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
            elif expected_rows is None:
                planned = plan.output
        rows: dict[str, Any] = {**server, **version, "planned": planned}
        rows["expected_rows"] = load_files.output["import_progress"] if expected_rows is None else expected_rows
        chain(
            load_files,
            _CheckVersion(task_id="check_rows", by_statistics=True, **rows),
            MilvusCreateIndexOperator(task_id="build_index", index_params=index_params, **version, **waits),
            MilvusLoadCollectionOperator(task_id="load", **version, **waits),
            _CheckVersion(task_id="check_loaded_rows", **rows),
            MilvusSwapAliasOperator(task_id="swap_alias", alias=alias, **version, **server),
            _DropOldVersions(task_id="drop_old_versions", alias=alias, keep=keep, **server),
        )
    return group


def _given(**parameters: Any) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}


class _CreateVersion(MilvusCreateCollectionOperator):
    """Create a collection named after the alias and the run; ``collection_name`` is the alias."""

    def execute(self, context: Context) -> str:
        alias = self.collection_name
        if self.hook.describe_alias(alias) is None and self.hook.has_collection(alias):
            raise MilvusCollectionExists(
                f"{alias!r} is the name of a collection, so it cannot be an alias; give another alias, or rename the "
                f"collection"
            )
        run = context["dag_run"]
        # Airflow 2 has no run_after; Airflow 3 has no logical date for every run.
        when: Any = getattr(run, "run_after", None) or run.logical_date
        dag_id, _, run_id, _, *iteration = airflow_compat.identity(context["ti"])
        load_number = airflow_compat.load_of_try(context, self).number
        self.collection_name = versions.version_name(alias, when, "/".join((dag_id, run_id, *iteration)), load_number)
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


class _CheckVersion(MilvusRowCountCheckOperator):
    """Compare the rows with what the imports say, if each that was planned says something."""

    template_fields: Sequence[str] = (*MilvusRowCountCheckOperator.template_fields, "planned")

    def __init__(self, *, planned: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.planned = planned

    def execute(self, context: Context) -> int:
        if self.planned is not None:
            figures = airflow_compat.evaluated(self.expected_rows)
            planned, told = len(airflow_compat.evaluated(self.planned)), len(waiting.job_ids.flat(figures))
            if told != planned:
                raise MilvusRowCountWrong(
                    f"{planned} imports were planned, and {told} of them say what they loaded: one that was marked as "
                    f"succeeded does not. Give expected_rows, or clear create_version to import all files anew"
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
        names = versions.versions(self.alias, self.hook.list_collections())
        older = [self._version(name) for name in names if name < serving]
        dropped = versions.outdated(older, self.keep - 1)
        for name in dropped:
            self.hook.drop_collection(name)
        self.log.info("%s serves; dropped: %s", serving, ", ".join(dropped) or "none")
        return dropped

    def _version(self, name: str) -> versions.Version:
        has_alias = bool(self.hook.describe_collection(name).get("aliases"))
        return versions.Version(name, self.hook.get_load_state(name).loaded, has_alias)
