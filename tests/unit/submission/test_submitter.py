"""Each branch of a submission, one at a time; ``test_submission_histories.py`` has them in every order."""

import json
from copy import copy
from dataclasses import replace

import pytest
from model import OURS, SECONDS_KEPT, SECONDS_TO_LOAD, Client, Crash, Server, Steps, Store

from airflow_provider_milvus.rest import errors
from airflow_provider_milvus.submission import submitter
from airflow_provider_milvus.submission.known_jobs import MAX_KNOWN_JOB_IDS, MAX_LISTED
from airflow_provider_milvus.submission.load import Load, digest
from airflow_provider_milvus.submission.record import (
    LOADS,
    RECORD,
    all_failed,
    finish,
    load_of_try,
    other_files,
    record_results,
)
from airflow_provider_milvus.submission.result import Submission
from airflow_provider_milvus.submission.result import SubmitOutcome as By
from airflow_provider_milvus.submission.submitter import LATE_CREATE_SECONDS, Submitter

COMPLETED_2 = {"job_id": "2", "state": "Completed", "imported_rows": 5}


class Log(list):
    def info(self, message, *values):
        self.append(message % values)

    warning = info


class Task:
    """The tries of one task on one server; what outlives them is the server, the store and what the user did."""

    def __init__(self, knows_keys, store=True):
        self.server = Server(knows_keys)
        self.store = Store() if store else None
        self.load = Load(("dag", "task", "run", "-1"), 0, "request", "target", OURS, "none", self.server.now)
        self.keys = []
        self.log = Log()
        self.clear_count = 0

    def run(self, *faults, dies_at=None, **options):
        """One try."""
        number, earlier = load_of_try(self.store, self.clear_count, (self.clear_count, self.load.earlier_tries))
        steps = Steps(dies_at)
        if self.store is not None:
            self.store.steps = steps
        client = Client(self.server, steps, list(faults), 0, self.load.files)
        client.keys = self.keys
        options = {"log": self.log, "clock": self.server.clock, "sleep": self.server.sleep, **options}
        load = replace(self.load, load_number=number, earlier_tries=earlier)
        self.load = replace(self.load, earlier_tries="some")
        return Submitter(client, self.store, load, **options).submit()

    def clear(self):
        self.clear_count += 1
        self.load = replace(self.load, earlier_tries="none", run_started_at=self.server.now)

    def batch(self, number):
        """The tries of another import of the same load."""
        other = copy(self)
        other.load = replace(self.load, batch_index=number, digest=f"part {number}", files=(f"{number}.parquet",))
        return other

    def ends(self, state="Completed"):
        self.server.sleep(SECONDS_TO_LOAD)
        for job in self.server.jobs.values():
            job.state = state

    def expires(self):
        self.ends()
        self.server.sleep(SECONDS_KEPT)
        self.server.expired |= set(self.server.jobs)


@pytest.fixture(params=[True, False], ids=["keys", "no keys"])
def task(request):
    """On a server that knows idempotency keys, and on one that ignores them."""
    return Task(request.param)


@pytest.fixture
def keyless():
    return Task(knows_keys=False)


# -- with a record ---------------------------------------------------------------------------------------------------


def test_first_try_submits(task):
    assert task.run() == Submission("1", By.NEW)


def test_intent_is_recorded_before_anything_is_sent(task):
    with pytest.raises(Crash):
        task.run(dies_at=4)
    assert task.keys == []
    assert task.store[RECORD]["job_id"] == ""


def test_record_has_the_jobs_that_were_there_before(task):
    task.server.create(None, OURS, None)
    task.run()
    assert task.store[RECORD]["known"] == ["1"]


def test_running_job_is_re_attached_to(task):
    task.run()
    assert task.run() == Submission("1", By.REATTACHED)


def test_job_that_waits_for_its_commit_is_re_attached_to(task):
    task.run()
    task.ends("Uncommitted")
    assert task.run() == Submission("1", By.REATTACHED)


def test_completed_job_is_taken(task):
    task.run()
    task.ends()
    assert task.run() == Submission("1", By.COMPLETED)


def test_failed_job_is_submitted_again_under_another_key(task):
    task.run()
    task.ends("Failed")
    assert task.run() == Submission("2", By.RESUBMITTED)
    assert len(set(task.keys)) == 2


def test_job_whose_record_expired_is_an_unknown_outcome(task):
    task.run()
    task.expires()
    found = task.run()
    assert (found.job_id, found.outcome) == ("1", By.UNKNOWN)
    assert "the server has no record of import job 1" in found.message


def test_job_whose_record_expired_is_submitted_again_where_configured(task):
    task.run()
    task.expires()
    assert task.run(resubmit_unknown=True) == Submission("2", By.RESUBMITTED)


def test_job_that_is_seen_late_is_not_gone(task, mocker):
    task.run()
    gone = errors.MilvusImportJobNotFound("import job does not exist")
    found = task.server.describe("1")
    mocker.patch.object(task.server, "describe", side_effect=[gone, gone, found])
    assert task.run().outcome is By.REATTACHED


def test_job_of_a_try_that_died_before_it_could_record_it_is_adopted(task):
    with pytest.raises(Crash):
        task.run(dies_at=5)
    assert task.run() == Submission("1", By.ADOPTED)


def test_intent_that_was_never_sent_is_sent_with_the_same_key(task):
    with pytest.raises(Crash):
        task.run(dies_at=4)
    key = task.load.key(1)
    assert task.run() == Submission("1", By.NEW)
    assert task.keys == [key]


def test_job_of_a_lost_response_is_adopted_in_the_same_try(task):
    assert task.run("lost") == Submission("1", By.ADOPTED)


def test_submit_that_is_carried_out_late_is_waited_for(task):
    assert task.run("late") == Submission("1", By.ADOPTED)


def test_lost_request_is_sent_again_with_its_key_once_it_cannot_arrive(task):
    began = task.server.now
    assert task.run("dropped") == Submission("1", By.NEW)
    assert task.server.now - began >= LATE_CREATE_SECONDS
    assert len(task.keys) == 2
    assert len(set(task.keys)) == 1


def test_job_of_other_files_is_not_adopted(task):
    with pytest.raises(Crash):
        task.run(dies_at=4)
    task.server.create(None, ("b.parquet",), None)
    assert task.run() == Submission("2", By.NEW)


def test_job_of_the_same_files_from_before_is_not_adopted(task):
    task.server.create(None, OURS, None)
    assert task.run("dropped").job_id == "2"


def test_failed_job_of_the_same_files_is_not_adopted(keyless):
    with pytest.raises(Crash):
        keyless.run(dies_at=5)
    keyless.ends("Failed")
    assert keyless.run() == Submission("2", By.NEW)


def test_job_is_matched_whatever_the_order_and_leading_slashes_of_files(keyless):
    keyless.load = replace(keyless.load, files=("/b.parquet", "a.parquet"))
    with pytest.raises(Crash):
        keyless.run(dies_at=5)
    keyless.load = replace(keyless.load, files=("a.parquet", "b.parquet"))
    assert keyless.run().outcome is By.ADOPTED


def test_job_that_does_not_name_its_files_for_long_is_an_unknown_outcome(keyless, mocker):
    mocker.patch("model.SECONDS_UNTIL_FILES_SHOW", 1e9)
    with pytest.raises(Crash):
        keyless.run(dies_at=5)
    found = keyless.run()
    assert (found.job_id, found.outcome) == ("", By.UNKNOWN)
    assert "job 1 does not report which files it loads" in found.message


def test_job_of_a_folder_is_an_unknown_outcome(keyless):
    keyless.load = replace(keyless.load, files=())
    with pytest.raises(Crash):
        keyless.run(dies_at=5)
    assert keyless.run().outcome is By.UNKNOWN


def test_empty_list_proves_nothing_once_records_expire(task):
    with pytest.raises(Crash):
        task.run(dies_at=5)
    task.expires()
    assert task.run().outcome is By.UNKNOWN


def test_import_that_was_only_ever_refused_is_no_unknown_outcome(task):
    with pytest.raises(errors.MilvusBusyError):
        task.run(*["busy"] * 9, max_failures=3)
    task.server.sleep(SECONDS_KEPT + 1)
    assert task.run() == Submission("1", By.NEW)


def test_import_that_was_only_ever_refused_is_submitted_without_a_wait(task):
    with pytest.raises(errors.MilvusBusyError):
        task.run(*["busy"] * 9, max_failures=3)
    began = task.server.now
    task.run()
    assert task.server.now == began


def test_lost_request_whose_job_was_searched_for_is_no_unknown_outcome(task):
    with pytest.raises(errors.MilvusBusyError):
        task.run("dropped", *["busy"] * 9, max_failures=3)
    task.server.sleep(SECONDS_KEPT + 1)
    assert task.run() == Submission("1", By.NEW)


# -- clears and changes ----------------------------------------------------------------------------------------------


def test_clear_of_a_success_loads_again_under_another_key(task):
    task.run()
    task.ends()
    finish(task.store, task.clear_count)
    task.clear()
    assert task.run() == Submission("2", By.NEW)
    assert len(set(task.keys)) == 2


def test_retry_after_the_last_record_loads_nothing(task):
    task.run()
    task.ends()
    finish(task.store, task.clear_count)
    assert task.run().outcome is By.COMPLETED


@pytest.mark.parametrize("garbage", ["garbage", {"version": 9}, {"generation": "x"}])
def test_load_that_ends_is_recorded_over_garbage(task, garbage):
    task.run()
    task.store[LOADS] = garbage
    finish(task.store, 3)
    assert task.store[LOADS] == {"generation": 0, "done_in": 3}


def test_clear_of_a_failure_goes_on_with_its_job(task):
    task.run()
    task.clear()
    assert task.run() == Submission("1", By.REATTACHED)


def test_clear_of_a_failure_adopts_the_job_that_it_lost(task):
    with pytest.raises(Crash):
        task.run(dies_at=5)
    task.server.sleep(3600)
    task.clear()
    assert task.run() == Submission("1", By.ADOPTED)


def test_clear_of_a_failure_that_lost_its_request_uses_the_same_key(task):
    with pytest.raises(Crash):
        task.run("dropped", dies_at=6)
    task.clear()
    task.run()
    assert len(set(task.keys)) == 1


def test_changed_request_is_another_load(task):
    task.run()
    task.load = replace(task.load, digest="another")
    assert task.run() == Submission("2", By.NEW)
    assert len(set(task.keys)) == 2


def test_changed_request_waits_until_a_lost_submit_of_the_old_one_has_landed(task):
    with pytest.raises(Crash):
        task.run("late", dies_at=6)
    task.load = replace(task.load, digest="another")
    found = task.run()
    assert found.job_id == "2"
    assert task.store[RECORD]["known"] == ["1"]


# -- outages ---------------------------------------------------------------------------------------------------------


def test_busy_server_is_waited_for(task):
    assert task.run("busy", "busy").job_id == "1"
    assert len(task.keys) == 3


def test_refused_import_raises(task, mocker):
    mocker.patch.object(Client, "create", side_effect=errors.MilvusServerError("collection not found", code=1100))
    with pytest.raises(errors.MilvusServerError, match="code 1100"):
        task.run()


def test_server_that_stays_busy_is_given_up_on(task):
    with pytest.raises(errors.MilvusBusyError):
        task.run(*["busy"] * 9, max_failures=3)
    assert len(task.keys) == 3


def test_outage_is_not_waited_for_past_the_deadline(task):
    deadline = task.server.now + 10
    with pytest.raises(errors.MilvusBusyError):
        task.run(*["busy"] * 99, deadline=deadline)
    assert task.server.now <= deadline


DOWN = errors.MilvusConnectionError("refused", sent=False)


def test_list_request_is_repeated_through_an_outage(task, mocker):
    mocker.patch.object(task.server, "list_jobs", side_effect=[DOWN, DOWN, []])
    assert task.run().outcome is By.NEW


def test_describe_request_is_repeated_through_an_outage(task, mocker):
    task.run()
    mocker.patch.object(task.server, "describe", side_effect=[DOWN, DOWN, task.server.describe("1")])
    assert task.run().outcome is By.REATTACHED


# -- without a record ------------------------------------------------------------------------------------------------


@pytest.fixture(params=[True, False], ids=["keys", "no keys"])
def bare(request):
    """A task of an Airflow without a task state store."""
    return Task(request.param, store=False)


def test_first_try_without_a_store_submits_with_a_key(bare):
    assert bare.run() == Submission("1", By.NEW)
    assert bare.keys == [bare.load.key(1)]


@pytest.mark.parametrize("state", ["Importing", "Completed"])
def test_retry_without_a_store_adopts_the_job_with_its_files(bare, state):
    bare.run()
    bare.ends(state)
    assert bare.run() == Submission("1", By.ADOPTED)


def test_retry_without_a_store_waits_for_a_submit_that_was_lost_just_now(bare):
    with pytest.raises(errors.MilvusRequestTimeout):
        bare.run("late", max_failures=1)
    assert bare.run() == Submission("1", By.ADOPTED)


def test_retry_without_a_store_uses_the_same_key(bare):
    with pytest.raises(errors.MilvusConnectionError):
        bare.run("dropped", max_failures=1)
    bare.run()
    assert len(set(bare.keys)) == 1


def test_retry_without_a_store_after_a_failure_submits_again(bare):
    bare.run()
    bare.ends("Failed")
    assert bare.run().job_id == "2"


def test_first_submit_sends_one_list_and_describes_none_of_many_jobs(task, mocker):
    for _ in range(500):
        task.server.create(None, OURS, None)
    listed, described = (mocker.spy(task.server, name) for name in ("list_jobs", "describe"))
    assert task.run() == Submission("501", By.NEW)
    assert (listed.call_count, described.call_count) == (1, 0)


def test_retry_without_a_store_describes_few_of_many_jobs(bare, mocker):
    for _ in range(500):
        bare.server.create(None, OURS, None)
    bare.server.sleep(3600)
    bare.load = replace(bare.load, run_started_at=bare.server.now)
    bare.run()
    bare.ends()
    described = mocker.spy(bare.server, "describe")
    assert bare.run() == Submission("501", By.ADOPTED)
    assert described.call_count == 1


def test_retry_without_a_store_describes_no_job_from_before_twice(bare, mocker):
    for _ in range(500):
        bare.server.create(None, OURS, None)
    bare.server.sleep(3600)
    bare.load = replace(bare.load, run_started_at=bare.server.now, earlier_tries="some")
    described = mocker.spy(bare.server, "describe")
    assert bare.run() == Submission("501", By.NEW)
    assert described.call_count == 500


def test_retry_without_a_store_takes_no_job_from_before_the_run(bare):
    bare.server.create(None, OURS, None)
    bare.server.sleep(3600)
    bare.load = replace(bare.load, run_started_at=bare.server.now, earlier_tries="some")
    assert bare.run() == Submission("2", By.NEW)


def test_clear_without_a_store_loads_again_under_another_key(bare):
    bare.run()
    bare.clear()
    assert bare.run().job_id == "2"
    assert len(set(bare.keys)) == 2


# -- what is not durable, keys and records ---------------------------------------------------------------------------


def test_submission_that_is_not_durable_submits_every_time_without_a_key(task):
    assert [task.run(durable=False).job_id for _ in range(2)] == ["1", "2"]
    assert task.keys == [None, None]
    assert RECORD not in task.store


@pytest.mark.parametrize(
    "identity",
    [
        ("dag", "task", "run", "-1"),
        ("dag_ä", "задача", "manual__2026-11-24T12:00:00+00:00", "3"),
        ("d" * 250, "t" * 250, "r" * 250, "999"),
        ("a\nb", "\x00", "🙂", "-1"),
    ],
)
def test_key_is_printable_ascii_of_256_bytes_or_fewer(task, identity):
    key = replace(task.load, identity=identity).key(10**6)
    assert len(key.encode("ascii")) <= 256
    assert key.isprintable()


@pytest.mark.parametrize(
    "other",
    [
        {"identity": ("dag", "task", "run", "0")},
        {"identity": ("dag", "task", "run2", "-1")},
        {"identity": ("dag", "task/run", "-1")},
        {"digest": "another"},
        {"load_number": 1},
        {"batch_index": 2},
    ],
)
def test_key_of_another_load_is_another(task, other):
    assert replace(task.load, **other).key(1) != task.load.key(1)


def test_key_of_another_attempt_is_another(task):
    assert len({task.load.key(attempt) for attempt in range(3)}) == 3


def test_digest_knows_every_field_and_no_order():
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1, "b": [2]}) != digest({"a": 1, "b": [3]})


def test_record_is_plain_json(task):
    task.run()
    assert json.loads(json.dumps(task.store[RECORD])) == task.store[RECORD]


# -- what was there before ---------------------------------------------------------------------------------------------


def test_retry_adds_nothing_to_the_known_jobs(task):
    task.server.create(None, ("b.parquet",), None)
    with pytest.raises(errors.MilvusBusyError):
        task.run("busy", max_failures=1)
    task.server.create(None, ("c.parquet",), None)
    task.run()
    assert task.store[RECORD]["known"] == ["1"]


@pytest.mark.parametrize("fault", ["denied", "later"])
def test_lost_create_that_nobody_expects_any_more_is_taken_by_its_key(fault):
    task = Task(knows_keys=True)
    with pytest.raises(errors.MilvusError):
        task.run(fault, "busy", max_failures=2 if fault == "later" else 1)
    task.server.sleep(100)
    assert task.run().job_id == "1"
    assert list(task.server.jobs) == ["1"]


def test_next_attempt_adds_nothing_to_the_known_jobs(task):
    task.server.create(None, ("b.parquet",), None)
    task.run()
    task.ends("Failed")
    task.server.create(None, ("c.parquet",), None)
    task.run()
    assert (task.store[RECORD]["attempt"], task.store[RECORD]["known"]) == (2, ["1"])


def test_lost_create_of_the_next_attempt_is_adopted(task):
    task.run()
    task.ends("Failed")
    with pytest.raises(Crash):
        task.run(dies_at=5)
    assert task.run() == Submission("2", By.ADOPTED)


def test_resubmission_adds_nothing_to_the_known_jobs(task):
    task.server.create(None, ("b.parquet",), None)
    task.run()
    task.expires()
    task.run(resubmit_unknown=True)
    assert (task.store[RECORD]["attempt"], task.store[RECORD]["known"]) == (2, ["1"])


def test_lost_create_of_a_resubmission_is_adopted(task):
    task.run()
    task.expires()
    with pytest.raises(Crash):
        task.run(resubmit_unknown=True, dies_at=7)
    assert task.run(resubmit_unknown=True) == Submission("2", By.ADOPTED)


def test_key_that_a_job_from_before_has_is_not_used_again():
    task = Task(knows_keys=True)
    task.server.create(task.load.key(1), OURS, None)
    task.server.create(task.load.key(2), OURS, None)
    assert task.run() == Submission("3", By.NEW)
    assert task.store[RECORD]["attempt"] == 3
    assert task.run() == Submission("3", By.REATTACHED)


def test_retry_uses_the_next_key_too_where_a_job_from_before_has_the_first():
    task = Task(knows_keys=True)
    task.server.create(task.load.key(1), OURS, None)
    with pytest.raises(errors.MilvusBusyError):
        task.run("busy", max_failures=1)
    assert task.run() == Submission("2", By.NEW)


def test_server_that_gives_one_job_for_every_key_is_an_unknown_outcome(task, mocker):
    task.server.create(None, ("b.parquet",), None)
    create = mocker.patch.object(Client, "create", return_value="1")
    found = task.run()
    assert (found.job_id, found.outcome) == ("", By.UNKNOWN)
    assert "responds with import job 1 to every key" in found.message
    assert create.call_count == submitter.MAX_KEYS_OF_OTHER_LOADS


def test_resubmission_that_is_lost_too_is_not_repeated_for_ever(keyless):
    keyless.load = replace(keyless.load, files=())
    found = keyless.run(*["lost"] * 9, resubmit_unknown=True)
    assert found.outcome is By.UNKNOWN
    assert len(keyless.keys) == 2


def many_jobs(task, count):
    for _ in range(count):
        task.server.create(None, ("b.parquet",), None)


def test_record_of_a_collection_with_very_many_jobs_stays_small(task):
    many_jobs(task, 2 * MAX_KNOWN_JOB_IDS)
    task.run()
    assert len(json.dumps(task.store[RECORD])) < 64_000


@pytest.mark.parametrize("count", [MAX_LISTED - 1, MAX_LISTED, MAX_LISTED + 1, MAX_KNOWN_JOB_IDS + 1])
def test_job_from_before_is_known_among_very_many(keyless, count):
    keyless.server.create(None, OURS, None)
    many_jobs(keyless, count)
    assert keyless.run("dropped").job_id == str(count + 2)


def test_jobs_from_before_are_known_whatever_the_order_of_the_list(keyless, mocker):
    keyless.server.create(None, OURS, None)
    many_jobs(keyless, MAX_LISTED)
    jobs = keyless.server.list_jobs
    mocker.patch.object(keyless.server, "list_jobs", side_effect=lambda: jobs()[::-1])
    describe = mocker.spy(keyless.server, "describe")
    assert keyless.run("lost") == Submission(str(MAX_LISTED + 2), By.ADOPTED)
    assert {call.args for call in describe.call_args_list} == {(str(MAX_LISTED + 2),)}


def test_job_among_very_many_is_found_by_its_key(mocker):
    task = Task(knows_keys=True)
    many_jobs(task, MAX_LISTED + 500)
    with pytest.raises(errors.MilvusError):
        task.run("denied", max_failures=1)
    assert task.run().job_id == str(MAX_LISTED + 501)


# -- two processes of one task -----------------------------------------------------------------------------------------


class Meanwhile:
    """A list that takes long: meanwhile another process of the task does something."""

    def __init__(self, task, mocker, happens):
        self.happens = happens
        self.jobs = task.server.list_jobs
        mocker.patch.object(task.server, "list_jobs", side_effect=self.list_jobs)

    def list_jobs(self):
        if self.happens:
            happens, self.happens = self.happens, None
            happens()
        return self.jobs()


def test_process_takes_the_job_that_another_submitted_while_it_listed(task, mocker):
    Meanwhile(task, mocker, task.run)
    assert task.run() == Submission("1", By.REATTACHED)


def test_process_adopts_the_job_that_another_lost_while_it_listed(task, mocker):
    def loses_a_job():
        with pytest.raises(Crash):
            task.run(dies_at=5)

    Meanwhile(task, mocker, loses_a_job)
    assert task.run() == Submission("1", By.ADOPTED)


def test_process_waits_out_a_busy_list_and_takes_the_job_of_another(task, mocker):
    jobs = task.server.list_jobs
    busy = errors.MilvusBusyError("too many requests", code=2100)

    def another_submits():
        mocker.patch.object(task.server, "list_jobs", jobs)
        task.run()
        return jobs()

    responses = iter([busy, busy, another_submits])

    def list_jobs():
        response = next(responses)
        if isinstance(response, Exception):
            raise response
        return response()

    mocker.patch.object(task.server, "list_jobs", side_effect=list_jobs)
    assert task.run() == Submission("1", By.REATTACHED)


def test_two_processes_that_both_found_no_job_get_one_by_its_key(mocker):
    task = Task(knows_keys=True)
    server_create = task.server.create

    def after_another(key, *values):
        server_create(key, *values)
        return server_create(key, *values)

    mocker.patch.object(task.server, "create", after_another)
    assert task.run() == Submission("1", By.NEW)
    assert list(task.server.jobs) == ["1"]


def test_two_tasks_that_submit_at_once_get_a_job_each(task, mocker):
    other = task.batch(1)
    other.store = Store()
    other.load = replace(other.load, identity=("dag", "other", "run", "-1"))
    Meanwhile(task, mocker, other.run)
    assert task.run("lost") == Submission("2", By.ADOPTED)


# -- loads of several imports ----------------------------------------------------------------------------------------


def test_each_import_of_a_load_has_its_own_job(task):
    other = task.batch(2)
    assert [task.run(), other.run()] == [Submission("1", By.NEW), Submission("2", By.NEW)]
    assert [task.run(), other.run()] == [
        Submission("1", By.REATTACHED),
        Submission("2", By.REATTACHED),
    ]


def test_imports_of_one_load_with_the_same_files_are_two(task):
    other = task.batch(2)
    other.load = replace(task.load, batch_index=2)
    assert [task.run(), other.run()] == [Submission("1", By.NEW), Submission("2", By.NEW)]


def test_import_that_failed_is_submitted_again_and_no_other(task):
    other = task.batch(2)
    task.run()
    other.run()
    task.ends()
    task.server.jobs["2"].state = "Failed"
    assert [task.run(), other.run()] == [
        Submission("1", By.COMPLETED),
        Submission("3", By.RESUBMITTED),
    ]


def test_clear_that_died_on_its_way_loads_the_rest_again_and_nothing_twice(task):
    other = task.batch(2)
    task.run()
    other.run()
    task.ends()
    finish(task.store, 0)
    task.clear()
    other.clear()
    assert task.run() == Submission("3", By.NEW)
    assert [task.run(), other.run()] == [Submission("3", By.REATTACHED), Submission("4", By.NEW)]


def test_completed_import_is_taken_when_its_record_has_expired(task):
    other = task.batch(2)
    task.run()
    other.run()
    record_results(task.store, [COMPLETED_2])
    task.expires()
    assert [task.run().outcome, other.run()] == [
        By.UNKNOWN,
        Submission("2", By.COMPLETED, result=COMPLETED_2),
    ]


def test_failed_import_is_submitted_again_when_its_record_has_expired(task):
    task.run()
    record_results(task.store, [{"job_id": "1", "state": "Failed", "reason": "bad row"}])
    task.expires()
    assert task.run() == Submission("2", By.RESUBMITTED)
    assert "Import job 1 failed: bad row" in task.log


@pytest.mark.parametrize("state", ["Importing", "Uncommitted"])
def test_job_that_has_not_ended_is_not_noted(task, state):
    task.run()
    record_results(task.store, [{"job_id": "1", "state": state}])
    assert task.store[RECORD]["ended"] == {}


def test_load_has_failed_when_all_its_imports_have(task):
    other = task.batch(2)
    assert not all_failed(task.store, 0)
    task.run()
    other.run()
    record_results(task.store, [{"job_id": "1", "state": "Failed"}])
    assert not all_failed(task.store, 0)
    record_results(task.store, [{"job_id": "2", "state": "Failed"}])
    assert all_failed(task.store, 0)


@pytest.mark.parametrize(
    ("load_number", "target", "digests", "others"),
    [
        (0, "target", ["request", "part 2"], []),
        (0, "target", ["request", "another"], ["2"]),
        (0, "target", ["all in one"], ["1", "2"]),
        (1, "target", ["request", "another"], []),
        (0, "another", ["request", "another"], []),
    ],
)
def test_other_files_of_the_same_load_are_named(task, load_number, target, digests, others):
    task.run()
    task.batch(2).run()
    assert other_files(task.store, load_number, target, digests) == others


def test_other_files_instead_of_failed_ones_are_fine(task):
    task.run()
    task.batch(2).run()
    record_results(task.store, [{"job_id": "2", "state": "Failed"}])
    assert other_files(task.store, 0, "target", ["request", "another"]) == []


def test_other_files_of_a_load_of_one_import_are_another_load(task):
    task.run()
    assert other_files(task.store, 0, "target", ["another"]) == []
