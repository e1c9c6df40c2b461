"""How a request gets to the server and its answer back: ``requests`` on workers, ``httpx`` in the triggerer."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_milvus import __version__
from airflow_provider_milvus.client.network import Network
from airflow_provider_milvus.client.settings import ClientSettings
from airflow_provider_milvus.rest.envelope import BASE_PATH, Request
from airflow_provider_milvus.rest.errors import (
    MilvusConnectionError,
    MilvusError,
    MilvusRouteNotFound,
    MilvusTLSError,
)
from airflow_provider_milvus.waiting import backoff

if TYPE_CHECKING:
    import httpx
    import requests

T = TypeVar("T")

# A shorter text is not looked for in answers: it could be any word of theirs.
SHORTEST_SECRET = 8


class Transport:
    """What both transports share: how a request becomes a URL, headers and bytes, and when it is sent again."""

    def __init__(self, settings: ClientSettings) -> None:
        self._settings = settings
        self._missing_routes: set[str] = set()

    def _known_route(self, request: Request[T]) -> Request[T]:
        return request.fallback if request.fallback and request.path in self._missing_routes else request

    def _fall_back(self, request: Request[T]) -> Request[T] | None:
        if request.fallback:
            self._missing_routes.add(request.path)
        return request.fallback

    def _url(self, request: Request[T]) -> str:
        base = self._settings.import_url if request.control_plane else self._settings.base_url
        return f"{base}{BASE_PATH}{request.path}"

    def _body(self, request: Request[T]) -> bytes:
        settings = self._settings
        where: dict[str, str | None] = {"dbName": settings.named_database}
        if request.control_plane:
            where |= {
                "clusterId": settings.cluster_id,
                "projectId": settings.project_id,
                "regionId": settings.region_id,
            }
        return request.encode(**where)

    def _read(self, request: Request[T], status: int, headers: Mapping[str, str], content: bytes) -> T:
        """The answer's value. Error pages may quote the request, and errors quote them: no secret gets that far."""
        for secret in (self._settings.token, *request.secrets):
            if len(secret) >= SHORTEST_SECRET:
                content = content.replace(secret.encode(), b"***")
        return request.read(status, headers, content)

    def _headers(self) -> dict[str, str]:
        from airflow import __version__ as airflow_version

        headers = {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": f"airflow-provider-milvus/{__version__} apache-airflow/{airflow_version}",
        }
        if self._settings.named_database:
            # Milvus checks privileges against this header alone, so a database in the body is not enough.
            headers["DB-Name"] = self._settings.named_database
        if self._settings.token:
            headers["Authorization"] = f"Bearer {self._settings.token}"
        return headers


class RequestsTransport(Transport):
    """One keep-alive ``requests`` session."""

    @cached_property
    def session(self) -> requests.Session:
        return Network(self._settings).session(self._headers())

    def call(self, request: Request[T], retries: int, timeout: float) -> T:
        """Send a request, and send it again up to ``retries`` times after trouble, where that is safe."""
        request = self._known_route(request)
        attempts = backoff.Backoff(clock=time.monotonic)
        while True:
            try:
                return self._send(request, timeout)
            except MilvusRouteNotFound:
                fallback = self._fall_back(request)
                if fallback is None:
                    raise
                request = fallback
            except MilvusError as error:
                attempts.record_error(error)
                safe = request.repeatable or not error.maybe_done
                if attempts.is_exhausted(retries + 1) or not safe:
                    raise
                time.sleep(attempts.delay())

    def _send(self, request: Request[T], timeout: float) -> T:
        import requests

        if not request.repeatable:
            # On a kept-alive connection that the server has just closed, nobody could tell whether it arrived.
            self.session.close()
        url, outer = self._url(request), sys.exception()
        try:
            response = self.session.post(
                url,
                data=self._body(request),
                headers=request.headers,
                timeout=timeout,
                allow_redirects=False,
            )
            content = response.content
        except requests.exceptions.RequestException as error:
            text = _innermost(error, outer)
            if isinstance(error, requests.exceptions.SSLError) and not _broke_off(text):
                raise MilvusTLSError(f"TLS with {url} failed: {text}") from error
            raise MilvusConnectionError(f"no answer from {url}: {text}", sent=not _refused(error)) from error
        return self._read(request, response.status_code, response.headers, content)


class HttpxTransport(Transport):
    """One keep-alive ``httpx`` client."""

    def __init__(self, settings: ClientSettings) -> None:
        super().__init__(settings)
        self.client: httpx.AsyncClient = Network(settings).async_client(self._headers())

    async def call(self, request: Request[T]) -> T:
        """Send a request once: what waits on an event loop has a back-off of its own."""
        request = self._known_route(request)
        try:
            return await self._send(request)
        except MilvusRouteNotFound:
            fallback = self._fall_back(request)
            if fallback is None:
                raise
            return await self._send(fallback)

    async def _send(self, request: Request[T]) -> T:
        import httpx

        url, outer = self._url(request), sys.exception()
        try:
            response = await self.client.post(url, content=self._body(request), headers=request.headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            text = _innermost(error, outer)
            if ("SSL" in text or "certificate" in text.lower()) and not _broke_off(text):
                raise MilvusTLSError(f"TLS with {url} failed: {text}") from error
            sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
            raise MilvusConnectionError(f"no answer from {url}: {text}", sent=sent) from error
        return self._read(request, response.status_code, response.headers, response.content)


def _refused(error: requests.exceptions.RequestException) -> bool:
    """Whether the connection was never made, so that nothing can have arrived."""
    import requests
    from urllib3.exceptions import NewConnectionError, ProxyError

    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError | ProxyError)


def _broke_off(text: str) -> bool:
    """Whether a TLS error is a connection that ended early, as it does when a server restarts behind a proxy."""
    return "EOF" in text


def _innermost(error: BaseException, outer: BaseException | None) -> str:
    """The text of the error at the bottom: the others only wrap it, and urllib3's names object addresses.

    :param outer: what was being handled before, and has nothing to do with it.
    """
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        deeper = error.__cause__ or error.__context__
        error = deeper if deeper and deeper is not outer else error
    return str(error) or type(error).__name__
