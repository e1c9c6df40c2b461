"""Waits that go on in the triggerer: from the operator through the trigger and back, on a real server."""

import asyncio

import pytest
from airflow.exceptions import TaskDeferred

from airflow_provider_milvus.local.faults import Fault
from airflow_provider_milvus.operators.collection import MilvusLoadCollectionOperator
from airflow_provider_milvus.operators.index import MilvusCreateIndexOperator
from airflow_provider_milvus.triggers import wait_trigger

SCHEMA = {
    "fields": [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": "2"}},
    ]
}
INDEX = [{"fieldName": "vector", "indexType": "AUTOINDEX", "metricType": "L2"}]


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(wait_trigger, "MIN_AGE_SECONDS", 0.0)


@pytest.fixture
def name(hook):
    hook.create_collection("deferred", schema=SCHEMA)
    yield "deferred"
    hook.drop_collection("deferred")


def defer_and_resume(task, context):
    """The result of a task that defers, its trigger made again from what Airflow keeps of it."""
    with pytest.raises(TaskDeferred) as caught:
        task.execute(context)
    deferred = caught.value

    async def event():
        trigger = type(deferred.trigger)(**deferred.trigger.serialize()[1])
        return [event.payload async for event in trigger.run()]

    (payload,) = asyncio.run(event())
    return getattr(task, deferred.method_name)(context, payload, **deferred.kwargs)


@pytest.mark.parametrize(
    ("route", "make", "found"),
    [
        (
            "indexes/describe",
            lambda name: MilvusCreateIndexOperator(
                task_id="t", collection_name=name, index_params=INDEX, deferrable=True, defer_after=0
            ),
            lambda result: result[0]["state"] == "Finished",
        ),
        (
            "collections/get_load_state",
            lambda name: MilvusLoadCollectionOperator(
                task_id="t", collection_name=name, deferrable=True, defer_after=0
            ),
            lambda result: (result["state"], result["collection_name"]) == ("Loaded", "deferred"),
        ),
    ],
    ids=["index", "load"],
)
def test_wait_goes_on_in_the_triggerer(hook, milvus, name, context, route, make, found):
    if route != "indexes/describe":
        hook.create_index(name, INDEX)
    # The operator's own first request, if it sends one, gets a response; its poll does not.
    milvus.faults[:] = [Fault("code", route, after=0 if route == "indexes/describe" else 1, count=1)]
    assert found(defer_and_resume(make(name), context))
