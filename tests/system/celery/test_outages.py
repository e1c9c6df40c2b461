"""Everything that imports need dies and comes back, while they are waited for in every way."""

import os
import time

import psutil
import pytest
from airflow_celery import REDIS, WORKERS

IMPORTS = ("synchronous", "deferrable", "two_phase", "submit")
SENSORS = ("poke_sensor", "reschedule_sensor", "deferrable_sensor")
WAITING = {
    "synchronous": ("running",),
    "deferrable": ("deferred",),
    "two_phase": ("deferred",),
    "poke_sensor": ("running",),
    "reschedule_sensor": ("running", "up_for_reschedule", "scheduled", "queued"),
    "deferrable_sensor": ("deferred",),
}
ROWS = 100
SECONDS_LEFT_BEHIND = 3
SECONDS_WITHOUT_REDIS = 5
SECONDS_WITHOUT_DATABASE = 3
SECONDS_WITHOUT_SCHEDULER = 5
SECONDS_WITHOUT_MILVUS = 60
OUTAGES = {}
QUEUED = "queued_when_redis_dies"


def outage(function):
    """Let this happen while a run of its own waits."""
    OUTAGES[function.__name__] = function
    return function


class Outages:
    """A run of the DAG for each outage, which begins when its run waits with all tasks."""

    def __init__(self, airflow, milvus, create_collection):
        self.airflow = airflow
        self.service = airflow.service
        self.milvus = milvus["milvus_patient"]
        self.create_collection = create_collection
        self.runs = {}
        self.moved = []
        for name, happens in OUTAGES.items():
            self.runs[name] = run = self.start(name)
            self.wait_until(run, lambda run=run: _waits(run), "wait with all its tasks")
            happens(self, run)
        for run in self.runs.values():
            self.wait_until(run, lambda run=run: run.state in ("success", "failed"), "end")

    def wait_until(self, run, condition, what):
        """Wait while whoever runs Airflow starts again what has ended."""
        run.wait_until(lambda: not self.service.start_what_ended() and condition(), what)

    def worker_of(self, task):
        """The worker that a running task runs on."""
        return self._find("worker", lambda worker: os.getsid(task.pid) == worker.pid)

    def triggerer_of(self, run, task_id):
        """The triggerer that writes the log of a deferred task."""
        wanted = (f"run_id={run.id}", f"task_id={task_id}")
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

    def start(self, name):
        self.create_collection("milvus_patient", name)
        return self.airflow.trigger("outages", {"collection": name})


def _waits(run):
    tasks = {task.id: task for task in run.tasks}
    return all(tasks[task_id].state in states for task_id, states in WAITING.items()) and all(
        tasks[task_id].has_xcom("job_id") for task_id in IMPORTS
    )


@outage
def lost_worker(outages, run):
    """A worker dies with all its tasks."""
    outages.worker_of(run.task("synchronous")).kill()


@outage
def killed_worker_processes(outages, run):
    """A worker dies, and leaves the processes of its tasks behind."""
    worker = outages.worker_of(run.task("poke_sensor"))
    for process in worker.processes:
        if os.getpgid(process.pid) == worker.pid:
            process.kill()
    time.sleep(SECONDS_LEFT_BEHIND)


@outage
def lost_triggerer(outages, run):
    lose_triggerer(outages, run)


@outage
def lost_worker_and_triggerer(outages, run):
    outages.worker_of(run.task("synchronous")).kill()
    lose_triggerer(outages, run)


def lose_triggerer(outages, run):
    """A triggerer dies, and its triggers move to the other."""
    lost = outages.triggerer_of(run, "deferrable")
    lost.kill()
    run.wait_until(lambda: outages.triggerer_of(run, "deferrable"), "wait in the other triggerer")
    task = run.task("deferrable")
    outages.moved.append((task.state, task.tries))


@outage
def lost_queue(outages, run):
    """Redis dies with tasks in its queue, and comes back empty."""
    components = outages.service.components
    workers = [psutil.Process(components[name].pid) for name in WORKERS]
    for worker in workers:
        worker.suspend()
    outages.runs[QUEUED] = queued = outages.start(QUEUED)
    queued.wait_until(lambda: all(queued.task(task_id).state == "queued" for task_id in IMPORTS), "be queued")
    components[REDIS].kill()
    for worker in workers:
        worker.resume()
    time.sleep(SECONDS_WITHOUT_REDIS)
    components[REDIS].start()


@outage
def restarted_database(outages, run):
    outages.service.restart_database(SECONDS_WITHOUT_DATABASE)


@outage
def lost_scheduler_and_api_server(outages, run):
    for name in ("scheduler", "api_server"):
        outages.service.components[name].kill()
    time.sleep(SECONDS_WITHOUT_SCHEDULER)
    outages.service.start_what_ended()
    outages.service.wait_until_it_serves()


@outage
def milvus_is_away(outages, run):
    outages.milvus.kill()
    time.sleep(SECONDS_WITHOUT_MILVUS)
    outages.milvus.start()


@pytest.fixture(scope="module")
def outages(airflow, milvus, create_collection):
    return Outages(airflow, milvus, create_collection)


@pytest.fixture(params=[*OUTAGES, QUEUED])
def name(request):
    return request.param


def test_every_task_ends_well(outages, name):
    run = outages.runs[name]
    assert {task.id: task.state for task in run.tasks} == dict.fromkeys((*IMPORTS, *SENSORS), "success"), run.report()


def test_every_import_is_loaded_once(outages, call_milvus, name):
    run = outages.runs[name]
    rows = call_milvus("milvus_patient", "collections/get_stats", collectionName=name)["rowCount"]
    jobs = call_milvus("milvus_patient", "jobs/import/list", collectionName=name)["records"]
    assert (rows, len(jobs)) == (ROWS * len(IMPORTS), len(IMPORTS)), run.report()


@pytest.mark.parametrize(
    ("name", "task_id"), [("lost_worker", "synchronous"), ("killed_worker_processes", "poke_sensor")]
)
def test_task_of_a_lost_worker_is_retried(outages, name, task_id):
    run = outages.runs[name]
    # Not all later outages spare the retry.
    assert run.task(task_id).tries >= 2, run.report()


def test_trigger_that_moves_waits_in_the_same_try(outages):
    assert outages.moved == [("deferred", 1)] * 2
