"""Which load a try of an import task is of, where Airflow has no record of it, and in the loops of Airflow 3.4."""

from types import SimpleNamespace
from uuid import UUID

import pytest

from airflow_provider_milvus import exceptions
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator

CREATE, DESCRIBE, LIST = "/jobs/import/create", "/jobs/import/describe", "/jobs/import/list"
RUNNING = {"state": "Importing", "progress": 40, "details": [{"fileName": "[a.parquet]"}]}
COMPLETED = {"state": "Completed", "importedRows": 5, "collectionName": "c", "details": [{"fileName": "[a.parquet]"}]}
NOT_THERE = {"records": []}
THERE = {"records": [{"jobId": "7", "collectionName": "c", "state": "Importing"}]}


@pytest.fixture(autouse=True)
def server(milvus, package_clock):
    milvus.responds(LIST, NOT_THERE)
    milvus.responds(CREATE, {"jobId": "7"}, {"jobId": "8"})
    milvus.responds(DESCRIBE, COMPLETED)
    return milvus


@pytest.fixture
def bare(context):
    """The context of a try before Airflow 3.3."""
    del context["task_state_store"]
    return context


def operator(**parameters):
    return MilvusBulkImportOperator(**{"task_id": "task", "collection_name": "c", "files": ["a.parquet"], **parameters})


def keys_sent(milvus):
    return [each.headers["Idempotency-Key"] for each in milvus.sent if each.route == CREATE]


def next_try(ti, number, xcoms, max_tries=3):
    """What Airflow 3.0 to 3.2 report to a try."""
    ti.try_number, ti.max_tries = number, max_tries
    ti._ti_context_from_server = SimpleNamespace(xcom_keys_to_clear=xcoms)


def fail(context, milvus):
    """A first try that gives up on its job, which runs on."""
    milvus.responds(DESCRIBE, {**RUNNING, "jobId": "7"})
    next_try(context["ti"], 1, [])
    with pytest.raises(exceptions.MilvusImportTimeout):
        operator(retries=3, timeout=5).execute(context)


@pytest.mark.parametrize("retries", [0, 1, 2, 3, 9])
@pytest.mark.parametrize("xcoms", [["job_id"], []])
def test_retry_adopts_its_job_whatever_retries_was_edited_to(bare, milvus, retries, xcoms):
    fail(bare, milvus)
    milvus.responds(LIST, THERE)
    milvus.responds(DESCRIBE, {**COMPLETED, "jobId": "7"})
    next_try(bare["ti"], 2, xcoms)
    assert operator(retries=retries).execute(bare) == "7"
    assert len(keys_sent(milvus)) == 1


@pytest.mark.parametrize("retries", [0, 1, 2, 3, 9])
def test_retry_sends_the_same_key_whatever_retries_was_edited_to(bare, milvus, retries):
    fail(bare, milvus)
    milvus.responds(DESCRIBE, COMPLETED)
    next_try(bare["ti"], 2, ["job_id"])
    operator(retries=retries).execute(bare)
    assert len(keys_sent(milvus)) == 2
    assert len(set(keys_sent(milvus))) == 1


@pytest.mark.parametrize("retries", [1, 2])
def test_retry_adopts_its_job_where_the_end_of_the_last_try_is_unknown(bare, milvus, retries):
    fail(bare, milvus)
    milvus.responds(LIST, THERE)
    milvus.responds(DESCRIBE, {**COMPLETED, "jobId": "7"})
    bare["dag_run"].clear_number = 0
    bare["ti"]._ti_context_from_server = None
    bare["ti"].try_number, bare["ti"].max_tries = 2, 3
    assert operator(retries=retries).execute(bare) == "7"
    assert len(keys_sent(milvus)) == 1


def test_clear_of_a_failure_adopts_its_job_before_airflow_3_3(bare, milvus):
    fail(bare, milvus)
    milvus.responds(LIST, THERE)
    milvus.responds(DESCRIBE, {**COMPLETED, "jobId": "7"})
    next_try(bare["ti"], 2, ["job_id"], max_tries=4)
    assert operator(retries=3).execute(bare) == "7"
    assert len(keys_sent(milvus)) == 1


def test_clear_of_a_success_loads_again_before_airflow_3_3(bare, milvus):
    milvus.responds(DESCRIBE, COMPLETED, {**COMPLETED, "jobId": "8"})
    next_try(bare["ti"], 1, [])
    assert operator(retries=3).execute(bare) == "7"
    next_try(bare["ti"], 2, ["job_id", "import_progress", "return_value"], max_tries=4)
    assert operator(retries=3).execute(bare) == "8"
    assert len(set(keys_sent(milvus))) == 2


def test_upgrade_to_airflow_3_3_between_two_tries_adopts_the_job(context, milvus):
    store = context.pop("task_state_store")
    fail(context, milvus)
    milvus.responds(LIST, THERE)
    milvus.responds(DESCRIBE, {**COMPLETED, "jobId": "7"})
    next_try(context["ti"], 2, ["job_id"])
    context["task_state_store"] = store
    assert operator(retries=3).execute(context) == "7"
    assert len(keys_sent(milvus)) == 1


@pytest.fixture
def emptied(context, milvus):
    """The context of the first try after a clear of Airflow 3.4 that has emptied the store; job 7 is the task's."""
    ti = context["ti"]
    ti.region_id, ti.region_index = UUID(int=0), -1
    ti._ti_context_from_server = SimpleNamespace(xcom_keys_to_clear=[])
    ti.try_number, ti.max_tries = 2, 1
    context["dag_run"].clear_number = 1
    return context


def test_job_that_runs_is_adopted_after_a_clear_that_emptied_the_store(emptied, milvus):
    milvus.responds(LIST, THERE)
    milvus.responds(DESCRIBE, {**RUNNING, "jobId": "7"}, {**COMPLETED, "jobId": "7"})
    assert operator().execute(emptied) == "7"
    assert keys_sent(milvus) == []


def test_completed_job_is_loaded_again_after_a_clear_that_emptied_the_store(emptied, milvus):
    milvus.responds(LIST, {"records": [{"jobId": "7", "collectionName": "c", "state": "Completed"}]})
    milvus.responds(CREATE, {"jobId": "8"})
    milvus.responds(DESCRIBE, {**COMPLETED, "jobId": "8"})
    assert operator().execute(emptied) == "8"


def test_retry_after_a_clear_that_emptied_the_store_goes_on_with_its_job(emptied, milvus):
    milvus.responds(CREATE, {"jobId": "8"})
    milvus.responds(DESCRIBE, {**RUNNING, "jobId": "8"})
    with pytest.raises(exceptions.MilvusImportTimeout):
        operator(timeout=5).execute(emptied)
    emptied["ti"].try_number = 3
    milvus.responds(DESCRIBE, {**COMPLETED, "jobId": "8"})
    assert operator().execute(emptied) == "8"
    assert len(keys_sent(milvus)) == 1


def test_clear_after_a_clear_that_emptied_the_store_loads_again(emptied, milvus):
    milvus.responds(CREATE, {"jobId": "8"}, {"jobId": "9"})
    milvus.responds(DESCRIBE, {**COMPLETED, "jobId": "8"}, {**COMPLETED, "jobId": "9"})
    assert operator().execute(emptied) == "8"
    emptied["ti"].try_number, emptied["ti"].max_tries = 3, 2
    emptied["dag_run"].clear_number = 2
    assert operator().execute(emptied) == "9"
    assert len(set(keys_sent(milvus))) == 2


def test_each_iteration_of_a_loop_is_a_load_of_its_own(context, milvus):
    milvus.responds(DESCRIBE, COMPLETED, {**COMPLETED, "jobId": "8"})
    for index, job_id in enumerate(["7", "8"]):
        context["ti"].region_id, context["ti"].region_index = UUID(int=1), index
        # Airflow's store is one for each iteration.
        context["task_state_store"].clear()
        assert operator().execute(context) == job_id
    assert len(set(keys_sent(milvus))) == 2


def test_task_outside_of_loops_has_the_same_key_on_every_airflow(context, milvus):
    milvus.responds(CREATE, {"jobId": "7"})
    operator().execute(context)
    context["task_state_store"].clear()
    context["ti"].region_id, context["ti"].region_index = UUID(int=0), -1
    operator().execute(context)
    assert len(set(keys_sent(milvus))) == 1
