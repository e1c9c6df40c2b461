"""The operator that moves an alias."""

import json

import pytest

from airflow_provider_milvus import exceptions
from airflow_provider_milvus.operators.alias import MilvusSwapAliasOperator

ALIAS, NEW_ALIAS, MOVE_ALIAS = "/aliases/describe", "/aliases/create", "/aliases/alter"
STATE = "/collections/get_load_state"
LOADED = {"loadState": "LoadStateLoaded", "loadProgress": 100}
LOADING = {"loadState": "LoadStateLoading", "loadProgress": 40}
NO_ALIAS = (200, json.dumps({"code": 1600, "message": "alias not found"}))


@pytest.fixture(autouse=True)
def server(milvus, package_clock):
    """It has a collection ``c`` that is loaded, without an alias."""
    for route in (NEW_ALIAS, MOVE_ALIAS):
        milvus.responds(route, {})
    milvus.responds(STATE, LOADED)
    milvus.responds(ALIAS, NO_ALIAS)
    return milvus


def swap(**parameters):
    return MilvusSwapAliasOperator(task_id="task", **{"collection_name": "c", "alias": "a", **parameters})


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
    milvus.responds(ALIAS, target)
    assert swap().execute(context) == {"alias": "a", "collection_name": "c", "previous": previous}
    assert milvus.routes == [ALIAS, STATE, *route]


def test_alias_does_not_come_to_a_collection_in_which_nothing_is_found(context, milvus):
    milvus.responds(STATE, LOADING)
    with pytest.raises(exceptions.MilvusCollectionNotLoaded, match="readers of 'a' would find nothing"):
        swap().execute(context)
    assert milvus.routes == [ALIAS, STATE]


def test_collection_need_not_be_loaded_where_the_user_says_so(context, milvus):
    swap(require_loaded=False).execute(context)
    assert milvus.routes == [ALIAS, NEW_ALIAS]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alias": ""}, "alias must be the name of an alias, got ''"),
        ({"alias": None}, "alias must be the name of an alias, got None"),
        ({"collection_name": ""}, "collection_name must be the name of a collection, got ''"),
        ({"collection_name": b"c"}, "collection_name must be the name of a collection, got b'c'"),
    ],
)
def test_bad_templated_parameter_is_refused_before_anything_is_sent(context, milvus, parameters, message):
    with pytest.raises(ValueError, match=message):
        swap(**parameters).execute(context)
    assert milvus.sent == []


def test_flag_as_text_is_refused_when_the_dag_is_parsed():
    with pytest.raises(ValueError, match="require_loaded must be True or False, got 'false'"):
        swap(require_loaded="false")


def test_what_differs_from_run_to_run_is_templated():
    names = ["collection_name", "alias", "milvus_conn_id", "database"]
    task = swap(**dict.fromkeys(names, "{{ x }}"))
    task.render_template_fields({"x": "7"})
    assert [getattr(task, name) for name in names] == ["7"] * len(names)
