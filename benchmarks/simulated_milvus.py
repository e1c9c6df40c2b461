"""A Milvus that only knows import jobs: it serves `list` and `describe` by the clock, and counts requests.

A `create` responds with the id of a job, and creates none.

All jobs begin at one time and last as long as a seed says; their percent grows evenly, so that nearly every record of a
list differs from the one before. It is as cheap as asyncio allows, since the clients' cost is measured.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

HEAD = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
COLLECTION = "documents"
FIRST_JOB = 453_240_863_839_750_000
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Jobs:
    """The jobs of one server.

    :param count: how many.
    :param shortest: lower bound of a job's duration, in seconds.
    :param longest: upper bound of the seconds that a job takes.
    :param down: seconds after the start from and until which the server does not respond.
    """

    count: int
    shortest: float
    longest: float
    down: tuple[float, float] = (0.0, 0.0)

    @property
    def durations(self) -> dict[str, float]:
        """How long each job lasts, by its id."""
        jitter = random.Random(self.count)
        return {str(FIRST_JOB + number): jitter.uniform(self.shortest, self.longest) for number in range(self.count)}


@dataclass
class SimulatedMilvus:
    """The responses of one server.

    :param start: epoch seconds at which its jobs begin.
    """

    jobs: Jobs
    start: float = float("inf")
    requests: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._durations = self.jobs.durations
        self._heads = {
            job_id: f'{{"collectionName":"{COLLECTION}","jobId":"{job_id}","progress":' for job_id in self._durations
        }

    def response(self, route: str, body: bytes) -> tuple[int, bytes] | None:
        """HTTP status and body for a request; ``None`` to drop the connection."""
        now = time.time()
        self.requests.append((now, route))
        age = now - self.start
        began, ended = self.jobs.down
        if began <= age < ended:
            # First as a process that is gone, then as one behind a proxy.
            return None if age < (began + ended) / 2 else (503, b"no healthy upstream")
        if route == "create":
            # Later than those that it lists.
            return 200, b'{"code":0,"data":{"jobId":"%d"}}' % (FIRST_JOB + 10**6)
        if route == "list":
            records = ",".join(
                f'{head}{self._percent(self._durations[job_id], age)},"state":"{self._state(job_id, age)}"}}'
                for job_id, head in self._heads.items()
            )
            return 200, f'{{"code":0,"data":{{"records":[{records}]}}}}'.encode()
        return 200, json.dumps({"code": 0, "data": self._describe(json.loads(body)["jobId"], age)}).encode()

    def _state(self, job_id: str, age: float) -> str:
        return "Completed" if age >= self._durations[job_id] else "Importing" if age > 0 else "Pending"

    def _percent(self, duration: float, age: float) -> int:
        return min(100 if age >= duration else 99, int(max(0.0, 100 * age / duration)))

    def _describe(self, job_id: str, age: float) -> dict[str, object]:
        state, percent = self._state(job_id, age), self._percent(self._durations[job_id], age)
        end = self.start + self._durations[job_id] if state == "Completed" else 0.0
        ended = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))
        counts = {
            "completeTime": ended if state == "Completed" else "",
            "fileSize": 512 * MEGABYTE,
            "importedRows": percent * 10_000,
            "progress": percent,
            "state": state,
            "totalRows": MEGABYTE,
        }
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(min(self.start, time.time())))
        names = {"collectionName": COLLECTION, "createTime": created, "jobId": job_id}
        return {**names, **counts, "details": [{"fileName": f"[{job_id}.parquet]", **counts}]}


class Wire(asyncio.Protocol):
    """One kept-alive HTTP connection."""

    def __init__(self, milvus: SimulatedMilvus) -> None:
        self._milvus = milvus
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            body = self._received[end + 4 : end + 4 + length]
            if len(body) < length:
                return
            self._received = self._received[end + 4 + length :]
            response = self._milvus.response(head.split(b" ", 2)[1].rsplit(b"/", 1)[1].decode(), body)
            if response is None:
                self._transport.abort()
                return
            status, content = response
            self._transport.write(HEAD % (status, len(content)) + content)


def serve(pipe: Connection, jobs: Jobs) -> None:
    """Send the port, take the start, and at any further word send the requests: pairs of epoch seconds and route."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        milvus = SimulatedMilvus(jobs)
        server = await loop.create_server(lambda: Wire(milvus), "127.0.0.1", 0, backlog=4096)
        pipe.send(server.sockets[0].getsockname()[1])
        milvus.start = await loop.run_in_executor(None, pipe.recv)
        await loop.run_in_executor(None, pipe.recv)
        pipe.send(milvus.requests)

    asyncio.run(main())
