"""How a request gets to the server and its response back: ``requests`` on workers, ``httpx`` in the triggerer."""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections.abc import Iterable, Mapping
from functools import cached_property
from http.client import HTTPException
from typing import TYPE_CHECKING, TypeVar
from urllib.request import getproxies

from airflow_provider_milvus import __version__
from airflow_provider_milvus.client.exchange import Exchange, current, redact_logs
from airflow_provider_milvus.client.failure import failure
from airflow_provider_milvus.client.network import Network
from airflow_provider_milvus.client.redaction import Redactor, parts_of_token, secrets_of_url
from airflow_provider_milvus.client.response import ACCEPT_ENCODING, Body
from airflow_provider_milvus.client.settings import ClientSettings
from airflow_provider_milvus.rest.envelope import BASE_PATH, Request
from airflow_provider_milvus.rest.errors import (
    MilvusError,
    MilvusRouteNotFound,
)
from airflow_provider_milvus.waiting import backoff

if TYPE_CHECKING:
    import httpx
    import requests

T = TypeVar("T")

# Bytes that are read at a time.
CHUNK_SIZE = 64_000
# Other tasks of the event loop get their turn after so many chunks, however many have arrived.
CHUNKS_IN_A_ROW = 64
# Shorter secrets could be any word of a log.
SHORTEST_MASKED = 5
# The shortest time for one attempt, where the caller's time has run out meanwhile.
MIN_TIMEOUT = 0.5


class Transport:
    """What both transports share: how a request becomes a URL, headers and bytes, and when it is sent again."""

    def __init__(self, settings: ClientSettings) -> None:
        self._settings = settings
        self._missing_routes: set[str] = set()
        proxies = (*settings.proxies.values(), *getproxies().values())
        self.redactor = Redactor(parts_of_token(settings.token).union(*map(secrets_of_url, proxies)))
        redact_logs()

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

    def _exchange(self, request: Request[T], timeout: float) -> Exchange:
        self.add_secrets(request.secrets)
        return Exchange(timeout, self.redactor)

    def add_secrets(self, secrets: Iterable[str]) -> None:
        """Redact and mask these from now on as well, as any later response may quote them."""
        if self.redactor.add(secrets):
            self.mask()

    def mask(self) -> None:
        """Let Airflow mask this connection's secrets in every log."""
        from airflow.providers.common.compat.sdk import mask_secret

        user = self._settings.token.partition(":")[0]
        for secret in self.redactor.secrets | {user}:
            if len(secret) >= SHORTEST_MASKED:
                mask_secret(secret)

    def _read(self, request: Request[T], status: int, headers: Mapping[str, str], body: Body) -> T:
        return request.read(status, headers, body.decoded(), self.redactor)

    def _headers(self) -> dict[str, str]:
        from airflow import __version__ as airflow_version

        headers = {
            "Accept": "application/json",
            "Accept-Encoding": ACCEPT_ENCODING,
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
        self.mask()
        return Network(self._settings).session(self._headers())

    def call(self, request: Request[T], retries: int, timeout: float, total_timeout: float = math.inf) -> T:
        """Send a request, and send it again up to ``retries`` times after transient errors, where that is safe.

        :param timeout: seconds for each attempt.
        :param total_timeout: seconds for all of them together.
        """
        request = self._known_route(request)
        attempts = backoff.Backoff(clock=time.monotonic)
        deadline = time.monotonic() + total_timeout
        while True:
            try:
                return self._send(request, min(timeout, max(deadline - time.monotonic(), MIN_TIMEOUT)))
            except MilvusRouteNotFound:
                fallback = self._fall_back(request)
                if fallback is None:
                    raise
                request = fallback
            except MilvusError as error:
                attempts.record_error(error)
                safe = request.repeatable or not error.maybe_done
                delay = attempts.delay()
                if attempts.is_exhausted(retries + 1) or not safe or time.monotonic() + delay >= deadline:
                    raise
                time.sleep(delay)

    def _send(self, request: Request[T], timeout: float) -> T:
        from requests.exceptions import ConnectTimeout, RequestException
        from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError
        from urllib3.util.ssl_match_hostname import CertificateError

        session = self.session  # or an error of its settings would be taken for one of the network
        if not request.repeatable:
            # On a kept-alive connection that the server has just closed, nobody could know whether it arrived.
            session.close()
        url, exchange, outer = self._url(request), self._exchange(request, timeout), sys.exception()
        token = current.set(exchange)
        try:
            status, headers, body = self._exchange_bytes(session, url, request, timeout)
        except (RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
            connecting = (ConnectTimeout, ConnectTimeoutError, NewConnectionError)
            failed = failure(url, exchange, error, outer, connecting=connecting, tls=(CertificateError,))
        else:
            return self._read(request, status, headers, body)
        finally:
            current.reset(token)
        # Without the error as its cause, whose text and traceback may quote secrets.
        raise failed

    def _exchange_bytes(
        self, session: requests.Session, url: str, request: Request[T], timeout: float
    ) -> tuple[int, Mapping[str, str], Body]:
        with session.post(
            url,
            data=self._body(request),
            headers=request.headers,
            timeout=timeout,
            allow_redirects=False,
            stream=True,
        ) as response:
            body = Body(response.status_code, response.headers, request.limit)
            for chunk in response.raw.stream(CHUNK_SIZE, decode_content=False):
                if not body.add(chunk):
                    break
            return response.status_code, response.headers, body


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

        timeout = self._settings.timeout
        url, exchange, outer = self._url(request), self._exchange(request, timeout), sys.exception()
        token = current.set(exchange)
        try:
            async with asyncio.timeout(timeout):
                status, headers, body = await self._exchange_bytes(url, request, exchange)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as error:
            connecting = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
            failed = failure(url, exchange, error, outer, connecting=connecting, tls=())
        else:
            if body.is_small:
                return self._read(request, status, headers, body)
            return await asyncio.to_thread(self._read, request, status, headers, body)
        finally:
            current.reset(token)
        raise failed

    async def _exchange_bytes(
        self, url: str, request: Request[T], exchange: Exchange
    ) -> tuple[int, Mapping[str, str], Body]:
        async with self.client.stream(
            "POST",
            url,
            content=self._body(request),
            headers=request.headers,
            extensions={"trace": exchange.trace},
        ) as response:
            body = Body(response.status_code, response.headers, request.limit)
            async for chunk in response.aiter_raw():
                if not body.add(chunk):
                    break
                if body.chunks % CHUNKS_IN_A_ROW == 0:
                    await asyncio.sleep(0)
            return response.status_code, response.headers, body
