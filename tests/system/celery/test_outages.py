"""Everything that imports need dies and comes back, one after the other, while they are waited for in every way."""

import os
import time

import psutil
import pytest
from airflow_celery import REDIS, WORKERS
from airflow_standalone import is_healthy
from counted import ROWS, SCHEMA, write_files
from scenario import scenario

IMPORTS = ("synchronous", "deferrable", "two_phase", "submit")
DEFERRED = ("deferrable", "two_phase", "deferrable_sensor")
WAITING = {
    "synchronous": ("running",),
    "poke_sensor": ("running",),
    "reschedule_sensor": ("running", "up_for_reschedule", "scheduled", "queued"),
    **dict.fromkeys(DEFERRED, ("deferred",)),
}
TASKS = {"submit", *WAITING}
SECONDS_LEFT_BEHIND = 3
SECONDS_WITHOUT_REDIS = 5
SECONDS_WITHOUT_DATABASE = 3
SECONDS_WITHOUT_SCHEDULER = 5
SECONDS_WITHOUT_MILVUS = 60


@scenario
def wait_in_every_way(environment):
    """A run that waits with all its tasks, and goes on until its server ends its jobs."""
    write_files(environment.bucket, IMPORTS)
    run = start(environment, "waiting")
    run.wait_until(lambda: _waits(run), "wait with all its tasks")
    return run


def start(environment, collection):
    environment.call_milvus("milvus_patient", "collections/create", collectionName=collection, schema=SCHEMA)
    return environment.airflow.trigger("outages", {"collection": collection})


def _waits(run):
    tasks = {task.id: task for task in run.tasks}
    return all(tasks[task_id].state in states for task_id, states in WAITING.items()) and all(
        tasks[task_id].has_xcom("job_id") for task_id in IMPORTS
    )


class Outages:
    """Everything that happens to a run that waits, and what comes of it.

    :param queued: a run whose tasks are in the queue when Redis dies.
    """

    def __init__(self, environment, run):
        self.environment = environment
        self.service = environment.airflow.service
        self.waiting = run
        self.tries_of_synchronous = self.tries_of_poke_sensor = 0
        self.moved = []
        self.lose_worker_and_then_triggerer()
        self.lose_processes_of_worker_and_triggerer()
        self.restart_database()
        self.lose_scheduler_and_api_server()
        self.queued = self.lose_milvus_and_queue()
        for ending in (self.waiting, self.queued):
            self.wait_until(lambda ending=ending: ending.state in ("success", "failed"), "end")

    def lose_worker_and_then_triggerer(self):
        """A worker dies with all its tasks; soon after a triggerer, whose triggers move to the other."""
        before, worker = self.task_on_worker("synchronous")
        worker.kill()
        self.lose_triggerer("deferrable")
        self.wait_for_retry("synchronous", before)
        self.tries_of_synchronous = before.tries + 1

    def lose_processes_of_worker_and_triggerer(self):
        """A worker dies and leaves the processes of its tasks behind; at the same time the triggerer that is left."""
        before, worker = self.task_on_worker("poke_sensor")
        for process in worker.processes:
            if os.getpgid(process.pid) == worker.pid:
                process.kill()
        self.lose_triggerer("two_phase")
        time.sleep(SECONDS_LEFT_BEHIND)
        self.wait_for_retry("poke_sensor", before)
        self.tries_of_poke_sensor = before.tries + 1

    def restart_database(self):
        """PostgreSQL breaks every connection, and comes back."""
        self.service.restart_database(SECONDS_WITHOUT_DATABASE)
        self.wait_until_everything_waits()

    def lose_scheduler_and_api_server(self):
        for name in ("scheduler", "api_server"):
            self.service.components[name].kill()
        time.sleep(SECONDS_WITHOUT_SCHEDULER)
        self.wait_until_everything_waits()

    def lose_milvus_and_queue(self):
        """Milvus is away for a minute. Meanwhile Redis dies with tasks in its queue, and comes back empty."""
        components, milvus = self.service.components, self.environment.milvus["milvus_patient"]
        workers = [psutil.Process(components[name].pid) for name in WORKERS]
        for worker in workers:
            worker.suspend()
        queued = start(self.environment, "queued")
        queued.wait_until(lambda: all(queued.task(task_id).state == "queued" for task_id in IMPORTS), "be queued")
        milvus.kill()
        back = time.monotonic() + SECONDS_WITHOUT_MILVUS
        components[REDIS].kill()
        for worker in workers:
            worker.resume()
        time.sleep(SECONDS_WITHOUT_REDIS)
        components[REDIS].start()
        self.wait_until(lambda: time.monotonic() > back, "go on")
        self.environment.finish_jobs("milvus_patient")
        return queued

    def lose_triggerer(self, task_id):
        """A triggerer dies, and its triggers move to the other."""
        lost = self.triggerer_of(task_id)
        lost.kill()
        # It is not started again before they have moved.
        self.waiting.wait_until(lambda: self.triggerer_of(task_id) not in (None, lost), "wait in the other triggerer")
        task = self.task(task_id)
        self.moved.append((task.id, task.state, task.tries))

    def wait_for_retry(self, task_id, before):
        self.wait_until(
            lambda: (task := self.task(task_id)).tries > before.tries and task.state == "running" and task.pid,
            f"run {task_id} again",
        )

    def wait_until_everything_waits(self):
        self.wait_until(lambda: is_healthy(self.service.port) and _waits(self.waiting), "wait with all its tasks")

    def wait_until(self, condition, what):
        """Wait while whoever runs Airflow starts again what has ended."""
        self.waiting.wait_until(lambda: not self.service.start_what_ended() and condition(), what)

    def task(self, task_id):
        return self.waiting.task(task_id)

    def task_on_worker(self, task_id):
        """A task that runs, and the worker that it runs on."""
        found = []

        def runs():
            task = self.task(task_id)
            # Its process may be gone, and nobody have noticed yet.
            if task.state == "running" and psutil.pid_exists(task.pid or 0):
                session = os.getsid(task.pid)
                found.append((task, self._find("worker", lambda worker: worker.pid == session)))
            return found and found[-1][1]

        self.wait_until(runs, f"run {task_id}")
        return found[-1]

    def triggerer_of(self, task_id):
        """The triggerer that writes the log of a deferred task."""
        wanted = (f"run_id={self.waiting.id}", f"task_id={task_id}/")
        return self._find(
            "triggerer",
            lambda triggerer: any(
                all(part in file.path for part in wanted)
                for process in triggerer.processes
                for file in process.open_files()
            ),
        )

    def _find(self, kind, matches):
        found = [
            component
            for name, component in self.service.components.items()
            if name.startswith(kind) and component.is_running and matches(component)
        ]
        return found[0] if found else None


@pytest.fixture(scope="module")
def outages(environment, begun):
    # What the other tests have begun is not to be hit.
    for outcome in begun.outcomes.values():
        outcome.exception()
    for run in begun.runs.values():
        run.wait()
    return Outages(environment, begun.outcomes[wait_in_every_way].result())


@pytest.fixture(params=["waiting", "queued"])
def name(request):
    return request.param


def test_every_task_ends_well(outages, name):
    run = getattr(outages, name)
    assert {task.id: task.state for task in run.tasks} == dict.fromkeys(TASKS, "success"), run.report()


def test_every_import_is_loaded_once(outages, environment, name):
    rows = environment.call_milvus("milvus_patient", "collections/get_stats", collectionName=name)["rowCount"]
    jobs = environment.call_milvus("milvus_patient", "jobs/import/list", collectionName=name)["records"]
    run = getattr(outages, name)
    assert (rows, len(jobs)) == (ROWS * len(IMPORTS), len(IMPORTS)), run.report()


def test_task_of_a_lost_worker_is_retried(outages):
    assert outages.waiting.task("synchronous").tries >= outages.tries_of_synchronous == 2


def test_task_that_its_worker_left_behind_is_retried(outages):
    assert outages.waiting.task("poke_sensor").tries >= outages.tries_of_poke_sensor >= 2


def test_trigger_that_moves_waits_in_the_same_try(outages):
    assert outages.moved == [("deferrable", "deferred", 1), ("two_phase", "deferred", 1)]


@pytest.mark.parametrize("task_id", DEFERRED)
def test_deferred_wait_outlives_everything_in_one_try(outages, task_id):
    assert outages.waiting.task(task_id).tries == 1, outages.waiting.report()
