"""Who may come in: who sends the token; without a token, everybody but the pages of other sites."""

import asyncio
import base64
import contextlib
import hmac
import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from airflow_provider_milvus.local.errors import MilvusError
from airflow_provider_milvus.local.routes.responses import failure
from airflow_provider_milvus.local.users import User

NOT_AUTHENTICATED = MilvusError(1800, "user hasn't authenticated")
FOREIGN = 1401
# How long a client that is refused may go on sending the body of its request.
LINGER_SECONDS = 10
AUTHORITY = re.compile(r"(?P<host>\[[^\[\]/@\s]+\]|[^\[\]:/?#@\\\s]+)(?::(?P<port>\d{1,5}))?", re.ASCII)
ABSOLUTE_TARGET = re.compile(r"(?i:https?)://(?P<authority>[^/?#]*)(?P<path>.*)", re.DOTALL)
HTTP_PORT = 80
# Milvus sends these with every response.
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Allow-Headers": "Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, "
    "accept, origin, Cache-Control, X-Requested-With",
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH",
}


class Credentials:
    """The token, or None to let everybody in, and the users beside its bearer."""

    def __init__(self, token: str | None, users: Sequence[User] = ()) -> None:
        self._token = token
        self._users = users

    def admit(self, headers: Mapping[str, str]) -> User | None:
        """The user who sends a request, or None for one who may do all. Raises MilvusError 1800 for nobody known."""
        authorization = headers.get("authorization", "")
        user = next((one for one in self._users if authenticated(authorization, one.token)), None)
        if user is None and self._token is not None and not authenticated(authorization, self._token):
            raise NOT_AUTHENTICATED
        return user


class EarlyResponse(Response):
    """A response that is sent at once, while the body of the request may still be on its way.

    The rest of the body is thrown away as it comes, so that the client can finish sending and read the response.
    """

    def __init__(self, response: Response) -> None:
        self.status_code, self.body, self.raw_headers = response.status_code, response.body, response.raw_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while (await receive()).get("more_body", False):
                    pass
        await send({"type": "http.response.body", "body": b""})


class SameSite:
    """An ASGI application in front of another, which keeps out what a page of another site makes a browser send.

    A page can send requests to every address that its reader's browser reaches. What it cannot do is forge `Host`,
    `Origin` and `Sec-Fetch-Site`; a name that its owner's DNS points at this machine is still in `Host`.

    :param host: the address that the server listens on; it may be called by this name.
    :param names: other names that it may be called by, beside `localhost` and its IP addresses.
    """

    def __init__(self, app: ASGIApp, host: str, names: Iterable[str]) -> None:
        self._app = app
        self._names = {_normal(name) for name in ("localhost", host, *names)}
        self._bound = _address(host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        foreign = self._foreign(scope) if scope["type"] == "http" else None
        if foreign is None:
            await self._app(with_plain_target(scope), receive, send)
            return
        error = MilvusError(
            FOREIGN,
            f"{foreign}, and without a token the local Milvus serves no page of another site; "
            "call it by its IP address or localhost, allow the host (allowed_hosts), or start it with a token",
        )
        await EarlyResponse(JSONResponse(failure(error), 403))(scope, receive, send)

    def _foreign(self, scope: Scope) -> str | None:
        """What shows that the request comes from another site, or None."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        target = ABSOLUTE_TARGET.fullmatch(scope["path"])
        for value in hosts + ([target["authority"]] if target else []):
            if not self._is_own(value):
                return f"the request is for the host {value[:100]!r}"
        for value in headers.getlist("origin"):
            if not hosts or _origin(value) is None or _origin(value) != _origin(f"http://{hosts[0]}"):
                return f"the request has the Origin {value[:100]!r}"
        for value in headers.getlist("sec-fetch-site"):
            if value.strip().lower() not in ("same-origin", "none"):
                return f"the request has the Sec-Fetch-Site {value[:100]!r}"
        return None

    def _is_own(self, authority: str) -> bool:
        found = AUTHORITY.fullmatch(authority)
        if found is None:
            return False
        if _normal(found["host"]) in self._names:
            return True
        address = _address(found["host"])
        if address is None or self._bound is None:
            return address is not None and address.is_loopback
        # Listening everywhere, it has more addresses than it knows of, such as that of a container's host.
        return address.is_loopback or address == self._bound or self._bound.is_unspecified


class CrossSite:
    """An ASGI application in front of another, which lets pages of other sites call it, as Milvus does.

    That is right where a token is needed: a page does not have it unless its reader typed it there.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            await EarlyResponse(Response(status_code=204, headers=CORS))(scope, receive, send)
        else:
            await self._app(with_plain_target(scope), receive, _WithCors(send))


class _WithCors:
    """Sends a response with the CORS headers."""

    def __init__(self, send: Send) -> None:
        self._send = send
        # The fault `reset` reaches the connection through uvicorn's own object.
        self.__self__ = getattr(send, "__self__", None)

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(CORS)
        await self._send(message)


def with_plain_target(scope: Scope) -> Scope:
    """The scope with a path alone, where the request's target is a whole URL, as clients send it to a proxy."""
    whole = ABSOLUTE_TARGET.fullmatch(scope.get("path", ""))
    return scope if whole is None else {**scope, "path": whole["path"] or "/"}


def authenticated(authorization: str, token: str) -> bool:
    """Whether an `Authorization` header, `Bearer user:password` or Basic, carries `token`.

    Clients send letters beyond ASCII in UTF-8 (curl, browsers) or in Latin-1 (requests).
    """
    scheme, _, text = authorization.partition(" ")
    # Each character stands for one byte of the header.
    credentials = text.encode("latin-1", "replace")
    if scheme.lower() == "basic":
        try:
            credentials = base64.b64decode(credentials, validate=True)
        except ValueError:
            return False
    elif scheme.lower() != "bearer":
        return False
    wanted = [token.encode()] + ([token.encode("latin-1")] if max(token, default="") <= "\xff" else [])
    return any(hmac.compare_digest(credentials, one) for one in wanted)


def is_private(host: str) -> bool:
    """Whether only this machine reaches what listens on this address."""
    address = _address(host)
    return _normal(host) == "localhost" if address is None else address.is_loopback


def _normal(host: str) -> str:
    return host.lower().removesuffix(".")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _origin(text: str) -> tuple[str, int] | None:
    """Host and port of an origin of plain HTTP, which is all that is served here."""
    scheme, _, rest = text.partition("://")
    authority = AUTHORITY.fullmatch(rest)
    if scheme.lower() != "http" or authority is None:
        return None
    return _normal(authority["host"]), int(authority["port"] or HTTP_PORT)
