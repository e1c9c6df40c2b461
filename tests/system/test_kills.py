"""Airflow ends the process or the trigger of a two-phase import: killed by a person, or for other reasons."""

import signal
import time
from contextlib import suppress
from dataclasses import dataclass

import psutil
import pytest
from airflow import __version__ as airflow_version
from airflow.triggers.base import BaseTrigger
from scenario import scenario

# Two on an idle machine.
SECONDS_TO_ABORT = 60
CLEARED_TASKS_RUN_AGAIN = not airflow_version.startswith("3.0.")
TRIGGERS_ARE_NOTIFIED = hasattr(BaseTrigger, "on_kill")

from_airflow_3_3_on = pytest.mark.skipif(
    not TRIGGERS_ARE_NOTIFIED, reason="older versions notify no trigger of a kill, and keep no job for the next try"
)


class Load:
    """A run of one of the DAGs of kills, and its Milvus job, once its task waits for it."""

    def __init__(self, environment, name):
        self.run = environment.airflow.trigger(f"kills_{name}")
        self._collection = {"collectionName": name}
        self._environment = environment

    def wait_for_job(self):
        self.run.wait_until(lambda: self.run.task("load").has_xcom("job_id"), "submit its import")
        self._job_id = self.run.task("load").xcom("job_id")
        self.run.wait_until(lambda: self.job["state"] == "Importing", "have its files imported")

    def wait_for_trigger(self):
        """Return when the trigger has polled the job, which it logs; before, there is nothing to kill."""
        self.wait_for_job()
        self.run.wait_until(lambda: self.run.task("load").state == "deferred", "defer its task")
        self.run.wait_until(lambda: f"{self._job_id}: Importing" in self.run.task("load").log, "poll its job")

    def wait_for_another_trigger(self):
        """Return when a trigger of another triggerer has polled the job for the first time."""
        mentions = self.run.task("load").log.count(self._job_id)
        self.run.wait_until(lambda: self.run.task("load").log.count(self._job_id) > mentions, "poll its job again")

    def call_milvus(self, route, **body):
        return self._environment.call_milvus("milvus_kills", route, **body)

    @property
    def job(self):
        return self.call_milvus("jobs/import/describe", jobId=self._job_id)

    @property
    def jobs(self):
        return self.call_milvus("jobs/import/list", **self._collection)["records"]

    @property
    def rows(self):
        return self.call_milvus("collections/get_stats", **self._collection)["rowCount"]

    def is_aborted(self):
        """Whether its job is aborted soon."""
        deadline = time.monotonic() + SECONDS_TO_ABORT
        while self.job["state"] != "Failed" and time.monotonic() < deadline:
            time.sleep(0.2)
        return self.job.get("reason") == "aborted by user"


@dataclass
class Kills:
    """The loads by what is done to each, and those whose job was aborted soon after it."""

    loads: dict[str, Load]
    aborted: set[str]


@scenario
def loads_are_killed(environment):
    """Running and deferred tasks are marked failed or cleared, and one's triggerer stalls."""
    names = ("running_marked_failed", "running_cleared", "marked_failed", "cleared", "moved")
    loads = {name: Load(environment, name) for name in names if CLEARED_TASKS_RUN_AGAIN or name != "running_cleared"}
    aborted = set()
    for name, load in loads.items():
        if name.startswith("running"):
            load.wait_for_job()
        else:
            load.wait_for_trigger()
    for name, load in loads.items():
        if name.endswith("marked_failed"):
            load.run.mark_failed("load")
        elif name.endswith("cleared"):
            load.run.clear()
    notified = [name for name in loads if name.startswith("running") or (TRIGGERS_ARE_NOTIFIED and "marked" in name)]
    aborted = {name for name in notified if loads[name].is_aborted()}
    _stall_the_triggerer(environment, loads["moved"])
    if "running_cleared" in loads:
        again = loads["running_cleared"]
        again.run.wait_until(lambda: len(again.jobs) == 2, "submit its import again")
    environment.finish_jobs("milvus_kills")
    for load in loads.values():
        load.run.wait()
    return Kills(loads, aborted)


def _stall_the_triggerer(environment, load):
    """Stop the triggerer until another one polls the job of a load, then let it go on."""
    stalled = environment.airflow.processes("triggerer")
    second = environment.airflow.second_triggerer().start()
    try:
        for process in stalled:
            process.send_signal(signal.SIGSTOP)
        load.wait_for_another_trigger()
    finally:
        for process in stalled:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
        # What it has taken over from the runs of others goes back at once.
        second.stop()


@pytest.fixture
def kills(outcome_of):
    return outcome_of(loads_are_killed)


def test_marking_a_running_task_failed_aborts_its_job(kills):
    assert "running_marked_failed" in kills.aborted, kills.loads["running_marked_failed"].run.report()


@pytest.mark.skipif(not CLEARED_TASKS_RUN_AGAIN, reason="Airflow 3.0 gives up a task that is cleared while it runs")
def test_clearing_a_running_task_aborts_its_job_and_submits_another(kills):
    load = kills.loads["running_cleared"]
    assert "running_cleared" in kills.aborted, load.run.report()
    assert (load.run.state, load.rows) == ("success", 100), load.run.report()


@from_airflow_3_3_on
def test_marking_a_deferred_task_failed_aborts_its_job(kills):
    assert "marked_failed" in kills.aborted, kills.loads["marked_failed"].run.report()


@from_airflow_3_3_on
def test_clearing_a_deferred_task_lets_its_next_try_go_on_with_the_job(kills):
    load = kills.loads["cleared"]
    assert (load.run.state, load.job["state"], load.rows) == ("success", "Completed", 100), load.run.report()


def test_triggers_of_a_stalled_triggerer_move_without_aborting_their_jobs(kills):
    load = kills.loads["moved"]
    assert (load.run.state, load.job["state"]) == ("success", "Completed"), load.run.report()
