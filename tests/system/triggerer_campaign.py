"""Defer tasks to a real triggerer, whose Milvus server responses with hostile responses.

Task instances are written into a metadata database as a worker leaves them when it defers, and `airflow triggerer`
wakes them; no scheduler is needed for that. Every hostile wait must end with an event in time. The process that runs
the triggers must be the same at the end and have grown by no more than 300 MB (resident memory, at its peak, above what
it was before the first hostile response). Its event loop must not stand still for more than 0.2 s, not counting for
how long this machine kept an idle loop waiting. Tasks that wait for a moment, and for well-behaved imports beside the
hostile ones, must wake in time, which is later by that on a busy machine. If they are late nevertheless, it is measured
how late they are where triggers of Airflow itself are in the place of the hostile ones; by that much they may be late.

``make crash-test`` uses all responses, the system tests some.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

REPO = Path(__file__).parents[2]
sys.path[:0] = [
    str(Path(__file__).parent),
    str(REPO / "tests" / "integration" / "campaigns"),
    str(REPO / "scripts"),
]

from deferred_tasks import defer, define, woken  # noqa: E402

if TYPE_CHECKING:
    from hostile_body import HostileResponse
    from hostile_server import HostileServer

MAX_MEMORY_BYTES = 300_000_000
MAX_LAG_SECONDS = 0.2
MAX_LATE_SECONDS = 5.0
# An event passes the triggerer, its child, the database and this process; a busy machine keeps each of them waiting.
HOPS = 5
MAX_EVENT_BYTES = 1_000_000
WAIT = 10.0  # of a hostile wait
REQUEST_SECONDS = 3.0
SECONDS_BETWEEN = 2.0  # of two large responses
GOOD_SECONDS = 12.0  # of a well-behaved import
GOOD_POLL_INTERVAL = 3.0
MOMENTS = range(6, 24, 3)
MAX_PRINTED = 40
BLOCKED = re.compile(r"blocked for ([\d.]+) seconds")


@dataclass
class Wait:
    """A deferred task.

    :param due: the latest moment, in epoch seconds, at which its event is expected.
    """

    name: str
    trigger: Any
    due: float
    woke: float | None = None
    event: str = ""


@dataclass
class Campaign:
    """A metadata database, a triggerer on it, and the tasks that wait there."""

    folder: Path
    port: int
    waits: list[Wait] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.log = self.folder / "triggerer.log"
        os.environ |= environment(self.folder, self.port)
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs"],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def define(self, tasks: int) -> None:
        """Write a DAG with a task, and a run of it with so many instances."""
        define("hostile", tasks)

    def defer(self, waits: list[Wait]) -> None:
        """Let the next tasks of the run be deferred."""
        # One at a time: a wait begins when its trigger can be seen, and so many at once take long on a busy machine.
        for wait in waits:
            defer({len(self.waits): wait.trigger})
            self.waits.append(wait)

    def observe(self) -> None:
        """Note which tasks have been woken, and by what."""
        rows = woken()
        now = time.time()
        for number, event in rows:
            wait = self.waits[number]
            if wait.woke is None:
                wait.woke, wait.event = now, str(event)

    def wait_until(self, moment: float) -> None:
        """Observe until then, or until all tasks have woken or the triggerer is gone."""
        while time.time() < moment and self.process.poll() is None:
            self.observe()
            if all(wait.woke for wait in self.waits):
                return
            time.sleep(0.2)

    @property
    def runner(self) -> Any:
        """The process that runs the triggers, a child of the triggerer."""
        import psutil

        if self.process.poll() is not None:
            return None
        children = psutil.Process(self.process.pid).children()
        return max(children, key=lambda child: child.memory_info().rss, default=None)

    def end(self) -> None:
        import psutil

        if self.process.poll() is None:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                child.kill()
            self.process.kill()
        self.process.wait(timeout=30)


class Idle(threading.Thread):
    """Measures for how long this machine keeps somebody waiting who has nothing to do, as Airflow measures its loop."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.longest = 0.0
        self.start()

    def run(self) -> None:
        while True:
            before = time.monotonic()
            time.sleep(0.1)
            self.longest = max(self.longest, time.monotonic() - before - 0.1)


def environment(folder: Path, port: int) -> dict[str, str]:
    connections = {
        "milvus_hostile": {"host": f"http://127.0.0.1:{port}", "extra": {"timeout": REQUEST_SECONDS, "retries": 0}},
        "milvus_good": {"host": f"http://127.0.0.1:{port}", "extra": {"timeout": REQUEST_SECONDS}},
    }
    return {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db",
        "NO_PROXY": "*",
        **{
            f"AIRFLOW_CONN_{name.upper()}": json.dumps({"conn_type": "milvus", **fields})
            for name, fields in connections.items()
        },
    }


def memory(pid: int, name: str) -> int:
    """A line of a process's status in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


def moment(name: str, epoch: float) -> Wait:
    """A task that waits for a moment."""
    from airflow.providers.standard.triggers.temporal import DateTimeTrigger

    return Wait(name, DateTimeTrigger(datetime.fromtimestamp(epoch, UTC)), epoch + MAX_LATE_SECONDS)


def good(began: float) -> list[Wait]:
    """Tasks that have nothing to do with Milvus, and good imports."""
    from airflow_provider_milvus.triggers.import_job import MilvusImportTrigger

    waits = [moment(f"moment {seconds}", began + seconds) for seconds in MOMENTS]
    # Jobs of one server, watched by one poll loop beside those that are described by responses that never end.
    due = began + GOOD_SECONDS + 2 * GOOD_POLL_INTERVAL + MAX_LATE_SECONDS
    more: dict[str, Any] = {"milvus_conn_id": "milvus_good", "poll_interval": GOOD_POLL_INTERVAL}
    return waits + [Wait(f"good {number}", MilvusImportTrigger(f"7{number}", **more), due) for number in range(5)]


def hostile(response: HostileResponse, number: int) -> Wait:
    """A wait for this response, which begins now."""
    from airflow_provider_milvus.triggers.import_job import MilvusImportTrigger

    deadline = time.time() + WAIT
    job, conn_id, database = ("1", "milvus_hostile", f"h{number}")
    if response.slow:
        job, conn_id, database = f"h{number}", "milvus_good", None
    more: dict[str, Any] = {"deadline": deadline, "poll_interval": 2.0, "max_poll_failures": 2}
    trigger = MilvusImportTrigger(job, conn_id, database=database, **more)
    return Wait(response.name, trigger, deadline + 2 * REQUEST_SECONDS + MAX_LATE_SECONDS)


def attack(campaign: Campaign, server: HostileServer, numbers: list[int]) -> tuple[str, bool]:
    """A report, and whether no harm was done."""
    from airflow_provider_milvus.triggers.import_job import MilvusImportTrigger

    campaign.define(len(numbers) + 20)
    campaign.defer([Wait("warm-up", MilvusImportTrigger("0", "milvus_good", poll_interval=2.0), time.time() + 60)])
    campaign.wait_until(time.time() + 60)
    runner = campaign.runner
    if runner is None:
        return f"the triggerer did not start:\n{campaign.log.read_text(errors='replace')[-3000:]}", False
    start, blocked = memory(runner.pid, "VmRSS"), len(BLOCKED.findall(campaign.log.read_text(errors="replace")))
    idle = Idle()
    began = time.time()
    server.ends = time.monotonic() + GOOD_SECONDS
    light = [number for number in numbers if not server.responses[number].heavy]
    campaign.defer([*good(began), *(hostile(server.responses[number], number) for number in light)])
    # The large ones one after the other: how much a process holds at a time is what counts.
    for number in set(numbers) - set(light):
        response = server.responses[number]
        response.prepare()
        campaign.defer([hostile(response, number)])
        campaign.wait_until(time.time() + SECONDS_BETWEEN)
        response.forget()
    campaign.wait_until(max(wait.due for wait in campaign.waits) + HOPS * idle.longest)
    return judge(campaign, runner, start, blocked, idle)


def bare_lateness(tasks: int) -> float:
    """How late so many tasks wake that all wait for a moment, in seconds beyond what is expected."""
    with tempfile.TemporaryDirectory(prefix="triggerer-campaign-") as folder:
        campaign = Campaign(Path(folder), port=0)
        try:
            campaign.define(tasks + 1)
            campaign.defer([moment("warm-up", time.time())])
            campaign.wait_until(time.time() + 60)
            began = time.time()
            campaign.defer([moment(f"moment {seconds}", began + seconds) for seconds in MOMENTS])
            for _ in range(tasks - len(MOMENTS)):
                campaign.defer([moment("another", time.time() + WAIT)])
            campaign.wait_until(time.time() + 120)
        finally:
            campaign.end()
    return max(0.0, *((wait.woke or math.inf) - wait.due for wait in campaign.waits[1:]))


def judge(campaign: Campaign, runner: Any, start: int, blocked: int, idle: Idle) -> tuple[str, bool]:
    """The report on what has happened."""
    log = campaign.log.read_text(errors="replace")
    wrong = []
    allowance = HOPS * idle.longest
    if any(wait.woke and wait.woke > wait.due + allowance for wait in campaign.waits):
        # Airflow's settings belong to a process.
        command = [sys.executable, __file__, "--bare", str(len(campaign.waits))]
        allowance += float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])
    for wait in campaign.waits:
        if wait.woke is None:
            wrong.append(f"{wait.name}: never woke")
        elif wait.woke > wait.due + allowance:
            wrong.append(f"{wait.name}: woke {wait.woke - wait.due:.0f} s too late")
        if len(wait.event) > MAX_EVENT_BYTES:
            wrong.append(f"{wait.name}: an event of {len(wait.event):,} characters")
        if "__fail__" in wait.event or "TRIGGER_FAILURE" in wait.event or "Trigger failure" in wait.event:
            wrong.append(f"{wait.name}: the trigger failed: {wait.event[:200]}")
    alive = runner.is_running() and campaign.runner is not None and campaign.runner.pid == runner.pid
    highest = memory(runner.pid, "VmHWM") - start if alive else 0
    lags = sorted(map(float, BLOCKED.findall(log)[blocked:]))
    if not alive:
        wrong.insert(0, f"the triggerer died:\n{log[-1500:]}")
    if highest > MAX_MEMORY_BYTES:
        wrong.append(f"{highest / 1e6:.0f} MB of memory")
    if lags and lags[-1] > MAX_LAG_SECONDS + idle.longest:
        wrong.append(f"the event loop stood still {len(lags)} times, for up to {lags[-1]:.2f} s")
    late = {
        name: [w.woke - w.due + MAX_LATE_SECONDS for w in campaign.waits if w.woke and w.name.startswith(name)]
        for name in ("moment", "good")
    }
    lines = [
        f"waits {len(campaign.waits)}, woken {sum(wait.woke is not None for wait in campaign.waits)}",
        f"triggerer alive {alive}, {highest / 1e6:.0f} MB above its start",
        f"event loop: {len(lags)} lags over 0.2 s, the longest {max(lags, default=0):.2f} s",
        f"an idle loop on this machine: {idle.longest:.2f} s",
        f"lateness that is allowed: {MAX_LATE_SECONDS + allowance:.1f} s",
        *(f"latest {name}: {max(found, default=0):.1f} s" for name, found in late.items()),
        *(f"WRONG {one}" for one in wrong[:MAX_PRINTED]),
        *([f"WRONG and {len(wrong) - MAX_PRINTED} more"] if len(wrong) > MAX_PRINTED else []),
    ]
    return "\n".join(lines), not wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="some responses of each group")
    parser.add_argument("--only", default="", help="responses whose name contains this text")
    parser.add_argument("--bare", type=int, help="only print how late so many tasks wake that wait for a moment")
    options = parser.parse_args()
    if options.bare:
        print(bare_lateness(options.bare))
        return 0
    from hostile_responses import all_responses, some_responses
    from hostile_server import HostileServer

    responses = all_responses()
    numbers = some_responses()[::2] if options.short else list(range(len(responses)))
    numbers = [number for number in numbers if options.only in responses[number].name]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="triggerer-campaign-") as folder, HostileServer() as server:
        campaign = Campaign(Path(folder), server.port)
        try:
            report, harmless = attack(campaign, server, numbers)
        finally:
            campaign.end()
    print(report)
    print(f"{len(numbers)} responses in {time.monotonic() - began:.0f} s")
    return 0 if harmless else 1


if __name__ == "__main__":
    sys.exit(main())
