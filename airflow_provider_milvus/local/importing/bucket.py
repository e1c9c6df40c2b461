"""The bucket: the place whose objects imports may read, and nothing outside it. A folder, or an S3-compatible store."""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from airflow_provider_milvus.local.errors import ImportDataError, is_disk_full

CHUNK_BYTES = 16 << 20
CONNECT_SECONDS = 10
REQUEST_SECONDS = 60
ATTEMPTS = 3
NO_SUCH_KEY = "the specified key does not exist"


class Bucket(Protocol):
    """Where import paths lead to. A leading "/" of a key is tolerated, as by Milvus.

    All methods raise ImportDataError for a key that leaves the bucket, and for an object that is not there or
    cannot be read.
    """

    def size(self, key: str) -> int:
        """Bytes of an object."""

    def fetch(self, key: str, folder: Path, checkpoint: Callable[[], None]) -> Path:
        """A file with an object's bytes and file name: its own, or a copy below `folder` that the first call makes.

        `checkpoint` is called now and then, and what it raises ends the copying.
        """

    def keys(self, folder: str) -> list[str]:
        """The keys of all objects below a folder, sorted; empty where there is none."""


class FolderBucket:
    """A folder. A key that leaves it, by `..` or by a link, is refused before anything is opened."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def size(self, key: str) -> int:
        return self._locate(key).stat().st_size

    def fetch(self, key: str, folder: Path, checkpoint: Callable[[], None]) -> Path:
        return self._locate(key)

    def keys(self, folder: str) -> list[str]:
        found = self._resolve(folder).rglob("*")
        return sorted(path.relative_to(self._folder.resolve()).as_posix() for path in found if path.is_file())

    def _locate(self, key: str) -> Path:
        path = self._resolve(key)
        # To a store, `./a` and `d//a` are names of other objects than `a` and `d/a`; to a file system they are not.
        if not {"", "."}.isdisjoint(_checked(key).split("/")) or not path.is_file():
            raise ImportDataError(NO_SUCH_KEY)
        return path

    def _resolve(self, key: str) -> Path:
        try:
            path = (self._folder / _checked(key)).resolve()
            path.is_file()
        except (OSError, RuntimeError, ValueError) as error:
            raise ImportDataError(f"the path cannot be resolved: {error}") from None
        if not path.is_relative_to(self._folder.resolve()):
            raise ImportDataError("the path leads out of the bucket")
        return path


@dataclass(frozen=True)
class S3Location:
    """`s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME]`: a bucket, and where it is.

    :param prefix: what all keys begin with, "" or ending in "/"; import paths are read below it.
    :param endpoint: the store's URL; None for Amazon's own.
    """

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None

    @classmethod
    def parse(cls, url: str) -> "S3Location":
        """Raises ValueError that names what cannot be read, never with a secret in it."""
        parts = urlsplit(url)
        if parts.scheme != "s3":
            raise ValueError(f"the bucket must be a folder or s3://BUCKET, not a {parts.scheme!r} URL")
        if "@" in parts.netloc:
            raise ValueError(
                "the bucket's URL holds credentials; give them as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead"
            )
        settings = dict(parse_qsl(parts.query, keep_blank_values=True))
        unknown = settings.keys() - {"endpoint", "region"}
        if unknown:
            raise ValueError(f"the bucket's URL has the setting {min(unknown)!r}; there are endpoint and region")
        endpoint = settings.get("endpoint")
        if endpoint is not None and not re.fullmatch(r"https?://[^/@?#]+/?", endpoint):
            raise ValueError("the endpoint of the bucket's URL must be http://HOST[:PORT] or https://HOST[:PORT]")
        if not parts.netloc:
            raise ValueError("the bucket's URL names no bucket; write s3://BUCKET")
        prefix = parts.path.strip("/")
        return cls(parts.netloc, f"{prefix}/" if prefix else "", endpoint, settings.get("region"))


class S3Bucket:
    """A bucket of an S3-compatible store.

    Credentials come from where Amazon's clients find them: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY,
    AWS_PROFILE, `~/.aws`, or the machine's own role. An object is copied once and read from the copy, so that both
    readings of an import see the same bytes.
    """

    def __init__(self, location: S3Location) -> None:
        from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

        options: dict[str, Any] = {}
        if location.endpoint is not None:
            scheme, _, host = location.endpoint.rstrip("/").partition("://")
            # The region belongs to the signature, and stores that have no regions take this one.
            options = {"endpoint_override": host, "scheme": scheme, "region": "us-east-1"}
        if location.region:
            options["region"] = location.region
        self._store = S3FileSystem(
            connect_timeout=CONNECT_SECONDS,
            request_timeout=REQUEST_SECONDS,
            retry_strategy=AwsStandardS3RetryStrategy(max_attempts=ATTEMPTS),
            **options,
        )
        self._root = f"{location.bucket}/{location.prefix}"

    def size(self, key: str) -> int:
        with _reading_object(), self._open(key) as source:
            return int(source.size())

    def fetch(self, key: str, folder: Path, checkpoint: Callable[[], None]) -> Path:
        copy = folder / hashlib.sha256(key.encode()).hexdigest() / PurePosixPath(key).name
        with _reading_object():
            if not copy.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                part = copy.with_name("part")
                with self._open(key) as source, part.open("wb") as target:
                    while chunk := source.read(CHUNK_BYTES):
                        target.write(chunk)
                        checkpoint()
                part.rename(copy)
        return copy

    def keys(self, folder: str) -> list[str]:
        from pyarrow.fs import FileSelector, FileType

        with _reading_object():
            root = (self._root + _checked(folder)).rstrip("/")
            found = self._store.get_file_info(FileSelector(root, allow_not_found=True, recursive=True))
        return sorted(one.path.removeprefix(self._root) for one in found if one.type == FileType.File)

    def _open(self, key: str) -> Any:
        return self._store.open_input_file(self._root + _checked(key))


@contextmanager
def _reading_object() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise ImportDataError(NO_SUCH_KEY) from None
    except (OSError, ValueError) as error:
        if is_disk_full(error):
            raise
        raise ImportDataError(f"the object cannot be read: {error}") from None


def open_bucket(where: str | Path) -> Bucket:
    """The bucket at a folder's path or at a URL (see S3Location). Raises ValueError for a URL that cannot be read."""
    text = str(where)
    return S3Bucket(S3Location.parse(text)) if is_url(text) else FolderBucket(Path(where))


def is_url(where: str | Path) -> bool:
    """Whether a bucket is in a store, not in a folder."""
    return "://" in str(where)


def _checked(key: str) -> str:
    if "\0" in key or ".." in PurePosixPath(key.replace("\\", "/")).parts:
        raise ImportDataError("the path is not a key of the bucket")
    return key.lstrip("/")
