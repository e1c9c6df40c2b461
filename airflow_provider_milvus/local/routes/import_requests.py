"""The request that creates an import job, and what a cluster refuses in it before there is a job."""

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from milvus_lite.engine.collection import Collection

from airflow_provider_milvus.local.errors import ImportDataError, MilvusError
from airflow_provider_milvus.local.importing.bucket import Bucket
from airflow_provider_milvus.local.milvus_versions import Version
from airflow_provider_milvus.local.routes.binding import required
from airflow_provider_milvus.local.routes.services import CollectionNameReq

INVALID_PARAMETER, MISSING_PARAMETER = 1100, 1101
PARTITION_NOT_FOUND = 200
IMPORT_FAILED = 2100
INVALID_JSON = 1801
MAX_FILE_GROUPS = 1024
MAX_KEY_BYTES = 256
# Python refuses to read numbers of thousands of digits; leading zeros are no reason to refuse.
MAX_NUMBER_CHARS = 100
MAX_UINT64 = 2**64 - 1
# From 2019 to 9999: those of a timestamp of a cluster, which has 18 bits more (`pkg/util/tsoutil/tso.go`).
MILLISECONDS = range(1546300800000, 253402300799001)
INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
DURATION_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
# No part of it can be read in two ways: trying them all would take minutes where a long text is no duration.
DURATION = re.compile(r"[+]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+", re.ASCII)


@dataclass(kw_only=True)
class ImportReq(CollectionNameReq):
    """Body of `create`."""

    partition_name: str = ""
    files: list[list[str]] = required()
    # A null is an empty text, except for `auto_commit`.
    options: dict[str, str | None] = field(default_factory=dict)

    @property
    def texts(self) -> dict[str, str]:
        """The options, all of them texts."""
        return {key: value or "" for key, value in self.options.items()}


def check_target(request: ImportReq, collection: Collection, *, has_partition_key: bool) -> None:
    """Raises MilvusError for a collection, or a partition of it, that cannot be the target."""
    if _is_on(request.texts, "backup") and not request.partition_name:
        raise MilvusError(MISSING_PARAMETER, "partition not specified: missing parameter")
    if _is_on(request.texts, "l0_import"):
        if collection.load_state == "loaded":
            raise import_failed("for l0 import, collection cannot be loaded, please release it first")
        raise import_failed("l0 import is disabled")
    if request.partition_name and has_partition_key:
        raise import_failed("not allow to set partition name for collection with partition key")
    if request.partition_name and not collection.has_partition(request.partition_name):
        raise MilvusError(PARTITION_NOT_FOUND, f"partition not found[partition={request.partition_name}]")


def check_files(groups: list[list[str]], options: dict[str, str], version: Version) -> None:
    """Raises MilvusError for files that no import can have, whatever is in them."""
    if not groups:
        raise MilvusError(INVALID_PARAMETER, "import request is empty, no file is given: invalid parameter")
    if len(groups) > MAX_FILE_GROUPS:
        raise import_failed(
            f"The max number of import files should not exceed {MAX_FILE_GROUPS}, but got {len(groups)}"
        )
    if _is_on(options, "backup"):
        _check_backup(options)
        raise import_failed("no binlog to import: the local Milvus has no backups")
    for group in groups:
        _check_group(group, version)


def _check_backup(options: dict[str, str]) -> None:
    """Raises MilvusError for an option of backups that cannot be read (`internal/util/importutilv2/option.go`)."""
    start, end = (_timestamp(options, name, default) for name, default in (("start_ts", 0), ("end_ts", MAX_UINT64)))
    if start > end:
        raise import_failed(f"start_ts shouldn't be larger than end_ts, start_ts:{start}, end_ts:{end}")
    version = options.get("storage_version", "")
    if "storage_version" in options and not INTEGER.fullmatch(version):
        raise import_failed(f"parse storage_version failed, value={version}, err={_syntax_error('Int', version)}")


def _timestamp(options: dict[str, str], name: str, default: int) -> int:
    spellings = {name, name.replace("_", "")}
    given = [value for key, value in options.items() if key.lower() in spellings]
    if not given:
        return default
    if not given[0].isascii() or not given[0].isdigit():
        raise import_failed(f"parse {name} failed, value={given[0]}, err={_syntax_error('Uint', given[0])}")
    if len(given[0]) > MAX_NUMBER_CHARS or int(given[0]) >> 18 not in MILLISECONDS:
        raise import_failed(f"{name} is not a valid hybrid timestamp, value={given[0]}")
    return int(given[0])


def _syntax_error(kind: str, text: str) -> str:
    return f'strconv.Parse{kind}: parsing "{text}": invalid syntax'


def _check_group(group: list[str], version: Version) -> None:
    extensions = {PurePosixPath(path).suffix for path in group}
    for path in group:
        if PurePosixPath(path).suffix not in version.extensions:
            raise import_failed(f"unexpected file type, files={group}")
    if len(extensions) > 1:
        raise import_failed(f"inconsistency in file types, files={group}")
    if len(group) > 1 and extensions != {".npy"}:
        raise import_failed(f"for {extensions.pop()[1:]} import, accepts only one file, files={group}")


def check_there(bucket: Bucket, groups: list[list[str]]) -> None:
    """Raises MilvusError for the first file that is not in the bucket."""
    for path in (path for group in groups for path in group):
        try:
            bucket.size(path)
        except ImportDataError as error:
            raise import_failed(f"file {path!r}: {error}") from None


def timeout_seconds(options: dict[str, str]) -> float | None:
    """The `timeout` option in seconds; it is written as a Go duration such as `90s` or `1h45m`."""
    text = options.get("timeout", "")
    if not text:
        return None
    if len(text) > MAX_NUMBER_CHARS or not DURATION.fullmatch(text):
        raise import_failed(f'parse timeout failed, err=time: invalid duration "{text}"')
    parts = re.findall(r"([\d.]+)(ns|us|µs|ms|s|m|h)", text)
    return sum(float(number) * DURATION_UNITS[unit] for number, unit in parts)


def check_auto_commit(options: dict[str, str | None]) -> None:
    """Raises MilvusError for an `auto_commit` that is neither true nor false."""
    text = options.get("auto_commit", "true")
    if text is None or text.lower() not in ("true", "false"):
        raise MilvusError(
            INVALID_JSON,
            'can only accept json format request, error: options.auto_commit must be one of "true" or "false": '
            "invalid parameter",
        )


def check_key(key: str) -> None:
    """Raises MilvusError for an idempotency key that is too long or not printable ASCII."""
    size = len(key.encode("latin-1", "replace"))
    if size > MAX_KEY_BYTES:
        raise MilvusError(
            INVALID_PARAMETER, f"idempotency key has {size} bytes, the limit is {MAX_KEY_BYTES}: invalid parameter"
        )
    for offset, char in enumerate(key):
        if not " " <= char <= "~":
            raise MilvusError(
                INVALID_PARAMETER,
                f"idempotency key has the byte 0x{ord(char):02x} at offset {offset}, which is not printable ASCII: "
                f"invalid parameter",
            )


def _is_on(options: dict[str, str], key: str) -> bool:
    return options.get(key, "").lower() == "true"


def import_failed(message: str) -> MilvusError:
    """The refusal of an import."""
    return MilvusError(IMPORT_FAILED, f"{message}: importing data failed")
