"""pymilvus, unchanged, against the local Milvus: its bulk import over REST, its client over gRPC."""

import math
import threading
import time

import grpc
import pymilvus
import pytest
from pymilvus.bulk_writer import bulk_import, get_import_progress, list_import_jobs
from pymilvus.grpc_gen import common_pb2, milvus_pb2, milvus_pb2_grpc


@pytest.fixture
def milvus(client):
    return pymilvus.MilvusClient(uri=client.milvus.grpc_uri)


def load(client, **options):
    """Import with pymilvus's own functions; the final progress."""
    uri = client.milvus.uri
    job_id = bulk_import(uri, "c", files=[["rows.parquet"]], **options).json()["data"]["jobId"]
    while True:
        job = get_import_progress(uri, job_id, **options).json()["data"]
        if job["state"] in ("Completed", "Failed"):
            return job
        time.sleep(0.02)


def test_bulk_import_and_progress(client):
    assert load(client)["importedRows"] == 10


def test_list_import_jobs(client):
    job = load(client)
    records = list_import_jobs(client.milvus.uri, collection_name="c").json()["data"]["records"]
    assert [record["jobId"] for record in records] == [job["jobId"]]


def test_imported_rows_are_found_by_query_search_and_get(client, milvus):
    load(client)
    milvus.refresh_load("c")
    rows = milvus.query("c", "id >= 0", output_fields=["vector"])
    assert sorted(row["vector"][0] for row in rows) == [float(n) for n in range(10)]
    nearest = milvus.search("c", [[3.0] * 4], limit=1)[0][0]
    assert nearest["distance"] == pytest.approx(0)
    assert milvus.get("c", nearest["id"])[0]["vector"][0] == 3.0


def test_imported_rows_can_be_deleted(client, milvus):
    load(client)
    milvus.refresh_load("c")
    milvus.delete("c", filter="id >= 0")
    assert client.rows() == 0


def test_collection_is_not_dropped_via_its_alias(client, milvus):
    milvus.create_alias("c", "a")
    with pytest.raises(pymilvus.MilvusException, match="cannot drop the collection via alias"):
        milvus.drop_collection("a")
    assert milvus.list_collections() == ["c"]


def test_rows_that_rest_cannot_spell_are_shown_all_the_same(client, milvus):
    client.create("odd", auto_id=False, enableDynamicField=True)
    milvus.insert("odd", [{"id": 1, "vector": [math.inf, 1e39, 0, 1], "size": math.nan, "colour": "red"}])
    assert client.post("/entities/query", collectionName="odd") == [
        {"id": 1, "vector": [None, None, 0.0, 1.0], "size": None, "colour": "red"}
    ]
    assert client.post("/entities/search", collectionName="odd", data=[[0] * 4])[0]["id"] == 1


def test_collection_of_pymilvus_takes_imports(client, milvus):
    milvus.create_collection("made", dimension=4, auto_id=True)
    assert client.load("rows.parquet", collection="made")["state"] == "Completed"
    milvus.refresh_load("made")
    assert milvus.query("made", output_fields=["count(*)"])[0]["count(*)"] == 10


def test_inserts_of_many_threads_lose_nothing_beside_imports(client, milvus):
    def insert():
        for _ in range(20):
            milvus.insert("c", [{"vector": [1.0] * 4}] * 5)

    threads = [threading.Thread(target=insert) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        load(client)
    for thread in threads:
        thread.join()
    assert client.rows() == 4 * 20 * 5 + 5 * 10


def test_names_that_leave_the_data_directory_are_unknown_over_grpc(client, milvus):
    client.create("victim")
    for call in (milvus.describe_collection, milvus.drop_collection):
        with pytest.raises(pymilvus.MilvusException, match="does not exist"):
            call("../collections/victim")
    assert client.post("/collections/has", collectionName="victim") == {"has": True}


@pytest.mark.parametrize("name", ["../../../../outside", "/tmp/outside", "a/b", "..", "x\0y", "x" * 256])
def test_partition_that_would_be_no_folder_of_the_collection_is_refused(client, milvus, name):
    response = client.call("/partitions/create", collectionName="c", partitionName=name)
    assert (response["code"], "Invalid partition name" in response["message"]) == (1100, True)
    with pytest.raises(pymilvus.MilvusException, match="Invalid partition name"):
        milvus.create_partition("c", name)
    assert client.post("/partitions/list", collectionName="c") == ["_default"]


@pytest.mark.parametrize("name", ["a/b", "../x", "1st", "", "x" * 256])
def test_field_name_that_milvus_would_refuse_is_refused(client, milvus, name):
    fields = [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": name, "dataType": "FloatVector", "elementTypeParams": {"dim": 2}},
    ]
    assert client.call("/collections/create", collectionName="d", schema={"fields": fields})["code"] in (1701, 1802)
    schema = milvus.create_schema()
    schema.add_field("id", pymilvus.DataType.INT64, is_primary=True)
    schema.add_field(name, pymilvus.DataType.FLOAT_VECTOR, dim=2)
    with pytest.raises(pymilvus.MilvusException, match="field name invalid"):
        milvus.create_collection("d", schema=schema)
    assert client.post("/collections/list") == ["c"]


def test_partition_of_pymilvus_takes_imports(client, milvus):
    milvus.create_partition("c", "day_2026-11-24")
    client.load("rows.parquet", partitionName="day_2026-11-24")
    assert milvus.get_partition_stats("c", "day_2026-11-24")["row_count"] == 10


def test_token_opens_both_faces(serve, client):
    client = serve(token="root:Mil:vus")
    milvus = pymilvus.MilvusClient(uri=client.milvus.grpc_uri, token="root:Mil:vus")
    assert load(client, api_key="root:Mil:vus")["state"] == "Completed"
    milvus.load_collection("c")
    assert milvus.query("c", output_fields=["count(*)"])[0]["count(*)"] == 10


@pytest.mark.parametrize("token", ["", "root:wrong", "wrong:Mil:vus"])
def test_grpc_demands_the_token(serve, token):
    client = serve(token="root:Mil:vus")
    with pytest.raises(pymilvus.MilvusException):
        pymilvus.MilvusClient(uri=client.milvus.grpc_uri, token=token, timeout=2).list_collections()


def test_index_without_a_type_is_made(client):
    schema = pymilvus.MilvusClient.create_schema(auto_id=True)
    schema.add_field("id", pymilvus.DataType.INT64, is_primary=True)
    schema.add_field("dense", pymilvus.DataType.FLOAT_VECTOR, dim=2)
    schema.add_field("sparse", pymilvus.DataType.SPARSE_FLOAT_VECTOR)
    milvus = pymilvus.MilvusClient(uri=client.milvus.uri)
    milvus.create_collection("untyped", schema=schema)
    with grpc.insecure_channel(client.milvus.uri.removeprefix("http://")) as channel:
        stub = milvus_pb2_grpc.MilvusServiceStub(channel)
        for field, metric in (("dense", "L2"), ("sparse", "IP")):
            params = [common_pb2.KeyValuePair(key="metric_type", value=metric)]
            request = milvus_pb2.CreateIndexRequest(
                collection_name="untyped", field_name=field, index_name=field, extra_params=params
            )
            assert stub.CreateIndex(request, timeout=30).code == 0
    assert sorted(milvus.list_indexes("untyped")) == ["dense", "sparse"]


def test_client_waits_for_an_index_without_an_error_of_the_server(client, milvus, caplog):
    milvus.create_collection("waits", dimension=4)
    assert [record for record in caplog.records if record.name.startswith("grpc")] == []


def test_segments_of_a_loaded_collection_have_all_rows(client):
    load(client)
    client.refresh()
    pymilvus.connections.connect(uri=client.milvus.grpc_uri)
    assert sum(one.num_rows for one in pymilvus.utility.get_query_segment_info("c")) == 10
    pymilvus.connections.disconnect("default")


@pytest.mark.parametrize(("kind", "params"), [("IVF_FLAT", {"nlist": 0}), ("HNSW", {"M": 4096, "efConstruction": 8})])
def test_parameters_of_an_index_are_checked(client, milvus, kind, params):
    client.post("/collections/release", collectionName="c")
    client.post("/indexes/drop", collectionName="c", indexName="vector")
    wanted = milvus.prepare_index_params("vector", index_type=kind, metric_type="L2", params=params)
    with pytest.raises(pymilvus.MilvusException, match="Out of range in json"):
        milvus.create_index("c", wanted)
