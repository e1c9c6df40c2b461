"""Kill one of two triggerers that share 2,000 deferred imports, and measure when each trigger fires.

The import jobs are those of a simulated Milvus and end at known moments after the kill, evenly over some minutes. The
tasks are in a PostgreSQL, as workers leave them when they defer; two `airflow triggerer` share them. Every trigger must
fire, and no task may go on twice. Late is the time from a job's ``Completed`` to the moment at which the triggerer logs
that the trigger fired: at most 30 s for 99 of 100 triggers whose jobs end before the last trigger that has moved may
fire, and 6 s for those whose jobs end later. How late Airflow schedules the tasks is reported beside it. A machine that
has more to do than this makes all of them late.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from itertools import cycle, pairwise
from pathlib import Path

REPO = Path(__file__).parents[2]
sys.path[:0] = [str(Path(__file__).parent), str(REPO / "scripts"), str(REPO / "benchmarks")]

from airflow_database import Database  # noqa: E402
from airflow_standalone import HOST, Service  # noqa: E402
from deferred_tasks import defer, define  # noqa: E402
from simulated_milvus import Jobs, serve  # noqa: E402

DAG_ID = "takeover"
# Until the kill, after which the first jobs end: both triggerers have begun to poll.
SECONDS_BEFORE = 30.0
LATE_IN_TAKEOVER = 30.0
LATE_OTHERWISE = 6.0
# A trigger fires no sooner than this many seconds after it began: one that has moved begins again.
SECONDS_TO_FIRE = 6.0
SECONDS_TO_BEGIN = 300
# Both are in what a triggerer logs of an event, or in the path of its log.
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
NUMBER = re.compile(r"map_index=(\d+)")
IMPORTS_AT_ONCE = 50
SECONDS_BETWEEN = 0.5
SETTINGS = {
    # One must be able to take over all that the other had, and soon.
    "TRIGGERER__CAPACITY": 5_000,  # 1,000
    "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": 15,  # 30
    "TRIGGERER__JOB_HEARTBEAT_SEC": 2,  # 5
    "CORE__LOAD_EXAMPLES": False,
    "USAGE_DATA_COLLECTION__ENABLED": False,
}


@dataclass
class Observed:
    """What happened to the tasks, by their numbers; moments are epoch seconds."""

    lost: set[int]
    killed: float = 0.0
    moved: dict[int, float] = field(default_factory=dict)
    fired: dict[int, float] = field(default_factory=dict)
    scheduled: dict[int, float] = field(default_factory=dict)
    scheduled_again: list[int] = field(default_factory=list)


class Triggerers:
    """A metadata database and two triggerers on it."""

    def __init__(self, folder: Path, milvus_port: int, stack: ExitStack) -> None:
        database = Database(folder / "postgres")
        stack.callback(database.stop)
        os.environ |= {
            **{f"AIRFLOW__{name}": str(value) for name, value in SETTINGS.items()},
            **database.start(),
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW_CONN_MILVUS_DEFAULT": f"milvus://{HOST}:{milvus_port}",
            "NO_PROXY": "*",
        }
        migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
        subprocess.run(migrate, check=True, capture_output=True, timeout=SECONDS_TO_BEGIN)
        # What is logged is read while they run.
        env = {**os.environ, "PYTHONUNBUFFERED": "1"}
        os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "WARNING"  # of this process
        self.services: dict[int, Service] = {}
        for number in (1, 2):
            service = Service(
                [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs"],
                port=0,
                log=folder / "airflow" / f"triggerer_{number}.log",
                env=env,
                ready=lambda number=number: len(self.alive()) == number,  # type: ignore[misc]
            ).start()
            stack.callback(service.kill)
            self.services[max(self.alive())] = service

    @staticmethod
    def alive() -> list[int]:
        """The ids of the triggerers that have begun."""
        from airflow.jobs.job import Job
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            return list(session.scalars(select(Job.id).where(Job.job_type == "TriggererJob")))

    @staticmethod
    def tasks() -> list[tuple[int, int | None, float | None]]:
        """Each task's number, the triggerer that has its trigger, and when the task was scheduled to go on."""
        from airflow.models.taskinstance import TaskInstance
        from airflow.models.trigger import Trigger
        from airflow.utils.session import create_session
        from sqlalchemy import select

        columns = (TaskInstance.map_index, Trigger.triggerer_id, TaskInstance.state, TaskInstance.scheduled_dttm)
        query = select(*columns).join(Trigger, Trigger.id == TaskInstance.trigger_id, isouter=True)
        with create_session() as session:
            return [
                (number, triggerer, moment.timestamp() if state == "scheduled" else None)
                for number, triggerer, state, moment in session.execute(query.where(TaskInstance.map_index >= 0))
            ]

    @staticmethod
    def fired() -> dict[int, float]:
        """When the trigger of each task fired, as the logs of the tasks and of the triggerers have it."""
        found: dict[int, float] = {}
        for log in Path(os.environ["AIRFLOW_HOME"]).rglob("*.log"):
            for line in log.read_text(errors="replace").splitlines():
                if "Trigger fired event" in line:
                    number, moment = NUMBER.search(f"{line} {log}"), MOMENT.search(line)
                    assert number, line
                    assert moment, line
                    found.setdefault(int(number[1]), datetime.fromisoformat(moment[0]).timestamp())
        return found


def observe(triggerers: Triggerers, lost: int, end: float, count: int) -> Observed:
    """Kill a triggerer, and observe until all tasks are scheduled or the end."""
    found = Observed({number for number, triggerer, _ in triggerers.tasks() if triggerer == lost})
    triggerers.services[lost].kill()
    found.killed = time.time()
    while len(found.scheduled) < count and time.time() < end:
        for number, triggerer, moment in triggerers.tasks():
            if moment is not None and abs(found.scheduled.setdefault(number, moment) - moment) > 0:
                found.scheduled_again.append(number)
            if number in found.lost and triggerer not in (None, lost):
                found.moved.setdefault(number, time.time())
        time.sleep(0.5)
    found.fired = triggerers.fired()
    return found


def report(found: Observed, ends: dict[int, float]) -> bool:
    """Print what was measured; whether it is good."""
    # The triggerer that is left has so many to start that its own are late as well.
    over = max(found.moved.values(), default=float("inf")) + SECONDS_TO_FIRE
    print(f"{len(ends)} triggers, {len(found.lost)} of them with the killed triggerer, {len(found.moved)} seen to move")
    if found.moved:
        seconds = [moment - found.killed for moment in found.moved.values()]
        print(f"They moved {min(seconds):.1f} to {max(seconds):.1f} s after the kill")
    print(
        f"{len(found.fired)} triggers fired, {len(found.scheduled)} tasks scheduled, "
        f"{len(found.scheduled_again)} of them again"
    )
    good = len(found.fired) == len(found.scheduled) == len(ends) and not found.scheduled_again
    for what, moments in {"fired": found.fired, "scheduled": found.scheduled}.items():
        late = {number: moment - ends[number] for number, moment in moments.items()}
        for when, limit, seconds in (
            ("over the takeover", LATE_IN_TAKEOVER, [late[number] for number in late if ends[number] < over]),
            ("after it", LATE_OTHERWISE, [late[number] for number in late if ends[number] >= over]),
        ):
            if not seconds:
                print(f"no trigger {when}")
                return False
            p99 = sorted(seconds)[max(0, round(0.99 * len(seconds)) - 1)]
            good &= p99 <= limit or what == "scheduled"
            print(
                f"Completed to {what}, {when}: {len(seconds)} triggers, median {statistics.median(seconds):.1f} s, "
                f"p99 {p99:.1f} s (limit {limit:.0f} s), maximum {max(seconds):.1f} s"
            )
    return good


def report_lists(times: list[float]) -> None:
    """Print how often the triggerer that is left has requested the list of jobs."""
    gaps = sorted(later - earlier for earlier, later in pairwise(sorted(times)))
    print(
        f"{len(times)} lists after the kill, {statistics.median(gaps):.1f} s apart (median), at most {gaps[-1]:.1f} s"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--imports", type=int, default=2000, help="how many (%(default)s)")
    parser.add_argument("--seconds", type=float, default=120, help="between first and last job's end (%(default)s)")
    parser.add_argument("--poll-interval", type=float, default=5, help="of all triggers, in seconds (%(default)s)")
    parser.add_argument("--at-a-time", type=int, default=50, help="triggers a triggerer takes in a loop (%(default)s)")
    options = parser.parse_args()
    SETTINGS["TRIGGERER__MAX_TRIGGER_TO_SELECT_PER_LOOP"] = options.at_a_time
    jobs = Jobs(options.imports, SECONDS_BEFORE, SECONDS_BEFORE + options.seconds)
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs, jobs), daemon=True)
    server.start()
    with tempfile.TemporaryDirectory(prefix="takeover-", ignore_cleanup_errors=True) as folder, ExitStack() as stack:
        stack.callback(server.kill)
        triggerers = Triggerers(Path(folder), ours.recv(), stack)
        shares = share(triggerers, list(jobs.durations), options.poll_interval)
        print(f"The triggerers have {' and '.join(map(str, shares.values()))} of the triggers", flush=True)
        start = time.time()
        ours.send(start)
        time.sleep(SECONDS_BEFORE)
        ((lost, _),) = shares.most_common(1)
        found = observe(triggerers, lost, start + jobs.longest + SECONDS_TO_BEGIN, jobs.count)
        ours.send("requests")
        report_lists([at for at, route in ours.recv() if route == "list" and at > found.killed])
        ends = {number: start + seconds for number, seconds in enumerate(jobs.durations.values())}
        return 0 if report(found, ends) else 1


def share(triggerers: Triggerers, job_ids: list[str], poll_interval: float) -> Counter[int | None]:
    """Defer a task to each job; how many each triggerer has."""
    from airflow_provider_milvus.triggers.import_job import MilvusImportTrigger

    define(DAG_ID, len(job_ids))
    waits = [MilvusImportTrigger(job_id, "milvus_default", poll_interval=poll_interval) for job_id in job_ids]
    for first, triggerer in zip(range(0, len(waits), IMPORTS_AT_ONCE), cycle(triggerers.services)):
        defer(dict(enumerate(waits[first : first + IMPORTS_AT_ONCE], first)), triggerer)
        time.sleep(SECONDS_BETWEEN)
    return Counter(triggerer for _, triggerer, _ in triggerers.tasks())


if __name__ == "__main__":
    sys.exit(main())
