"""Import jobs as Zilliz Cloud's control plane has them: the same routes, with rules of their own.

https://docs.zilliz.com/reference/restful/create-import-jobs-v2 and its neighbours.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from airflow_provider_milvus.local.errors import ImportDataError, MilvusError
from airflow_provider_milvus.local.importing.bucket import Bucket
from airflow_provider_milvus.local.importing.jobs import IMPORTING
from airflow_provider_milvus.local.routes import import_jobs
from airflow_provider_milvus.local.routes.access import authenticated
from airflow_provider_milvus.local.routes.binding import missing_fields, required
from airflow_provider_milvus.local.routes.import_jobs import JobIDReq, OptionalCollectionNameReq
from airflow_provider_milvus.local.routes.import_requests import IMPORT_FAILED, INVALID_PARAMETER, ImportReq
from airflow_provider_milvus.local.routes.services import CollectionNameReq, Request, Routes, Services

ILLEGAL_API_KEY = 21119
INVALID_REGION, INVALID_PROJECT = 96001, 96005
INVALID_PAGE_SIZE, INVALID_PAGE = 96008, 96009
CLUSTER_NOT_FOUND, NO_CLUSTER, INVALID_CLUSTER = 96018, 96025, 96036
JOB_NOT_FOUND = 96026
CLUSTER_ID = re.compile(r"in\d\d-[A-Za-z0-9]+")
MAX_PAGE_SIZE = 100
# Hosts of object storage whose URLs begin with the name of the bucket or container, not with the key.
PATH_STYLE_HOST = re.compile(r"s3[.-].*|storage\.googleapis\.com|.*\.blob\.core\.windows\.net")


@dataclass(kw_only=True)
class CloudReq(Request):
    """What every request names: the cluster, or the project and region, that it is for."""

    cluster_id: str = ""
    project_id: str = ""
    region_id: str = ""


@dataclass(kw_only=True)
class CloudImportReq(CloudReq, CollectionNameReq):
    """Body of `create`. The storage's keys are not needed: the bucket has its own.

    The command line of Zilliz Cloud spells `object_urls` as `files`.
    """

    partition_name: str = ""
    object_url: str = ""
    object_urls: list[list[str]] = field(default_factory=list)
    files: list[list[str]] = field(default_factory=list)
    volume_name: str = ""
    data_paths: list[list[str]] = field(default_factory=list)
    options: dict[str, str | None] = field(default_factory=dict)


@dataclass(kw_only=True)
class CloudListReq(CloudReq):
    """Body of `list`."""

    collection_name: str = ""
    page_size: int = 10
    current_page: int = 1


@dataclass(kw_only=True)
class CloudJobReq(CloudReq):
    """Body of every request about one job."""

    job_id: str = required()


class ControlPlane:
    """The control plane of one cluster.

    :param cluster_id: the cluster that requests must name, unless they name a project and a region.
    :param api_key: the key that clients must send, or None to accept any that has the form of one.
    """

    def __init__(self, cluster_id: str, api_key: str | None) -> None:
        self._cluster_id = cluster_id
        self._api_key = api_key

    @property
    def routes(self) -> Routes:
        return {
            "/jobs/import/create": (CloudImportReq, self.create),
            "/jobs/import/list": (CloudListReq, self.list_jobs),
            "/jobs/import/describe": (CloudJobReq, self.describe),
            "/jobs/import/get_progress": (CloudJobReq, self.describe),
            "/jobs/import/getProgress": (CloudJobReq, self.describe),
            "/jobs/import/commit": (CloudJobReq, self.commit),
            "/jobs/import/abort": (CloudJobReq, self.abort),
        }

    def admit(self, headers: Mapping[str, str]) -> None:
        """Raises MilvusError for a request without the API key."""
        authorization = headers.get("authorization", "")
        scheme, _, key = authorization.partition(" ")
        right = authenticated(authorization, key if self._api_key is None else self._api_key)
        # User and password open the cluster, not the control plane.
        if scheme.lower() != "bearer" or not key or ":" in key or not right:
            raise MilvusError(ILLEGAL_API_KEY, "illegal API key, please check your API key")

    def create(self, services: Services, request: CloudImportReq) -> dict[str, str]:
        """Queue an import job of files in object storage or in a volume."""
        self._check_cluster(request)
        files = [group for key in _keys(request) for group in _groups(services, key)]
        inner = ImportReq(
            db_name=request.db_name,
            collection_name=request.collection_name,
            partition_name=request.partition_name,
            files=files,
            options=request.options,
        )
        (job_id,) = import_jobs.create(services, inner).values()
        return {"jobId": f"job-{job_id}"}

    def describe(self, services: Services, request: CloudJobReq) -> dict[str, Any]:
        """State, progress and row counts of one job."""
        return import_jobs.describe(services, self._job(services, request)) | {"jobId": request.job_id}

    def list_jobs(self, services: Services, request: CloudListReq) -> dict[str, Any]:
        """One page of the jobs of a database, newest first, of one collection or of all."""
        self._check_cluster(request)
        if not 1 <= request.page_size <= MAX_PAGE_SIZE:
            raise MilvusError(INVALID_PAGE_SIZE, f"pageSize must be from 1 to {MAX_PAGE_SIZE}")
        if request.current_page < 1:
            raise MilvusError(INVALID_PAGE, "currentPage must be 1 or more")
        inner = OptionalCollectionNameReq(db_name=request.db_name, collection_name=request.collection_name)
        jobs = import_jobs.list_jobs(services, inner)["records"]
        in_database = {str(job.id) for job in services.table if job.db_name == request.db_name}
        records = [_record(job) for job in reversed(jobs) if job["jobId"] in in_database]
        start = (request.current_page - 1) * request.page_size
        page = records[start : start + request.page_size]
        return {
            "count": len(page),
            "currentPage": request.current_page,
            "pageSize": request.page_size,
            "records": page,
        }

    def commit(self, services: Services, request: CloudJobReq) -> None:
        """Make the rows of a resting two-phase job visible."""
        import_jobs.commit(services, self._job(services, request))

    def abort(self, services: Services, request: CloudJobReq) -> None:
        """Discard a two-phase job that is not committed yet."""
        import_jobs.abort(services, self._job(services, request))

    def _job(self, services: Services, request: CloudJobReq) -> JobIDReq:
        self._check_cluster(request)
        services.runner.expire()
        number = re.fullmatch(r"job-(\d{1,19})", request.job_id, re.ASCII)
        if number is None or services.table.get(int(number[1])) is None:
            raise MilvusError(JOB_NOT_FOUND, f"import job not found: {request.job_id}")
        return JobIDReq(db_name=request.db_name, job_id=number[1])

    def _check_cluster(self, request: CloudReq) -> None:
        if not request.cluster_id and (request.project_id or request.region_id):
            if not request.project_id:
                raise MilvusError(INVALID_PROJECT, "invalid projectId: it is empty")
            if not request.region_id:
                raise MilvusError(INVALID_REGION, "invalid regionId: it is empty")
            return
        if not request.cluster_id:
            raise MilvusError(NO_CLUSTER, "clusterId is empty")
        if not CLUSTER_ID.fullmatch(request.cluster_id):
            raise MilvusError(INVALID_CLUSTER, f"invalid clusterId: {request.cluster_id}")
        if request.cluster_id != self._cluster_id:
            raise MilvusError(CLUSTER_NOT_FOUND, f"cluster not found: {request.cluster_id}")


def _keys(request: CloudImportReq) -> list[str]:
    """Keys of the files and folders that a request names."""
    if request.volume_name:
        return [f"{request.volume_name}/{path.lstrip('/')}" for group in request.data_paths for path in group]
    urls = [url for group in request.object_urls or request.files for url in group] or [request.object_url]
    if not any(urls):
        raise missing_fields([(CloudImportReq, "object_urls")])
    return [_key(url) for url in urls]


def _key(url: str) -> str:
    """The key in a URL of object storage; the bucket's name in it is ignored, there is only one."""
    scheme, _, path = url.partition("://")
    bucket, _, key = path.partition("/")
    if scheme.lower() in ("s3", "gs", "gcs") and bucket:
        # The key as it is: what means something in other URLs, such as `#` and `%`, may stand in it.
        return key
    parts = urlsplit(url)
    if parts.scheme in ("http", "https") and parts.hostname:
        key = unquote(parts.path).lstrip("/")
        return key.partition("/")[2] if PATH_STYLE_HOST.fullmatch(parts.hostname) else key
    raise MilvusError(INVALID_PARAMETER, f"invalid object URL {url!r}: invalid parameter")


def _groups(services: Services, key: str) -> list[list[str]]:
    """A file as it is; a folder as all files in it, where NumPy files that lie together are one set.

    Folders may have a file's name: Spark writes `rows.parquet/part-0.parquet`. Only a `/` at the end settles it.
    """
    extensions, bucket = services.version.extensions, services.runner.bucket
    may_be_file = PurePosixPath(key).suffix in extensions and not key.endswith("/")
    if may_be_file and _exists(bucket, key):
        return [[key]]
    try:
        found = bucket.keys(key)
    except ImportDataError:
        found = []
    groups: dict[str, list[str]] = {}
    for one in found:
        path = PurePosixPath(one)
        if path.suffix in extensions:
            groups.setdefault(str(path.parent) if path.suffix == ".npy" else one, []).append(one)
    if not groups and may_be_file:
        # The job reports what is wrong with it.
        return [[key]]
    if not groups:
        raise MilvusError(IMPORT_FAILED, f"no file to import in the folder {key!r}: importing data failed")
    return list(groups.values())


def _exists(bucket: Bucket, key: str) -> bool:
    try:
        bucket.size(key)
    except ImportDataError:
        return False
    return True


def _record(job: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "collectionName": job["collectionName"],
        "jobId": f"job-{job['jobId']}",
        "state": "InProgress" if job["state"] == IMPORTING else job["state"],
    }
