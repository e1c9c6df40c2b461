"""The sensor: the same ends in poke mode and deferred."""

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest
from airflow.exceptions import TaskDeferred
from airflow.providers.common.compat.sdk import DAG, AirflowSensorTimeout, AirflowSkipException, PokeReturnValue
from airflow.triggers.base import BaseTrigger

from airflow_provider_milvus import exceptions
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.sensors.import_job import MilvusImportSensor
from airflow_provider_milvus.triggers.import_job import MilvusImportTrigger

DESCRIBE = "/jobs/import/describe"
RUNNING = {"state": "Importing", "progress": 40}
DONE = {"state": "Completed", "importedRows": 5}
FAILED = {
    "state": "Failed",
    "reason": "bad row",
    "details": [{"fileName": "[a.parquet]", "state": "Failed", "reason": "row 7 has no id"}],
}
NO_SUCH_JOB = (200, json.dumps({"code": 2100, "message": "import job does not exist, jobID=7"}))
DOWN = (502, "Bad Gateway")


# Its successor gives every test the same loop; these need one for the clock of each.
pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy.")


def sensor(**parameters):
    return MilvusImportSensor(**{"task_id": "task", "job_id": "7", **parameters})


def deferral(sensor, context):
    with pytest.raises(TaskDeferred) as caught:
        sensor.execute(context)
    return caught.value


@pytest.fixture(params=["poke", "deferred"])
def end(request, context, milvus):
    """Run the sensor to its end in either way; deferred, the triggerer sees what is left of the script."""

    async def run(**parameters):
        if request.param == "poke":
            task = sensor(**parameters)
            while not (found := task.poke(context)):
                pass
            return found.xcom_value
        task = sensor(deferrable=True, defer_after=0, **parameters)
        script = milvus.scripts[DESCRIBE]
        milvus.responds(DESCRIBE, RUNNING)
        trigger = deferral(task, context).trigger
        milvus.scripts[DESCRIBE] = script
        event = await anext(trigger.run())
        return sensor(**parameters).execute_complete(context, event.payload)

    return run


async def test_completed_job_ends_the_wait_with_its_progress(milvus, end):
    milvus.responds(DESCRIBE, RUNNING, DONE)
    progress = await end()
    assert (progress["job_id"], progress["state"], progress["imported_rows"]) == ("7", "Completed", 5)


async def test_list_ends_with_the_progress_of_each_job_in_its_order(milvus, end):
    milvus.responds(DESCRIBE, DONE)
    assert [progress["job_id"] for progress in await end(job_id=["8", "7"])] == ["8", "7"]


async def test_list_of_one_job_ends_with_a_list(milvus, end):
    milvus.responds(DESCRIBE, DONE)
    assert len(await end(job_id=["7"])) == 1


async def test_failed_job_fails_the_sensor_without_a_retry(milvus, end):
    milvus.responds(DESCRIBE, FAILED)
    with pytest.raises(exceptions.MilvusImportFailed, match="bad row"):
        await end()


async def test_failed_files_are_logged_before_the_sensor_fails(milvus, end, logged):
    milvus.responds(DESCRIBE, FAILED)
    with pytest.raises(exceptions.MilvusImportFailed):
        await end()
    assert "Import job 7: file a.parquet failed: row 7 has no id" in logged()


async def test_transient_failure_is_final_for_the_sensor(milvus, end):
    milvus.responds(DESCRIBE, {"state": "Failed", "reason": "import timeout"})
    with pytest.raises(exceptions.MilvusImportFailed):
        await end()


async def test_failed_job_skips_under_soft_fail(milvus, end):
    milvus.responds(DESCRIBE, FAILED)
    with pytest.raises(AirflowSkipException, match="bad row"):
        await end(soft_fail=True)


async def test_unknown_outcome_is_no_skip_under_soft_fail(milvus, end):
    milvus.responds(DESCRIBE, NO_SUCH_JOB)
    with pytest.raises(exceptions.MilvusImportOutcomeUnknown):
        await end(soft_fail=True)


async def test_server_that_stays_away_is_no_skip_under_soft_fail(milvus, end):
    milvus.responds(DESCRIBE, DOWN)
    with pytest.raises(exceptions.MilvusImportUnreachable):
        await end(soft_fail=True, max_poll_failures=3)


async def test_server_that_comes_back_costs_nothing(milvus, end):
    milvus.responds(DESCRIBE, DOWN, DOWN, DONE)
    assert (await end())["state"] == "Completed"


def test_what_differs_from_run_to_run_is_templated():
    task = sensor(job_id=["{{ x }}"], milvus_conn_id="{{ x }}", database="{{ x }}")
    task.render_template_fields({"x": "7"})
    assert (task.job_id, task.milvus_conn_id, task.database) == (["7"], "7", "7")


def test_poke_of_a_running_job_is_false(context, milvus):
    milvus.responds(DESCRIBE, RUNNING)
    assert sensor().poke(context) is False


def test_poke_of_a_completed_job_is_done(context, milvus):
    milvus.responds(DESCRIBE, DONE)
    found = sensor().poke(context)
    assert isinstance(found, PokeReturnValue)
    assert found.is_done


def test_poke_polls_once(context, milvus, time):
    milvus.responds(DESCRIBE, RUNNING)
    sensor().poke(context)
    assert (len(milvus.sent), time.sleeps) == (1, [])


def test_job_that_is_done_is_not_polled_again(context, milvus):
    milvus.responds(DESCRIBE, DONE, RUNNING)
    task = sensor(job_id=["7", "8"])
    task.poke(context)
    task.poke(context)
    assert [each.body["jobId"] for each in milvus.sent] == ["7", "8", "8"]


def test_execute_in_poke_mode_returns_the_progress(context, milvus):
    milvus.responds(DESCRIBE, DONE)
    assert sensor().execute(context)["imported_rows"] == 5


def test_execute_in_poke_mode_skips_a_failed_job_under_soft_fail(context, milvus):
    milvus.responds(DESCRIBE, FAILED)
    with pytest.raises(AirflowSkipException):
        sensor(soft_fail=True).execute(context)


def test_execute_in_poke_mode_does_not_skip_an_unknown_outcome(context, milvus):
    milvus.responds(DESCRIBE, NO_SUCH_JOB)
    with pytest.raises(exceptions.MilvusImportOutcomeUnknown):
        sensor(soft_fail=True).execute(context)


def test_short_job_is_not_deferred(context, milvus):
    milvus.responds(DESCRIBE, RUNNING, DONE)
    assert sensor(deferrable=True).execute(context)["state"] == "Completed"


def test_long_job_is_deferred_after_a_while(context, milvus, time):
    milvus.responds(DESCRIBE, RUNNING)
    deferred = deferral(
        sensor(deferrable=True, timeout=600, poke_interval=20, database="books", max_poll_failures=7), context
    )
    assert 1_003 <= time.now <= 1_005
    assert (deferred.method_name, deferred.timeout) == ("execute_complete", None)
    assert deferred.trigger.serialize() == (
        "airflow_provider_milvus.triggers.import_job.MilvusImportTrigger",
        {
            "job_id": "7",
            "milvus_conn_id": "milvus_default",
            "poll_interval": 20,
            "deadline": 1_600.0,
            "max_poll_failures": 7,
            "database": "books",
            "abort_on_kill": False,
            "fail_fast": True,
        },
    )


def test_deferred_list_is_plain_json(context, milvus):
    milvus.responds(DESCRIBE, RUNNING)
    assert deferral(sensor(deferrable=True, job_id=("7", "8")), context).trigger.serialize()[1]["job_id"] == ["7", "8"]


def test_deferred_sensor_ends_at_its_execution_timeout_as_well(context, milvus):
    milvus.responds(DESCRIBE, RUNNING)
    task = sensor(deferrable=True, timeout=600, execution_timeout=timedelta(seconds=60))
    assert deferral(task, context).trigger.deadline == 1_060.0


TIMEOUT = {"job_id": "7", "goal": "Completed", "status": "timeout", "message": "m", "imports": []}


def test_deferred_timeout_is_the_one_of_every_sensor(context):
    with pytest.raises(AirflowSensorTimeout):
        sensor().execute_complete(context, TIMEOUT)


def test_deferred_timeout_skips_under_soft_fail_as_that_of_every_sensor(context):
    with pytest.raises(AirflowSkipException):
        sensor(soft_fail=True).execute_complete(context, TIMEOUT)


@pytest.mark.parametrize("status", ["failed", "timeout", "unknown", "unreachable"])
def test_sensor_that_never_fails_skips(context, status):
    with pytest.raises(AirflowSkipException):
        sensor(never_fail=True).execute_complete(context, {**TIMEOUT, "status": status})


@pytest.mark.parametrize("event", [None, {}, {"status": "done"}])
def test_event_without_a_known_status_is_an_error(context, event):
    with pytest.raises(exceptions.MilvusImportUnreachable):
        sensor().execute_complete(context, event)


def test_damaged_event_skips_where_the_sensor_never_fails(context):
    with pytest.raises(AirflowSkipException):
        sensor(never_fail=True).execute_complete(context, {"status": "success"})


@pytest.mark.parametrize("job_id", ["", None, ["7", None], 7.5, b"7", True, {"7": 1}])
def test_bad_job_id_is_refused_before_anything_is_sent(context, milvus, job_id):
    with pytest.raises(ValueError, match="job_id must be the id of an import job"):
        sensor(job_id=job_id).poke(context)
    assert milvus.sent == []


def test_bad_number_of_failures_is_refused_when_the_dag_is_parsed():
    with pytest.raises(ValueError, match="max_poll_failures must be"):
        sensor(max_poll_failures=0)


# -- start from trigger ----------------------------------------------------------------------------------------------

RENDERS = hasattr(BaseTrigger, "render_template_fields")  # Airflow 3.3
START = {"deferrable": True, "start_from_trigger": True}


def test_sensor_declares_to_the_scheduler_what_to_start():
    task = sensor(**START, poke_interval=5, timeout=60)
    arguments = task.start_trigger_args
    assert (task.start_from_trigger, arguments.next_method, arguments.timeout) == (
        True,
        "execute_complete",
        timedelta(seconds=60),
    )


def test_arguments_for_the_scheduler_make_a_trigger():
    arguments = sensor(**START, poke_interval=5).start_trigger_args
    assert arguments.trigger_cls == f"{MilvusImportTrigger.__module__}.{MilvusImportTrigger.__qualname__}"
    trigger = MilvusImportTrigger(**arguments.trigger_kwargs)
    assert (trigger.job_id, trigger.poll_interval) == ("7", 5)


def test_template_is_for_a_triggerer_that_can_fill_it_in():
    assert sensor(**START, job_id="{{ params.job_id }}").start_from_trigger is RENDERS


def test_template_on_which_the_triggerer_hangs_is_for_a_worker():
    assert not sensor(**START, job_id="{{ ti.xcom_pull('submit') }}").start_from_trigger


@pytest.mark.skipif(not RENDERS, reason="an older triggerer fills in nothing")
def test_output_of_another_task_is_requested_with_its_index():
    with DAG("dag", schedule=None):
        submit = MilvusBulkImportOperator(task_id="submit", collection_name="c", files=["a.parquet"])
        task = sensor(**START, job_id=submit.output)
    assert "map_indexes=-1" in task.start_trigger_args.trigger_kwargs["job_id"]
    assert task.upstream_task_ids == {"submit"}


def test_output_of_a_mapped_task_is_for_a_worker():
    with DAG("dag", schedule=None):
        submit = MilvusBulkImportOperator.partial(task_id="submit", collection_name="c").expand(files=[["a.parquet"]])
        task = sensor(**START, job_id=submit.output)
    assert not task.start_from_trigger


def test_sensor_that_does_not_defer_cannot_start_in_the_triggerer():
    with pytest.raises(ValueError, match=r"start_from_trigger=True .* needs deferrable=True"):
        sensor(start_from_trigger=True, deferrable=False)


@pytest.mark.parametrize("job_id", ["['7', '8']", '["7"]', ["['7']"], "LazyXComSequence(<unevaluated length>)"])
def test_list_rendered_to_text_is_refused_with_the_remedy(context, milvus, job_id):
    with pytest.raises(ValueError, match=r"job_id must be .* render_template_as_native_obj=True"):
        sensor(job_id=job_id).poke(context)
    assert milvus.sent == []


class LazyXComSequence(Sequence):
    """What Airflow makes of the output of a mapped task."""

    def __init__(self, *items):
        self._items = items

    def __len__(self):
        return len(self._items)

    def __getitem__(self, index):
        return list(self._items[index])


@pytest.mark.parametrize("job_id", [[], (), [[], []], LazyXComSequence(), [LazyXComSequence()]])
@pytest.mark.parametrize("deferrable", [False, True])
def test_nothing_to_wait_for_is_a_success_that_the_log_names(context, milvus, logged, job_id, deferrable):
    assert sensor(job_id=job_id, deferrable=deferrable).execute(context) == []
    assert milvus.sent == []
    assert "job_id is an empty list: there is no import job to wait for" in logged()


def test_output_of_a_mapped_task_is_waited_for(context, milvus):
    milvus.responds(DESCRIBE, DONE)
    assert len(sensor(job_id=LazyXComSequence("7", ["8", "9"])).execute(context)) == 3


def test_progress_is_pushed_while_the_job_runs_and_at_its_end(context, ti, milvus, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    milvus.responds(DESCRIBE, {**RUNNING, "importedRows": 2}, FAILED)
    with pytest.raises(exceptions.MilvusImportFailed):
        sensor().execute(context)
    pushed = [value for key, value, _ in ti.pushed if key == "import_progress"]
    assert [(job["state"], job["milvus_conn_id"]) for job in pushed] == [
        ("Importing", "milvus_default"),
        ("Failed", "milvus_default"),
    ]
    assert pushed[-1]["files"] == [{"name": "a.parquet", "state": "Failed", "reason": "row 7 has no id"}]
