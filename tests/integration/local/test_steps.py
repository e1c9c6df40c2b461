"""The REST routes around an import: collections, indexes, partitions, aliases, databases and entities."""

import itertools
import json

import pymilvus
import pytest

NUMBERS = itertools.count()
ROWS = [{"id": n, "vector": [float(n)] * 4, "colour": "red" if n % 2 else "blue"} for n in range(6)]


@pytest.fixture
def name(shared_client):
    """A collection of this test alone, with six rows and a dynamic field."""
    name = f"steps_{next(NUMBERS)}"
    shared_client.create(name, auto_id=False, enableDynamicField=True)
    shared_client.post("/entities/insert", collectionName=name, data=ROWS)
    return name


@pytest.fixture
def call(shared_client, name):
    return lambda route, **body: shared_client.call(route, collectionName=name, **body)


@pytest.fixture
def post(shared_client, name):
    return lambda route, **body: shared_client.post(route, collectionName=name, **body)


# -- collections -------------------------------------------------------------------------------------------


def test_quick_setup_is_indexed_loaded_and_dynamic(shared_client):
    shared_client.post("/collections/create", collectionName="quick", dimension=8, metricType="IP")
    found = shared_client.post("/collections/describe", collectionName="quick")
    assert [(one["name"], one["type"], one["primaryKey"]) for one in found["fields"]] == [
        ("id", "Int64", True),
        ("vector", "FloatVector", False),
    ]
    assert found["indexes"] == [{"indexName": "vector", "fieldName": "vector", "metricType": "IP"}]
    assert (found["enableDynamicField"], found["autoId"], found["load"]) == (True, False, "LoadStateLoaded")


def test_quick_setup_takes_text_keys_and_other_names(shared_client):
    shared_client.post(
        "/collections/create",
        collectionName="texts",
        dimension=2,
        idType="VarChar",
        primaryFieldName="key",
        vectorFieldName="v",
        params={"max_length": "8"},
    )
    shared_client.post("/entities/insert", collectionName="texts", data=[{"key": "a", "v": [1, 2]}])
    assert shared_client.post("/entities/get", collectionName="texts", id="a") == [{"key": "a", "v": [1.0, 2.0]}]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"dimension": 0},
        {"dimension": -1},
        {"dimension": 4, "idType": "Float"},
        {"schema": {"fields": [{"fieldName": "id", "dataType": "Int64", "isPrimary": True}]}},
        {"schema": {"fields": [{"fieldName": "id", "dataType": "Nonsense"}]}},
        {"schema": {"fields": [{"fieldName": "v", "dataType": "FloatVector", "elementTypeParams": {"dim": "x"}}]}},
    ],
)
def test_collection_that_cannot_be_is_1100(shared_client, body):
    assert shared_client.call("/collections/create", collectionName="never", **body)["code"] == 1100
    assert shared_client.post("/collections/has", collectionName="never") == {"has": False}


@pytest.mark.parametrize(
    ("kind", "fitting", "others"),
    [
        ("Bool", [False], [0, "false"]),
        ("Int8", [0, -128, 127, 1.7], [300, -129, True, "1"]),
        ("Int64", [2**63 - 1, 1.7], ["abc", 2**63, [1]]),
        ("Float", [0.5, 1, 3.4e38], ["0.5", 1e39, True]),
        ("Double", [0.1, 1e300], ["0.1", 10**400]),
        ("VarChar", ["", "ün"], ["üü", 5]),
        ("Array", [None], [[1]]),
    ],
)
def test_default_value_that_does_not_fit_is_1100(shared_client, kind, fitting, others):
    params = {"max_length": 3, "max_capacity": 2}
    field = {"fieldName": "x", "dataType": kind, "elementDataType": "Int8", "elementTypeParams": params}
    for value in fitting:
        shared_client.create("defaults", fields=[{**field, "defaultValue": value}])
        shared_client.post("/collections/drop", collectionName="defaults")
    for value in others:
        fields = [{"fieldName": "id", "dataType": "Int64", "isPrimary": True}, {**field, "defaultValue": value}]
        response = shared_client.call("/collections/create", collectionName="never", schema={"fields": fields})
        assert (response["code"], "efault" in response["message"]) == (1100, True)


@pytest.mark.parametrize(
    ("field", "missing"),
    [
        ({"dataType": "VarChar"}, "max_length"),
        ({"dataType": "Array", "elementDataType": "Int8"}, "max_capacity"),
        ({"dataType": "Array", "elementDataType": "VarChar", "elementTypeParams": {"max_capacity": 2}}, "max_length"),
    ],
)
def test_field_without_its_limit_is_refused(shared_client, field, missing):
    fields = [{"fieldName": "id", "dataType": "Int64", "isPrimary": True}, {"fieldName": "x", **field}]
    response = shared_client.call("/collections/create", collectionName="never", schema={"fields": fields})
    assert (response["code"], f"type param({missing}) should be specified" in response["message"]) == (1100, True)


FULL_TEXT = {
    "fields": [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {
            "fieldName": "text",
            "dataType": "VarChar",
            "elementTypeParams": {"max_length": 99, "enable_analyzer": True, "analyzer_params": '{"type": "standard"}'},
        },
        {"fieldName": "sparse", "dataType": "SparseFloatVector"},
    ],
    "functions": [{"name": "f", "type": "BM25", "inputFieldNames": ["text"], "outputFieldNames": ["sparse"]}],
}


@pytest.fixture
def full_text(shared_client):
    name = f"texts_{next(NUMBERS)}"
    index = {"fieldName": "sparse", "metricType": "BM25"}
    shared_client.post("/collections/create", collectionName=name, schema=FULL_TEXT, indexParams=[index])
    return name


def test_full_text_is_found_by_its_words(shared_client, full_text):
    rows = [{"id": 1, "text": "a red fox"}, {"id": 2, "text": "a blue whale"}]
    shared_client.post("/entities/insert", collectionName=full_text, data=rows)
    found = shared_client.post("/entities/search", collectionName=full_text, data=["fox"], limit=2)
    assert [(row["id"], row["distance"] > 0) for row in found] == [(1, True)]


def test_full_text_is_imported_without_its_vectors(shared_client, full_text):
    bucket = shared_client.milvus.bucket
    (bucket / "texts.json").write_text('[{"id": 1, "text": "a red fox"}, {"id": 2, "text": "a blue whale"}]')
    (bucket / "vectors.json").write_text('[{"id": 3, "text": "a red fox", "sparse": {"1": 0.5}}]')
    assert shared_client.load("texts.json", collection=full_text)["importedRows"] == 2
    assert shared_client.load("vectors.json", collection=full_text)["state"] == "Failed"
    shared_client.refresh(full_text)
    found = shared_client.post("/entities/search", collectionName=full_text, data=["whale"], limit=2)
    assert [row["id"] for row in found] == [2]


def test_vector_that_a_function_makes_cannot_be_inserted(shared_client, full_text):
    row = {"id": 3, "text": "a red fox", "sparse": {"1": 0.5}}
    assert shared_client.call("/entities/insert", collectionName=full_text, data=[row])["code"] == 1804


def test_two_vectors_of_a_row_are_imported_and_searched(shared_client):
    name = f"pairs_{next(NUMBERS)}"
    more = {"fieldName": "other", "dataType": "FloatVector", "elementTypeParams": {"dim": 2}}
    shared_client.create(name, fields=[more], auto_id=False, indexes=[{"fieldName": "other", "metricType": "L2"}])
    rows = [{"id": n, "vector": [n] * 4, "other": [9 - n] * 2} for n in range(10)]
    (shared_client.milvus.bucket / "pairs.json").write_text(json.dumps(rows))
    assert shared_client.load("pairs.json", collection=name)["state"] == "Completed"
    shared_client.refresh(name)
    body = {"collectionName": name, "limit": 1, "outputFields": ["id"]}
    for field, vector, nearest in (("vector", [2] * 4, 2), ("other", [2] * 2, 7)):
        found = shared_client.post("/entities/search", annsField=field, data=[vector], **body)
        assert [row["id"] for row in found] == [nearest]
    searches = [{"annsField": "vector", "data": [[2] * 4]}, {"annsField": "other", "data": [[7] * 2]}]
    found = shared_client.post("/entities/hybrid_search", search=searches, **body)
    assert [row["id"] for row in found] == [2]


def test_collection_is_created_once(call):
    assert call("/collections/create", dimension=4)["code"] == 1100


def test_description_keeps_its_id_through_a_rename(shared_client, post, name):
    before = post("/collections/describe")
    post("/collections/rename", newCollectionName=f"{name}_new")
    after = shared_client.post("/collections/describe", collectionName=f"{name}_new")
    assert after == {**before, "collectionName": f"{name}_new"}
    assert shared_client.call("/collections/describe", collectionName=name)["code"] == 100


def test_field_description_has_its_parameters(shared_client):
    fields = [
        {"fieldName": "t", "dataType": "VarChar", "nullable": True, "elementTypeParams": {"max_length": 9}},
        {"fieldName": "a", "dataType": "Array", "elementDataType": "Int8", "elementTypeParams": {"max_capacity": "3"}},
    ]
    shared_client.create("described", fields=fields)
    found = {
        one["name"]: one for one in shared_client.post("/collections/describe", collectionName="described")["fields"]
    }
    assert (found["id"]["autoId"], found["t"]["nullable"], found["a"]["elementType"]) == (True, True, "Int8")
    assert [found[one]["params"] for one in ("vector", "t", "a")] == [
        [{"key": "dim", "value": "4"}],
        [{"key": "max_length", "value": "9"}],
        [{"key": "max_capacity", "value": "3"}],
    ]


def test_dropped_collection_is_gone_and_may_be_dropped_again(post):
    post("/collections/drop")
    post("/collections/drop")
    assert post("/collections/has") == {"has": False}


def test_released_collection_responds_101_until_it_is_loaded(call, post):
    post("/collections/release")
    assert post("/collections/get_load_state") == {"loadState": "LoadStateNotLoad"}
    assert call("/entities/query", filter="id >= 0")["code"] == 101
    assert call("/collections/refresh_load")["code"] == 101
    post("/collections/load")
    post("/collections/refresh_load")
    assert post("/collections/get_load_state") == {"loadState": "LoadStateLoaded", "loadProgress": 100}
    assert len(post("/entities/query", filter="id >= 0")) == 6


def test_collection_without_index_cannot_be_loaded(shared_client):
    fields = [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": 2}},
    ]
    shared_client.post("/collections/create", collectionName="bare", schema={"fields": fields})
    response = shared_client.call("/collections/load", collectionName="bare")
    assert (response["code"], "index not found[collection=bare]" in response["message"]) == (700, True)


def test_collection_is_not_loaded_before_each_vector_has_an_index(shared_client):
    name = f"pairs_{next(NUMBERS)}"
    fields = [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        *(
            {"fieldName": one, "dataType": "FloatVector", "elementTypeParams": {"dim": 2}}
            for one in ("first", "other", "third")
        ),
    ]
    body = {"collectionName": name, "schema": {"fields": fields}, "indexParams": [{"fieldName": "first"}]}
    response = shared_client.call("/collections/create", **body)
    # As the cluster's test `test_create_collections_multi_float_vector_with_one_index` has it.
    assert (response["code"], "there is no vector index on field: [other third]" in response["message"]) == (1100, True)
    state = shared_client.post("/collections/get_load_state", collectionName=name)
    assert state == {"loadState": "LoadStateNotLoad"}


def test_collection_without_index_can_be_renamed(shared_client):
    field = {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": 2}}
    primary = {"fieldName": "id", "dataType": "Int64", "isPrimary": True}
    shared_client.post("/collections/create", collectionName="plain", schema={"fields": [primary, field]})
    shared_client.post("/collections/rename", collectionName="plain", newCollectionName="plain_new")
    assert shared_client.post("/collections/has", collectionName="plain_new") == {"has": True}


def test_flush_keeps_the_rows(post):
    post("/collections/flush")
    assert post("/collections/get_stats") == {"rowCount": 6}


@pytest.mark.parametrize(
    "route", ["describe", "load", "release", "refresh_load", "get_load_state", "get_stats", "flush"]
)
def test_unknown_collection_is_100(shared_client, route):
    assert shared_client.call(f"/collections/{route}", collectionName="nowhere")["code"] == 100


# -- indexes -----------------------------------------------------------------------------------------------


def test_index_is_described_as_finished(post):
    (found,) = post("/indexes/describe", indexName="vector")
    assert (found["fieldName"], found["metricType"], found["indexState"]) == ("vector", "L2", "Finished")
    assert (found["totalRows"], found["indexedRows"], found["pendingRows"]) == (6, 6, 0)


@pytest.mark.parametrize("kind", ["BITMAP", "STL_SORT", "Trie"])
def test_scalar_index_of_a_cluster_is_one_that_milvus_lite_has(serve, kind):
    client = serve()
    client.create(fields=[{"fieldName": "word", "dataType": "VarChar", "elementTypeParams": {"max_length": 9}}])
    index = {"fieldName": "word", "indexType": kind}
    for _ in range(2):
        client.post("/indexes/create", collectionName="c", indexParams=[index])
    pymilvus.MilvusClient(uri=client.milvus.grpc_uri).create_index(
        "c", pymilvus.MilvusClient.prepare_index_params(field_name="word", index_type=kind)
    )
    (found,) = client.post("/indexes/describe", collectionName="c", indexName="word")
    assert found["indexType"] == kind.upper()


def test_index_that_would_drop_small_weights_drops_none(serve):
    client = serve()
    index = {
        "fieldName": "sparse",
        "metricType": "IP",
        "indexType": "SPARSE_INVERTED_INDEX",
        "params": {"drop_ratio_build": 0.9, "drop_ratio_search": "0.2"},
    }
    client.create(fields=[{"fieldName": "sparse", "dataType": "SparseFloatVector"}], indexes=[index])
    rows = [{"vector": [0] * 4, "sparse": {"1": weight, "2": 1}} for weight in (0.01, 0.02)]
    client.post("/entities/insert", collectionName="c", data=rows)
    body = {"collectionName": "c", "annsField": "sparse", "searchParams": {"params": {"drop_ratio_search": 0.9}}}
    hits = client.post("/entities/search", data=[{"1": 1.0}], **body)
    assert [round(hit["distance"], 3) for hit in hits] == [0.02, 0.01]


def test_index_is_dropped_and_created(call, post):
    post("/collections/release")
    post("/indexes/drop", indexName="vector")
    assert post("/indexes/list") == []
    assert call("/indexes/describe", indexName="vector")["code"] == 700
    index = {
        "fieldName": "vector",
        "indexType": "HNSW",
        "metricType": "COSINE",
        "params": {"M": 8, "efConstruction": 16},
    }
    post("/indexes/create", indexParams=[index])
    assert post("/indexes/list") == ["vector"]
    assert post("/indexes/describe", indexName="vector")[0]["indexType"] == "HNSW"


def test_sparse_vector_needs_no_index_type(shared_client):
    field, index = {"fieldName": "sparse", "dataType": "SparseFloatVector"}, {"fieldName": "sparse"}
    shared_client.create("sparse", fields=[field], indexes=[index])
    for _ in range(2):
        shared_client.post("/indexes/create", collectionName="sparse", indexParams=[{"fieldName": "sparse"}])
    shared_client.post("/collections/load", collectionName="sparse")
    assert sorted(shared_client.post("/indexes/list", collectionName="sparse")) == ["sparse", "vector"]


def test_same_index_again_is_no_error_and_another_is(call, post):
    post("/indexes/create", indexParams=[{"fieldName": "vector", "metricType": "L2"}])
    response = call("/indexes/create", indexParams=[{"fieldName": "vector", "metricType": "IP"}])
    assert (response["code"], "at most one distinct index" in response["message"]) == (1100, True)


# -- partitions and aliases --------------------------------------------------------------------------------


def test_partition_comes_and_goes_with_its_rows(post):
    post("/partitions/create", partitionName="p")
    post("/partitions/create", partitionName="p")
    post("/entities/insert", partitionName="p", data=[{"id": 77, "vector": [0, 0, 0, 0]}])
    assert (post("/partitions/has", partitionName="p"), sorted(post("/partitions/list"))) == (
        {"has": True},
        ["_default", "p"],
    )
    assert len(post("/entities/query", filter="id >= 0", partitionNames=["p"])) == 1
    post("/partitions/drop", partitionName="p")
    post("/partitions/drop", partitionName="p")
    assert (post("/partitions/has", partitionName="p"), post("/collections/get_stats")) == (
        {"has": False},
        {"rowCount": 6},
    )


def test_rows_of_an_unknown_partition_are_200(call):
    assert call("/partitions/get_stats", partitionName="nope")["code"] == 200
    assert call("/entities/insert", partitionName="nope", data=ROWS[:1])["code"] == 200


def test_alias_leads_to_the_collection_and_can_be_pointed_elsewhere(shared_client, post, name):
    other = f"{name}_other"
    shared_client.create(other)
    alias = f"{name}_alias"
    post("/aliases/create", aliasName=alias)
    assert shared_client.post("/collections/get_stats", collectionName=alias) == {"rowCount": 6}
    assert post("/aliases/list") == [alias]
    shared_client.post("/aliases/alter", collectionName=other, aliasName=alias)
    assert shared_client.post("/aliases/describe", aliasName=alias) == {
        "dbName": "default",
        "collectionName": other,
        "aliasName": alias,
    }
    shared_client.post("/aliases/drop", aliasName=alias)
    shared_client.post("/aliases/drop", aliasName=alias)
    assert shared_client.call("/aliases/describe", aliasName=alias)["code"] == 1600


def test_alias_of_another_collection_or_with_the_name_of_one_is_refused(shared_client, call, post, name):
    other = f"{name}_other"
    shared_client.create(other)
    post("/aliases/create", aliasName=f"{name}_alias")
    post("/aliases/create", aliasName=f"{name}_alias")
    taken = shared_client.call("/aliases/create", collectionName=other, aliasName=f"{name}_alias")
    assert (taken["code"], call("/aliases/create", aliasName=other)["code"]) == (1602, 1601)
    assert call("/aliases/alter", aliasName="never_made")["code"] == 1600


@pytest.mark.parametrize("act", ["drop", "truncate", "rename"])
def test_alias_is_no_way_to_change_the_collection(shared_client, call, post, name, act):
    alias = f"{name}_alias"
    post("/aliases/create", aliasName=alias)
    response = shared_client.call(f"/collections/{act}", collectionName=alias, newCollectionName=f"{name}_new")
    assert (response["code"], f"cannot {act} the collection via alias = {alias}" in response["message"]) == (1100, True)
    assert post("/collections/get_stats") == {"rowCount": 6}


# internal/rootcoord/drop_collection_task.go:63
def test_collection_with_an_alias_is_dropped_without_it_only(shared_client, post, name):
    post("/aliases/create", aliasName=f"{name}_alias")
    refused = shared_client.call("/collections/drop", collectionName=name)
    assert (refused["code"], "remove all aliases" in refused["message"]) == (1100, True)
    post("/aliases/drop", aliasName=f"{name}_alias")
    post("/collections/drop")


def test_import_into_an_alias_names_the_collection(shared_client, name):
    shared_client.post("/aliases/create", collectionName="c", aliasName=f"{name}_alias")
    job = shared_client.load("rows.parquet", collection=f"{name}_alias")
    assert (job["state"], job["collectionName"]) == ("Completed", "c")


# -- databases ---------------------------------------------------------------------------------------------


def test_database_comes_and_goes(shared_client):
    shared_client.post("/databases/create", dbName="passing")
    assert set(shared_client.post("/databases/list")) == {"default", "passing"}
    shared_client.post("/databases/drop", dbName="passing")
    assert shared_client.post("/databases/list") == ["default"]
    assert shared_client.call("/collections/list", dbName="passing")["code"] == 800


def test_database_with_collections_is_not_dropped(shared_client):
    shared_client.post("/databases/create", dbName="full")
    shared_client.post("/collections/create", dbName="full", collectionName="x", dimension=2)
    assert shared_client.call("/databases/drop", dbName="full")["code"] != 0
    shared_client.post("/collections/drop", dbName="full", collectionName="x")
    shared_client.post("/databases/drop", dbName="full")


# -- entities ----------------------------------------------------------------------------------------------


def test_query_filters_projects_and_pages(post):
    assert post("/entities/query", filter='colour == "red"', outputFields=["id"]) == [{"id": 1}, {"id": 3}, {"id": 5}]
    assert post("/entities/query", filter="id >= 0", outputFields=["id"], limit=2, offset=3) == [{"id": 3}, {"id": 4}]
    assert post("/entities/query", filter='colour == "red"', outputFields=["count(*)"]) == [{"count(*)": 3}]


def test_query_shows_the_newest_row_of_a_key(post):
    post("/entities/upsert", data=[{"id": 3, "vector": [9, 9, 9, 9], "colour": "green"}])
    assert post("/entities/get", id=[3]) == [{"id": 3, "vector": [9.0] * 4, "colour": "green"}]
    assert post("/collections/get_stats") == {"rowCount": 6}


def test_get_takes_the_key_zero(post):
    assert [row["id"] for row in post("/entities/get", id=0)] == [0]


def test_get_takes_keys_as_the_text_that_it_gives_them_as(post):
    assert [row["id"] for row in post("/entities/get", id=["1", 2])] == [1, 2]


@pytest.mark.parametrize("key", ["one", 1.5, True, None])
def test_get_refuses_what_is_no_key(call, key):
    response = call("/entities/get", id=[key])
    assert (response["code"], f"{key!r} is no primary key" in response["message"]) == (1806, True)


@pytest.mark.parametrize("route", ["query", "search"])
def test_negative_offset_is_refused(call, route):
    response = call(f"/entities/{route}", data=[[1.0] * 4], filter="id >= 0", offset=-2)
    assert (response["code"], "offset" in response["message"], "in range" in response["message"]) == (1100, True, True)


def test_search_with_another_metric_than_that_of_the_index_is_refused(call):
    response = call("/entities/search", data=[[1.0] * 4], searchParams={"metricType": "COSINE"})
    assert (response["code"], "metric type not match" in response["message"]) == (1100, True)


@pytest.mark.parametrize("route", ["query", "search", "get"])
def test_output_field_that_is_nowhere_is_refused(shared_client, route):
    name = f"steps_{next(NUMBERS)}"
    shared_client.create(name)
    body = {"data": [[1.0] * 4], "id": [1], "filter": "id >= 0", "outputFields": ["id", "colour"]}
    response = shared_client.call(f"/entities/{route}", collectionName=name, **body)
    assert (response["code"], "field colour not exist" in response["message"]) == (1100, True)


@pytest.mark.parametrize(
    ("filter", "parameters", "found"),
    [
        ("id in {keys}", {"keys": [1, 4]}, [1, 4]),
        ("colour == {colour} and id > {id}", {"colour": "red", "id": 1}, [3, 5]),
        ('colour == "{colour}"', {"colour": "red"}, []),
    ],
)
def test_filter_takes_values_for_names_in_braces(post, filter, parameters, found):
    rows = post("/entities/query", filter=filter, exprParams=parameters, outputFields=["id"])
    assert [row["id"] for row in rows] == found


def test_name_in_braces_without_a_value_is_refused(call):
    response = call("/entities/query", filter="id in {keys}", exprParams={"key": [1]})
    assert (response["code"], "{keys} is not found" in response["message"]) == (1100, True)


def test_delete_from_an_unknown_partition_is_refused(call):
    assert call("/entities/delete", filter="id >= 0", partitionName="nowhere")["code"] == 200


def test_search_finds_the_nearest_rows_of_every_vector(post):
    found = post("/entities/search", data=[[1.1] * 4, [4.9] * 4], annsField="vector", limit=2, outputFields=["colour"])
    assert [(hit["id"], hit["colour"]) for hit in found] == [(1, "red"), (2, "blue"), (5, "red"), (4, "blue")]
    assert found[0]["distance"] == pytest.approx(0.04, abs=1e-3)


def test_search_heeds_a_filter(post):
    found = post("/entities/search", data=[[1.0] * 4], annsField="vector", limit=1, filter='colour == "blue"')
    assert found[0]["id"] in (0, 2)


def test_deleted_rows_are_gone(post):
    post("/entities/delete", filter="id in [0, 1]")
    assert [row["id"] for row in post("/entities/query", filter="id >= 0", outputFields=["id"])] == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("query", {"filter": "id >>> 3"}),
        ("query", {"filter": "nowhere.at.all(3)"}),
        ("query", {"filter": "id >= 0", "limit": 16385}),
        ("search", {"data": ["x"], "annsField": "vector"}),
        ("search", {"data": [[1, 2, 3, 4]], "annsField": "vector", "searchParams": {"params": 3}}),
        ("delete", {"filter": "id >>> 3"}),
    ],
)
def test_entity_request_that_makes_no_sense_is_1100(call, post, route, body):
    assert call(f"/entities/{route}", **body)["code"] == 1100
    assert post("/collections/get_stats") == {"rowCount": 6}


@pytest.mark.parametrize(
    "data",
    [
        {"id": "x", "vector": [0, 0, 0, 0]},
        {"id": 9, "vector": [0, 0]},
        {"id": 9, "vector": [1e39, 0, 0, 0]},
        {"id": 9, "vector": [0, 0, 0, 0], "colour": {"deep": ["\ud800"]}},
        {"id": 9, "vector": [0, 0, 0, 0], "\ud800": 1},
    ],
)
@pytest.mark.parametrize("route", ["insert", "upsert"])
def test_rows_that_do_not_fit_are_1804(call, post, route, data):
    assert call(f"/entities/{route}", data=[data])["code"] == 1804
    assert post("/collections/get_stats") == {"rowCount": 6}


@pytest.mark.parametrize("data", [["x"], [[1]], {"id": 9, "vector": [0, 0, 0, 0]}, "x", 5])
@pytest.mark.parametrize("route", ["insert", "upsert"])
def test_data_that_is_no_list_of_rows_is_1801(call, post, route, data):
    assert call(f"/entities/{route}", data=data)["code"] == 1801
    assert post("/collections/get_stats") == {"rowCount": 6}


@pytest.mark.parametrize("field", [{"dataType": "Float"}, {"dataType": "Array", "elementDataType": "Float"}])
def test_number_that_is_too_great_for_its_field_is_1804_and_named(shared_client, field):
    fields = [{"fieldName": "x", **field, "elementTypeParams": {"max_capacity": 2}}]
    shared_client.create("singles", auto_id=False, fields=fields)
    wrap = list if field["dataType"] == "Array" else max
    rows = [{"id": n, "vector": [0] * 4, "x": wrap([number])} for n, number in enumerate([3.4e38, 1e39])]
    response = shared_client.call("/entities/insert", collectionName="singles", data=rows)
    assert (response["code"], "row 1 (counted from 0), field 'x'" in response["message"]) == (1804, True), response
    shared_client.post("/entities/insert", collectionName="singles", data=rows[:1])
    shared_client.post("/collections/drop", collectionName="singles")


@pytest.mark.parametrize("elements", [[1.9], [1, None]])
def test_array_that_does_not_fit_is_1804_and_named(shared_client, elements):
    capacity = {"max_capacity": 2}
    fields = [{"fieldName": "x", "dataType": "Array", "elementDataType": "Int64", "elementTypeParams": capacity}]
    shared_client.create("arrays", auto_id=False, fields=fields)
    row = {"id": 1, "vector": [0] * 4, "x": elements}
    response = shared_client.call("/entities/insert", collectionName="arrays", data=[row])
    assert (response["code"], "row 0 (counted from 0), field 'x'" in response["message"]) == (1804, True), response
    shared_client.post("/collections/drop", collectionName="arrays")


def test_number_that_no_response_can_hold_is_1801(shared_client, name):
    data = '[{"id": 9, "vector": [0, 0, 0, 0], "size": 1e999}]'
    body = f'{{"collectionName": "{name}", "data": {data}}}'
    response = json.loads(shared_client.send("/entities/insert", body.encode())[2])
    assert (response["code"], "1e999" in response["message"]) == (1801, True)
    assert shared_client.rows(name) == 6
