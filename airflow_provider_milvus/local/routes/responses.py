"""The JSON envelope of every response: `code` and `data`, or `code` and `message`."""

import logging
import math
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

from airflow_provider_milvus.local.errors import MilvusError, is_disk_full

logger = logging.getLogger(__name__)

UNEXPECTED = 65535
DISK_LIMIT = 7
INVALID_PARAMETER = 1100
ERRORS: dict[type[Exception], tuple[int, str]] = {
    CollectionNotFoundError: (100, "collection not found"),
    CollectionNotLoadedError: (101, "collection not loaded"),
    PartitionNotFoundError: (200, "partition not found"),
    IndexNotFoundError: (700, "index not found"),
    DatabaseNotFoundError: (800, "database not found"),
}


class Envelope(JSONResponse):
    """An envelope; what a row holds that JSON does not have, which gRPC lets in, is no reason not to show the row."""

    def render(self, content: Any) -> bytes:
        """The envelope as JSON."""
        try:
            return super().render(content)
        except ValueError:
            return super().render(sendable(content))


def success(data: Any, code: int = 0) -> dict[str, Any]:
    """The envelope of an answer; `data` is `{}` for an action without a result."""
    return {"code": code, "data": {} if data is None else data}


def failure(error: MilvusError) -> dict[str, Any]:
    """The envelope of an error."""
    return {"code": error.code, "message": error.message}


def sendable(value: Any) -> Any:
    """The value with null in place of numbers that JSON does not have, and text that an answer can hold."""
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


def as_milvus_error(error: Exception) -> MilvusError:
    """Milvus answers nearly every error with HTTP 200 and a code."""
    if isinstance(error, MilvusError):
        return error
    if type(error) in ERRORS:
        code, text = ERRORS[type(error)]
        return MilvusError(code, f"{error}: {text}")
    if isinstance(error, MilvusLiteError | ValueError | TypeError | NotImplementedError):
        return MilvusError(INVALID_PARAMETER, f"{error}: invalid parameter")
    if is_disk_full(error):
        return MilvusError(DISK_LIMIT, f"disk limit exceeded: {error}")
    logger.error("unexpected error", exc_info=error)
    return MilvusError(UNEXPECTED, f"{type(error).__name__}: {error}")
