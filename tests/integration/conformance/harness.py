"""One rule of Milvus's REST API as one row of data, and what runs it against real local servers."""

import http.client
import json
import re
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_provider_milvus.local import LocalMilvus

BASE = "/v2/vectordb/"
WAIT_SECONDS = 30
MAX_SHOWN = 140
TOKEN = "root:Milvus"
USERS = ("loader:p=c,team.docs", "guest:p")
# What a row can be run on; each is started when its first row comes.
SERVERS: dict[str, dict[str, Any]] = {
    "3.0": {},
    "2.6": {"milvus_version": "2.6"},
    "2.5": {"milvus_version": "2.5"},
    "2.4": {"milvus_version": "2.4"},
    "2.4.0": {"milvus_version": "2.4.0"},
    "3.1-dev": {"milvus_version": "3.1-dev"},
    "3.1-dev, slow": {"milvus_version": "3.1-dev", "min_job_seconds": 10},
    "3.0, jobs of many hours": {"min_job_seconds": 100_000},
    "3.0, full of jobs": {"min_job_seconds": 100_000},
    "3.0, room for one job": {"min_job_seconds": 100_000, "max_jobs": 1},
    "3.0, jobs forgotten at once": {"retention_seconds": 0},
    "3.0, with a token": {"token": TOKEN},
    "3.0, with users": {"token": TOKEN, "users": USERS},
    "2.5, with users": {"token": TOKEN, "users": USERS, "milvus_version": "2.5"},
    "2.4, with users": {"token": TOKEN, "users": USERS, "milvus_version": "2.4"},
}


class Some:
    """An object that has these keys and maybe others, or a list that has these items and maybe others."""

    def __init__(self, *items: Any, **keys: Any) -> None:
        self.parts: Any = keys or list(items)

    @classmethod
    def of(cls, parts: Any) -> "Some":
        return cls(**parts) if isinstance(parts, dict) else cls(*parts)


class Other:
    """Anything of the same type but this."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Absent:
    """A key that must not be there."""


ABSENT = Absent()


@dataclass(frozen=True)
class Expected:
    """A response: its code, then what its data or its message is like. Without a code it is no envelope."""

    code: int | None = 0
    data: Any = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    status: int = 200
    headers: tuple[str, ...] = ()


def success(data: Any = None, *, code: int = 0) -> Expected:
    """HTTP 200 and data like this."""
    return Expected(code, {} if data is None else data)


def refused(code: int, *texts: str, status: int = 200, headers: tuple[str, ...] = ()) -> Expected:
    """This code, and a message that has all of these texts."""
    return Expected(code, None, texts, status, headers)


def plain(status: int, *texts: str, headers: tuple[str, ...] = ()) -> Expected:
    """A response that is not in the envelope."""
    return Expected(None, None, texts, status, headers)


@dataclass(frozen=True)
class Call:
    """A request that prepares a row: it must succeed if it `must`, and is repeated until its data is like `until`."""

    route: str
    body: dict[str, Any]
    until: Any = None
    save: str = ""
    must: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A rule of the reference: what is sent to which route, and what is expected.

    A text "{name}" in a body stands for a value: "{own}" for a collection of this row alone, "{row}" for a name of
    this row alone, a key of `MADE` for what that makes, or what a call in `before` saved.
    """

    id: str
    section: str
    route: str
    case: str
    body: Any
    expected: Expected
    on: str = "3.0"
    headers: Mapping[str, str] = field(default_factory=dict)
    before: tuple[Call, ...] = ()
    method: str = "POST"
    # Where Milvus's source, its tests or its documents say so; "" for what was read out of the reference.
    source: str = ""


@dataclass(frozen=True)
class Response:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def envelope(self) -> dict[str, Any] | None:
        try:
            decoded = json.loads(self.body)
        except ValueError:
            return None
        return decoded if isinstance(decoded, dict) and "code" in decoded else None


FILES = {"files": [["rows.parquet"]]}
TWO_PHASE = {**FILES, "options": {"auto_commit": "false"}}


def ended(job: str) -> Call:
    """Wait until a job has ended."""
    return Call("jobs/import/get_progress", {"jobId": job}, Some(state={"Completed", "Failed"}))


def resting(job: str) -> Call:
    """Wait until a two-phase job waits for its commit."""
    return Call("jobs/import/describe", {"jobId": job}, Some(state="Uncommitted"))


def started(save: str, collection: str = "c", **more: Any) -> Call:
    """Start an import."""
    return Call("jobs/import/create", {"collectionName": collection, **FILES, **more}, save=save)


# Jobs that rows read and do not change, made once on each server where a row needs one.
MADE: dict[str, tuple[Call, ...]] = {
    "completed": (started("completed"), ended("{completed}")),
    "failed": (started("failed", files=[["missing.parquet"]]), ended("{failed}")),
    "two files": (started("two files", files=[["rows.parquet"], ["a.npy", "b.npy"]]), ended("{two files}")),
    "no rows": (started("no rows", files=[["none.json"]]), ended("{no rows}")),
    "running": (started("running"),),
    "running in two phases": (started("running in two phases", **TWO_PHASE),),
    "resting": (started("resting", **TWO_PHASE), resting("{resting}")),
    "resting without rows": (
        started("resting without rows", files=[["none.json"]], options={"auto_commit": "false"}),
        resting("{resting without rows}"),
    ),
    "committed": (
        started("committed", **TWO_PHASE),
        resting("{committed}"),
        Call("jobs/import/commit", {"jobId": "{committed}"}),
        ended("{committed}"),
    ),
    "aborted": (
        started("aborted", **TWO_PHASE),
        resting("{aborted}"),
        Call("jobs/import/abort", {"jobId": "{aborted}"}),
        ended("{aborted}"),
    ),
    "failed in two phases": (
        started("failed in two phases", files=[["missing.parquet"]], options={"auto_commit": "false"}),
        ended("{failed in two phases}"),
    ),
    "timed out": (
        started("timed out", options={"timeout": "1ms"}),
        ended("{timed out}"),
    ),
}
VECTOR = {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": 4}}
PRIMARY = {"fieldName": "id", "dataType": "Int64", "isPrimary": True}
INDEX = {"fieldName": "vector", "metricType": "L2"}


def collection(name: str, auto_id: bool = True, fields: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """What creates a collection of vectors."""
    schema = {"autoId": auto_id, "enableDynamicField": True, "fields": [PRIMARY, VECTOR, *fields]}
    return {"collectionName": name, "schema": schema, "indexParams": [INDEX]}


class Server:
    """A local Milvus with a collection ``c``, a file of ten rows for it, and what rows have made there."""

    def __init__(self, milvus: LocalMilvus, token: str | None) -> None:
        self._token = token
        self._address = milvus.host, milvus.port
        self._made: dict[str, Any] = {}
        write_files(milvus.bucket)
        self.call(Call("collections/create", collection("c")), {})

    def run(self, row: Row) -> tuple[Expected, Response]:
        """Prepare the row, send it, and give its response with what was expected of it here."""
        values = {"row": row.id.replace("-", "_"), "own": "own_" + row.id.replace("-", "_")}
        if "{own}" in repr((row.body, row.before)):
            self.call(Call("collections/create", collection(values["own"], auto_id=False)), values)
        for call in row.before:
            self.call(call, values)
        response = self.send(row.method, row.route, self._filled(row.body, values), row.headers)
        return replace(row.expected, data=self._filled(row.expected.data, values)), response

    def call(self, call: Call, values: dict[str, Any]) -> None:
        """Make a call that must succeed."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            response = self.send("POST", call.route, self._filled(call.body, values), call.headers).envelope
            if not call.must:
                break
            if response is None or "data" not in response:
                raise AssertionError(f"{call.route} did not succeed: {response}")
            if call.until is None or agrees(call.until, response["data"]):
                break
            if time.monotonic() > deadline:
                raise AssertionError(f"{call.route} never returned what was waited for: {response}")
            time.sleep(0.01)
        if call.save:
            values[call.save] = _job_id(response["data"])

    def send(self, method: str, route: str, body: Any, headers: Mapping[str, str]) -> Response:
        """One request; a text that begins with "/" is a whole path."""
        path = route if route.startswith("/") else BASE + route
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        if self._token is not None and "Authorization" not in headers:
            headers = {"Authorization": f"Bearer {self._token}", **headers}
        with closing(http.client.HTTPConnection(*self._address, timeout=WAIT_SECONDS)) as connection:
            connection.request(method, path, content, {"Content-Type": "application/json", **headers})
            response = connection.getresponse()
            return Response(response.status, response.headers, response.read())

    def _filled(self, value: Any, values: dict[str, Any]) -> Any:
        if isinstance(value, dict):
            return {key: self._filled(one, values) for key, one in value.items()}
        if isinstance(value, list):
            return [self._filled(one, values) for one in value]
        if isinstance(value, Some):
            return Some.of(self._filled(value.parts, values))
        if isinstance(value, Other):
            return Other(self._filled(value.value, values))
        if isinstance(value, str) and re.fullmatch(r"\{[^{}]+\}", value):
            return self._value(value[1:-1], values)
        return value

    def _value(self, name: str, values: dict[str, Any]) -> Any:
        if name in values:
            return values[name]
        if name not in self._made:
            for call in MADE[name]:
                self.call(call, self._made)
        return self._made[name]


def _job_id(data: Any) -> Any:
    return data.get("jobId") or data.get("jobID") if isinstance(data, dict) else data


def write_files(bucket: Path) -> None:
    """The files that rows import."""
    vectors = pa.array([[float(row)] * 4 for row in range(10)], pa.list_(pa.float32()))
    pq.write_table(pa.table({"vector": vectors}), bucket / "rows.parquet")
    (bucket / "none.json").write_text("[]")
    (bucket / "three.json").write_text(json.dumps({"rows": [{"vector": [1, 2, 3, 4]}] * 3}))
    (bucket / "three.jsonl").write_text('{"vector": [1, 2, 3, 4]}\n' * 3)
    (bucket / "three.csv").write_text('vector\n"[1, 2, 3, 4]"\n' * 1 + '"[1, 2, 3, 4]"\n' * 2)
    with (bucket / "huge.json").open("wb") as file:
        file.truncate((16 << 30) + 1)  # all of it a hole, which takes no space
    (bucket / "short.json").write_text('[{"vector": [1, 2]}]')


class Servers:
    """The servers that rows run on, started as they are needed and stopped together."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, Server] = {}
        self._stack = ExitStack()

    def __enter__(self) -> "Servers":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, row: Row) -> tuple[Expected, Response]:
        """The response to a row from the server it names, and what was expected of it there."""
        if row.on not in self._running:
            folder = self._folder / str(len(self._running))
            milvus = self._stack.enter_context(LocalMilvus(folder, **SERVERS[row.on]))
            self._running[row.on] = Server(milvus, SERVERS[row.on].get("token"))
        return self._running[row.on].run(row)


# -- comparing ---------------------------------------------------------------------------------------------


def holds(expected: Expected, response: Response) -> bool:
    """Whether a response is as expected."""
    if response.status != expected.status or any(name not in response.headers for name in expected.headers):
        return False
    if expected.code is None:
        text = response.body.decode(errors="replace")
        return response.envelope is None and all(part in text for part in expected.texts)
    envelope = response.envelope
    if envelope is None or envelope["code"] != expected.code:
        return False
    if "data" in envelope:
        return expected.data is not None and agrees(expected.data, envelope["data"])
    return expected.data is None and all(part in envelope["message"] for part in expected.texts)


def agrees(expected: Any, got: Any) -> bool:
    """Whether a value is like the expected one: a type stands for any value of it, a set for any of its items."""
    if isinstance(expected, type):
        return type(got) is expected
    if isinstance(expected, re.Pattern):
        return isinstance(got, str) and expected.fullmatch(got) is not None
    if isinstance(expected, set | frozenset):
        return got in expected
    if isinstance(expected, Other):
        return type(got) is type(expected.value) and got != expected.value
    if isinstance(expected, Some):
        return _has(expected.parts, got)
    if isinstance(expected, dict):
        return isinstance(got, dict) and expected.keys() == got.keys() and _has(expected, got)
    if isinstance(expected, list):
        return isinstance(got, list) and len(got) == len(expected) and all(map(agrees, expected, got))
    return type(expected) is type(got) and bool(expected == got)


def _has(parts: Any, got: Any) -> bool:
    if isinstance(parts, dict):
        return isinstance(got, dict) and all(
            key not in got if part is ABSENT else key in got and agrees(part, got[key]) for key, part in parts.items()
        )
    return isinstance(got, list) and all(any(agrees(part, one) for one in got) for part in parts)


# -- showing -----------------------------------------------------------------------------------------------


def show_expected(expected: Expected) -> str:
    """The expectation in a few words."""
    parts = [] if expected.status == 200 else [f"HTTP {expected.status}"]
    parts += [f"header {name}" for name in expected.headers]
    if expected.code is not None:
        parts.append(str(expected.code))
    if expected.data is not None:
        parts.append(_show(expected.data))
    return " ".join(parts + [f'"{text}"' for text in expected.texts])


def show_response(expected: Expected, response: Response) -> str:
    """The response, or the part of it that the expectation is about, without what differs from run to run."""
    parts = [] if response.status == 200 else [f"HTTP {response.status}"]
    parts += [f"header {name}" for name in expected.headers if name in response.headers]
    envelope = response.envelope
    if envelope is None:
        return " ".join([*parts, _masked(response.body.decode(errors="replace"))])
    parts.append(str(envelope["code"]))
    parts.append(_show(_part(expected.data, envelope["data"])) if "data" in envelope else f'"{envelope["message"]}"')
    return _masked(" ".join(parts))


def _part(expected: Any, got: Any) -> Any:
    if isinstance(expected, Some) and isinstance(expected.parts, dict) and isinstance(got, dict):
        return {key: _part(part, got[key]) for key, part in expected.parts.items() if key in got}
    if isinstance(expected, dict) and isinstance(got, dict):
        return {key: _part(expected.get(key), value) for key, value in got.items()}
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        return [_part(part, one) for part, one in zip(expected, got, strict=True)]
    if isinstance(expected, Some) and isinstance(got, list):
        shown = [(part, one) for part in expected.parts for one in got if agrees(part, one)]
        return [_part(part, one) for part, one in shown[: len(expected.parts)]]
    return got


def _show(value: Any) -> str:
    if isinstance(value, type):
        return f"<{value.__name__}>"
    if isinstance(value, re.Pattern):
        return f"/{value.pattern}/"
    if isinstance(value, set | frozenset):
        return " or ".join(sorted(map(_show, value)))
    if isinstance(value, Other):
        return f"other than {_show(value.value)}"
    if isinstance(value, Some) and isinstance(value.parts, list):
        return "[" + ", ".join([*map(_show, value.parts), "…"]) + "]"
    if isinstance(value, Some):
        return _show(value.parts)[:-1] + ", …}"
    if isinstance(value, dict):
        shown = (f"no {key}" if one is ABSENT else f"{key}: {_show(one)}" for key, one in value.items())
        return "{" + ", ".join(shown) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_show, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def shown_case(row: Row) -> str:
    """The case, and the server if it is not the ordinary one."""
    return row.case if row.on == "3.0" else f"{row.case} ({row.on})"


SOURCES = ("Milvus's source", "a test of Milvus", "Milvus's REST tests", "our reading of the reference")


def kind_of_source(source: str) -> str:
    """What kind of witness for an expectation this is, one of `SOURCES`."""
    if not source:
        return SOURCES[3]
    if source.startswith("tests/"):
        return SOURCES[2]
    return SOURCES[1] if "_test.go" in source else SOURCES[0]


def shown_rule(row: Row) -> tuple[str, ...]:
    """The cells of a row that say what is expected."""
    expected = f"`{show_expected(row.expected)}`"
    return row.id, row.section, row.source or "**our reading**", row.route, shown_case(row), expected


def table_line(*cells: str) -> str:
    """A line of a table in Markdown."""
    escaped = (cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
    return "| " + " | ".join(escaped) + " |\n"


def _masked(text: str) -> str:
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", "<time>", text)
    text = re.sub(r"\d{15,}", "<id>", text)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
