"""The JSON envelope of every response: `code` and `data`, or `code` and `message`."""

import logging
import math
from dataclasses import dataclass
from typing import Any

from milvus_lite.exceptions import (
    CollectionNotFoundError,
    CollectionNotLoadedError,
    DatabaseNotFoundError,
    IndexNotFoundError,
    MilvusLiteError,
    PartitionNotFoundError,
)
from starlette.responses import JSONResponse

from airflow_provider_milvus.local.errors import MilvusError, is_disk_full, not_supported
from airflow_provider_milvus.local.lite.index_rules import InvalidIndex
from airflow_provider_milvus.local.lite.schema_rules import Unsupported
from airflow_provider_milvus.local.lite.valid_names import InvalidName

logger = logging.getLogger(__name__)

UNEXPECTED = 65535
DISK_LIMIT = 7
INVALID_PARAMETER = 1100
ERRORS: dict[type[Exception], tuple[int, str]] = {
    CollectionNotLoadedError: (101, "collection not loaded"),
    PartitionNotFoundError: (200, "partition not found"),
    IndexNotFoundError: (700, "index not found"),
}


class Envelope(JSONResponse):
    """An envelope; what a row holds that JSON does not have, which gRPC lets in, is no reason not to show the row."""

    def render(self, content: Any) -> bytes:
        """The envelope as JSON."""
        try:
            return super().render(content)
        except ValueError:
            return super().render(sendable(content))


@dataclass(frozen=True)
class Reply:
    """Data, and what stands beside it in the envelope, such as `cost`."""

    data: Any
    beside: dict[str, Any]


def success(data: Any, code: int = 0) -> dict[str, Any]:
    """The envelope of a result; `data` is `{}` for an action without one."""
    if isinstance(data, Reply):
        return {"code": code, **data.beside, "data": data.data}
    return {"code": code, "data": {} if data is None else data}


def failure(error: MilvusError) -> dict[str, Any]:
    """The envelope of an error."""
    return {"code": error.code, "message": error.message}


def sendable(value: Any) -> Any:
    """The value with null in place of numbers that JSON does not have, and text that a response can hold."""
    if isinstance(value, dict):
        return {plain_text(key): sendable(one) for key, one in value.items()}
    if isinstance(value, list):
        return [sendable(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return plain_text(value) if isinstance(value, str) else value


def plain_text(value: str) -> str:
    """The text with U+FFFD for half a surrogate pair, which JSON can spell and no file name or response can hold."""
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def as_milvus_error(error: Exception, db_name: str = "", collection_name: str = "") -> MilvusError:
    """The error in Milvus's words; the names are those of the request."""
    if isinstance(error, MilvusError):
        return error
    if isinstance(error, InvalidName):
        return MilvusError(error.code, str(error))
    if isinstance(error, Unsupported):
        return not_supported(str(error))
    if isinstance(error, InvalidIndex):
        return MilvusError(INVALID_PARAMETER, str(error))
    if isinstance(error, CollectionNotFoundError):
        return MilvusError(100, f"collection not found[database={db_name}][collection={collection_name}]")
    if isinstance(error, DatabaseNotFoundError):
        return MilvusError(800, f"database not found[database={db_name}]")
    if type(error) in ERRORS:
        code, text = ERRORS[type(error)]
        return MilvusError(code, str(error) if text in str(error) else f"{error}: {text}")
    if isinstance(error, MilvusLiteError | ValueError | TypeError | NotImplementedError):
        return MilvusError(INVALID_PARAMETER, f"{error}: invalid parameter")
    if is_disk_full(error):
        return MilvusError(DISK_LIMIT, f"disk limit exceeded: {error}")
    logger.error("unexpected error", exc_info=error)
    return MilvusError(UNEXPECTED, f"{type(error).__name__}: {error}")
