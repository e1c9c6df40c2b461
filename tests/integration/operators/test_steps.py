"""The steps around an import: what each leaves on a real server, and that twice is as good as once."""

import itertools
import json

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus import exceptions, rest
from airflow_provider_milvus.operators.alias import MilvusSwapAliasOperator
from airflow_provider_milvus.operators.checks import MilvusRowCountCheckOperator
from airflow_provider_milvus.operators.collection import (
    MilvusCreateCollectionOperator,
    MilvusDropCollectionOperator,
    MilvusLoadCollectionOperator,
)
from airflow_provider_milvus.operators.index import MilvusCreateIndexOperator

NUMBERS = itertools.count()
SCHEMA = {
    "enableDynamicField": True,
    "fields": [
        {"fieldName": "key", "dataType": "VarChar", "isPrimary": True, "elementTypeParams": {"max_length": 16}},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": "4"}},
        {
            "fieldName": "tags",
            "dataType": "Array",
            "elementDataType": "VarChar",
            "nullable": True,
            "elementTypeParams": {"max_capacity": 8, "max_length": 8},
        },
    ],
}
INDEX = [{"fieldName": "vector", "indexType": "AUTOINDEX", "metricType": "L2"}]


@pytest.fixture
def name(hook):
    """A collection of this test alone, not indexed, with three rows."""
    name = f"steps_{next(NUMBERS)}"
    hook.create_collection(name, schema=SCHEMA)
    rows = [{"key": str(n), "vector": [float(n)] * 4} for n in range(3)]
    hook.call(rest.envelope.Request("/entities/insert", {"collectionName": name, "data": rows}, lambda data: data))
    return name


@pytest.fixture
def served(hook, name):
    """The same, indexed and loaded."""
    hook.create_index(name, INDEX)
    hook.load_collection(name)
    return name


def create(name, **parameters):
    return MilvusCreateCollectionOperator(task_id="t", collection_name=name, **{"schema": SCHEMA, **parameters})


def everything(hook):
    """What the server has, as it describes it."""
    names = hook.list_collections()
    return {name: (hook.describe_collection(name), hook.get_collection_stats(name)) for name in names}


@pytest.mark.parametrize(
    "make",
    [
        lambda name: create(f"{name}_new"),
        lambda name: create(f"{name}_quick", schema=None, dimension=8, metric_type="IP"),
        lambda name: create(f"{name}_served", index_params=INDEX),
        lambda name: create(name),
        lambda name: MilvusCreateIndexOperator(task_id="t", collection_name=name, index_params=INDEX),
        lambda name: MilvusLoadCollectionOperator(task_id="t", collection_name=name),
        lambda name: MilvusSwapAliasOperator(task_id="t", collection_name=name, alias=f"{name}_alias"),
        lambda name: MilvusRowCountCheckOperator(task_id="t", collection_name=name, expected_rows=3),
        lambda name: MilvusDropCollectionOperator(task_id="t", collection_name=name),
    ],
    ids=["create", "quick create", "create with index", "keep", "index", "load", "swap alias", "check", "drop"],
)
def test_operator_run_twice_leaves_the_server_as_once(hook, served, context, make):
    make(served).execute(context)
    once = everything(hook)
    make(served).execute(context)
    assert everything(hook) == once


def test_steps_lead_from_a_schema_file_to_rows_behind_an_alias(hook, context, tmp_path):
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    with DAG("dag", schedule=None, template_searchpath=[str(tmp_path)]):
        task = create("whole", schema="schema.json")
    task.render_template_fields({})
    name = task.execute(context)
    (index,) = MilvusCreateIndexOperator(task_id="t", collection_name=name, index_params=INDEX).execute(context)
    load = MilvusLoadCollectionOperator(task_id="t", collection_name=name).execute(context)
    MilvusSwapAliasOperator(task_id="t", collection_name=name, alias="whole_alias").execute(context)
    assert (index["state"], load["state"], hook.count("whole_alias")) == ("Finished", "Loaded", 0)


def test_loaded_collection_is_refreshed(hook, served, context):
    found = MilvusLoadCollectionOperator(task_id="t", collection_name=served).execute(context)
    assert found == {"collection_name": served, "call": "refresh_load", "state": "Loaded", "progress": 100}


@pytest.mark.parametrize(
    ("field", "change"),
    [
        (0, {"dataType": "Int64", "elementTypeParams": {}}),
        (0, {"elementTypeParams": {"max_length": 17}}),
        (1, {"elementTypeParams": {"dim": 8}}),
        (2, {"elementDataType": "Int8"}),
        (2, {"nullable": False}),
        (2, {"fieldName": "labels"}),
    ],
)
def test_schema_that_differs_is_refused_with_the_name_of_the_field(name, context, field, change):
    fields = [{**one, **change} if number == field else one for number, one in enumerate(SCHEMA["fields"])]
    with pytest.raises(exceptions.MilvusCollectionExists, match=fields[field]["fieldName"]):
        create(name, schema={**SCHEMA, "fields": fields}).execute(context)


def test_recreated_collection_is_empty(hook, name, context):
    create(name, if_exists="recreate").execute(context)
    assert (hook.get_collection_stats(name), context["ti"].xcoms["outcome"]) == (0, "recreated")


def test_collection_that_must_be_new_is_left_alone(hook, name, context):
    with pytest.raises(exceptions.MilvusCollectionExists):
        create(name, if_exists="fail").execute(context)
    assert hook.get_collection_stats(name) == 3


def test_other_index_on_the_same_field_is_refused(served, context):
    other = [{**INDEX[0], "metricType": "IP"}]
    with pytest.raises(exceptions.MilvusServerError, match="at most one distinct index"):
        MilvusCreateIndexOperator(task_id="t", collection_name=served, index_params=other).execute(context)


def test_collection_without_an_index_cannot_be_loaded(name, context):
    with pytest.raises(exceptions.MilvusServerError, match="index not found"):
        MilvusLoadCollectionOperator(task_id="t", collection_name=name).execute(context)


def test_alias_is_moved_with_its_readers(hook, served, context):
    other = create(f"{served}_other", index_params=INDEX).execute(context)
    for target in (served, other):
        found = MilvusSwapAliasOperator(task_id="t", alias="moved", collection_name=target).execute(context)
    assert (found["previous"], hook.count("moved")) == (served, 0)


def test_alias_is_not_moved_to_a_collection_that_is_not_loaded(hook, name, context):
    with pytest.raises(exceptions.MilvusCollectionNotLoaded):
        MilvusSwapAliasOperator(task_id="t", alias="unmoved", collection_name=name).execute(context)
    assert hook.describe_alias("unmoved") is None


def test_rows_are_counted_by_statistics_before_there_is_an_index(name, context):
    check = MilvusRowCountCheckOperator(task_id="t", collection_name=name, expected_rows=3, by_statistics=True)
    assert check.execute(context) == 3


def test_wrong_number_of_rows_is_an_error(served, context):
    check = MilvusRowCountCheckOperator(task_id="t", collection_name=served, min_rows=4, timeout=0.1)
    with pytest.raises(exceptions.MilvusRowCountWrong, match="it has 3 rows, and min_rows=4"):
        check.execute(context)
