"""A running local Milvus."""

import logging
import sqlite3
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from milvus_lite.exceptions import MilvusLiteError
from starlette.types import ASGIApp

from airflow_provider_milvus.local.errors import LocalMilvusError
from airflow_provider_milvus.local.faults import Fault, Faults, parse_all
from airflow_provider_milvus.local.importing.bucket import is_url, open_bucket
from airflow_provider_milvus.local.importing.jobs import KEY_SECONDS, JobTable
from airflow_provider_milvus.local.importing.runner import MAX_JOBS, WORKERS, JobRunner, JobSettings
from airflow_provider_milvus.local.lite.engine import Engine
from airflow_provider_milvus.local.lite.grpc_face import GrpcFace
from airflow_provider_milvus.local.milvus_versions import NEWEST, VERSIONS
from airflow_provider_milvus.local.port import HttpServer, address, listen
from airflow_provider_milvus.local.routes.access import Credentials, CrossSite, SameSite, is_private
from airflow_provider_milvus.local.routes.app import build_app
from airflow_provider_milvus.local.routes.services import Services
from airflow_provider_milvus.local.routes.zilliz_cloud import CLUSTER_ID, ControlPlane
from airflow_provider_milvus.local.users import check_token
from airflow_provider_milvus.local.users import parse_all as parse_users

logger = logging.getLogger(__name__)

MAX_PORT = 65535
# An idle gRPC client does not notice that the server is about to stop, and makes it wait for all of this time.
GRPC_STOP_SECONDS = 1


class LocalMilvus:
    """Milvus on this machine: REST v2 with the import API, and gRPC, over one data directory.

    Serves in threads of this process, between `start` and `stop` or as a context manager.

    :param data_dir: where everything is kept; created if missing; a second server on it is refused.
    :param host: the address to listen on, of IPv4 or IPv6. Default 127.0.0.1: no other machine can reach it.
    :param port: the port, of REST and gRPC alike; 0 (default) picks a free one.
    :param grpc_port: a second port, of gRPC alone; 0 picks a free one. Default: none.
    :param bucket: what import paths are keys of: a folder, or a bucket of an S3-compatible store as
        "s3://BUCKET/PREFIX?endpoint=http://HOST:PORT&region=NAME" with credentials from the environment
        (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, …). Default: the folder `bucket` below `data_dir`.
    :param token: "user:password" that clients must send. Default: everybody on this machine may come in; over REST,
        requests of web pages and requests for another host than localhost or an IP address are refused.
    :param allowed_hosts: names by which clients may call it without a `token`, such as that of a container.
    :param users: who may come in besides, over REST: each "NAME:PASSWORD=COLLECTION,COLLECTION" has the privilege
        Import on these collections alone ("DATABASE.COLLECTION" in another database; none without "="). No other
        privilege is checked. They need a `token`. Default: nobody.
    :param zilliz_cluster: behave as Zilliz Cloud with a cluster of this id, such as "in03-local": import jobs follow
        the rules of its control plane, and `token` is an API key. Default: a Milvus of one's own.
    :param milvus_version: the version to behave as: "2.4", "2.5", "2.6" or "3.0" (default), each as its
        last release; "2.4.0" is a first build of 2.4, "3.1-dev" what is being developed.
    :param retention_seconds: how long the record of an ended job is kept. Default: as that version does, 3 or 48 hours.
    :param idempotency_seconds: how long an `Idempotency-Key` is remembered. Default: a day.
    :param faults: what goes wrong on purpose, each a `Fault` or its text such as "reset:create:count=1" (see
        docs/faults.md). The list `faults` may be changed while it serves.
    :param min_job_seconds: lower bound of the duration of an import job, in seconds, with its progress spread over
        that time. Default 0: as fast as possible.
    :param max_jobs: upper bound of the import jobs that wait, run or rest; one more is refused. Default 1024.
    :param parallel_jobs: how many of them run at a time; the others are Pending. Default 2.
    :param speed: how much faster than the clock the time of import jobs passes: the lower bound of their duration,
        their `timeout`, the retention of their records and of idempotency keys. Default 1; with 60 a minute passes in
        a second.

    `start` raises LocalMilvusError when a port is taken, or the data directory is in use or unusable.
    """

    def __init__(
        self,
        data_dir: str | Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        grpc_port: int | None = None,
        bucket: str | Path | None = None,
        token: str | None = None,
        allowed_hosts: Iterable[str] = (),
        users: Iterable[str] = (),
        zilliz_cluster: str | None = None,
        milvus_version: str = NEWEST,
        retention_seconds: float | None = None,
        idempotency_seconds: float = KEY_SECONDS,
        min_job_seconds: float = 0.0,
        speed: float = 1.0,
        max_jobs: int = MAX_JOBS,
        parallel_jobs: int = WORKERS,
        faults: Iterable[Fault | str] = (),
    ) -> None:
        self.data_dir = Path(data_dir)
        where = self.data_dir / "bucket" if bucket is None else bucket
        self.bucket = where if is_url(where) else Path(where)
        self._bucket = open_bucket(where)
        self.host = host
        self.port = port
        self.grpc_port = grpc_port
        if milvus_version not in VERSIONS:
            raise ValueError(f"milvus_version must be one of {', '.join(VERSIONS)}, got {milvus_version!r}")
        if not 0 < speed < float("inf"):
            raise ValueError(f"speed must be greater than 0, such as 60 for a minute in a second, got {speed}")
        if token == "":
            raise ValueError("token must be user:password or an API key; omit it to let everyone in")
        check_token("token", token or "")
        _check_lower_bound(0, "seconds", retention_seconds=retention_seconds, min_job_seconds=min_job_seconds)
        _check_lower_bound(0, "seconds", idempotency_seconds=idempotency_seconds)
        _check_lower_bound(1, "jobs", max_jobs=max_jobs, parallel_jobs=parallel_jobs)
        for name, number in (("port", port), ("grpc_port", grpc_port)):
            if number is not None and not 0 <= number <= MAX_PORT:
                raise ValueError(f"{name} must be from 0 (any free one) to {MAX_PORT}, got {number}")
        self.faults = parse_all(faults)
        self._token = token
        self._allowed_hosts = tuple(allowed_hosts)
        self._users = parse_users(users, token)
        self._version = VERSIONS[milvus_version]
        if zilliz_cluster is not None:
            _check_cluster(zilliz_cluster, token)
            if self._users:
                raise ValueError("users cannot be given with zilliz_cluster: Zilliz Cloud knows API keys only")
            # Nothing is known of idempotency keys in the cloud, so nobody should count on them.
            self._version = replace(self._version, idempotency_keys=False)
        self._zilliz_cluster = zilliz_cluster
        self._idempotency_seconds = idempotency_seconds / speed
        self._jobs = JobSettings(
            min_seconds=min_job_seconds / speed,
            retention_seconds=(self._version.retention if retention_seconds is None else retention_seconds) / speed,
            speed=speed,
            max_jobs=max_jobs,
            workers=parallel_jobs,
            commit_timestamps=self._version.two_phase,
        )
        self._running = ExitStack()

    @property
    def uri(self) -> str:
        """Where it listens, for REST and gRPC alike, such as "http://127.0.0.1:19530"."""
        return f"http://{address(self.host, self.port)}"

    @property
    def grpc_uri(self) -> str:
        """Where gRPC listens: `uri`, unless it was given a port of its own."""
        return self.uri if self.grpc_port is None else f"http://{address(self.host, self.grpc_port)}"

    def start(self) -> None:
        """Open the data directory, take up unfinished jobs, and serve. Returns when clients can connect."""
        with ExitStack() as stack:
            self._make_folders()
            engine = Engine(self.data_dir)
            stack.callback(engine.close)
            listener = stack.enter_context(listen(self.host, self.port))
            table = self._open_table(stack)
            runner = JobRunner(engine, table, self._bucket, self.data_dir / "import", self._jobs, self._version.files)
            stack.callback(runner.stop)
            try:
                runner.start()
            except MilvusLiteError as error:
                raise LocalMilvusError(f"data directory {self.data_dir} cannot be read: {error}") from None
            grpc = GrpcFace(engine, self._token)
            if self.grpc_port is not None:
                self.grpc_port = grpc.listen(self.host, self.grpc_port)
            inner_port = grpc.listen("127.0.0.1", 0)
            self.port = listener.getsockname()[1]
            http = HttpServer(self._app(Services(engine, table, runner, self._version)), listener, inner_port)
            http.start()
            stack.callback(http.stop)
            # Stops before HTTP does, so that calls through the shared port come to their end.
            grpc.start()
            stack.callback(grpc.stop, GRPC_STOP_SECONDS)
            self._running = stack.pop_all()
        if self._token is None and not is_private(self.host):
            logger.warning(
                "%s has no token: whoever reaches this machine can read, change and drop everything in it; "
                "start it with a token, or listen on 127.0.0.1",
                self.uri,
            )

    def stop(self) -> None:
        """Stop serving and release the data directory. Unfinished jobs go on at the next start."""
        self._running.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _app(self, services: Services) -> ASGIApp:
        plane = None if self._zilliz_cluster is None else ControlPlane(self._zilliz_cluster, self._token)
        app = Faults(build_app(services, Credentials(self._token, self._users), plane), self.faults)
        return SameSite(app, self.host, self._allowed_hosts) if self._token is None else CrossSite(app)

    def _make_folders(self) -> None:
        for folder in (self.data_dir, self.bucket):
            if not isinstance(folder, Path):
                continue
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise LocalMilvusError(f"{folder} cannot be used: {error.strerror}") from None

    def _open_table(self, stack: ExitStack) -> JobTable:
        path = self.data_dir / "jobs.sqlite"
        try:
            table = JobTable(path, self._idempotency_seconds)
        except (sqlite3.Error, ValueError, TypeError, KeyError) as error:
            raise LocalMilvusError(f"job table {path} cannot be read: {error}") from None
        stack.callback(table.close)
        return table


def _check_lower_bound(bound: int, unit: str, **values: float | None) -> None:
    for name, value in values.items():
        if value is not None and not bound <= value < float("inf"):
            raise ValueError(f"{name} must be {bound} {unit} or more, got {value}")


def _check_cluster(cluster_id: str, token: str | None) -> None:
    if not CLUSTER_ID.fullmatch(cluster_id):
        raise ValueError(f"zilliz_cluster must be a cluster id such as in03-local, got {cluster_id!r}")
    if token is not None and ":" in token:
        raise ValueError("token must be an API key on Zilliz Cloud, not user:password")
