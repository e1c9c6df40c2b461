"""The HTTP face: which route goes where, who may come in, and what an answer looks like."""

import asyncio
import base64
import hmac
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from milvus_lite.exceptions import (
    CollectionNotFoundError,
    CollectionNotLoadedError,
    DatabaseNotFoundError,
    IndexNotFoundError,
    MilvusLiteError,
    PartitionNotFoundError,
)
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from airflow_provider_milvus.local.errors import MilvusError, PermissionDenied, is_disk_full
from airflow_provider_milvus.local.routes import (
    aliases,
    collections,
    databases,
    entities,
    import_jobs,
    indexes,
    partitions,
)
from airflow_provider_milvus.local.routes.binding import bind, failure, sendable, success
from airflow_provider_milvus.local.routes.services import Handler, Routes, Services
from airflow_provider_milvus.local.routes.zilliz_cloud import ControlPlane
from airflow_provider_milvus.local.users import User

logger = logging.getLogger(__name__)

BASE = "/v2/vectordb"
NOT_AUTHENTICATED = MilvusError(1800, "user hasn't authenticated")
TIMED_OUT = MilvusError(10001, "request timeout")
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
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Allow-Methods": "POST, OPTIONS, GET, PUT, DELETE",
}

ROUTES: Routes = {
    **import_jobs.ROUTES,
    **collections.ROUTES,
    **entities.ROUTES,
    **indexes.ROUTES,
    **partitions.ROUTES,
    **aliases.ROUTES,
    **databases.ROUTES,
}


class Answer(JSONResponse):
    """An envelope; what a row holds that JSON does not have, which gRPC lets in, is no reason not to show the row."""

    def render(self, content: Any) -> bytes:
        """The envelope as JSON."""
        try:
            return super().render(content)
        except ValueError:
            return super().render(sendable(content))


def build_app(
    services: Services, token: str | None, users: Sequence[User] = (), cluster_id: str | None = None
) -> Starlette:
    """The application; `token` is "user:password" or an API key, or None to let everyone in.

    Its bearer may do all; of `users` the privilege Import is checked, and no other.

    With a `cluster_id`, import jobs are those of Zilliz Cloud's control plane, which sees to the API key itself.
    """
    cloud = {} if cluster_id is None else ControlPlane(cluster_id, token).routes
    return Starlette(
        routes=[
            Route(
                BASE + path,
                _endpoint(services, None if path in cloud else token, users, kind, handler),
                methods=["POST"],
            )
            for path, (kind, handler) in (ROUTES | cloud).items()
            if path not in import_jobs.unknown_to(services.version)
        ],
        # Milvus answers an unknown route and a wrong method alike, and not in its envelope.
        exception_handlers={404: _not_found, 405: _not_found},
    )


def _endpoint(
    services: Services, token: str | None, users: Sequence[User], kind: type[Any], handler: Handler
) -> Callable[[HttpRequest], Awaitable[Response]]:
    async def endpoint(http: HttpRequest) -> Response:
        body = await http.body()
        authorization = http.headers.get("authorization", "")
        user = next((one for one in users if authenticated(authorization, one.token)), None)
        if token is not None and user is None and not authenticated(authorization, token):
            return _not_authenticated(authorization)
        work = asyncio.ensure_future(run_in_threadpool(_answer, services, kind, handler, http.headers, body, user))
        await asyncio.wait([work], timeout=_timeout(http.headers))
        return work.result() if work.done() else _timed_out(services)

    return endpoint


def _answer(
    services: Services,
    kind: type[Any],
    handler: Handler,
    headers: Mapping[str, str],
    body: bytes,
    user: User | None,
) -> Response:
    try:
        request = bind(kind, body)
        request.db_name = request.db_name or headers.get("db-name") or "default"
        request.headers = headers
        request.user = user
        return Answer(success(handler(services, request), services.version.success_code))
    except PermissionDenied as error:
        return Answer(failure(error), status_code=403)
    except Exception as error:
        return Answer(failure(_as_milvus_error(error)))


def _as_milvus_error(error: Exception) -> MilvusError:
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


def _not_authenticated(authorization: str) -> Response:
    basic = authorization.lower().startswith("basic ")
    headers = {"WWW-Authenticate": 'Basic realm="Milvus"'} if basic else None
    return JSONResponse(failure(NOT_AUTHENTICATED), status_code=401, headers=headers)


def _timeout(headers: Mapping[str, str]) -> float | None:
    """Seconds that the client gives the server; the work itself goes on behind a timeout, as in Milvus."""
    text = headers.get("request-timeout", "")
    return float(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else None


def _timed_out(services: Services) -> Response:
    if services.version.timeout_is_json:
        return JSONResponse(failure(TIMED_OUT), status_code=408)
    return PlainTextResponse("timeout", status_code=408)


def authenticated(authorization: str, token: str) -> bool:
    """Whether an `Authorization` header, `Bearer user:password` or Basic, carries `token`."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            credentials = base64.b64decode(credentials, validate=True).decode()
        except ValueError:
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(credentials.encode(), token.encode())


async def _not_found(http: HttpRequest, _error: Exception) -> Response:
    if http.method == "OPTIONS":
        return Response(status_code=204, headers=CORS)
    return PlainTextResponse("404 page not found", status_code=404)
