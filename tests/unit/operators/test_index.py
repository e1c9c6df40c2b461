"""The operator that builds indexes."""

import pytest
from airflow.exceptions import TaskDeferred

from airflow_provider_milvus import exceptions
from airflow_provider_milvus.operators.index import MilvusCreateIndexOperator

DESCRIBE = "/collections/describe"
INDEX, INDEX_STATE = "/indexes/create", "/indexes/describe"
INDEXES = [{"fieldName": "vector", "indexType": "AUTOINDEX", "metricType": "L2"}]


@pytest.fixture(autouse=True)
def server(milvus, package_clock):
    """It has a collection ``c`` whose index ``v`` is built."""
    milvus.responds(INDEX, {})
    milvus.responds(DESCRIBE, {"fields": [], "indexes": [{"indexName": "v", "fieldName": "vector"}]})
    milvus.responds(INDEX_STATE, state("Finished", indexedRows=9))
    return milvus


def index(**parameters):
    return MilvusCreateIndexOperator(task_id="task", **{"collection_name": "c", "index_params": INDEXES, **parameters})


def deferral(operator, context):
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(context)
    return caught.value


def state(name, **more):
    return [{"indexName": "v", "fieldName": "vector", "indexState": name, "totalRows": 9, **more}]


def test_index_is_waited_for(context, milvus):
    milvus.responds(INDEX_STATE, state("InProgress"), state("Finished", indexedRows=9))
    (built,) = index().execute(context)
    assert (built["index_name"], built["state"], built["indexed_rows"]) == ("v", "Finished", 9)
    assert milvus.routes == [INDEX, DESCRIBE, INDEX_STATE, INDEX_STATE]
    assert milvus.sent[0].body["indexParams"] == INDEXES


def test_failed_index_fails_the_task_for_good(context, milvus):
    milvus.responds(INDEX_STATE, state("Failed", failReason="no memory"))
    with pytest.raises(exceptions.MilvusIndexFailed, match="index v of field vector failed: no memory"):
        index().execute(context)


def test_long_build_is_waited_for_in_the_triggerer(context, milvus):
    milvus.responds(INDEX_STATE, state("InProgress"))
    assert deferral(index(deferrable=True), context).trigger.index_names == ["v"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"collection_name": ""}, "collection_name must be the name of a collection, got ''"),
        ({"index_params": []}, r"index_params must be a list of dicts with fieldName.* got \[\]"),
        ({"index_params": [{}]}, r"index_params must be a list of dicts with fieldName.* got \[{}\]"),
        ({"index_params": [7]}, r"index_params must be a list of dicts with fieldName.* got \[7\]"),
        ({"index_params": [{"fieldName": None}]}, "index_params must be a list of dicts with fieldName"),
        ({"index_params": {"fieldName": "v"}}, "index_params must be a list, got {'fieldName': 'v'}"),
        ({"index_params": str(INDEXES)}, "index_params must be a list.* render_template_as_native_obj=True"),
    ],
)
def test_bad_templated_parameter_is_refused_before_anything_is_sent(context, milvus, parameters, message):
    with pytest.raises(ValueError, match=message):
        index(**parameters).execute(context)
    assert milvus.sent == []


def test_timeout_that_is_no_number_is_refused_when_the_dag_is_parsed():
    with pytest.raises(ValueError, match="timeout must be"):
        index(timeout="1h")


def test_what_differs_from_run_to_run_is_templated():
    names = ["collection_name", "index_params", "milvus_conn_id", "database"]
    task = index(**dict.fromkeys(names, "{{ x }}"))
    task.render_template_fields({"x": "7"})
    assert [getattr(task, name) for name in names] == ["7"] * len(names)


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"status": "timeout", "message": "late", "states": []}, exceptions.MilvusCollectionTimeout),
        ({"status": "unreachable", "message": "gone", "states": []}, exceptions.MilvusCollectionUnreachable),
        ({"status": "failed", "message": "bad", "states": []}, exceptions.MilvusIndexFailed),
        ({"status": "new"}, exceptions.MilvusCollectionUnreachable),
        (None, exceptions.MilvusCollectionUnreachable),
    ],
)
def test_event_that_is_no_success_is_an_error(context, event, error):
    with pytest.raises(error):
        index().execute_complete(context, event)
