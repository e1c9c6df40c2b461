"""A bucket in an S3-compatible store: moto's server, and what pymilvus's own writer uploads to it."""

import http.server
import threading

import boto3
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer
from pymilvus import CollectionSchema, DataType, FieldSchema
from pymilvus.bulk_writer import BulkFileType, RemoteBulkWriter

from airflow_provider_milvus.local.importing.bucket import open_bucket

KEY, SECRET = "access", "verysecret"


@pytest.fixture(scope="module")
def store():
    """An S3 client of a store that has the bucket ``data``."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name="us-east-1",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    )
    client.create_bucket(Bucket="data")
    yield client
    server.stop()


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


@pytest.fixture
def connect(serve, store):
    """A client of a local Milvus whose bucket is ``data``, or what lies below a prefix there, with a collection."""

    def start(prefix="", endpoint=store.meta.endpoint_url, **options):
        client = serve(bucket=f"s3://data{prefix}?endpoint={endpoint}", **options)
        client.create()
        return client

    return start


def parquet(rows):
    sink = pa.BufferOutputStream()
    vectors = pa.array([[float(row)] * 4 for row in range(rows)], pa.list_(pa.float32()))
    pq.write_table(pa.table({"vector": vectors}), sink)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("path", ["day/rows.parquet", "/day/rows.parquet"])
def test_object_is_imported(connect, store, path):
    store.put_object(Bucket="data", Key="day/rows.parquet", Body=parquet(10))
    job = connect().load(path)
    assert (job["state"], job["importedRows"], job["fileSize"]) == ("Completed", 10, len(parquet(10)))


def test_keys_are_read_below_the_prefix(connect, store):
    store.put_object(Bucket="data", Key="team/rows.parquet", Body=parquet(3))
    assert connect("/team").load("rows.parquet")["importedRows"] == 3


def test_set_of_numpy_files_is_imported(connect, store):
    for name in ("one/vector.npy", "two/vector.npy"):
        with store_file(store, name) as file:
            np.save(file, np.ones((5, 4), np.float32))
    assert connect().load(["one/vector.npy"], ["two/vector.npy"])["importedRows"] == 10


class store_file:
    """A file that is uploaded when it is closed."""

    def __init__(self, store, key):
        self.store, self.key, self.sink = store, key, pa.BufferOutputStream()

    def __enter__(self):
        return self.sink

    def __exit__(self, *_):
        self.store.put_object(Bucket="data", Key=self.key, Body=self.sink.getvalue().to_pybytes())


def test_no_copy_is_left_behind(connect, store):
    store.put_object(Bucket="data", Key="rows.parquet", Body=parquet(10))
    client = connect()
    client.load("rows.parquet")
    resting = client.start("rows.parquet", options={"auto_commit": "false"})
    client.wait(resting, "Uncommitted")
    client.load("rows.parquet", "missing.parquet")
    client.milvus.stop()  # a job's folder is removed right after its end
    assert list((client.milvus.data_dir / "import").rglob("rows.parquet")) == []


def test_key_that_is_not_there_fails_the_job(connect):
    reason = connect().load("missing.parquet")["reason"]
    assert "the specified key does not exist: importing data failed (PreImportTask)" in reason


def test_way_up_is_refused(connect, store):
    store.put_object(Bucket="data", Key="secret.parquet", Body=parquet(1))
    job = connect("/team").load("../secret.parquet")
    assert "the path is not a key of the bucket" in job["reason"]


def test_bucket_that_is_not_there_fails_the_job(serve, store):
    client = serve(bucket=f"s3://none?endpoint={store.meta.endpoint_url}")
    client.create()
    assert client.load("rows.parquet")["state"] == "Failed"


def test_store_that_is_down_fails_the_job_and_not_the_server(connect):
    client = connect(endpoint="http://127.0.0.1:1")
    job = client.load("rows.parquet")
    assert (job["state"], "the object cannot be read" in job["reason"]) == ("Failed", True)
    assert client.rows() == 0


def test_denied_access_fails_the_job_without_revealing_the_key(connect):
    with Denying(("127.0.0.1", 0), Deny) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        job = connect(endpoint=f"http://127.0.0.1:{server.server_port}").load("rows.parquet")
        server.shutdown()
    assert (job["state"], "ACCESS_DENIED" in job["reason"], SECRET in job["reason"]) == ("Failed", True, False)


class Denying(http.server.ThreadingHTTPServer):
    daemon_threads = True


class Deny(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(403)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("kind", [BulkFileType.PARQUET, BulkFileType.JSON, BulkFileType.CSV, BulkFileType.NUMPY])
def test_what_pymilvus_uploads_is_imported(connect, store, kind):
    fields = [
        FieldSchema("id", DataType.INT64, is_primary=True, auto_id=True),
        FieldSchema("vector", DataType.FLOAT_VECTOR, dim=4),
    ]
    parameters = RemoteBulkWriter.S3ConnectParam(
        endpoint=store.meta.endpoint_url.removeprefix("http://"),
        access_key=KEY,
        secret_key=SECRET,
        bucket_name="data",
        secure=False,
    )
    writer = RemoteBulkWriter(CollectionSchema(fields), "written", parameters, file_type=kind)
    for number in range(20):
        writer.append_row({"vector": [float(number)] * 4})
    writer.commit()
    client = connect()
    assert client.load(*writer.batch_files)["importedRows"] == 20


def test_copying_that_was_stopped_begins_again(store, tmp_path):
    store.put_object(Bucket="data", Key="rows.parquet", Body=parquet(10))
    bucket = open_bucket(f"s3://data?endpoint={store.meta.endpoint_url}")

    def stop():
        raise KeyError

    with pytest.raises(KeyError):
        bucket.fetch("rows.parquet", tmp_path, stop)
    assert list(tmp_path.rglob("rows.parquet")) == []
    assert bucket.fetch("rows.parquet", tmp_path, lambda: None).read_bytes() == parquet(10)


def test_folder_of_the_cloud_is_listed_in_the_store(connect, store):
    for number in range(3):
        store.put_object(Bucket="data", Key=f"cloud/{number}/rows.parquet", Body=parquet(10))
    client = connect(zilliz_cluster="in03-local")
    key, cluster = {"Authorization": "Bearer key"}, {"clusterId": "in03-local"}
    response = client.call("/jobs/import/create", key, collectionName="c", objectUrls=[["s3://data/cloud/"]], **cluster)
    while client.rows() < 30:
        job = client.post("/jobs/import/describe", key, jobId=response["data"]["jobId"], **cluster)
        assert job["state"] != "Failed", job
