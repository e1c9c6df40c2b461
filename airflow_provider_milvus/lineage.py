"""The lineage of imports as OpenLineage has it: the files that were read, the collection that they went into.

Airflow's OpenLineage provider calls what is here, so nothing is imported without it. A collection is the dataset
``milvus://host:port``, ``database.collection``, for tasks and for assets alike.

https://airflow.apache.org/docs/apache-airflow-providers-openlineage/stable/guides/developer.html
https://openlineage.io/docs/spec/naming
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_milvus import assets, rest
from airflow_provider_milvus.rest.errors import MilvusError
from airflow_provider_milvus.rest.import_jobs import ImportProgress, ImportState
from airflow_provider_milvus.waiting.event import EMPTY_IMPORT
from airflow_provider_milvus.waiting.job_ids import flat

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Asset
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_milvus.hooks.milvus import MilvusHook

# OpenLineage gives a task some seconds in all; a server that does not respond must not use them up.
REQUEST_TIMEOUT_SECONDS = 5.0
MAX_JOBS = 20
MAX_INPUTS = 1_000
MAX_FAILED_FILES = 50
_AMAZON = r"s3[.-][\w.-]*amazonaws\.com(\.cn)?"
_STORAGE_HOSTS = {
    re.compile(rf"(?P<bucket>.+)\.{_AMAZON}"): "s3",
    re.compile(_AMAZON): "s3",
    re.compile(r"storage\.(googleapis|cloud\.google)\.com"): "gs",
}
_AZURE_HOST = re.compile(r"[^.]+\.(blob|dfs)\.core\.\w+\.\w+")
_SAME_SCHEME = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}
Name = tuple[str, str]


class ImportLineage:
    """A task with import jobs, whose lineage OpenLineage can extract.

    A subclass has ``hook``, ``import_job_ids`` and ``import_results``.
    """

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage | None:
        """Inputs, output and facets, after a success and after a failure."""
        return task_lineage(self) if self.import_job_ids else None  # type: ignore[attr-defined]


def task_lineage(task: Any) -> OperatorLineage:
    """The datasets and facets of a task's import jobs, as far as they can be found out quickly."""
    from airflow.providers.common.compat.openlineage import facet
    from airflow.providers.openlineage.extractors import OperatorLineage

    jobs = _jobs(task)
    namespace, _ = dataset_name(assets.asset_of(task.hook.settings, "_").uri)
    query = facet.ExternalQueryRunFacet(externalQueryId=jobs[0].job_id, source=namespace)
    return OperatorLineage(
        inputs=[_input(name, file) for name, file in _inputs(task, jobs, namespace).items()],
        outputs=_outputs(task, jobs),
        run_facets={"externalQuery": query, "milvus_imports": _jobs_facet()(jobs=[_job(job) for job in jobs])},
    )


def to_openlineage(asset: Asset, lineage_context: Any) -> Any:
    """The dataset of an asset ``milvus://host:port/database/collection``; the provider's description names this."""
    from airflow.providers.common.compat.openlineage import facet

    namespace, name = dataset_name(asset.uri)
    return facet.Dataset(namespace=namespace, name=name)


def dataset_name(uri: str) -> Name:
    """Namespace and name of a collection's dataset."""
    parts = urlsplit(uri)
    return f"milvus://{parts.netloc}", parts.path.strip("/").replace("/", ".")


# -- jobs --------------------------------------------------------------------------------------------------------------


def _jobs(task: Any) -> list[ImportProgress]:
    """The last progress of the task's jobs with their files, or without where the server does not respond."""
    found: list[ImportProgress] = []
    responds = True
    for job_id in task.import_job_ids[:MAX_JOBS]:
        job = None
        if responds:
            try:
                job = _request(task.hook, rest.import_jobs.describe(job_id))
            except (MilvusError, ValueError):
                responds = False
        found.append(job or _known(job_id, task.import_results.get(job_id) or {}))
    return found


def _request(hook: MilvusHook, request: Any) -> Any:
    return hook.call(request, retries=0, timeout=REQUEST_TIMEOUT_SECONDS)


def _known(job_id: str, result: Mapping[str, Any]) -> ImportProgress:
    fields: dict[str, Any] = {key: result.get(key, empty) for key, empty in EMPTY_IMPORT.items()}
    fields |= {"job_id": job_id, "state": ImportState.read(result.get("state"))}
    return ImportProgress(**fields, raw=result)


@cache
def _jobs_facet() -> Any:
    import attr
    from airflow.providers.common.compat.openlineage.facet import RunFacet

    @attr.define
    class MilvusImportsRunFacet(RunFacet):  # type: ignore[misc]
        """The import jobs of a run."""

        jobs: list[dict[str, Any]]

    return MilvusImportsRunFacet


def _job(job: ImportProgress) -> dict[str, Any]:
    failed = [{"name": file.name, "reason": file.reason} for file in job.failed_files[:MAX_FAILED_FILES]]
    return {
        "jobId": job.job_id,
        "state": job.state_text,
        "collection": job.collection_name,
        "importedRows": job.imported_rows,
        "totalRows": job.total_rows,
        "fileSize": job.file_size,
        "createTime": job.create_time,
        "completeTime": job.complete_time,
        "reason": job.reason,
        "failedFiles": failed,
    }


# -- the collection ----------------------------------------------------------------------------------------------------


def _outputs(task: Any, jobs: Sequence[ImportProgress]) -> list[Any]:
    """The collections, with the rows that completed jobs have loaded into each."""
    from airflow.providers.common.compat.openlineage import facet

    given = getattr(task, "collection_name", None)
    outputs = []
    for collection in dict.fromkeys(given or job.collection_name for job in jobs):
        if not collection:
            continue
        loaded = [
            job for job in jobs if job.state is ImportState.COMPLETED and (given or job.collection_name) == collection
        ]
        statistics = facet.OutputStatisticsOutputDatasetFacet(
            rowCount=sum(job.imported_rows for job in loaded), size=sum(job.file_size for job in loaded)
        )
        namespace, name = dataset_name(assets.asset_of(task.hook.settings, collection).uri)
        fields = _fields(task.hook, collection)
        outputs.append(
            facet.OutputDataset(
                namespace=namespace,
                name=name,
                facets={"schema": facet.SchemaDatasetFacet(fields=fields)} if fields else {},
                outputFacets={"outputStatistics": statistics} if loaded else {},
            )
        )
    return outputs


def _fields(hook: MilvusHook, collection: str) -> list[Any]:
    from airflow.providers.common.compat.openlineage import facet

    try:
        description = _request(hook, rest.collections.describe_collection(collection))
    except (MilvusError, ValueError):
        return []
    fields = description.get("fields")
    return [
        facet.SchemaDatasetFacetFields(
            name=str(field.get("name")), type=_type(field), description=str(field.get("description") or "") or None
        )
        for field in (fields if isinstance(fields, list) else [])
        if isinstance(field, dict)
    ]


def _type(field: Mapping[str, Any]) -> str:
    """The type as Milvus writes it, with the dimension of a vector, the length of a text and what an array is of."""
    params = field.get("params")
    values = {one.get("key"): one.get("value") for one in params if isinstance(one, dict)} if params else {}
    size = values.get("dim") or values.get("max_length")
    element = f"<{field['elementType']}>" if field.get("elementType") else ""
    return f"{field.get('type')}{element}{f'({size})' if size else ''}"


# -- files -------------------------------------------------------------------------------------------------------------


def _input(name: Name, file: Any) -> Any:
    from airflow.providers.common.compat.openlineage import facet

    facets: dict[str, Any] = {}
    # OpenLineage has it from 1.32 on.
    with suppress(ImportError):
        from openlineage.client.generated import input_statistics_input_dataset as statistics

        if file is not None:
            facets["inputStatistics"] = statistics.InputStatisticsInputDatasetFacet(
                rowCount=file.total_rows, size=file.file_size
            )
    return facet.InputDataset(namespace=name[0], name=name[1], inputFacets=facets)


def _inputs(task: Any, jobs: Sequence[ImportProgress], server: str) -> dict[Name, Any]:
    """The datasets that were read, and of each what Milvus reports of it, if it is one file for Milvus too."""
    files = {file.name.lstrip("/"): file for job in jobs for file in job.files}
    # A set of NumPy files is one name for Milvus.
    keys = [key.strip() for name in files for key in name.split(",")]
    bucket = f"milvus-bucket://{urlsplit(server).netloc}"
    found: Iterable[tuple[Name, Any]]
    if urls := getattr(task, "object_urls", None):
        found = ((url_name(url), None) for url in flat(urls if isinstance(urls, list) else [urls]))
    elif volume := getattr(task, "volume_name", None):
        paths = task.data_paths if isinstance(task.data_paths, list) else [task.data_paths]
        found = (((f"zilliz-volume://{volume}", path), None) for path in flat(paths))
    elif pattern := getattr(task, "stage_from", None):
        # What Milvus reads are copies, which are removed; the folder that they come from stays.
        fixed = re.split(r"[*?\[]", str(pattern))[0]
        found = [(url_name(f"{fixed.rpartition('/')[0]}/"), None)]
    elif pattern := getattr(task, "files_from", None):
        root = _root(str(pattern), task.files_root)
        found = ((url_name(f"{root}/{key}"), files.get(key)) for key in keys)
    else:
        given = getattr(task, "files", None) or keys
        listed = flat(given if isinstance(given, list | tuple) else [given])
        found = ((url_name(key) if "://" in key else (bucket, key), files.get(key)) for key in listed)
    return dict(list(found)[:MAX_INPUTS])


def _root(pattern: str, files_root: Any) -> str:
    """The URL of what is the bucket's root for Milvus."""
    if files_root is not None:
        return str(files_root).rstrip("/")
    parts = urlsplit(pattern)
    return f"{parts.scheme}://{parts.netloc}"


def url_name(url: str) -> Name:
    """Namespace and name of an object or a folder in storage, the same for each way to write its address.

    A query string, which may be a signature, and Airflow's connection id before an ``@`` are no part of them.
    """
    parts = urlsplit(url)
    path = parts.path.lstrip("/")
    if parts.scheme == "file":
        return "file", f"/{path}"
    host = parts.netloc
    before, _, after = host.rpartition("@")
    if before and not _AZURE_HOST.fullmatch(after):
        host = after
    if parts.scheme in ("http", "https"):
        if _AZURE_HOST.fullmatch(host):
            container, _, path = path.partition("/")
            return f"wasbs://{container}@{host}", path or "/"
        for pattern, scheme in _STORAGE_HOSTS.items():
            if found := pattern.fullmatch(host):
                bucket = found.groupdict().get("bucket")
                if bucket is None:
                    bucket, _, path = path.partition("/")
                return f"{scheme}://{bucket}", path or "/"
    return f"{_SAME_SCHEME.get(parts.scheme, parts.scheme)}://{host}", path or "/"
