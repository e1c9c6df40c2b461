"""Faults on purpose: a server that loses responses, refuses, is slow or forgets jobs, for the tests of DAGs.

A fault is written as `KIND:ROUTE[:SETTING=VALUE,…]`, such as `reset:create:count=1` or
`429:describe:probability=0.2,seed=7,retry_after=2`. See docs/faults.md.
"""

import asyncio
import json
import random
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The request is carried out, and its response is lost.
LOSSES = ("reset", "408", "timeout")
# The response in place of carrying the request out.
REFUSALS = ("401", "403", "429", "500", "html", "limit", "code")
# What `describe` and `list` report of jobs in place of their real status.
WRONG_REPORTS = ("vanish", "unknown-state", "stuck", "no-reason")
KINDS = (*LOSSES, *REFUSALS, *WRONG_REPORTS, "slow")
DENIED = "rpc error: code = PermissionDenied desc = PrivilegeImport:"
LIMIT = {"code": 2100, "message": "The number of jobs has reached the limit: importing data failed"}


@dataclass
class Fault:
    """One thing that goes wrong.

    :param kind: one of `KINDS`.
    :param route: where it happens: an import route such as `create`, the end of another path such as
        `collections/load`, or `*` for everywhere.
    :param count: how often it happens; None is without end.
    :param after: how many requests go well first.
    :param probability: how likely it happens to a request.
    :param seed: of the random numbers, so that a test can be repeated.
    :param retry_after: the header `Retry-After` of a `429`, in seconds; None sends none.
    :param seconds: how long `slow` waits.
    :param code: the code in the response of `code`; 8 is Milvus's rate limit.
    """

    kind: str
    route: str = "*"
    count: int | None = None
    after: int = 0
    probability: float = 1.0
    seed: int = 0
    retry_after: int | None = None
    seconds: float = 2.0
    code: int = 8
    _random: random.Random = field(init=False, repr=False)
    _lock: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"fault {self.kind!r} is not known; the kinds are {', '.join(KINDS)}")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability of the fault {self.kind} must be from 0 to 1, got {self.probability}")
        for name in ("count", "after", "retry_after", "seconds"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise ValueError(f"{name} of the fault {self.kind} must be 0 or more, got {value}")
        self._random = random.Random(self.seed)

    @classmethod
    def parse(cls, text: str) -> "Fault":
        """Read `KIND:ROUTE[:SETTING=VALUE,…]`. Raises ValueError that names what cannot be read."""
        kind, _, rest = text.partition(":")
        route, _, settings = rest.partition(":")
        types = {
            "count": int,
            "after": int,
            "probability": float,
            "seed": int,
            "retry_after": int,
            "seconds": float,
            "code": int,
        }
        given: dict[str, float] = {}
        for pair in filter(None, settings.split(",")):
            name, _, value = pair.partition("=")
            try:
                given[name] = types[name](value)
            except KeyError:
                raise ValueError(f"fault {text!r}: {name!r} is no setting; they are {', '.join(types)}") from None
            except ValueError:
                raise ValueError(f"fault {text!r}: {name} must be a number, got {value!r}") from None
        return cls(kind, route or "*", **given)  # type: ignore[arg-type]

    def strikes(self, path: str) -> bool:
        """Whether it happens to this request; counts it."""
        # Nearly every noun has its `create`, `list` and `describe`; those of import jobs go by the bare name.
        end = self.route if "/" in self.route else f"jobs/import/{self.route}"
        if self.route != "*" and not path.endswith(f"/{end}"):
            return False
        with self._lock:
            if self.after > 0:
                self.after -= 1
                return False
            if self.count == 0 or self._random.random() >= self.probability:
                return False
            if self.count is not None:
                self.count -= 1
            return True


class Faults:
    """An ASGI application in front of another; `faults` may change while it serves."""

    def __init__(self, app: ASGIApp, faults: list[Fault]) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        fault = next((fault for fault in list(self._faults) if fault.strikes(scope["path"])), None)
        if fault is None:
            return await self._app(scope, receive, send)
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
            return await self._app(scope, receive, send)
        if fault.kind in REFUSALS:
            return await _refusal(fault)(scope, receive, send)
        response = await self._carry_out(scope, receive)
        if fault.kind == "reset":
            return await _cut(receive, send)
        await _changed(fault.kind, response)(scope, receive, send)
        return None

    async def _carry_out(self, scope: Scope, receive: Receive) -> Response:
        response = Response()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                response.status_code, response.raw_headers = message["status"], message["headers"]
            else:
                response.body += message.get("body", b"")

        await self._app(scope, receive, keep)
        return response


async def _cut(receive: Receive, send: Send) -> None:
    # ASGI has no word for it: the connection is reached through uvicorn's own object, whose method `send` is.
    cycle: Any = getattr(send, "__self__", None)
    cycle.transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


def _refusal(fault: Fault) -> Response:
    if fault.kind == "html":
        return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", 502)
    if fault.kind == "limit":
        return JSONResponse(LIMIT)
    if fault.kind == "code":
        return JSONResponse({"code": fault.code, "message": "refused on purpose"})
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    responses = {
        "401": (1800, "user hasn't authenticated"),
        "403": (65535, f"{DENIED} permission deny to user in the `default` database"),
        "429": (1807, "request is rejected by the rate limiter"),
        "500": (500, "runtime error: invalid memory address or nil pointer dereference"),
    }
    code, message = responses[fault.kind]
    return JSONResponse({"code": code, "message": message}, int(fault.kind), headers)


def _changed(kind: str, response: Response) -> Response:
    if kind == "408":
        return JSONResponse({"code": 10001, "message": "request timeout"}, 408)
    if kind == "timeout":
        return PlainTextResponse("timeout", 408)
    envelope = json.loads(bytes(response.body)) if response.status_code == 200 else {}
    data = envelope.get("data")
    if not isinstance(data, dict) or not data.keys() & {"state", "records"}:
        return response
    jobs = data.get("records", [data])
    if kind == "vanish" and jobs == [data]:
        return JSONResponse(_not_found(data["jobId"]))
    if kind == "vanish":
        jobs.clear()
        # Zilliz Cloud counts them.
        data |= {"count": 0} if "count" in data else {}
    for job in jobs:
        _misreport(kind, job)
    return JSONResponse(envelope)


def _not_found(job_id: str) -> dict[str, Any]:
    if job_id.startswith("job-"):
        return {"code": 96026, "message": f"import job not found: {job_id}"}
    return {"code": 2100, "message": f"import job does not exist, jobID={job_id}: importing data failed"}


def _misreport(kind: str, job: dict[str, Any]) -> None:
    if kind == "unknown-state":
        job["state"] = "Resharding"
        return
    for one in (job, *job.get("details", [])):
        one.pop("reason", None)
    if kind == "stuck" and "progress" not in job:
        # A record of Zilliz Cloud's list.
        job["state"] = "InProgress"
    elif kind == "stuck":
        job |= {"state": "Importing", "progress": 80} | ({"completeTime": ""} if "completeTime" in job else {})


def parse_all(faults: Iterable[Fault | str]) -> list[Fault]:
    """Faults, of which some are written as text."""
    return [fault if isinstance(fault, Fault) else Fault.parse(fault) for fault in faults]
