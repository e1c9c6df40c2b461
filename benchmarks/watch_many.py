"""What waiting for many imports costs in one triggerer, beside triggers that poll each job in each interval.

Every contestant is a process of its own that runs its triggers with Airflow's own ``TriggerRunner.run_trigger``, log
and watchdog, against a simulated Milvus in another process. Those of one size run at the same time. Their jobs begin
with them and last for up to ten minutes. By default the first two minutes of this are watched, at full load, and what
still waits then is cancelled; ``--full`` watches until the last job has ended, which takes half an hour.

Ten thousand triggers of this package are also started alone, on a quiet machine, and beside processes that keep all
cores busy; after each of these two, as many ``bare`` ones in the same way (``--alone`` for these alone).

CPU is that of the whole process, so ``bare`` (triggers that only sleep until their job's end) is what Airflow takes
itself. Memory is the peak since the start, less that of ``bare``, per job.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from simulated_milvus import Jobs, serve

POLL_INTERVAL = 5.0
SPREAD_SECONDS = 600.0
SLICE_SECONDS = 120.0
KINDS = ("ours", "httpx", "aiohttp", "bare")
SIZES = (100, 1_000, 10_000)
# Ten thousand are 2,000 requests a second, which no process of theirs can do.
NAIVE_SIZES = (100, 1_000)
GROWTH_SIZES = (100, 300, 1_000, 3_000, 10_000)
OUTAGE = Jobs(1_000, 0.0, 110.0, down=(30.0, 90.0))
# What runs at the same time: so much that two cores are not short of time.
GROUPS = (
    {(kind, 10_000) for kind in KINDS},
    {(kind, count) for kind in KINDS for count in NAIVE_SIZES},
    {("outage", OUTAGE.count), *(("growth", count) for count in GROWTH_SIZES)},
)
ALONE = ("quiet", "busy")
# How often the lateness of the event loop is measured.
LAG_TICK_SECONDS = 0.02
# What a run may take, of which CPU and delays of the loop beside ``bare``, in the same circumstances: part of one core,
# seconds from Completed to fired (99 %), and seconds that the loop is late.
LIMITS = {"quiet": (0.04, 6.0, 0.2), "busy": (None, 12.0, 0.3)}
# A job that has ended by then, before the end of the run, should have been noticed.
GRACE_SECONDS = 2 * POLL_INTERVAL
# By then all triggers have begun.
SETTLED_SECONDS = 30.0
READY_TIMEOUT = 300.0
CONN_ID = "milvus_bench"
PATH = "/v2/vectordb/jobs/import/describe"
PLOT = Path("build/watch_many.png")


@dataclass(frozen=True)
class Run:
    """One contestant with its own server."""

    kind: str
    jobs: Jobs
    seconds: float
    watchdog: bool = True
    busy_processes: int = 0


@dataclass
class Found:
    """What a run has measured; times are epoch seconds.

    :param cpu: CPU seconds since the start, at the end of the start-up and at the end.
    :param peak: the peak of the memory since the start, less what was taken before, in KB.
    :param began: the time at which each trigger began.
    :param fired: the time and the status of each job's event.
    :param lag: at which time the event loop was late, and by how many seconds.
    :param log: how many lines of each kind were logged; see :func:`kind_of_line`.
    :param load: of the machine, at the end.
    :param requests: the time and route of each request.
    """

    start: float
    end: float
    cpu: tuple[float, float]
    peak: float
    began: dict[str, float]
    fired: dict[str, tuple[float, str]]
    lag: list[tuple[float, float]]
    log: Counter[str]
    load: float = field(default_factory=lambda: os.getloadavg()[0])
    requests: list[tuple[float, str]] = field(default_factory=list)


# -- the triggers ----------------------------------------------------------------------------------------------------


def contestants(port: int, durations: dict[str, float]) -> dict[str, Callable[[str], Any]]:
    """What makes the trigger of a job, by kind."""
    import aiohttp
    import httpx
    from airflow.triggers.base import BaseTrigger, TriggerEvent

    from airflow_provider_milvus.triggers.import_job import MilvusImportTrigger

    url = f"http://127.0.0.1:{port}{PATH}"

    class Trigger(BaseTrigger):
        def __init__(self, job_id: str) -> None:
            super().__init__()
            self.job_id = job_id

        def serialize(self) -> tuple[str, dict[str, Any]]:
            return "benchmark.Trigger", {"job_id": self.job_id}

        async def run(self) -> AsyncIterator[TriggerEvent]:
            await self.completed()
            yield TriggerEvent({"job_id": self.job_id, "status": "success"})

    class Bare(Trigger):
        async def completed(self) -> None:
            await asyncio.sleep(durations[self.job_id])

    class Httpx(Trigger):
        async def completed(self) -> None:
            async with httpx.AsyncClient() as client:
                while True:
                    response = await client.post(url, json={"jobId": self.job_id})
                    if response.json()["data"]["state"] == "Completed":
                        return
                    await asyncio.sleep(POLL_INTERVAL)

    class Aiohttp(Trigger):
        async def completed(self) -> None:
            async with aiohttp.ClientSession() as session:
                while True:
                    async with session.post(url, json={"jobId": self.job_id}) as response:
                        body = await response.json()
                    if body["data"]["state"] == "Completed":
                        return
                    await asyncio.sleep(POLL_INTERVAL)

    def ours(job_id: str) -> MilvusImportTrigger:
        return MilvusImportTrigger(job_id, CONN_ID, poll_interval=POLL_INTERVAL)

    return {"ours": ours, "httpx": Httpx, "aiohttp": Aiohttp, "bare": Bare}


class TimedEvents(deque[Any]):
    """The events of a ``TriggerRunner``, each with its time."""

    def append(self, entry: Any) -> None:
        super().append((time.time(), entry))


async def run_triggers(run: Run, make: Callable[[str], Any], start: float) -> Found:
    """Run all triggers as the triggerer does, until they have fired or the time is over."""
    from airflow.jobs.triggerer_job_runner import TriggerRunner

    runner = TriggerRunner()
    fired = runner.events = TimedEvents()
    await asyncio.sleep(start - time.time())
    before, cpu_before = reset_peak(), time.process_time()
    watchdog = asyncio.create_task(runner.block_watchdog()) if run.watchdog else None
    lag: list[tuple[float, float]] = []
    ticker = asyncio.create_task(measure_lag(lag))
    tasks, began = [], {}
    for number, job_id in enumerate(run.jobs.durations):
        runner.triggers[number] = {"task": None, "is_watcher": False, "name": f"benchmark/{number}", "events": 0}
        tasks.append(asyncio.create_task(runner.run_trigger(number, make(job_id))))
        began[job_id] = time.time()
        await asyncio.sleep(0)  # as Airflow does after each
    cpu = []
    for until in (min(SETTLED_SECONDS, run.seconds), run.seconds):
        _, waiting = await asyncio.wait(tasks, timeout=max(0.0, start + until - time.time()))
        cpu.append(time.process_time() - cpu_before)
    end, peak = time.time(), peak_kb() - before
    ticker.cancel()
    if watchdog:
        watchdog.cancel()
    for task in waiting:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    events = {entry.event.payload["job_id"]: (at, entry.event.payload["status"]) for at, entry in fired}
    return Found(start, end, (cpu[0], cpu[1]), peak, began, events, lag, Counter())


async def measure_lag(lag: list[tuple[float, float]]) -> None:
    """Note how late the event loop is, all the time."""
    while True:
        due = time.monotonic() + LAG_TICK_SECONDS
        await asyncio.sleep(LAG_TICK_SECONDS)
        if (late := time.monotonic() - due) > LAG_TICK_SECONDS:
            lag.append((time.time(), late))


def burn() -> None:
    """Keep a core busy."""
    while True:
        pass


def watch(pipe: Connection, run: Run, port: int, log: Path) -> None:
    """Report that all is loaded, take the start, and send what was found."""
    os.environ[f"AIRFLOW_CONN_{CONN_ID.upper()}"] = json.dumps(
        {"conn_type": "milvus", "host": "127.0.0.1", "port": port}
    )
    from airflow.sdk.log import configure_logging

    # As in the triggerer's own process, which hands its lines to the process above it.
    with log.open("wb", buffering=0) as output:
        configure_logging(json_output=True, output=output, sending_to_supervisor=True)
        make = contestants(port, run.jobs.durations)[run.kind]
        pipe.send("ready")
        found = asyncio.run(run_triggers(run, make, pipe.recv()))
    with log.open() as lines:
        found.log = Counter(kind_of_line(json.loads(line), found.start) for line in lines)
    pipe.send(found)


def kind_of_line(line: dict[str, Any], start: float) -> str:
    """``own`` of a trigger, ``airflow`` about it, or the watchdog's: ``blocked at start`` or ``blocked`` later."""
    if "thread was blocked" in line["event"]:
        at = datetime.fromisoformat(line["timestamp"]).timestamp()
        return "blocked at start" if at < start + SETTLED_SECONDS else "blocked"
    return "own" if "logger" in line else "airflow"


def reset_peak() -> float:
    """The memory in use, in KB; the peak is counted from now on."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_kb()


def peak_kb() -> float:
    return float(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])


# -- contestants at the same time -----------------------------------------------------------------------------------


def compete(runs: dict[Any, Run], folder: Path) -> dict[Any, Found]:
    """Let these contestants run at the same time."""
    spawn = multiprocessing.get_context("spawn")
    processes, servers, watchers = [], {}, {}

    def begin(target: Callable[..., None], *arguments: Any) -> Connection:
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=target, args=(theirs, *arguments), daemon=True)
        process.start()
        processes.append(process)
        return ours

    try:
        for key, run in runs.items():
            servers[key] = begin(serve, run.jobs)
            port = receive(servers[key], READY_TIMEOUT)
            watchers[key] = begin(watch, run, port, folder / f"{len(processes)}.log")
            # One after another, or loading Airflow so often at once would take all memory bandwidth.
            receive(watchers[key], READY_TIMEOUT)
        for _ in range(max(run.busy_processes for run in runs.values())):
            busy = spawn.Process(target=burn, daemon=True)
            busy.start()
            processes.append(busy)
        start = time.time() + 1
        for pipe in (*servers.values(), *watchers.values()):
            pipe.send(start)
        found = {}
        for key, run in runs.items():
            found[key] = receive(watchers[key], start + run.seconds + READY_TIMEOUT - time.time())
            servers[key].send("stop")
            found[key].requests = receive(servers[key], READY_TIMEOUT)
        return found
    finally:
        for process in processes:
            process.terminate()


def receive(pipe: Connection, timeout: float) -> Any:
    if not pipe.poll(timeout):
        raise RuntimeError(f"a process of the benchmark sent nothing for {timeout:.0f} s")
    return pipe.recv()


# -- measurements ----------------------------------------------------------------------------------------------------


def job_minutes(run: Run, found: Found) -> float:
    """The time that the triggers have waited, together."""
    return sum(found.fired.get(job_id, (found.end,))[0] - found.start for job_id in run.jobs.durations) / 60


def lateness(run: Run, found: Found) -> list[float]:
    """Seconds from "the server reports Completed, the trigger runs" to "it fired"; one that has not is late by now."""
    late = []
    for job_id, seconds in run.jobs.durations.items():
        completed = max(found.start + seconds, found.began[job_id])
        if completed < found.end - GRACE_SECONDS:
            late.append(found.fired.get(job_id, (found.end,))[0] - completed)
    return sorted(late)


def requests_until(found: Found, since: float, until: float) -> Counter[str]:
    return Counter(route for at, route in found.requests if since <= at < until)


def compare(runs: dict[Any, Run], found: dict[Any, Found]) -> None:
    print(
        f"\n{'':16}{'CPU of':>8}{'ms CPU per':>12}{'beyond':>9}{'times':>7}{'lists':>7}{'describes':>11}"
        f"{'lateness in s':>21}{'KB per':>9}{'own log':>9}{'blocked':>9}{'blocked':>9}"
        f"\n{'jobs':>8} {'':7}{'a core':>8}{'job-minute':>12}{'bare':>9}{'ours':>7}{'per s':>7}{'per end':>11}"
        f"{'median    p99    max':>21}{'job':>9}{'lines':>9}{'at start':>9}{'later':>9}"
    )
    for count in SIZES:
        kinds = [kind for kind in KINDS if (kind, count) in found]
        cost = {
            kind: 1000 * found[kind, count].cpu[1] / job_minutes(runs[kind, count], found[kind, count])
            for kind in kinds
        }
        beyond = {kind: cost[kind] - cost["bare"] for kind in kinds}
        for kind in kinds:
            run, one = runs[kind, count], found[kind, count]
            seconds, requests, late = one.end - one.start, requests_until(one, one.start, one.end), lateness(run, one)
            memory = (one.peak - found["bare", count].peak) / count
            quantiles = f"{statistics.median(late):6.2f} {late[int(0.99 * len(late))]:6.2f} {late[-1]:6.2f}"
            print(
                f"{count:8,} {kind:7}{one.cpu[1] / seconds:8.2%}{cost[kind]:12.3f}{beyond[kind]:9.3f}"
                f"{beyond[kind] / beyond['ours']:7.1f}{requests['list'] / seconds:7.2f}"
                f"{requests['describe'] / max(1, len(one.fired)):11.2f}{quantiles:>21}"
                f"{memory:9.1f}{one.log['own']:9,}{one.log['blocked at start']:9}{one.log['blocked']:9}"
            )


def alone(runs: dict[Any, Run], found: dict[Any, Found]) -> None:
    """Ten thousand triggers by themselves, as many bare ones, and whether ours keep within the limits."""
    print(
        f"\n{'':17}{'CPU of a core':>24}{'CPU per':>10}{'lists':>8}{'describes':>11}"
        f"{'Completed to fired in s':>26}{'longest delay of event loop':>29}{'load':>7}\n"
        f"{'':17}{'whole':>8}{'start':>8}{'later':>8}{'start':>10}{'per s':>8}{'per end':>11}"
        f"{'median     p99     max':>26}{'at start':>20}{'later':>9}"
    )
    for scene in (scene for scene in ALONE if (scene, "ours") in found):
        measured = {kind: figures(runs[scene, kind], found[scene, kind]) for kind in ("ours", "bare")}
        for kind, one in measured.items():
            cpu = "".join(f"{one[part]:8.2%}" for part in ("whole", "start", "later"))
            print(
                f"{scene:8} {kind:8}{cpu}{one['per start']:7.2f} ms{one['lists']:8.2f}{one['describes']:11.2f}"
                f"{'{median:.2f}  {p99:6.2f}  {max:6.2f}'.format(**one):>26}{one['lag at start']:18.2f} s"
                f"{one['lag later']:7.2f} s{one['load']:7.1f}"
            )
        ours, bare, limits = measured["ours"], measured["bare"], LIMITS[scene]
        lag, bare_lag = (max(one["lag at start"], one["lag later"]) for one in (ours, bare))
        for what, value, of_bare, limit in (
            ("CPU of a core", ours["whole"], bare["whole"], limits[0]),
            ("p99 of Completed to fired, s", ours["p99"], None, limits[1]),
            ("longest delay of event loop, s", lag, bare_lag, limits[2]),
        ):
            if limit is not None:
                beside = "" if of_bare is None else f"; bare {of_bare:.3f}, so of ours {value - of_bare:.3f}"
                kept = "within" if value <= limit else "beyond"
                print(f"{'':9}{what:32}{value:7.3f} {kept} the limit {limit:g}{beside}")


def figures(run: Run, found: Found) -> dict[str, float]:
    late, seconds = lateness(run, found), found.end - found.start
    requests, settled = requests_until(found, found.start, found.end), found.start + SETTLED_SECONDS
    lag = [max((by for at, by in found.lag if (at < settled) is first), default=0.0) for first in (True, False)]
    first, all_of_it = found.cpu
    return {
        "whole": all_of_it / seconds,
        "start": first / SETTLED_SECONDS,
        "later": (all_of_it - first) / (seconds - SETTLED_SECONDS),
        "per start": 1000 * first / run.jobs.count,
        "lists": requests["list"] / seconds,
        "describes": requests["describe"] / max(1, len(found.fired)),
        "median": statistics.median(late),
        "p99": late[int(0.99 * len(late))],
        "max": late[-1],
        "lag at start": lag[0],
        "lag later": lag[1],
        "load": found.load,
    }


def growth(runs: dict[Any, Run], found: dict[Any, Found]) -> dict[int, float]:
    """Milliseconds of CPU per list for each number of jobs, none of which ends."""
    print(f"\n{'jobs':>8}{'CPU per list':>15}{'per job':>12}{'requests per s':>17}")
    milliseconds = {}
    for count in GROWTH_SIZES:
        one = found["growth", count]
        settled = one.start + SETTLED_SECONDS
        requests = requests_until(one, settled, one.end)
        milliseconds[count] = 1000 * (one.cpu[1] - one.cpu[0]) / max(1, requests["list"])
        print(
            f"{count:8,}{milliseconds[count]:12.1f} ms{1000 * milliseconds[count] / count:9.1f} us"
            f"{requests.total() / (one.end - settled):17.2f}"
        )
    return milliseconds


def outage(run: Run, found: Found) -> None:
    began, returned = (found.start + seconds for seconds in run.jobs.down)
    ended_in_it = [job_id for job_id, at in run.jobs.durations.items() if began <= found.start + at < returned]
    served = max(found.fired[job_id][0] if job_id in found.fired else found.end for job_id in ended_in_it) - returned
    attempts = requests_until(found, began, returned).total()
    print(
        f"\n{run.jobs.count:,} jobs, server down for {returned - began:.0f} s: {attempts} requests in that time, "
        f"{len(ended_in_it)} jobs ended in it,\nthe last of their triggers fired {served:.1f} s after its return; "
        f"events: {dict(Counter(status for _, status in found.fired.values()))}"
    )


def plot(milliseconds: dict[int, float], path: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    axes.plot(list(milliseconds), list(milliseconds.values()), marker="o")
    axes.set(xlabel="imports that are waited for", ylabel="ms of CPU per poll of all of them", xlim=0, ylim=0)
    axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    print(f"\nplotted to {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="watch until the last job has ended")
    parser.add_argument("--plot", type=Path, default=PLOT, help="where the growth is plotted to (%(default)s)")
    parser.add_argument("--alone", choices=ALONE, nargs="*", help="run only these two, or one of them")
    options = parser.parse_args()
    seconds = SPREAD_SECONDS + GRACE_SECONDS + 1 if options.full else SLICE_SECONDS

    runs: dict[Any, Run] = {}
    for count in SIZES:
        for kind in KINDS if count in NAIVE_SIZES else ("ours", "bare"):
            runs[kind, count] = Run(kind, Jobs(count, 0.0, SPREAD_SECONDS), seconds)
    for count in GROWTH_SIZES:
        jobs = Jobs(count, 2 * SLICE_SECONDS, SPREAD_SECONDS)
        runs["growth", count] = Run("ours", jobs, SLICE_SECONDS, watchdog=False)
    runs["outage", OUTAGE.count] = Run("ours", OUTAGE, SLICE_SECONDS)
    for scene, kind in itertools.product(ALONE, ("ours", "bare")):
        busy = 0 if scene == "quiet" else os.cpu_count() or 1
        runs[scene, kind] = Run(kind, Jobs(10_000, 0.0, SPREAD_SECONDS), seconds, busy_processes=busy)
    found: dict[Any, Found] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AIRFLOW_HOME"] = folder
        groups = [{(scene, kind)} for scene in (options.alone or ALONE) for kind in ("ours", "bare")]
        if options.alone is None:
            groups += GROUPS
        for group in groups:
            together = {key: run for key, run in runs.items() if key in group}
            found |= compete(together, Path(folder))
    alone(runs, found)
    if options.alone is not None:
        return
    compare(runs, found)
    milliseconds = growth(runs, found)
    outage(runs["outage", OUTAGE.count], found["outage", OUTAGE.count])
    plot(milliseconds, options.plot)


if __name__ == "__main__":
    main()
