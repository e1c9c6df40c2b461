"""A Milvus in a few lines, and a process that dies between any two steps: what a submission is tried against."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from airflow_provider_milvus.rest import errors
from airflow_provider_milvus.rest.import_jobs import ImportJob, ImportState, parse_progress

SECONDS_UNTIL_FILES_SHOW = 5
SECONDS_TO_LOAD = 20
SECONDS_KEPT = 3 * 3600  # the record of an ended job, or longer
OURS = ("a.parquet",)


class Crash(BaseException):
    """The process dies here."""


@dataclass
class Job:
    id: str
    files: tuple[str, ...]
    load: tuple[int, int] | None
    created: float
    state: str = "Pending"


@dataclass
class Server:
    """Import jobs, with or without support for idempotency keys. Time passes when somebody sleeps."""

    knows_keys: bool
    now: float = 1_800_000_000.0
    jobs: dict[str, Job] = field(default_factory=dict)
    expired: set[str] = field(default_factory=set)
    keys: dict[str, str] = field(default_factory=dict)
    on_the_way: list[tuple[float, str, tuple[str, ...], tuple[int, int] | None]] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        landed = [entry for entry in self.on_the_way if entry[0] <= self.now]
        self.on_the_way = [entry for entry in self.on_the_way if entry[0] > self.now]
        for _, key, files, load in landed:
            self.create(key, files, load)
        for job in self.jobs.values():
            age = self.now - job.created
            if job.state == "Pending" and age >= SECONDS_UNTIL_FILES_SHOW:
                job.state = "Importing"
            if job.state == "Importing" and age >= SECONDS_TO_LOAD:
                job.state = "Completed"

    def create(self, key: str | None, files: tuple[str, ...], load: tuple[int, int] | None) -> str:
        if self.knows_keys and key in self.keys:
            return self.keys[key]
        job = Job(str(len(self.jobs) + 1), files, load, self.now)
        self.jobs[job.id] = job
        if key is not None:
            self.keys[key] = job.id
        return job.id

    def describe(self, job_id: str):
        if job_id not in self.jobs or job_id in self.expired:
            raise errors.MilvusImportJobNotFound("import job does not exist", code=2100)
        job = self.jobs[job_id]
        shown = job.files if job.state not in ("Pending", "Failed") else ()
        return parse_progress(
            {
                "jobId": job_id,
                "state": job.state,
                "createTime": datetime.fromtimestamp(job.created, UTC).isoformat(),
                "details": [{"fileName": f"[{name}]"} for name in shown],
            }
        )

    def list_jobs(self):
        return [
            ImportJob(job.id, "c", ImportState.read(job.state), 0, "")
            for job in self.jobs.values()
            if job.id not in self.expired
        ]


class Steps:
    """Counts the steps of a process and lets it die at one of them."""

    def __init__(self, dies_at: int | None) -> None:
        self.dies_at = dies_at
        self.taken = 0

    def step(self) -> None:
        self.taken += 1
        if self.taken == self.dies_at:
            raise Crash


class Store(dict):
    """What outlives the process; it dies before or after a write, never in the middle of one."""

    steps = Steps(None)

    def set(self, key, value):
        self.steps.step()
        self[key] = value
        self.steps.step()


class Client:
    """Our calls on the server, some of which go wrong as scripted.

    ``faults`` has one word for each create: ``ok``, ``busy`` (refused for now), ``lost`` (done, the response lost),
    ``late`` (the response lost, done 25 s later), ``slow`` (the response not waited for after 30 s, done 25 s later),
    ``dropped`` (the request lost). Only a server that knows keys makes these harmless: ``denied`` (done, although the
    error says that nothing was sent), ``later`` (the response lost, done 70 s later); others see ``lost``, ``late``.
    """

    def __init__(self, server: Server, steps: Steps, faults: list[str], load: tuple[int, int], files=OURS) -> None:
        self.server = server
        self.steps = steps
        self.faults = faults
        self.load = load
        self.files = files
        self.keys: list[str | None] = []

    def create(self, key):
        self.steps.step()
        self.keys.append(key)
        fault = self.faults.pop(0) if self.faults else "ok"
        if not self.server.knows_keys:
            fault = {"denied": "lost", "later": "late"}.get(fault, fault)
        if fault == "busy":
            raise errors.MilvusBusyError("The number of jobs has reached the limit", code=2100)
        if fault == "dropped":
            raise errors.MilvusConnectionError("reset")
        if fault == "slow":
            self.server.sleep(30)
        if fault in ("late", "slow", "later"):
            self.server.on_the_way.append(
                (self.server.now + (70 if fault == "later" else 25), key, self.files, self.load)
            )
            raise errors.MilvusRequestTimeout("timeout", http_status=408)
        job_id = self.server.create(key, self.files, self.load)
        self.steps.step()
        if fault == "lost":
            raise errors.MilvusConnectionError("reset")
        if fault == "denied":
            raise errors.MilvusConnectionError("refused", sent=False)
        return job_id

    def describe(self, job_id):
        self.steps.step()
        return self.server.describe(job_id)

    def list_jobs(self):
        self.steps.step()
        return self.server.list_jobs()

    def list_job_ids(self):
        return [job.job_id for job in self.list_jobs()]
