"""The package is upgraded, or rolled back, between two tries of a task: the load stays one.

``samples/*.json`` are what release 0.1 recorded, and the keys that it sent, for the operator of this module.
"""

import copy
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_milvus.exceptions import MilvusImportOutcomeUnknown
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.submission.files import RECORD as FILES
from airflow_provider_milvus.submission.record import LOADS, RECORD, Record, UnreadableRecord, read, write

CREATE, DESCRIBE, LIST = "/jobs/import/create", "/jobs/import/describe", "/jobs/import/list"
COMPLETED = {"state": "Completed", "importedRows": 5, "collectionName": "c"}
MANY = [f"{number}.parquet" for number in range(1025)]
ALL_SAMPLES = {path.stem: json.loads(path.read_text()) for path in (Path(__file__).parent / "samples").glob("*.json")}
WITH_STORE = {name: sample for name, sample in ALL_SAMPLES.items() if "store" in sample}
KEYS = ALL_SAMPLES["keys"]


@pytest.fixture(autouse=True)
def server(milvus, package_clock):
    """It has the jobs of the samples, all completed, and would accept another as job 20."""
    milvus.responds(LIST, {"records": []})
    milvus.responds(CREATE, {"jobId": "20"})
    milvus.responds(DESCRIBE, COMPLETED)
    milvus.responds("/jobs/import/abort", (200, json.dumps({"code": 2100, "message": "import job does not exist"})))
    milvus.responds("/jobs/import/commit", {})
    return milvus


@pytest.fixture
def after(context, ti):
    """The context of the try after the one that left a sample."""

    def prepare(name):
        sample = WITH_STORE[name]
        for key, entry in copy.deepcopy(sample["store"]).items():
            context["task_state_store"].set(key, entry)
        ti.try_number, ti.max_tries = sample["try_number"] + 1, sample["max_tries"]
        return context

    return prepare


def operator(**parameters):
    return MilvusBulkImportOperator(**{"task_id": "task", "collection_name": "c", "files": ["a.parquet"], **parameters})


def keys_sent(milvus):
    return [each.headers["Idempotency-Key"] for each in milvus.sent if each.route == CREATE]


# -- records of release 0.1 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "job_id"), [("running", "7"), ("second_attempt", "8"), ("cleared", "8")])
def test_job_that_release_0_1_submitted_is_gone_on_with(after, milvus, name, job_id):
    assert operator().execute(after(name)) == job_id
    assert keys_sent(milvus) == []


def test_jobs_that_release_0_1_submitted_are_gone_on_with(after, milvus):
    milvus.responds(DESCRIBE, *[{**COMPLETED, "jobId": job_id} for job_id in ("7", "8", "7", "8")])
    assert operator(files=MANY).execute(after("two_batches")) == ["7", "8"]
    assert keys_sent(milvus) == []


def test_job_that_release_0_1_recorded_as_failed_gets_its_next_key(after, milvus):
    assert operator().execute(after("failed")) == "20"
    assert keys_sent(milvus) == [WITH_STORE["second_attempt"]["idempotency_keys"][1]]


def test_create_that_release_0_1_lost_is_searched_for(after, milvus):
    milvus.responds(LIST, {"records": [{"jobId": "7", "collectionName": "c", "state": "Completed"}]})
    milvus.responds(DESCRIBE, {**COMPLETED, "jobId": "7", "details": [{"fileName": "[a.parquet]"}]})
    assert operator().execute(after("lost")) == "7"
    assert keys_sent(milvus) == []


@pytest.mark.parametrize("name", ["lost", "refused"])
def test_create_that_did_not_arrive_is_sent_again_with_the_key_of_0_1(after, milvus, name):
    assert operator().execute(after(name)) == "20"
    assert keys_sent(milvus) == WITH_STORE[name]["idempotency_keys"]


def test_clear_of_what_0_1_loaded_is_another_load_with_the_key_of_0_1(after, milvus, ti):
    context = after("succeeded")
    ti.max_tries = 1
    assert operator().execute(context) == "20"
    assert keys_sent(milvus) == WITH_STORE["cleared"]["idempotency_keys"][1:]


def test_files_that_release_0_1_found_are_loaded(after, milvus, tmp_path):
    context = after("files_from")
    entry = context["task_state_store"][FILES]
    context["task_state_store"].set(FILES, {**entry, "source": entry["source"].replace("BUCKET", str(tmp_path))})
    for name in ("a", "b"):
        (tmp_path / "day").mkdir(exist_ok=True)
        pq.write_table(pa.table({"id": [1]}), tmp_path / "day" / f"{name}.parquet")
    where = {"files_from": f"file://{tmp_path}/day/*.parquet", "files_root": f"file://{tmp_path}"}
    assert operator(files=None, **where).execute(context) == "7"
    assert keys_sent(milvus) == []


@pytest.mark.parametrize("name", [name for name, sample in WITH_STORE.items() if "kwargs" in sample])
def test_task_that_release_0_1_deferred_is_resumed(after, name):
    sample = WITH_STORE[name]
    waited_for = sample["trigger"][1]["job_id"]
    imports = [{"job_id": job_id, "state": "Completed", "imported_rows": 5} for job_id in waited_for]
    event = {"job_id": waited_for, "goal": "Completed", "status": "success", "message": "m", "imports": imports}
    context = after(name)
    job_ids = getattr(operator(files=MANY), sample["method_name"])(context, event, **sample["kwargs"])
    assert job_ids == list(sample["kwargs"]["jobs"])
    assert context["task_state_store"][LOADS]["done_in"] == 0


# -- keys and names that must not change -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KEYS)
def test_digest_and_key_of_a_load_are_those_of_release_0_1(context, milvus, name):
    operator(**KEYS[name]["parameters"]).execute(context)
    record = context["task_state_store"][RECORD]
    assert (record["digest"], record["target"]) == (KEYS[name]["digest"], KEYS[name]["target"])
    assert keys_sent(milvus) == [KEYS[name]["idempotency_key"]]


def test_keys_without_a_store_are_those_of_release_0_1(context, milvus, ti):
    del context["task_state_store"]
    operator().execute(context)
    ti.try_number, ti.max_tries = 2, 1
    operator().execute(context)
    assert keys_sent(milvus) == ALL_SAMPLES["no_store"]["idempotency_keys"]


def test_entries_have_the_names_that_release_0_1_reads(context, tmp_path):
    pq.write_table(pa.table({"id": [1]}), tmp_path / "a.parquet")
    where = {"files_from": f"file://{tmp_path}/*.parquet", "files_root": f"file://{tmp_path}"}
    operator(files=None, **where).execute(context)
    store = context["task_state_store"]
    for name, sample in ((RECORD, "running"), (FILES, "files_from"), (LOADS, "succeeded")):
        assert store[name].keys() == WITH_STORE[sample]["store"][name].keys()


# -- records of other releases -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", WITH_STORE["running"]["store"][RECORD])
def test_missing_field_of_a_record_with_a_job_loads_nothing_again(after, milvus, field):
    context = after("running")
    del context["task_state_store"][RECORD][field]
    if field == "job_id":
        milvus.responds(LIST, {"records": [{"jobId": "7", "collectionName": "c", "state": "Completed"}]})
        milvus.responds(DESCRIBE, {**COMPLETED, "jobId": "7", "details": [{"fileName": "[a.parquet]"}]})
    assert operator().execute(context) == "7"
    assert keys_sent(milvus) == []


@pytest.mark.parametrize("entry", [RECORD, LOADS])
def test_field_of_a_later_release_is_ignored(after, milvus, entry):
    context = after("cleared")
    context["task_state_store"][entry]["later"] = {"a": 1}
    assert operator().execute(context) == "8"
    assert keys_sent(milvus) == []


def test_missing_time_of_a_create_counts_as_sent_just_now(after, milvus, package_clock):
    context = after("lost")
    del context["task_state_store"][RECORD]["sent"]
    began = package_clock.now
    assert operator().execute(context) == "20"
    assert package_clock.now - began >= 30


UNREADABLE = [
    "garbage",
    ["garbage"],
    7,
    False,
    {"version": 2},
    {"version": "1"},
    {"version": None},
    {"generation": "0"},
    {"generation": True},
    {"generation": -1},
]
UNREADABLE_RECORDS = [
    {"attempt": "1"},
    {"attempt": 0},
    {"known": "7"},
    {"known": [7]},
    {"sent": "1030"},
    {"sent": -1},
    {"job_id": 7},
    {"job_id": None},
    {"ended": []},
    {"digest": 7},
    {"target": None},
]


def damage(store, name, value):
    store[name] = {**store.get(name, {}), **value} if isinstance(value, dict) else value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in (RECORD, LOADS) for value in UNREADABLE),
        *((RECORD, value) for value in UNREADABLE_RECORDS),
        (LOADS, {"done_in": "0"}),
    ],
)
def test_entry_that_makes_no_sense_is_an_unknown_outcome(after, milvus, name, value):
    context = after("cleared")
    damage(context["task_state_store"], name, value)
    with pytest.raises(MilvusImportOutcomeUnknown, match=f"{name}' in the task state store.*on_unknown_outcome='res"):
        operator().execute(context)
    assert keys_sent(milvus) == []


@pytest.mark.parametrize("value", UNREADABLE)
def test_record_that_makes_no_sense_is_overwritten_by_a_resubmission(after, milvus, value):
    context = after("cleared")
    damage(context["task_state_store"], RECORD, value)
    assert operator(on_unknown_outcome="resubmit").execute(context) == "20"
    assert operator().execute(context) == "20"
    assert len(keys_sent(milvus)) == 1


@pytest.mark.parametrize("value", UNREADABLE)
def test_load_that_makes_no_sense_is_overwritten_by_a_resubmission(after, milvus, value):
    context = after("cleared")
    damage(context["task_state_store"], LOADS, value)
    # The record of the job can be read.
    assert operator(on_unknown_outcome="resubmit").execute(context) == "8"
    assert operator().execute(context) == "8"
    assert keys_sent(milvus) == []


@pytest.mark.parametrize("value", ["garbage", {"version": 2}, {"files": "garbage"}, {"files": 7}, {"files": None}])
def test_files_entry_that_makes_no_sense_is_an_unknown_outcome(after, milvus, tmp_path, value):
    pq.write_table(pa.table({"id": [1]}), tmp_path / "b.parquet")
    where = {"files_from": f"file://{tmp_path}/*.parquet", "files_root": f"file://{tmp_path}"}
    context = after("files_from")
    del context["task_state_store"][FILES]["source"]
    damage(context["task_state_store"], FILES, value)
    with pytest.raises(MilvusImportOutcomeUnknown, match=f"{FILES}' in the task state store"):
        operator(files=None, **where).execute(context)
    assert keys_sent(milvus) == []
    assert operator(files=None, on_unknown_outcome="resubmit", **where).execute(context) == "20"


def test_batch_whose_record_makes_no_sense_is_an_unknown_outcome(after, milvus):
    context = after("two_batches")
    context["task_state_store"][RECORD] = "garbage"
    with pytest.raises(MilvusImportOutcomeUnknown):
        operator(files=MANY).execute(context)
    assert keys_sent(milvus) == []


class Store(dict):
    set = dict.__setitem__


def test_record_is_read_as_it_was_written():
    store, record = Store(), Record("d", "t", 3, 2, ("1", "2"), 7.5, "9", {"state": "Failed"})
    write(store, 2, record)
    assert read(store, 2) == record
    assert read(store, 1) is None


def test_error_of_a_record_quotes_little_of_it():
    with pytest.raises(UnreadableRecord) as error:
        read(Store({RECORD: "x" * 100_000}), 1)
    assert len(str(error.value)) < 200
