"""What a user does with pymilvus, in the environment that runs this; prints {step: null or what went wrong} as JSON.

Arguments: the URI of the server, and the folder of its bucket.
"""

import json
import sys
import time
from pathlib import Path

from pymilvus import DataType, MilvusClient, __version__

NAME, ROWS = "clients", 20
STEPS = {}


def step(function):
    """A step, in the order in which they stand here."""
    STEPS[function.__name__] = function
    return function


@step
def create(client, uri, bucket):
    schema = client.create_schema(auto_id=False, enable_dynamic_field=True)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=4)
    schema.add_field("word", DataType.VARCHAR, max_length=20)
    index = client.prepare_index_params()
    index.add_index("vector", metric_type="L2", index_type="AUTOINDEX")
    client.create_collection(NAME, schema=schema, index_params=index)
    assert client.has_collection(NAME)
    assert client.list_collections() == [NAME]


@step
def describe(client, uri, bucket):
    found = client.describe_collection(NAME)
    assert [field["name"] for field in found["fields"]] == ["id", "vector", "word"], found
    assert client.describe_index(NAME, "vector")["metric_type"] == "L2"
    assert "Loaded" in str(client.get_load_state(NAME))


@step
def bulk_import(client, uri, bucket):
    from pymilvus.bulk_writer import BulkFileType, LocalBulkWriter, bulk_import, get_import_progress, list_import_jobs

    schema = client.create_schema(auto_id=False, enable_dynamic_field=True)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=4)
    schema.add_field("word", DataType.VARCHAR, max_length=20)
    schema.verify()
    for kind in (BulkFileType.PARQUET, BulkFileType.JSON):
        writer = LocalBulkWriter(schema, str(bucket), file_type=kind)
        first = 0 if kind == BulkFileType.PARQUET else ROWS // 2
        for key in range(first, first + ROWS // 2):
            writer.append_row({"id": key, "vector": [float(key)] * 4, "word": f"word {key}", "colour": "red"})
        writer.commit()
        files = [[str(Path(file).relative_to(bucket)) for file in group] for group in writer.batch_files]
        response = bulk_import(url=uri, collection_name=NAME, files=files).json()
        job_id = response["data"]["jobId"]
        deadline = time.monotonic() + 60
        while True:
            job = get_import_progress(url=uri, job_id=job_id).json()["data"]
            assert job["state"] != "Failed", job["reason"]
            assert time.monotonic() < deadline, job
            if job["state"] == "Completed":
                break
            time.sleep(0.1)
        jobs = list_import_jobs(url=uri, collection_name=NAME).json()["data"]["records"]
        assert job_id in [one["jobId"] for one in jobs], jobs


@step
def see_imported_rows(client, uri, bucket):
    client.release_collection(NAME)
    client.load_collection(NAME)
    assert client.query(NAME, "", output_fields=["count(*)"])[0]["count(*)"] == ROWS
    assert client.get_collection_stats(NAME)["row_count"] == ROWS


@step
def query_and_get(client, uri, bucket):
    rows = client.query(NAME, 'id < 3 and colour == "red"', output_fields=["word", "colour"])
    assert sorted(row["word"] for row in rows) == ["word 0", "word 1", "word 2"], rows
    assert [row["vector"] for row in client.get(NAME, [7])] == [[7.0] * 4]


@step
def search(client, uri, bucket):
    hits = client.search(NAME, [[5.2] * 4], limit=2, filter="id != 5", output_fields=["word"])[0]
    assert [hit["id"] for hit in hits] == [6, 4], hits


@step
def insert_upsert_delete(client, uri, bucket):
    assert client.insert(NAME, [{"id": 100, "vector": [1.0] * 4, "word": "new"}])["insert_count"] == 1
    client.upsert(NAME, [{"id": 100, "vector": [2.0] * 4, "word": "newer"}])
    assert client.get(NAME, [100])[0]["word"] == "newer"
    client.delete(NAME, ids=[100])
    assert client.get(NAME, [100]) == []


@step
def partitions(client, uri, bucket):
    client.create_partition(NAME, "part")
    assert set(client.list_partitions(NAME)) == {"_default", "part"}
    client.insert(NAME, [{"id": 200, "vector": [1.0] * 4, "word": "part"}], partition_name="part")
    found = client.query(NAME, "id >= 0", partition_names=["part"], output_fields=["id"])
    assert [row["id"] for row in found] == [200], found


@step
def aliases(client, uri, bucket):
    client.create_alias(NAME, "alias")
    assert client.describe_alias("alias")["collection_name"] == NAME
    assert client.get("alias", [3])[0]["id"] == 3
    client.drop_alias("alias")


@step
def drop(client, uri, bucket):
    client.drop_collection(NAME)
    assert client.list_collections() == []


def main():
    uri, bucket = sys.argv[1], Path(sys.argv[2])
    client = MilvusClient(uri)
    results = {}
    for name, function in STEPS.items():
        try:
            function(client, uri, bucket)
            results[name] = None
        except Exception as error:
            results[name] = f"{type(error).__name__}: {error}"[:300]
    print(json.dumps({"version": __version__, "steps": results}))


if __name__ == "__main__":
    main()
