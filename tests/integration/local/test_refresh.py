"""Who sees imported rows, and when: of a loaded collection only after ``refresh_load``, as on a cluster."""

import pymilvus
import pytest


@pytest.fixture
def imported(client):
    """A client whose loaded collection ``c`` had ten rows imported, with vectors of 0 to 9."""
    client.load("rows.parquet")
    return client


@pytest.fixture
def milvus(client):
    return pymilvus.MilvusClient(uri=client.milvus.grpc_uri)


def reload(client):
    client.post("/collections/release", collectionName="c")
    client.post("/collections/load", collectionName="c")


def insert(client, rows):
    client.post("/entities/insert", collectionName="c", data=[{"vector": [7, 7, 7, 7]}] * rows)


def add(client, count):
    """Import the file so often; Milvus Lite merges segment files once there are some."""
    for _ in range(count):
        client.load("rows.parquet")


def test_rows_of_a_loaded_collection_are_seen_after_refresh_load(imported):
    assert imported.seen() == 0
    imported.refresh()
    assert imported.seen() == 10


@pytest.mark.parametrize(
    ("route", "body", "before", "after"),
    [
        ("query", {"filter": "id >= 0"}, 0, 10),
        ("query", {"filter": "id >= 0", "partitionNames": ["_default"]}, 0, 10),
        ("search", {"data": [[3, 3, 3, 3]], "limit": 4}, 0, 4),
    ],
)
def test_no_reader_sees_them_before(imported, route, body, before, after):
    assert len(imported.post(f"/entities/{route}", collectionName="c", **body)) == before
    imported.refresh()
    assert len(imported.post(f"/entities/{route}", collectionName="c", **body)) == after


def test_get_does_not_see_them_before(imported):
    imported.refresh()
    first = min(row["id"] for row in imported.post("/entities/query", collectionName="c", filter="id >= 0"))
    imported.load("rows.parquet")
    # The keys of one import follow one another.
    keys = list(range(first, first + 100))
    assert len(imported.post("/entities/get", collectionName="c", id=keys)) == 10
    imported.refresh()
    assert len(imported.post("/entities/get", collectionName="c", id=keys)) == 20


def test_statistics_count_them_at_once(imported, milvus):
    assert imported.rows() == 10
    partition = {"collectionName": "c", "partitionName": "_default"}
    assert imported.post("/partitions/get_stats", **partition) == {"rowCount": 10}
    assert milvus.get_collection_stats("c")["row_count"] == 10
    assert milvus.get_partition_stats("c", "_default")["row_count"] == 10


def test_release_and_load_show_them(imported):
    reload(imported)
    assert imported.seen() == 10


def test_loading_a_loaded_collection_again_shows_nothing(imported):
    imported.post("/collections/load", collectionName="c")
    assert imported.seen() == 0


def test_rows_of_a_released_collection_are_seen_after_load(client):
    client.post("/collections/release", collectionName="c")
    client.load("rows.parquet")
    client.post("/collections/load", collectionName="c")
    assert client.seen() == 10


def test_restarted_server_shows_them_after_load(serve, imported):
    again = serve()
    again.post("/collections/load", collectionName="c")
    assert (again.seen(), again.rows()) == (10, 10)


def test_committed_rows_of_a_loaded_collection_wait_too(client):
    job_id = client.start("rows.parquet", options={"auto_commit": "false"})
    client.wait(job_id, "Uncommitted")
    client.post("/jobs/import/commit", jobId=job_id)
    client.wait(job_id)
    assert client.seen() == 0
    client.refresh()
    assert client.seen() == 10


def test_inserted_rows_need_no_refresh(imported):
    insert(imported, 3)
    assert (imported.seen(), imported.rows()) == (3, 13)


def test_flush_shows_the_inserted_rows_alone(imported):
    insert(imported, 3)
    imported.post("/collections/flush", collectionName="c")
    assert (imported.seen(), imported.rows()) == (3, 13)
    imported.refresh()
    assert imported.seen() == 13


def test_many_imports_wait_although_milvus_lite_merges_segments(client):
    add(client, 6)
    client.refresh()
    add(client, 6)
    assert (client.seen(), client.rows()) == (60, 120)
    client.refresh()
    assert (client.seen(), client.rows()) == (120, 120)


def test_refreshed_rows_are_searched_by_the_index(imported):
    imported.refresh()
    nearest = imported.post("/entities/search", collectionName="c", data=[[3, 3, 3, 3]], limit=1, outputFields=["*"])
    assert nearest[0]["vector"] == [3.0] * 4


def test_pymilvus_sees_them_after_its_refresh_load(imported, milvus):
    assert milvus.query("c", "id >= 0") == []
    assert milvus.query("c", output_fields=["count(*)"])[0]["count(*)"] == 0
    milvus.load_collection("c")
    assert len(milvus.search("c", [[3.0] * 4])[0]) == 0
    milvus.refresh_load("c", timeout=10)
    assert len(milvus.query("c", "id >= 0")) == 10
    assert milvus.search("c", [[3.0] * 4], limit=1)[0][0]["distance"] == pytest.approx(0)


def test_pymilvus_cannot_refresh_a_released_collection(imported, milvus):
    milvus.release_collection("c")
    with pytest.raises(pymilvus.MilvusException, match="not loaded"):
        milvus.refresh_load("c", timeout=10)


def test_pymilvus_that_indexes_imports_and_then_loads_sees_them(client, milvus):
    schema = milvus.create_schema(auto_id=True)
    schema.add_field("id", pymilvus.DataType.INT64, is_primary=True)
    schema.add_field("vector", pymilvus.DataType.FLOAT_VECTOR, dim=4)
    milvus.create_collection("made", schema=schema)
    index = milvus.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="L2")
    milvus.create_index("made", index)
    client.load("rows.parquet", collection="made")
    milvus.load_collection("made", timeout=10)
    assert milvus.query("made", output_fields=["count(*)"])[0]["count(*)"] == 10


def test_rows_that_are_deleted_before_anyone_sees_them_are_gone(imported):
    imported.post("/entities/delete", collectionName="c", filter="id >= 0")
    imported.refresh()
    assert imported.seen() == 0


def test_rename_of_a_loaded_collection_shows_them(imported):
    imported.post("/collections/rename", collectionName="c", newCollectionName="d")
    assert (imported.seen("d"), imported.rows("d")) == (10, 10)
