"""The HTTP face: which route goes where, and how a request is carried out."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from airflow_provider_milvus.local.errors import MilvusError, PermissionDenied, not_supported
from airflow_provider_milvus.local.routes import (
    aliases,
    collections,
    compactions,
    databases,
    entities,
    import_jobs,
    indexes,
    partitions,
    queries,
    snapshots,
)
from airflow_provider_milvus.local.routes.access import NOT_AUTHENTICATED, Credentials, EarlyResponse
from airflow_provider_milvus.local.routes.binding import bind
from airflow_provider_milvus.local.routes.responses import Envelope, as_milvus_error, failure, success
from airflow_provider_milvus.local.routes.services import Handler, Request, Routes, Services
from airflow_provider_milvus.local.routes.unsupported import ROUTES as UNSUPPORTED
from airflow_provider_milvus.local.routes.unsupported import is_known
from airflow_provider_milvus.local.routes.zilliz_cloud import ControlPlane
from airflow_provider_milvus.local.users import User

BASE = "/v2/vectordb"
INVALID_PARAMETER = 1100
GO_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
TIMED_OUT = MilvusError(10001, "request timeout")


def _refusal(what: str) -> Handler:
    def refuse(services: Services, request: Request) -> NoReturn:
        raise not_supported(what)

    return refuse


ROUTES: Routes = {
    **import_jobs.ROUTES,
    **collections.ROUTES,
    **compactions.ROUTES,
    **entities.ROUTES,
    **queries.ROUTES,
    **indexes.ROUTES,
    **partitions.ROUTES,
    **aliases.ROUTES,
    **databases.ROUTES,
    **snapshots.ROUTES,
    **{path: (Request, _refusal(what)) for path, what in UNSUPPORTED.items()},
}
# Who sends a request, by its headers; raises MilvusError for one who may not come in.
Admit = Callable[[Mapping[str, str]], User | None]


def build_app(services: Services, credentials: Credentials, control_plane: ControlPlane | None = None) -> Starlette:
    """The application. With a `control_plane`, import jobs are those of Zilliz Cloud, and it checks the API key."""
    endpoints = {path: _endpoint(services, credentials.admit, *route) for path, route in ROUTES.items()}
    if control_plane is not None:
        cloud = control_plane.routes
        endpoints |= {path: _endpoint(services, control_plane.admit, *route) for path, route in cloud.items()}
    return Starlette(
        routes=[
            Route(BASE + path, endpoint, methods=["POST"])
            for path, endpoint in endpoints.items()
            if is_known(path, services.version)
        ],
        # To Milvus an unknown route and a wrong method are the same, and its response has no envelope.
        exception_handlers={404: _not_found, 405: _not_found},
    )


def _endpoint(
    services: Services, admit: Admit, kind: type[Any], handler: Handler
) -> Callable[[HttpRequest], Awaitable[Response]]:
    async def endpoint(http: HttpRequest) -> Response:
        try:
            user = admit(http.headers)
        except MilvusError as error:
            return EarlyResponse(_not_admitted(error, http.headers))
        if services.version.number >= (3, 0) and not GO_INTEGER.fullmatch(http.headers.get("request-timeout") or "0"):
            return EarlyResponse(Envelope(failure(_bad_timeout(http.headers["request-timeout"]))))
        try:
            body = await http.body()
        except ClientDisconnect:
            # Nobody is there to read a response.
            return Response(status_code=400)
        work = asyncio.ensure_future(run_in_threadpool(_response, services, kind, handler, http.headers, body, user))
        await asyncio.wait([work], timeout=_timeout(http.headers))
        return work.result() if work.done() else _timed_out(services)

    return endpoint


def _response(
    services: Services,
    kind: type[Any],
    handler: Handler,
    headers: Mapping[str, str],
    body: bytes,
    user: User | None,
) -> Response:
    request: Any = None
    try:
        request = bind(kind, body)
        request.db_name = request.db_name or headers.get("db-name") or "default"
        request.headers = headers
        request.user = user
        return Envelope(success(handler(services, request), services.version.success_code))
    except PermissionDenied as error:
        return Envelope(failure(error), status_code=403)
    except Exception as error:
        return Envelope(
            failure(as_milvus_error(error, request and request.db_name, getattr(request, "collection_name", "")))
        )


def _not_admitted(error: MilvusError, headers: Mapping[str, str]) -> Response:
    if error is not NOT_AUTHENTICATED:
        return JSONResponse(failure(error))
    basic = headers.get("authorization", "").lower().startswith("basic ")
    return JSONResponse(failure(error), 401, {"WWW-Authenticate": 'Basic realm="Milvus"'} if basic else None)


def _timeout(headers: Mapping[str, str]) -> float | None:
    """Seconds that the client gives the server; the work itself goes on behind a timeout, as in Milvus."""
    text = headers.get("request-timeout", "")
    return max(0.0, float(text)) if GO_INTEGER.fullmatch(text) else None


def _bad_timeout(text: str) -> MilvusError:
    return MilvusError(
        INVALID_PARAMETER,
        f"Request-Timeout parse failed, err: strconv.ParseInt: parsing {json.dumps(text)}: invalid syntax: "
        "invalid parameter",
    )


def _timed_out(services: Services) -> Response:
    if services.version.timeout_is_json:
        return JSONResponse(failure(TIMED_OUT), status_code=408)
    return PlainTextResponse("timeout", status_code=408)


async def _not_found(http: HttpRequest, _error: Exception) -> Response:
    return EarlyResponse(PlainTextResponse("404 page not found", status_code=404))
