"""The operators around an import: what they send, push, return and raise."""

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from airflow.exceptions import TaskDeferred

from airflow_provider_milvus import exceptions
from airflow_provider_milvus.operators.alias import MilvusSwapAliasOperator
from airflow_provider_milvus.operators.collection import (
    MilvusCreateCollectionOperator,
    MilvusDropCollectionOperator,
    MilvusLoadCollectionOperator,
    MilvusRowCountCheckOperator,
)
from airflow_provider_milvus.operators.index import MilvusCreateIndexOperator

HAS, CREATE, DROP, DESCRIBE = (f"/collections/{route}" for route in ("has", "create", "drop", "describe"))
LOAD, REFRESH, STATE = "/collections/load", "/collections/refresh_load", "/collections/get_load_state"
STATS, QUERY = "/collections/get_stats", "/entities/query"
INDEX, INDEX_STATE = "/indexes/create", "/indexes/describe"
ALIAS, NEW_ALIAS, MOVE_ALIAS = "/aliases/describe", "/aliases/create", "/aliases/alter"
NOT_LOADED, LOADED = {"loadState": "LoadStateNotLoad"}, {"loadState": "LoadStateLoaded", "loadProgress": 100}
LOADING = {"loadState": "LoadStateLoading", "loadProgress": 40}
NO_ALIAS = (200, json.dumps({"code": 1600, "message": "alias not found"}))
FIELDS = [{"fieldName": "id", "dataType": "Int64", "isPrimary": True}]
DESCRIBED = {"fields": [{"name": "id", "type": "Int64", "primaryKey": True}], "enableDynamicField": False}
INDEXES = [{"fieldName": "vector", "indexType": "AUTOINDEX", "metricType": "L2"}]


@pytest.fixture(autouse=True)
def server(milvus, package_clock):
    """It has a collection ``c`` that is loaded, without an alias."""
    milvus.answers(HAS, {"has": True})
    for route in (CREATE, DROP, LOAD, REFRESH, INDEX, NEW_ALIAS, MOVE_ALIAS):
        milvus.answers(route, {})
    milvus.answers(DESCRIBE, {**DESCRIBED, "indexes": [{"indexName": "v", "fieldName": "vector"}]})
    milvus.answers(STATE, LOADED)
    milvus.answers(ALIAS, NO_ALIAS)
    return milvus


def operator(kind, **parameters):
    return kind(task_id="task", **{"collection_name": "c", **parameters})


def create(**parameters):
    return operator(MilvusCreateCollectionOperator, **{"schema": {"fields": FIELDS}, **parameters})


def load(**parameters):
    return operator(MilvusLoadCollectionOperator, **parameters)


def index(**parameters):
    return operator(MilvusCreateIndexOperator, **{"index_params": INDEXES, **parameters})


def swap(**parameters):
    return operator(MilvusSwapAliasOperator, **{"alias": "a", **parameters})


def check(**parameters):
    return operator(MilvusRowCountCheckOperator, **{"expected_rows": 5, **parameters})


def drop(**parameters):
    return operator(MilvusDropCollectionOperator, **parameters)


# -- parameters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: create(if_exists="keep"), "if_exists must be one of skip, fail, recreate, got 'keep'"),
        (lambda: create(collection_name=""), "collection_name must be a name, got ''"),
        (lambda: create(schema=None), "give either dimension or schema"),
        (lambda: create(dimension=4), "give either dimension or schema"),
        (lambda: create(schema=None, dimension="x"), "dimension must be a whole number from 1 up, got 'x'"),
        (lambda: create(schema=None, dimension=0), "dimension must be a whole number from 1 up, got 0"),
        (lambda: create(schema={"fields": "id"}), "schema must have 'fields'"),
        (lambda: create(schema="nowhere.json"), "schema: 'nowhere.json' is no JSON file that can be read"),
        (lambda: create(metric_type="L2"), "metric_type='L2' goes with dimension"),
        (lambda: create(index_params=[{}]), "index_params: each index must be an object with 'fieldName'"),
        (lambda: load(collection_name=" "), "collection_name must be a name"),
        (lambda: load(poll_interval=0), "poll_interval must be"),
        (lambda: load(timeout=-1), "timeout must be"),
        (lambda: load(max_poll_failures=0), "max_poll_failures must be"),
        (lambda: index(collection_name=""), "collection_name must be a name"),
        (lambda: index(index_params=[]), "index_params must be a list with at least one index"),
        (lambda: index(timeout="1h"), "timeout must be"),
        (lambda: swap(alias=""), "alias must be a name"),
        (lambda: swap(collection_name=""), "collection_name must be a name"),
        (lambda: check(expected_rows=None), "give expected_rows, min_rows or both"),
        (lambda: check(expected_rows="many"), "expected_rows must be a whole number from 0 up, got 'many'"),
        (lambda: check(min_rows=-1), "min_rows must be a whole number from 0 up, got -1"),
        (lambda: check(timeout=0), "timeout must be"),
        (lambda: check(expected_rows=[]), r"expected_rows must be a number, or the final figures.*; got \[\]"),
        (lambda: check(expected_rows=["7"]), r"final figures of imports.*; got \['7'\]"),
        (lambda: check(expected_rows=[None]), r"final figures of imports.*; got \[None\]"),
        (lambda: check(expected_rows={"rows": 3}), "final figures of imports.*; got .*'rows': 3"),
        (lambda: load(defer_after="5"), "defer_after must be"),
        (lambda: check(by_statistics=True, filter="id > 1"), "filter='id > 1' needs a query"),
        (lambda: check(collection_name=""), "collection_name must be a name"),
        (lambda: drop(collection_name=None), "collection_name must be a name"),
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
        (index, ["collection_name", "index_params"]),
        (swap, ["collection_name", "alias"]),
        (check, ["collection_name", "expected_rows", "min_rows", "filter"]),
        (drop, ["collection_name"]),
    ],
)
def test_what_differs_from_run_to_run_is_templated(make, names):
    names = [*names, "milvus_conn_id", "database"]
    task = make(**dict.fromkeys(names, "{{ x }}"))
    task.render_template_fields({"x": "7"})
    assert [getattr(task, name) for name in names] == ["7"] * len(names)


def test_database_of_the_operator_is_asked(context, milvus):
    load(database="books").execute(context)
    assert {sent.body["dbName"] for sent in milvus.sent} == {"books"}


# -- create ----------------------------------------------------------------------------------------------------------


def test_collection_that_is_missing_is_created(context, ti, milvus):
    milvus.answers(HAS, {"has": False})
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


def test_collection_with_another_schema_is_refused_with_the_name_of_the_field(context, milvus):
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


def test_schema_is_read_from_a_file_beside_the_dag(context, milvus, tmp_path):
    (tmp_path / "schema.json").write_text(json.dumps({"fields": FIELDS}))
    milvus.answers(HAS, {"has": False})
    create(schema="schema.json").execute({**context, "dag": SimpleNamespace(folder=str(tmp_path))})
    assert milvus.sent[1].body["schema"] == {"fields": FIELDS}


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
    milvus.answers(STATE, *states)
    assert load().execute(context) == {"collection_name": "c", "call": call, "state": "Loaded", "progress": 100}
    assert milvus.routes == routes


def test_load_that_takes_too_long_fails(context, milvus):
    milvus.answers(STATE, NOT_LOADED, LOADING)
    with pytest.raises(exceptions.MilvusCollectionTimeout, match="Loading, 40 %"):
        load(timeout=60).execute(context)


def deferral(operator, context):
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(context)
    return caught.value


def test_long_load_is_waited_for_in_the_triggerer(context, milvus, package_clock):
    milvus.answers(STATE, NOT_LOADED, LOADING)
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
    milvus.answers(STATE, LOADING, LOADING, LOADING, LOADING, LOADING, LOADING, LOADED)
    deferred = deferral(load(deferrable=True, defer_after=0), context)
    event = {"status": "success", "message": "m", "states": [{"state": "Loaded", "progress": 100}]}
    milvus.answers(STATE, LOADED)
    assert load().execute_complete(context, event, **deferred.kwargs)["call"] == "refresh_load"


def test_short_load_needs_no_triggerer(context, milvus):
    milvus.answers(STATE, NOT_LOADED, LOADING, LOADED)
    assert load(deferrable=True).execute(context)["state"] == "Loaded"


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


# -- index -----------------------------------------------------------------------------------------------------------


def state(name, **more):
    return [{"indexName": "v", "fieldName": "vector", "indexState": name, "totalRows": 9, **more}]


def test_index_is_waited_for(context, milvus):
    milvus.answers(INDEX_STATE, state("InProgress"), state("Finished", indexedRows=9))
    (built,) = index().execute(context)
    assert (built["index_name"], built["state"], built["indexed_rows"]) == ("v", "Finished", 9)
    assert milvus.routes == [INDEX, DESCRIBE, INDEX_STATE, INDEX_STATE]
    assert milvus.sent[0].body["indexParams"] == INDEXES


def test_failed_index_fails_the_task_for_good(context, milvus):
    milvus.answers(INDEX_STATE, state("Failed", failReason="no memory"))
    with pytest.raises(exceptions.MilvusIndexFailed, match="index v of field vector failed: no memory"):
        index().execute(context)


def test_long_build_is_waited_for_in_the_triggerer(context, milvus):
    milvus.answers(INDEX_STATE, state("InProgress"))
    assert deferral(index(deferrable=True), context).trigger.index_names == ["v"]


# -- alias -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "route", "previous"),
    [
        (NO_ALIAS, [NEW_ALIAS], None),
        ({"collectionName": "old"}, [MOVE_ALIAS], "old"),
        ({"collectionName": "c"}, [], "c"),
    ],
    ids=["new", "elsewhere", "there already"],
)
def test_alias_comes_to_the_collection_in_one_request(context, milvus, target, route, previous):
    milvus.answers(ALIAS, target)
    assert swap().execute(context) == {"alias": "a", "collection_name": "c", "previous": previous}
    assert milvus.routes == [ALIAS, STATE, *route]


def test_alias_does_not_come_to_a_collection_in_which_nothing_is_found(context, milvus):
    milvus.answers(STATE, LOADING)
    with pytest.raises(exceptions.MilvusCollectionNotLoaded, match="readers of 'a' would find nothing"):
        swap().execute(context)
    assert milvus.routes == [ALIAS, STATE]


def test_collection_need_not_be_loaded_where_the_user_says_so(context, milvus):
    swap(require_loaded=False).execute(context)
    assert milvus.routes == [ALIAS, NEW_ALIAS]


# -- rows ------------------------------------------------------------------------------------------------------------


def test_number_of_rows_is_returned(context, milvus):
    milvus.answers(QUERY, [{"count(*)": 5}])
    assert check(min_rows="5", filter="id > 1").execute(context) == 5
    assert milvus.sent[0].body["filter"] == "id > 1"


def test_rows_that_come_a_little_later_are_waited_for(context, milvus):
    milvus.answers(QUERY, [{"count(*)": 3}], [{"count(*)": 5}])
    assert check().execute(context) == 5


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"expected_rows": "6"}, "it has 5 rows, and expected_rows=6"),
        ({"min_rows": 6}, "it has 5 rows, and min_rows=6"),
    ],
)
def test_wrong_number_of_rows_fails_in_time(context, milvus, package_clock, parameters, words):
    milvus.answers(QUERY, [{"count(*)": 5}])
    with pytest.raises(exceptions.MilvusRowCountWrong, match=words):
        check(timeout=20, **parameters).execute(context)
    assert 1_000 < package_clock.now <= 1_020


@pytest.mark.parametrize(
    "figures",
    [
        {"total_rows": 5, "imported_rows": 3},
        [{"total_rows": 0, "imported_rows": 2}, {"total_rows": 3}],
        [{"total_rows": 1}, [{"total_rows": 2}, {"total_rows": 2}]],
    ],
    ids=["one import", "mapped imports", "mapped imports of several jobs"],
)
def test_rows_are_compared_with_those_that_the_imports_found(context, milvus, figures):
    milvus.answers(QUERY, [{"count(*)": 5}])
    assert check(expected_rows=figures).execute(context) == 5


def test_count_with_nothing_to_compare_it_with_is_refused(context, milvus):
    task = check(expected_rows="{{ rows }}")
    task.expected_rows = None  # as a native template renders what a task before did not return
    with pytest.raises(ValueError, match="expected_rows and min_rows are both None"):
        task.execute(context)
    assert milvus.sent == []


def test_statistics_are_read_where_the_collection_is_not_loaded(context, milvus):
    milvus.answers(STATS, {"rowCount": 5})
    assert check(by_statistics=True).execute(context) == 5
    assert milvus.routes == [STATS]


# -- drop ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("there", "routes"), [(True, [HAS, DROP]), (False, [HAS])])
def test_collection_is_dropped_if_it_is_there(context, milvus, there, routes):
    milvus.answers(HAS, {"has": there})
    assert drop().execute(context) is there
    assert milvus.routes == routes
