"""A hostile response, and those that are a body: the parts of an envelope."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from wire import Plain


@dataclass(frozen=True)
class HostileResponse:
    """One response.

    :param name: group and name.
    :param send: sends it; gets the connection and the route of the request.
    :param slow: it ends late or never, so that a time limit must end it.
    :param heavy: it is large.
    :param content: makes its body for a route, and keeps it.
    """

    name: str
    send: Callable[[Plain, str], None]
    slow: bool = False
    heavy: bool = False
    content: Any = None

    def prepare(self) -> None:
        """Make what is sent, so that nobody waits for that."""
        if self.content:
            self.content("/describe")
            self.content("/list")

    def forget(self) -> None:
        if self.content:
            self.content.cache_clear()

    @property
    def group(self) -> str:
        return self.name.partition(":")[0]


def data(fields: str, route: str) -> bytes:
    """An envelope with an import job, in the shape of the route's response."""
    if route.endswith("/list"):
        fields = '"records":[{' + fields + "}]"
    return ('{"code":0,"data":{' + fields + "}}").encode()


def job(name: str, value: str, state: str = "Completed") -> str:
    """The fields of a job of which one has this value."""
    fields = {"jobId": '"1"', "collectionName": '"c"', "state": f'"{state}"', "progress": "50", name: value}
    return ",".join(f'"{key}":{one}' for key, one in fields.items())


def fields(name: str, text: Callable[[], str] | str, **kind: bool) -> HostileResponse:
    """A response with these fields of a job."""

    @lru_cache(2)
    def content(route: str) -> bytes:
        return whole(data(text if isinstance(text, str) else text(), route))

    return HostileResponse(name, lambda client, route: client.send(content(_kind(route))), content=content, **kind)


def body(
    name: str, make: Callable[[], bytes], headers: str = "", status: str = "200 OK", **kind: bool
) -> HostileResponse:
    """A response with this body, whatever the route."""

    @lru_cache(2)
    def content(route: str) -> bytes:
        return whole(make(), headers, status)

    return HostileResponse(name, lambda client, route: client.send(content("/list")), content=content, **kind)


def _kind(route: str) -> str:
    return "/list" if route.endswith("/list") else "/describe"


def whole(content: bytes, headers: str = "", status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n{headers}\r\n"
    return head.encode("utf-8") + content
