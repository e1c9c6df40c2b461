"""Whatever dies, each intended load is loaded at most once."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from model import OURS, SECONDS_KEPT, SECONDS_TO_LOAD, Client, Crash, Server, Steps, Store

from airflow_provider_milvus.submission.load import Load
from airflow_provider_milvus.submission.record import LOADS, finish, load_of_try, record_results
from airflow_provider_milvus.submission.result import SubmitOutcome
from airflow_provider_milvus.submission.submitter import Submitter

FAULTS = st.lists(st.sampled_from(["ok", "busy", "lost", "late", "slow", "dropped", "denied", "later"]), max_size=4)


class Log:
    """Notices a job that is submitted again although the earlier one may have loaded its rows."""

    def __init__(self, resubmitted):
        self._resubmitted = resubmitted

    def info(self, *_):
        pass

    def warning(self, message, *_):
        if "on_unknown_outcome='resubmit'" in message:
            self._resubmitted()


class Histories(RuleBasedStateMachine):
    """One task on one server: its tries, its user, the jobs of other tasks, and time."""

    @initialize(knows_keys=st.booleans(), batches=st.integers(1, 2), key_is_taken=st.booleans())
    def start(self, knows_keys, batches, key_is_taken):
        self.server = Server(knows_keys)
        self.files = [OURS, ("a2.parquet",)][:batches]
        self.store = Store()
        self.began = self.server.now
        self.clear_count = self.tries = self.request = self.load = 0
        self.succeeded = False
        self.resubmitted: set[tuple[int, int]] = set()
        if key_is_taken:
            # A run with the same id was deleted, and its job is still there.
            self.server.create(self.load_of(0, (0, "none")).key(1), OURS, None)
            self.server.sleep(60)
            self.began = self.server.now

    @rule(dies_at=st.none() | st.integers(1, 24), faults=FAULTS, gives_up=st.booleans(), resubmit=st.booleans())
    def run_a_try(self, dies_at, faults, gives_up, resubmit):
        """The task's process runs until it succeeds, fails or dies."""
        if self.succeeded:
            return
        self.tries += 1
        steps = self.store.steps = Steps(dies_at)
        faults = list(faults)
        try:
            earlier = "none" if self.tries == 1 else "some"
            load_of = load_of_try(self.store, self.clear_count, (self.clear_count, earlier))
            submissions = []
            for batch in range(len(self.files)):
                submitter = self.submitter(batch, load_of, steps, faults, resubmit)
                submissions.append(submitter.submit())
                if submissions[-1].outcome is SubmitOutcome.UNKNOWN:
                    assert not submissions[-1].job_id or submissions[-1].job_id in self.server.expired
                    return
            steps.step()
            jobs = [self.server.jobs[submission.job_id] for submission in submissions]
            if any(job.id in self.server.expired and not job.load for job in jobs):
                # The key was taken by a job that is no longer listed: the wait for it ends as an unknown outcome.
                return
            assert [job.load for job in jobs] == [(self.load, batch) for batch in range(len(jobs))], "of another load"
            while not gives_up and any(job.state not in ("Completed", "Failed") for job in jobs):
                self.server.sleep(5)
            if any(job.state != "Completed" for job in jobs):
                record_results(self.store, [{"job_id": job.id, "state": job.state} for job in jobs])
                return
            finish(self.store, self.clear_count)
            steps.step()
        except Crash:
            return
        self.succeeded = True

    def load_of(self, batch, load_of_try):
        files = self.files[batch]
        request = f"request {self.request}: {files}"
        identity = ("dag", "task", "run", "-1")
        number, earlier_tries = load_of_try
        return Load(identity, number, request, "target", files, earlier_tries, self.began, batch + 1)

    def submitter(self, batch, load_of_try, steps, faults, resubmit):
        log = Log(lambda: self.resubmitted.add((self.load, batch)))
        return Submitter(
            Client(self.server, steps, faults, (self.load, batch), self.files[batch]),
            self.store,
            self.load_of(batch, load_of_try),
            log=log,
            resubmit_unknown=resubmit,
            clock=self.server.clock,
            sleep=self.server.sleep,
        )

    @rule()
    def clear(self):
        """The user clears the task; only one that has succeeded is to load again.

        One that died between its last record and the end of its process counts as succeeded, too.
        """
        self.clear_count += 1
        self.tries = 0
        self.began = self.server.now  # Airflow starts a finished run again when one of its tasks is cleared
        if self.succeeded or self.store.get(LOADS, {}).get("done_in") is not None:
            self.load += 1
            self.succeeded = False

    @rule()
    def change_the_request(self):
        if not self.succeeded:
            self.server.sleep(70)  # a create that is later than expected could be taken for one of the new request
            self.request += 1
            self.load += 1

    @rule(seconds=st.sampled_from([1, 10, 60]))
    def time_passes(self, seconds):
        self.server.sleep(seconds)

    @rule()
    def another_task_submits(self):
        self.server.create(None, ("b.parquet",), None)

    @rule()
    def a_running_job_fails(self):
        for job in self.server.jobs.values():
            if job.state in ("Pending", "Importing"):
                job.state = "Failed"
                return

    @rule()
    def records_of_ended_jobs_expire(self):
        self.server.sleep(SECONDS_KEPT + SECONDS_TO_LOAD)
        self.server.expired |= {job.id for job in self.server.jobs.values() if job.state in ("Completed", "Failed")}

    @invariant()
    def known_jobs_are_none_of_the_load(self):
        """What was there before the first intent cannot be the load's own, and no retry adds to it."""
        for batch, name in enumerate(["milvus_import", "milvus_import_2"]):
            for job_id in (getattr(self, "store", None) or {}).get(name, {}).get("known", []):
                assert self.server.jobs[job_id].load != (self.load, batch), f"job {job_id} is of the load"

    @invariant()
    def each_load_is_loaded_at_most_once(self):
        if not hasattr(self, "server"):
            return
        loads = [job.load for job in self.server.jobs.values() if job.load is not None and job.state != "Failed"]
        loads = [load for load in loads if load not in self.resubmitted]
        assert len(loads) == len(set(loads)), f"loaded twice: {loads}"


TestHistories = Histories.TestCase
TestHistories.settings = settings(stateful_step_count=25)
