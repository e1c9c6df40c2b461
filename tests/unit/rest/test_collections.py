"""The steps around an import."""

import json

import pytest

from airflow_provider_milvus.rest import aliases, collections, entities, indexes
from airflow_provider_milvus.rest.collections import LoadState
from airflow_provider_milvus.rest.errors import MilvusProtocolError
from airflow_provider_milvus.rest.indexes import IndexState


def test_collection_is_created_from_a_dimension_or_a_schema():
    quick = collections.create_collection("c", dimension=4, metric_type="L2")
    fields = [{"fieldName": "v", "dataType": "FloatVector"}]
    custom = collections.create_collection("c", schema={"fields": fields}, index_params=[{"fieldName": "v"}])
    assert json.loads(quick.encode()) == {"collectionName": "c", "dimension": 4, "metricType": "L2"}
    assert json.loads(custom.encode()) == {
        "collectionName": "c",
        "schema": {"fields": fields},
        "indexParams": [{"fieldName": "v"}],
    }


@pytest.mark.parametrize("arguments", [{}, {"dimension": 4, "schema": {}}])
def test_collection_is_created_from_one_of_them_alone(arguments):
    with pytest.raises(ValueError, match="give either dimension or schema"):
        collections.create_collection("c", **arguments)


@pytest.mark.parametrize(("data", "found"), [({"has": True}, True), ({"has": False}, False), ({"has": "true"}, False)])
def test_collection_exists_only_where_the_server_says_so(data, found):
    assert collections.has_collection("c").parse(data) is found


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ({"loadState": "LoadStateNotLoad"}, LoadState("NotLoad", 0)),
        ({"loadState": "LoadStateLoading", "loadProgress": 40}, LoadState("Loading", 40)),
        ({"loadState": "LoadStateLoaded"}, LoadState("Loaded", 100)),
        ({}, LoadState("", 0)),
    ],
)
def test_load_state_is_read(data, found):
    assert collections.get_load_state("c").parse(data) == found


def test_only_a_loaded_collection_is_loaded():
    assert [LoadState(state, 100).loaded for state in ("Loaded", "Loading", "NotLoad", "")] == [
        True,
        False,
        False,
        False,
    ]


def test_rows_are_counted_by_the_statistics():
    assert collections.get_collection_stats("c").parse({"rowCount": "12"}) == 12


def test_statistics_without_a_count_are_an_error():
    with pytest.raises(MilvusProtocolError):
        collections.get_collection_stats("c").read(200, {}, b'{"code":0,"data":{}}')


def test_rows_are_counted_by_a_query_of_what_is_there_now():
    request = entities.count_rows("c", "id > 1")
    assert json.loads(request.encode()) == {
        "collectionName": "c",
        "filter": "id > 1",
        "outputFields": ["count(*)"],
        "consistencyLevel": "Strong",
    }
    assert request.parse([{"count(*)": 12}]) == 12


@pytest.mark.parametrize("data", [[], [{}], None])
def test_query_without_a_count_is_an_error(data):
    with pytest.raises(MilvusProtocolError, match="holds no count"):
        entities.count_rows("c").parse(data)


@pytest.mark.parametrize("data", [None, []])
def test_no_names_are_an_empty_list(data):
    assert collections.list_collections().parse(data) == []


def test_names_that_are_no_list_are_an_error():
    with pytest.raises(MilvusProtocolError, match="expected a list of names, got dict"):
        indexes.list_indexes("c").parse({})


def test_search_sends_what_was_given():
    request = entities.search("c", [[0.5]], anns_field="v", limit=3, search_params={"params": {"nprobe": 8}})
    assert json.loads(request.encode()) == {
        "collectionName": "c",
        "data": [[0.5]],
        "annsField": "v",
        "limit": 3,
        "filter": "",
        "searchParams": {"params": {"nprobe": 8}},
    }


@pytest.mark.parametrize(
    ("request_", "repeatable"),
    [
        (collections.create_collection("c", dimension=4), False),
        (collections.drop_collection("c"), True),
        (collections.load_collection("c"), True),
        (entities.count_rows("c"), True),
    ],
)
def test_only_a_create_is_not_repeated(request_, repeatable):
    assert request_.repeatable is repeatable


INDEX = {
    "indexName": "v",
    "fieldName": "vector",
    "indexType": "HNSW",
    "metricType": "L2",
    "totalRows": 9,
    "indexedRows": 4,
    "indexState": "InProgress",
    "failReason": "",
}


@pytest.mark.parametrize("data", [[INDEX], INDEX])
def test_index_state_is_read(data):
    assert indexes.describe_index("c", "v").parse(data) == IndexState(
        "v", "vector", "HNSW", "L2", "InProgress", 9, 4, ""
    )


@pytest.mark.parametrize(
    ("state", "ready", "failed"),
    [
        ("Finished", True, False),
        ("InProgress", False, False),
        ("Retry", False, False),
        ("Failed", False, True),
        ("", False, False),
    ],
)
def test_only_a_finished_index_is_ready_and_only_a_failed_one_failed(state, ready, failed):
    found = indexes.describe_index("c", "v").parse([{**INDEX, "indexState": state, "failReason": "no memory"}])
    assert (found.ready, "no memory" in found.failure) == (ready, failed)


def test_indexes_are_found_by_their_fields():
    description = {"indexes": [{"indexName": "a", "fieldName": "x"}, {"indexName": "b", "fieldName": "y"}]}
    assert indexes.index_names(description, ["y"]) == ["b"]


def test_alias_is_named_with_its_collection():
    assert json.loads(aliases.alter_alias("c", "a").encode()) == {"collectionName": "c", "aliasName": "a"}
    assert aliases.describe_alias("a").parse({"collectionName": "c"}) == "c"


def test_alias_without_a_collection_is_an_error():
    with pytest.raises(MilvusProtocolError, match="names no collection"):
        aliases.describe_alias("a").parse({})


FIELD = {"fieldName": "id", "dataType": "Int64"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: collections.drop_collection(""), "collection_name must be a name, got ''"),
        (lambda: collections.get_load_state(None), "collection_name must be a name, got None"),
        (lambda: entities.count_rows(7), "collection_name must be a name, got 7"),
        (lambda: collections.create_collection("", dimension=4), "collection_name must be a name"),
        (lambda: collections.create_collection("c", schema=[]), "schema must be an object with 'fields', got list"),
        (lambda: collections.create_collection("c", schema={"fields": []}), "schema must have 'fields'"),
        (lambda: collections.create_collection("c", schema={"fields": [{"name": "id"}]}), "needs 'fieldName'"),
        (lambda: collections.create_collection("c", schema={"fields": [{"fieldName": "id"}]}), "needs 'dataType'"),
        (
            lambda: collections.create_collection("c", schema={"fields": [FIELD]}, metric_type="L2"),
            "metric_type='L2' goes with dimension",
        ),
        (
            lambda: collections.create_collection("c", dimension=4, index_params=[{"fieldName": "v"}]),
            "index_params goes with schema",
        ),
        (lambda: indexes.create_index("c", []), "index_params must be a list with at least one index"),
        (lambda: indexes.create_index("c", [{"field_name": "v"}]), "must be an object with 'fieldName'"),
        (lambda: aliases.create_alias("c", " "), "alias must be a name, got ' '"),
        (lambda: aliases.describe_alias(None), "alias must be a name, got None"),
    ],
)
def test_bad_parameter_is_named_before_there_is_a_request(make, message):
    with pytest.raises(ValueError, match=message):
        make()
