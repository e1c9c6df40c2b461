"""Sends requests to a hostile server as a user's tasks do, and measures what the responses cost this process.

Reads numbers of responses, one a line; writes a line of JSON for each: by surface (a hook's method, the sensor, a
trigger) what came of it and how long it took; the longest lag of the event loop; the highest memory above the start.
"""

# ruff: noqa: E402

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-home-"))
# What Airflow prints is a log, whose size counts, and no response to who started this.
RESULTS = os.fdopen(os.dup(1), "w", buffering=1)
LOG = Path(os.environ["AIRFLOW_HOME"]) / "client.log"
with LOG.open("wb") as _file:
    os.dup2(_file.fileno(), 1)
    os.dup2(_file.fileno(), 2)

import msgspec
from airflow.exceptions import AirflowException
from campaign_tasks import connect, context_of, fire_at_once, first_event
from hostile_body import HostileResponse
from hostile_responses import all_responses

from airflow_provider_milvus.hooks.milvus import MilvusAsyncHook, MilvusHook
from airflow_provider_milvus.rest.errors import MilvusError
from airflow_provider_milvus.sensors.import_job import MilvusImportSensor
from airflow_provider_milvus.triggers import collection, import_job

TIMEOUT, HEAVY_TIMEOUT = 1.0, 3.0
WAIT = 1.5
SLACK = 2.0  # for a busy machine
MAX_MEMORY_BYTES = 1_500_000_000  # what a bomb may take before it is stopped, beyond what is mapped at the start
MAX_TEXT_LENGTH = 20_000
MAX_EVENT_BYTES = 1_000_000
MANY_TRIGGERS = 40


def harm(value: Any) -> str:
    """What is wrong with what came of a response; empty where nothing is."""
    if isinstance(value, BaseException):
        if not isinstance(value, MilvusError | AirflowException):
            return f"raw {type(value).__name__}: {str(value)[:100]}"
        return text_harm(str(value), "error")
    if is_dataclass(value):
        value = value.as_dict() if hasattr(value, "as_dict") else vars(value)
    if isinstance(value, tuple | list):
        return next((found for one in value[:1000] if (found := harm(one))), "")
    if isinstance(value, dict):
        return event_harm(value)
    return text_harm(value, "value") if isinstance(value, str) else ""


def text_harm(text: str, what: str) -> str:
    if len(text) > MAX_TEXT_LENGTH:
        return f"{what} of {len(text):,} characters"
    if any("\ud800" <= character <= "\udfff" for character in text):
        return f"{what} with a lone surrogate"
    if "\x00" in text:
        return f"{what} with NUL, which PostgreSQL refuses"
    return ""


def event_harm(event: Any) -> str:
    """Whether Airflow could not send this to its supervisor or store it."""
    try:
        encoded = msgspec.msgpack.encode(event)
        text = json.dumps(event, allow_nan=False)
    except (ValueError, OverflowError, TypeError, UnicodeError) as error:
        return f"event that Airflow cannot encode: {error}"[:100]
    if len(encoded) > MAX_EVENT_BYTES:
        return f"event of {len(encoded):,} bytes"
    return "event with NUL, which PostgreSQL refuses" if "\\u0000" in text else ""


class Client:
    """Fetches one response after another.

    :param port: of the hostile server.
    """

    _start = 0

    def __init__(self, port: int) -> None:
        for name, timeout in (("quick", TIMEOUT), ("heavy", HEAVY_TIMEOUT)):
            connect(f"milvus_{name}", host=f"http://127.0.0.1:{port}", extra={"timeout": timeout, "retries": 0})
        fire_at_once()
        self.number, self.response = -1, HostileResponse("", lambda client, route: None)
        self.fetch()
        self._start = memory("VmRSS")

    def fetch(self) -> dict[str, Any]:
        """What came of the response with this number."""
        logged = LOG.stat().st_size
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        surfaces = {name: self._measure(surface) for name, surface in self._surfaces().items()}
        lag = self._lag()
        for _ in range(2):
            if 0.2 < lag < 1.0:  # again, as it may have been another process on this machine
                lag = min(lag, self._lag())
        highest = memory("VmHWM") - self._start
        logged = LOG.stat().st_size - logged
        if logged > MAX_EVENT_BYTES:
            surfaces["log"] = (f"log of {logged:,} bytes", 0.0)
        return {"number": self.number, "surfaces": surfaces, "lag": lag, "memory": highest}

    @property
    def _conn_id(self) -> str:
        return "milvus_heavy" if self.response.heavy else "milvus_quick"

    def _surfaces(self) -> dict[str, tuple[float, Callable[[], Any]]]:
        """How long each surface may take, and what it does."""
        hook = MilvusHook(self._conn_id, f"h{self.number}")
        once = HEAVY_TIMEOUT if self.response.heavy else TIMEOUT
        sensor = MilvusImportSensor(task_id="s", job_id="1", milvus_conn_id=self._conn_id, database=hook.database)
        found: dict[str, tuple[float, Callable[[], Any]]] = {
            "hook.get_import_progress": (once, lambda: hook.get_import_progress("1")),
            "hook.list_import_jobs": (once, lambda: hook.list_import_jobs("c")),
            "sensor.poke": (once, lambda: getattr(sensor.poke(context_of("s", 0, store=False)), "xcom_value", None)),
        }
        if self.response.slow or self.response.heavy:
            wait = lambda: hook.wait_for_import("1", timeout=WAIT, poll_interval=0.5)  # noqa: E731
            return {**found, "hook.wait_for_import": (WAIT + once, wait)}
        return {
            **found,
            "hook.bulk_import": (once, lambda: hook.bulk_import("c", ["a.parquet"])),
            "hook.test_connection": (once, lambda: hook.test_connection()[1]),
            "hook.describe_collection": (once, lambda: bool(hook.describe_collection("c"))),
        }

    def _measure(self, surface: tuple[float, Callable[[], Any]]) -> tuple[str, float]:
        limit, call = surface
        began = time.monotonic()
        try:
            value = call()
        except Exception as error:
            value = error
        except BaseException as error:
            value = RuntimeError(repr(error))
        took = time.monotonic() - began
        return harm(value) or ("late" if took > limit + SLACK else ""), round(took, 2)

    def _lag(self) -> float:
        """The longest lag of an event loop on which triggers wait for the response."""
        self.triggers: dict[str, tuple[str, float]] = {}
        return asyncio.run(self._watch())

    async def _watch(self) -> float:
        lags = [0.0]

        async def beat() -> None:
            while True:
                before, worked = time.monotonic(), time.process_time()
                await asyncio.sleep(0.01)
                lag, work = time.monotonic() - before - 0.01, time.process_time() - worked
                # A short one in which this process did not work is that of another process on this machine.
                lags.append(lag if lag >= 1.0 else min(lag, work))

        monitor = asyncio.create_task(beat())
        await asyncio.sleep(0.05)
        lags.clear()
        await asyncio.gather(*(self._wait(name, *each) for name, each in self._waits().items()))
        await asyncio.sleep(0.02)
        monitor.cancel()
        return round(max(lags), 3)

    def _waits(self) -> dict[str, tuple[float, Coroutine[Any, Any, Any]]]:
        database = f"h{self.number}"
        once = HEAVY_TIMEOUT if self.response.heavy else TIMEOUT
        deadline = time.time() + WAIT
        more = {"deadline": deadline, "poll_interval": 0.5, "max_poll_failures": 1, "database": database}
        jobs = range(MANY_TRIGGERS if "jobs" in self.response.name or "records" in self.response.name else 1)
        waits: dict[str, tuple[float, Any]] = {
            f"import trigger {number}": (
                WAIT + 2 * once,
                first_event(import_job.MilvusImportTrigger(str(number), self._conn_id, **more)),
            )
            for number in jobs
        }
        waits["collection trigger"] = (
            WAIT + 2 * once,
            first_event(collection.MilvusCollectionTrigger("c", self._conn_id, **more)),
        )
        waits["async hook list"] = (once, self._list(database))
        return waits

    async def _list(self, database: str) -> int:
        async with MilvusAsyncHook(self._conn_id, database) as hook:
            return len(await hook.list_import_records("c"))

    async def _wait(self, name: str, limit: float, coroutine: Coroutine[Any, Any, Any]) -> None:
        began = time.monotonic()
        try:
            value = await asyncio.wait_for(coroutine, limit + 30)
        except Exception as error:
            value = error
        took = time.monotonic() - began
        found = harm(value) or ("late" if took > limit + SLACK else "")
        self.triggers[name] = (found, round(took, 2))


def memory(name: str) -> int:
    """A line of /proc/self/status in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


def main() -> None:
    responses = all_responses()
    client = Client(int(sys.argv[1]))
    limit = memory("VmSize") + MAX_MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for line in sys.stdin:
        client.number = int(line)
        client.response = responses[client.number]
        found = client.fetch()
        found["surfaces"] |= client.triggers
        RESULTS.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
