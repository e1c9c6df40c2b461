"""Whatever dies, each intended load is loaded at most once."""

import logging

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from model import OURS, SECONDS_KEPT, SECONDS_TO_LOAD, Client, Crash, Server, Steps, Store

from airflow_provider_milvus.submission.record import LOADS, finish, load_of_try, record_results
from airflow_provider_milvus.submission.submitter import Load, SubmitOutcome, Submitter

TROUBLE = st.lists(st.sampled_from(["ok", "busy", "lost", "late", "slow", "dropped"]), max_size=4)
QUIET = logging.getLogger("quiet")
QUIET.disabled = True


class Histories(RuleBasedStateMachine):
    """One task on one server: its tries, its user, the jobs of other tasks, and time."""

    @initialize(knows_keys=st.booleans(), batches=st.integers(1, 2))
    def start(self, knows_keys, batches):
        self.server = Server(knows_keys)
        self.files = [OURS, ("a2.parquet",)][:batches]
        self.store = Store()
        self.began = self.server.now
        self.clear_count = self.tries = self.request = self.load = 0
        self.succeeded = False

    @rule(dies_at=st.none() | st.integers(1, 24), trouble=TROUBLE, gives_up=st.booleans())
    def run_a_try(self, dies_at, trouble, gives_up):
        """The task's process runs until it succeeds, fails or dies."""
        if self.succeeded:
            return
        self.tries += 1
        steps = self.store.steps = Steps(dies_at)
        trouble = list(trouble)
        try:
            earlier = "none" if self.tries == 1 else "some"
            load_of = load_of_try(self.store, self.clear_count, (self.clear_count, earlier))
            submissions = [self.submitter(batch, load_of, steps, trouble).submit() for batch in range(len(self.files))]
            for submission in submissions:
                if submission.outcome is SubmitOutcome.UNKNOWN:
                    assert not submission.job_id or submission.job_id in self.server.expired
                    return
            steps.step()
            jobs = [self.server.jobs[submission.job_id] for submission in submissions]
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

    def submitter(self, batch, load_of, steps, trouble):
        files = self.files[batch]
        load = Load(
            ("dag", "task", "run", "-1"),
            load_of[0],
            f"request {self.request}: {files}",
            "target",
            files,
            load_of[1],
            self.began,
            batch + 1,
        )
        return Submitter(
            Client(self.server, steps, trouble, (self.load, batch), files),
            self.store,
            load,
            log=QUIET,
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
        self.began = self.server.now  # Airflow starts a finished run anew when one of its tasks is cleared
        if self.succeeded or self.store.get(LOADS, {}).get("done_in") is not None:
            self.load += 1
            self.succeeded = False

    @rule()
    def change_the_request(self):
        if not self.succeeded:
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
    def each_load_is_loaded_at_most_once(self):
        if not hasattr(self, "server"):
            return
        loads = [job.load for job in self.server.jobs.values() if job.load is not None and job.state != "Failed"]
        assert len(loads) == len(set(loads)), f"loaded twice: {loads}"


TestHistories = Histories.TestCase
TestHistories.settings = settings(stateful_step_count=25)
