"""The operators that create, load and drop a collection."""

import json
from datetime import timedelta

import pytest
from airflow.exceptions import TaskDeferred
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus import exceptions
from airflow_provider_milvus.operators.collection import (
    MilvusCreateCollectionOperator,
    MilvusDropCollectionOperator,
    MilvusLoadCollectionOperator,
)

HAS, CREATE, DROP, DESCRIBE = (f"/collections/{route}" for route in ("has", "create", "drop", "describe"))
LOAD, REFRESH, STATE = "/collections/load", "/collections/refresh_load", "/collections/get_load_state"
NOT_LOADED, LOADED = {"loadState": "LoadStateNotLoad"}, {"loadState": "LoadStateLoaded", "loadProgress": 100}
LOADING = {"loadState": "LoadStateLoading", "loadProgress": 40}
FIELDS = [{"fieldName": "id", "dataType": "Int64", "isPrimary": True}]
DESCRIBED = {"fields": [{"name": "id", "type": "Int64", "primaryKey": True}], "enableDynamicField": False}
INDEXES = [{"fieldName": "vector", "indexType": "AUTOINDEX", "metricType": "L2"}]


@pytest.fixture(autouse=True)
def server(milvus, package_clock):
    """It has a collection ``c`` that is loaded."""
    milvus.responds(HAS, {"has": True})
    for route in (CREATE, DROP, LOAD, REFRESH):
        milvus.responds(route, {})
    milvus.responds(DESCRIBE, DESCRIBED)
    milvus.responds(STATE, LOADED)
    return milvus


def operator(kind, **parameters):
    return kind(task_id="task", **{"collection_name": "c", **parameters})


def create(**parameters):
    return operator(MilvusCreateCollectionOperator, **{"schema": {"fields": FIELDS}, **parameters})


def load(**parameters):
    return operator(MilvusLoadCollectionOperator, **parameters)


def drop(**parameters):
    return operator(MilvusDropCollectionOperator, **parameters)


# -- parameters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: create(if_exists="keep"), "if_exists must be 'skip' or 'fail' or 'recreate', got 'keep'"),
        (lambda: create(collection_name=""), "collection_name must be the name of a collection, got ''"),
        (lambda: create(schema=None), "give either dimension or schema"),
        (lambda: create(dimension=4), "give either dimension or schema"),
        (lambda: create(schema=None, dimension="x"), "dimension must be a whole number from 1 up, got 'x'"),
        (lambda: create(schema=None, dimension=0), "dimension must be a whole number from 1 up, got 0"),
        (lambda: create(schema={"fields": "id"}), "schema must have 'fields'"),
        (
            lambda: create(schema="nowhere.json"),
            "schema must be a dict, or the name of a .json file .* got 'nowhere.json'",
        ),
        (lambda: create(metric_type="L2"), "metric_type='L2' goes with dimension"),
        (lambda: create(index_params=[{}]), "index_params: each index must be an object with 'fieldName'"),
        (lambda: create(index_params=str(INDEXES)), "index_params must be a list.*render_template_as_native_obj=True"),
        (lambda: create(collection_params="{'a': 1}"), "collection_params must be a dict.*render_template_as_native"),
        (lambda: create(database=""), "database must be the name of a database, or None, got ''"),
        (lambda: create(milvus_conn_id=None), "milvus_conn_id must be the name of a connection, got None"),
        (lambda: create(collection_name=2026), "got 2026. render_template_as_native_obj makes numbers of digits"),
        (lambda: load(collection_name=" "), "collection_name must be the name of a collection"),
        (lambda: load(poll_interval=0), "poll_interval must be"),
        (lambda: load(timeout=-1), "timeout must be"),
        (lambda: load(max_poll_failures=0), "max_poll_failures must be"),
        (lambda: load(defer_after="5"), "defer_after must be"),
        (lambda: drop(collection_name=None), "collection_name must be the name of a collection"),
    ],
)
def test_bad_parameter_is_named_before_anything_is_sent(context, milvus, make, message):
    with pytest.raises(ValueError, match=message):
        make().execute(context)
    assert milvus.sent == []


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (create, ["collection_name", "schema", "dimension", "metric_type", "index_params", "collection_params"]),
        (load, ["collection_name"]),
        (drop, ["collection_name"]),
    ],
)
def test_what_differs_from_run_to_run_is_templated(make, names):
    names = [*names, "milvus_conn_id", "database"]
    task = make(**dict.fromkeys(names, "{{ x }}"))
    task.render_template_fields({"x": "7"})
    assert [getattr(task, name) for name in names] == ["7"] * len(names)


def test_requests_name_the_database_of_the_operator(context, milvus):
    load(database="books").execute(context)
    assert {sent.body["dbName"] for sent in milvus.sent} == {"books"}


# -- create ----------------------------------------------------------------------------------------------------------


def test_collection_that_is_missing_is_created(context, ti, milvus):
    milvus.responds(HAS, {"has": False})
    assert create(index_params=INDEXES, collection_params={"shardsNum": 2}).execute(context) == "c"
    assert (milvus.routes, ti.xcoms["outcome"]) == ([HAS, CREATE], "created")
    assert milvus.sent[1].body == {
        "dbName": "default",
        "collectionName": "c",
        "schema": {"fields": FIELDS},
        "indexParams": INDEXES,
        "params": {"shardsNum": 2},
    }


def test_collection_that_is_there_is_kept(context, ti, milvus):
    assert create().execute(context) == "c"
    assert (milvus.routes, ti.xcoms["outcome"]) == ([HAS, DESCRIBE], "kept")


def test_collection_with_another_schema_is_refused_naming_the_field(context, milvus):
    fields = [{**FIELDS[0], "dataType": "VarChar"}]
    with pytest.raises(exceptions.MilvusCollectionExists, match="field 'id' has type 'Int64' instead of 'VarChar'"):
        create(schema={"fields": fields}).execute(context)
    assert CREATE not in milvus.routes


def test_collection_of_another_dimension_is_refused(context):
    with pytest.raises(exceptions.MilvusCollectionExists, match="no field 'vector'"):
        create(schema=None, dimension="4").execute(context)


def test_collection_that_must_be_new_is_refused(context, milvus):
    with pytest.raises(exceptions.MilvusCollectionExists, match="if_exists='fail'"):
        create(if_exists="fail").execute(context)
    assert milvus.routes == [HAS]


def test_collection_is_dropped_and_created_again_where_that_is_wanted(context, ti, milvus):
    create(if_exists="recreate").execute(context)
    assert (milvus.routes, ti.xcoms["outcome"]) == ([HAS, DROP, CREATE], "recreated")


def test_schema_is_read_from_a_file_of_the_template_search_path(context, milvus, tmp_path):
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "c.json").write_text(json.dumps({"fields": FIELDS, "description": "{{ x }}"}))
    milvus.responds(HAS, {"has": False})
    with DAG("dag", schedule=None, template_searchpath=[str(tmp_path)]):
        task = create(schema="schemas/c.json")
    task.render_template_fields({"x": "7"})
    task.execute(context)
    assert milvus.sent[1].body["schema"] == {"fields": FIELDS, "description": "7"}


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (str({"fields": FIELDS}), "is no JSON.*render_template_as_native_obj=True"),
        ("[1]", r"schema must be a JSON object with fields, got '\[1\]'"),
        (b"{}", "schema must be a dict or the name of a .json file, got b'{}'"),
        ([FIELDS], "schema must be a dict or the name of a .json file, got"),
    ],
)
def test_schema_that_is_no_dict_is_refused(context, milvus, schema, message):
    with pytest.raises(ValueError, match=message):
        create(schema=schema).execute(context)
    assert milvus.sent == []


# -- load ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "routes", "call"),
    [
        ([NOT_LOADED, LOADING, LOADED], [STATE, LOAD, STATE, STATE], "load"),
        ([LOADED], [STATE, REFRESH, STATE], "refresh_load"),
        ([LOADING, LOADING, LOADED], [STATE, LOAD, STATE, STATE, REFRESH, STATE], "refresh_load"),
    ],
    ids=["not loaded", "loaded", "being loaded by somebody"],
)
def test_collection_is_loaded_or_refreshed_whichever_is_right(context, milvus, states, routes, call):
    milvus.responds(STATE, *states)
    assert load().execute(context) == {"collection_name": "c", "call": call, "state": "Loaded", "progress": 100}
    assert milvus.routes == routes


def test_load_that_takes_too_long_fails(context, milvus):
    milvus.responds(STATE, NOT_LOADED, LOADING)
    with pytest.raises(exceptions.MilvusCollectionTimeout, match="Loading, 40 %"):
        load(timeout=60).execute(context)


def deferral(operator, context):
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(context)
    return caught.value


def test_long_load_is_waited_for_in_the_triggerer(context, milvus, package_clock):
    milvus.responds(STATE, NOT_LOADED, LOADING)
    task = load(deferrable=True, timeout=100, execution_timeout=timedelta(seconds=60), database="books")
    deferred = deferral(task, context)
    assert package_clock.now <= 1_005
    assert deferred.trigger.serialize()[1] == {
        "collection_name": "c",
        "milvus_conn_id": "milvus_default",
        "index_names": None,
        "poll_interval": 10.0,
        "deadline": 1_060.0,
        "max_poll_failures": 120,
        "database": "books",
    }
    event = {"status": "success", "message": "m", "states": [{"state": "Loaded", "progress": 100}]}
    assert deferred.method_name == "execute_complete"
    assert load().execute_complete(context, event, **deferred.kwargs)["call"] == "load"


def test_refresh_after_a_deferred_load_of_somebody_else_is_not_forgotten(context, milvus):
    milvus.responds(STATE, LOADING, LOADING, LOADING, LOADING, LOADING, LOADING, LOADED)
    deferred = deferral(load(deferrable=True, defer_after=0), context)
    event = {"status": "success", "message": "m", "states": [{"state": "Loaded", "progress": 100}]}
    milvus.responds(STATE, LOADED)
    assert load().execute_complete(context, event, **deferred.kwargs)["call"] == "refresh_load"


def test_short_load_needs_no_triggerer(context, milvus):
    milvus.responds(STATE, NOT_LOADED, LOADING, LOADED)
    assert load(deferrable=True).execute(context)["state"] == "Loaded"


# -- drop ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("there", "routes"), [(True, [HAS, DROP]), (False, [HAS])])
def test_collection_is_dropped_if_it_is_there(context, milvus, there, routes):
    milvus.responds(HAS, {"has": there})
    assert drop().execute(context) is there
    assert milvus.routes == routes
