"""How datasets are named; tests/integration has the events."""

from urllib.parse import urlsplit

import pytest

from airflow_provider_milvus import assets, lineage
from airflow_provider_milvus.get_provider_info import get_provider_info


# Namespaces and names: https://openlineage.io/docs/spec/naming
@pytest.mark.parametrize(
    ("url", "namespace", "name"),
    [
        ("s3://bucket/a/b.parquet", "s3://bucket", "a/b.parquet"),
        ("s3a://bucket/a/b.parquet", "s3://bucket", "a/b.parquet"),
        ("s3://aws_default@bucket/a/b.parquet", "s3://bucket", "a/b.parquet"),
        ("https://bucket.s3.us-west-2.amazonaws.com/a/b.parquet", "s3://bucket", "a/b.parquet"),
        ("https://s3.us-west-2.amazonaws.com/bucket/a/b.parquet", "s3://bucket", "a/b.parquet"),
        ("https://bucket.s3.cn-north-1.amazonaws.com.cn/a/", "s3://bucket", "a/"),
        ("gs://bucket/a/b.parquet", "gs://bucket", "a/b.parquet"),
        ("gcs://bucket/a/b.parquet", "gs://bucket", "a/b.parquet"),
        ("https://storage.cloud.google.com/bucket/a/b.parquet", "gs://bucket", "a/b.parquet"),
        (
            "https://account.blob.core.windows.net/container/a/b.parquet",
            "wasbs://container@account.blob.core.windows.net",
            "a/b.parquet",
        ),
        (
            "abfss://container@account.dfs.core.windows.net/a/b.parquet",
            "abfss://container@account.dfs.core.windows.net",
            "a/b.parquet",
        ),
        ("https://files.example.org/a/b.parquet?signature=secret", "https://files.example.org", "a/b.parquet"),
        ("file:///data/a/b.parquet", "file", "/data/a/b.parquet"),
        ("s3://bucket", "s3://bucket", "/"),
    ],
)
def test_object_has_one_name_however_its_address_is_written(url, namespace, name):
    assert lineage.url_name(url) == (namespace, name)


def test_collection_is_named_by_server_database_and_collection():
    asset = assets.create_asset(host="milvus.example.org", collection="books", database="library")
    assert lineage.dataset_name(asset.uri) == ("milvus://milvus.example.org:19530", "library.books")


def test_asset_of_a_collection_is_the_dataset_of_the_task_that_loads_it():
    pytest.importorskip("openlineage", reason="OpenLineage is not installed")
    asset = assets.create_asset(host="milvus.example.org", collection="books")
    found = lineage.to_openlineage(asset, None)
    assert (found.namespace, found.name) == ("milvus://milvus.example.org:19530", "default.books")


def test_description_names_the_converter_of_the_asset():
    (uris,) = get_provider_info()["asset-uris"]
    assert uris["to_openlineage_converter"] == "airflow_provider_milvus.lineage.to_openlineage"
    assert urlsplit(assets.create_asset(host="h", collection="c").uri).scheme in uris["schemes"]
