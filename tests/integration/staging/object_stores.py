"""S3-compatible stores on this machine, each a moto server of its own, as Airflow's object storage sees them."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any, Self

import boto3
from botocore.exceptions import BotoCoreError

KEY, SECRET, REGION = "access", "verysecret", "us-east-1"


class ObjectStore:
    """A store with one bucket, whose URLs begin with ``s3://CONN_ID@NAME``.

    :param name: of the bucket.
    :param conn_id: of Airflow's connection; without it, the name of the bucket.
    """

    def __init__(self, name: str, conn_id: str = "") -> None:
        self.name = name
        self._conn_id = conn_id or name
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{port}"
        self._command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        keys = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "region_name": REGION}
        self.client: Any = boto3.client("s3", endpoint_url=self.endpoint, **keys)

    def __enter__(self) -> Self:
        self._server = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with suppress(BotoCoreError):
                self.client.create_bucket(Bucket=self.name)
                return self
            time.sleep(0.1)
        raise TimeoutError(f"the store {self.name} does not answer at {self.endpoint}")

    def __exit__(self, *exc_info: object) -> None:
        self._server.kill()
        self._server.wait()

    def put(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=data)

    def keys(self, prefix: str = "") -> list[str]:
        """The keys that are there, without the folders that Arrow makes of prefixes."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [one["Key"] for page in pages for one in page.get("Contents", ()) if not one["Key"].endswith("/")]

    def remove(self, prefix: str) -> None:
        for key in self.keys(prefix):
            self.client.delete_object(Bucket=self.name, Key=key)

    @property
    def bucket(self) -> str:
        """The bucket as a local Milvus takes it; the keys are in the environment."""
        return f"s3://{self.name}?endpoint={self.endpoint}"

    def file_system(self) -> Any:
        """As Airflow's Amazon provider makes it, with s3fs where that is installed, or else with Arrow."""
        with suppress(ImportError):
            import s3fs

            return s3fs.S3FileSystem(key=KEY, secret=SECRET, client_kwargs={"endpoint_url": self.endpoint})
        import pyarrow.fs

        keys = {"access_key": KEY, "secret_key": SECRET, "region": REGION}
        return _arrow_class()(pyarrow.fs.S3FileSystem(endpoint_override=self.endpoint, **keys))

    def attach(self) -> None:
        """Let Airflow's URLs lead here."""
        try:
            from airflow.sdk.io import attach
        except ImportError:
            from airflow.io.store import attach
        attach("s3", conn_id=self._conn_id, fs=self.file_system())


def _arrow_class() -> type:
    from fsspec.implementations.arrow import ArrowFSWrapper

    class ArrowS3(ArrowFSWrapper):  # type: ignore[misc]
        """Paths begin with the bucket, and several objects are removed at a time, as with s3fs."""

        protocol = "s3"
        root_marker = ""

        def rm(self, path: Any, recursive: bool = False, maxdepth: int | None = None) -> None:
            for one in [path] if isinstance(path, str) else path:
                super().rm(one, recursive=recursive)

    return ArrowS3
