"""Files in S3-compatible buckets: those of pymilvus's writer, and those that are copied from one to another.

``bucket_copies.py`` copies 2,000 of them, with s3fs where that is installed.
"""

import json
from contextlib import ExitStack

import pytest
import written_files
from airflow.providers.common.compat.sdk import DAG
from bucket_copies import run
from object_stores import KEY, SECRET, ObjectStore
from pymilvus.bulk_writer import BulkFileType, RemoteBulkWriter

from airflow_provider_milvus.decorators.milvus_import import milvus_import_task
from airflow_provider_milvus.exceptions import MilvusFilesRefused, MilvusImportFailed
from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.local import LocalMilvus
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.operators.files import MilvusCheckFilesOperator, MilvusStageFilesOperator


@pytest.fixture(autouse=True)
def connection(monkeypatch):
    """What the tests set, and is undone after them."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AIRFLOW_CONN_MILVUS_DEFAULT"):
        monkeypatch.setenv(name, {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}.get(name, ""))


@pytest.fixture(scope="module")
def store():
    """A store whose bucket is that of a Milvus."""
    with ObjectStore("written") as found:
        found.attach()
        yield found


@pytest.fixture(scope="module")
def port(store, tmp_path_factory):
    """That of the Milvus."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        with LocalMilvus(tmp_path_factory.mktemp("milvus"), bucket=store.bucket) as milvus:
            yield milvus.port


@pytest.fixture
def hook(port, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_MILVUS_DEFAULT", f"milvus://127.0.0.1:{port}")
    return MilvusHook()


@pytest.fixture
def upload(store):
    """The keys of what pymilvus's remote writer uploads."""

    def write(file_format):
        parameters = RemoteBulkWriter.S3ConnectParam(
            endpoint=store.endpoint.removeprefix("http://"),
            access_key=KEY,
            secret_key=SECRET,
            bucket_name=store.name,
            secure=False,
        )
        writer = RemoteBulkWriter(
            written_files.schema_of("varchar"), "/uploaded", parameters, file_type=BulkFileType[file_format]
        )
        written_files.append(writer, "varchar")
        return writer.batch_files

    return write


@pytest.mark.parametrize("file_format", written_files.FORMATS)
@pytest.mark.parametrize(("kind", "fits"), [("long varchar", True), ("int32", False)])
def test_check_and_import_of_an_uploaded_file_have_the_same_verdict(
    file_format, kind, fits, upload, hook, context, store
):
    files, name = upload(file_format), f"{file_format}_{kind.replace(' ', '_')}"
    schema = written_files.SCHEMAS[f"v_{kind.replace(' ', '_')}"]
    hook.create_collection(name, schema=schema, index_params=[{"fieldName": "vector", "metricType": "L2"}])
    check = MilvusCheckFilesOperator(
        task_id="check", collection_name=name, files=files, files_root=f"s3://{store.name}@{store.name}"
    )
    load = MilvusBulkImportOperator(task_id="load", collection_name=name, files=files, poll_interval=1)
    if fits:
        assert (check.execute({})["findings"], bool(load.execute(context))) == ([], True)
        assert hook.get_collection_stats(name) == 3
        return
    with pytest.raises(MilvusFilesRefused, match="column 'value'"):
        check.execute({})
    with pytest.raises(MilvusImportFailed):
        load.execute(context)


@pytest.fixture
def cloud(store, monkeypatch, tmp_path):
    """The hook of a Zilliz Cloud that reads what the connection ``my_bucket`` has the keys of."""
    with LocalMilvus(tmp_path, bucket=store.bucket, zilliz_cluster="in03-local", token="key") as milvus:
        extra = {"cluster_id": "in03-local", "import_endpoint": milvus.uri}
        connection = {"conn_type": "milvus", "host": milvus.uri, "password": "key", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_MILVUS_DEFAULT", json.dumps(connection))
        keys = {"conn_type": "aws", "login": KEY, "password": SECRET}
        monkeypatch.setenv("AIRFLOW_CONN_MY_BUCKET", json.dumps(keys))
        hook = MilvusHook()
        index = [{"fieldName": "vector", "metricType": "L2"}]
        hook.create_collection("staged", schema=written_files.SCHEMAS["v_varchar"], index_params=index)
        yield hook


STAGING = {"collection_name": "staged", "stage_to": "s3://written@written/staging", "storage_conn_id": "my_bucket"}


@pytest.mark.parametrize("file_format", ["PARQUET", "NUMPY"])
def test_zilliz_cloud_reads_staged_files_by_their_urls(file_format, cloud, context, store, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name, data in written_files.written("varchar", file_format).items():
        (elsewhere / name).write_bytes(data)
    load = MilvusBulkImportOperator(task_id="load", stage_from=f"file://{elsewhere}/*", poll_interval=1, **STAGING)
    load.execute(context)
    assert (cloud.get_collection_stats("staged"), store.keys("staging")) == (3, [])


def test_staged_urls_are_what_an_import_into_zilliz_cloud_takes(cloud, context, store, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name, data in written_files.written("varchar", "NUMPY").items():
        (elsewhere / name).write_bytes(data)
    where = {name: STAGING[name] for name in ("collection_name", "stage_to")}
    urls = MilvusStageFilesOperator(task_id="stage", stage_from=f"file://{elsewhere}/*", **where).execute(context)
    load = MilvusBulkImportOperator(
        task_id="load", collection_name="staged", object_urls=urls, storage_conn_id="my_bucket", poll_interval=1
    )
    load.execute(context)
    assert cloud.get_collection_stats("staged") == 3
    store.remove("staging")


def test_rows_of_a_function_reach_zilliz_cloud(cloud, context, store):
    def rows():
        yield [{"id": n, "vector": [n, 0.5], "value": "x"} for n in range(10)]

    with DAG("dag", schedule=None):
        task = milvus_import_task(task_id="rows", poll_interval=1, **STAGING)(rows)().operator
    task.execute(context)
    assert (cloud.get_collection_stats("staged"), store.keys("staging")) == (10, [])


def test_object_that_is_replaced_while_it_is_copied_is_not_mixed():
    with ExitStack() as stack:
        assert run(12, stack) == []
