"""What two triggerers cost that share the waits of one server, beside one triggerer that has all of them.

Each triggerer is a process that runs its triggers as `watch_many.py` does; all of them begin at once, and their jobs
last for up to ten minutes, of which the first two are watched. First one has all jobs, then each of two has half.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from simulated_milvus import Jobs, serve
from watch_many import READY_TIMEOUT, SETTLED_SECONDS, SPREAD_SECONDS, Found, Run, lateness, receive, watch


@dataclass(frozen=True)
class Share(Jobs):
    """What one of several triggerers has of the jobs of a server."""

    number: int = 0
    triggerers: int = 1

    @property
    def durations(self) -> dict[str, float]:
        return dict(
            list(Jobs(self.count, self.shortest, self.longest).durations.items())[self.number :: self.triggerers]
        )


def measure(count: int, seconds: float, triggerers: int, folder: Path) -> tuple[list[Run], list[Found]]:
    """Let so many triggerers share the jobs of a server."""
    spawn, jobs = multiprocessing.get_context("spawn"), Jobs(count, 0.0, SPREAD_SECONDS)
    runs = [
        Run("ours", Share(count, 0.0, SPREAD_SECONDS, (0.0, 0.0), n, triggerers), seconds) for n in range(triggerers)
    ]
    ours, theirs = spawn.Pipe()
    processes = [spawn.Process(target=serve, args=(theirs, jobs), daemon=True)]
    try:
        processes[0].start()
        port, pipes = receive(ours, READY_TIMEOUT), []
        for number, run in enumerate(runs):
            pipe, theirs = spawn.Pipe()
            arguments = (theirs, run, port, folder / f"{triggerers}_{number}.log")
            processes.append(spawn.Process(target=watch, args=arguments, daemon=True))
            processes[-1].start()
            receive(pipe, READY_TIMEOUT)
            pipes.append(pipe)
        start = time.time() + 1
        for pipe in (ours, *pipes):
            pipe.send(start)
        found = [receive(pipe, seconds + READY_TIMEOUT) for pipe in pipes]
        ours.send("stop")
        found[0].requests = receive(ours, READY_TIMEOUT)
        return runs, found
    finally:
        for process in processes:
            process.terminate()


def report(runs: list[Run], found: list[Found]) -> None:
    """A line on each triggerer, and the requests of all."""
    for run, one in zip(runs, found, strict=True):
        late, (first, whole) = lateness(run, one), one.cpu
        seconds = one.end - one.start
        print(
            f"{len(found)} triggerers, {len(run.jobs.durations):6,} triggers: "
            f"CPU of a core {whole / seconds:6.2%}, first {SETTLED_SECONDS:.0f} s {first / SETTLED_SECONDS:6.2%}, "
            f"later {(whole - first) / (seconds - SETTLED_SECONDS):6.2%}; Completed to fired, median "
            f"{statistics.median(late):.2f} s, p99 {late[int(0.99 * len(late))]:.2f} s",
            flush=True,
        )
    routes = [route for at, route in found[0].requests if at < found[0].end]
    together = sum(one.cpu[1] / (one.end - one.start) for one in found)
    fired, seconds = sum(len(one.fired) for one in found), found[0].end - found[0].start
    print(
        f"{len(found)} triggerers together: CPU of a core {together:.2%}, {routes.count('list') / seconds:.2f} lists "
        f"per s, {routes.count('describe') / max(1, fired):.2f} describes per end",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--imports", type=int, default=10_000, help="how many (%(default)s)")
    parser.add_argument("--seconds", type=float, default=120, help="for how long they are watched (%(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AIRFLOW_HOME"] = folder
        for triggerers in (1, 2):
            report(*measure(options.imports, options.seconds, triggerers, Path(folder)))


if __name__ == "__main__":
    main()
