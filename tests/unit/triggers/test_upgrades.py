"""Triggers that an earlier version has stored, and what it understands of today's."""

import json
from importlib import import_module
from pathlib import Path

import pytest

from airflow_provider_milvus.triggers.import_job import MilvusImportTrigger

pytestmark = pytest.mark.filterwarnings("ignore:Overriding the .event_loop_policy.")

OLD = json.loads((Path(__file__).parent / "samples" / "triggers-0.1.json").read_text())


def stored(sample):
    module, _, name = sample["classpath"].rpartition(".")
    return getattr(import_module(module), name)(**sample["kwargs"])


@pytest.mark.parametrize("sample", OLD, ids=lambda sample: sample["classpath"].rpartition(".")[2])
def test_trigger_of_an_earlier_version_is_started_again(sample):
    trigger = stored(sample)
    arguments = trigger.serialize()[1]
    state = sample["kwargs"].pop("goal", None)
    assert {key: arguments[key] for key in sample["kwargs"]} == sample["kwargs"]
    assert state is None or trigger.target_state == state


@pytest.mark.parametrize("sample", [one for one in OLD if "Event" in one["classpath"]])
def test_watcher_is_stored_as_before_so_that_airflow_keeps_it(sample):
    # Airflow's DAG processor compares watchers by the hash of both (3.3, BaseEventTrigger.hash).
    assert stored(sample).serialize() == (sample["classpath"], sample["kwargs"])


@pytest.mark.parametrize("state", ["Completed", "Uncommitted"])
async def test_trigger_of_an_earlier_version_waits_for_its_state(milvus, state):
    milvus.responds("/jobs/import/describe", {"state": "Importing"}, {"state": state})
    trigger = MilvusImportTrigger(job_id="7", milvus_conn_id="milvus_default", goal=state)
    (event,) = [event.payload async for event in trigger.run()]
    assert (event["status"], event["goal"]) == ("success", state)


def test_ordinary_trigger_has_only_arguments_that_an_earlier_version_knows():
    arguments = MilvusImportTrigger("7", "milvus_default").serialize()[1]
    assert arguments.keys() <= OLD[0]["kwargs"].keys() | {"goal"}
