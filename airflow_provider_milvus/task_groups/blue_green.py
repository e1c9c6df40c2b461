"""Blue/green: import into a new collection while readers use the old one, then move them in one step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import TaskGroup, chain

from airflow_provider_milvus.operators.collection import MilvusLoadCollectionOperator
from airflow_provider_milvus.operators.files import MilvusPlanImportsOperator
from airflow_provider_milvus.operators.index import MilvusCreateIndexOperator
from airflow_provider_milvus.operators.recall import MilvusRecallCheckOperator
from airflow_provider_milvus.operators.two_phase import FOOTERS
from airflow_provider_milvus.task_groups.version_tasks import (
    CheckVersion,
    CreateVersion,
    DropOldVersions,
    ImportVersion,
    SwapVersion,
)

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_milvus.operators.approval import Approval

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
    recall: Mapping[str, Any] | None = None,
    approval: bool | Approval = False,
    milvus_conn_id: str | None = None,
    database: str | None = None,
    deferrable: bool | None = None,
    group_id: str = "blue_green_import",
    default_args: dict[str, Any] | None = None,
    **import_parameters: Any,
) -> TaskGroup:
    """Import files into a new version of a collection, and move an alias to it once it is complete.

    The tasks create ``<alias>_<time of the run>_<digest of its id>``, import, compare the rows with what the files
    hold, build the indexes, load, count again, measure the recall, request a person's approval (both optional), move
    the alias in one step of the server, and drop old versions. ``<alias>_previous`` points to the version before.
    Readers of the alias see the old rows or the new ones, never both and never none. Whatever fails leaves the alias
    where it was; a retry goes on where the try before it stopped. A run that is cleared as a whole makes another
    version.

    Give the DAG ``max_active_runs=1``: of two runs at a time, the one that ends last would serve.

    :param alias: the name that readers use. It must not be the name of a collection. (templated)
    :param schema: of the collection, as in
        :class:`~airflow_provider_milvus.operators.collection.MilvusCreateCollectionOperator`. (templated)
    :param index_params: as in :class:`~airflow_provider_milvus.operators.index.MilvusCreateIndexOperator`. (templated)
    :param files: as in :class:`~airflow_provider_milvus.operators.bulk_import.MilvusBulkImportOperator`. (templated)
    :param files_from: instead of ``files``: a URL with a pattern, as in
        :class:`~airflow_provider_milvus.operators.files.MilvusPlanImportsOperator`; any number of files. (templated)
    :param files_root: of ``files_from``: the bucket's root for Milvus. (templated)
    :param expected_rows: how many rows the files hold: a number, ``"footers"`` to read it from the Parquet files of
        ``files_from``, or ``None`` to compare with what the import jobs report. (templated)
    :param keep: how many versions are kept, the one that serves among them; at least 2. They stay loaded.
    :param recall: measure before the switch what golden queries find, with these parameters of
        :class:`~airflow_provider_milvus.operators.recall.MilvusRecallCheckOperator`, such as
        ``{"keys": [1, 7, 13], "min_recall": 0.95, "min_overlap": 0.8}``.
    :param approval: whether a person decides about the switch, on Airflow 3.1 and later: ``True``, or an
        :class:`~airflow_provider_milvus.operators.approval.Approval`.
    :param milvus_conn_id: a connection of the type ``milvus``; ``None`` for that of ``default_args``, or
        ``milvus_default``. (templated)
    :param database: instead of the connection's database. (templated)
    :param deferrable: whether to wait in the triggerer, holding no worker slot; ``None`` for the value of
        ``default_args``, or of Airflow's configuration.
    :param group_id: of the task group.
    :param default_args: of its tasks, such as ``retries``; those of the DAG apply as well.
    :param import_parameters: further parameters of the import, such as ``options`` and ``timeout``; on Zilliz Cloud
        ``object_urls`` and ``storage_conn_id``, or ``volume_name`` and ``data_paths``, instead of files.
    :raises ValueError: for bad parameters, when the DAG is parsed.
    """
    _check_parameters(files, files_from, files_root, expected_rows, keep, import_parameters)
    # What is not given is taken from default_args.
    server = _given(milvus_conn_id=milvus_conn_id, database=database)
    waits = {**server, **_given(deferrable=deferrable)}
    with TaskGroup(group_id, default_args=default_args or {}) as group:  # type: ignore[arg-type]
        # Later tasks need what these push, whatever default_args are.
        create = CreateVersion(task_id="create_version", alias=alias, schema=schema, do_xcom_push=True, **server)
        version: dict[str, Any] = {"collection_name": create.output}
        importing = {**version, **waits, "alias": alias, "do_xcom_push": True, **import_parameters}
        load_files: Any
        planned: Any = None
        if files_from is None:
            load_files = ImportVersion(task_id="import_files", files=files, **importing)
        else:
            plan: Any = MilvusPlanImportsOperator(
                task_id="plan_imports",
                files_from=files_from,
                files_root=files_root,
                count_rows=expected_rows == FOOTERS,
                do_xcom_push=True,
            )
            load_files = ImportVersion.partial(task_id="import_files", **importing).expand(files=plan.output)
            if expected_rows == FOOTERS:
                expected_rows = plan.output["rows"]
            elif expected_rows is None:
                planned = plan.output
        rows: dict[str, Any] = {**server, **version, "planned": planned}
        rows["expected_rows"] = load_files.output["import_progress"] if expected_rows is None else expected_rows
        check: Any = None
        if recall is not None:
            check = MilvusRecallCheckOperator(
                task_id="check_recall", **{"compare_with": alias, **recall}, do_xcom_push=True, **version, **server
            )
        swap: dict[str, Any] = {**version, **server, "approval": approval, "recall": check and check.output}
        chain(
            load_files,
            CheckVersion(task_id="check_rows", by_statistics=True, **rows),
            MilvusCreateIndexOperator(task_id="build_index", index_params=index_params, **version, **waits),
            MilvusLoadCollectionOperator(task_id="load", **version, **waits),
            CheckVersion(task_id="check_loaded_rows", **rows),
            *([check] if check else []),
            SwapVersion(task_id="swap_alias", alias=alias, **swap),
            DropOldVersions(task_id="drop_old_versions", alias=alias, keep=keep, **server),
        )
    return group


def _check_parameters(
    files: Any, files_from: Any, files_root: Any, expected_rows: Any, keep: Any, import_parameters: Mapping[str, Any]
) -> None:
    """Refuse bad parameters as the DAG is parsed.

    :raises ValueError: naming the parameter, the value and the remedy.
    """
    if not isinstance(keep, int) or isinstance(keep, bool) or keep < MIN_KEEP:
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
    if not import_parameters.get("commit", True):
        raise ValueError("commit=False would leave the version without rows; leave it out, the group commits into it")
    if "collection_name" in import_parameters:
        raise ValueError("collection_name is the version that this group creates; leave it out, and give an alias")
    if not import_parameters.get("wait_for_completion", True):
        raise ValueError("wait_for_completion=False would move the readers before the import has ended; leave it out")
    if import_parameters.get("asset_outlet"):
        raise ValueError(
            "asset_outlet=True would update the asset of a version before readers use it; leave it out, and let a task "
            "after the group have an asset of the alias as its outlet"
        )
    if not import_parameters.get("do_xcom_push", True) and expected_rows is None:
        raise ValueError(
            "do_xcom_push=False leaves nothing to compare the rows with; leave it out, or give expected_rows"
        )


def _given(**parameters: Any) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}
