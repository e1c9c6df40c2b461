"""Which keys lead to a file of the bucket."""

import os
from pathlib import Path

import pytest

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.bucket import FolderBucket, S3Location, open_bucket


def locate(bucket, key):
    return FolderBucket(bucket).fetch(key, Path("nowhere"), lambda: None)


@pytest.fixture
def bucket(tmp_path):
    (tmp_path / "outside.json").write_text("[]")
    bucket = tmp_path / "bucket"
    (bucket / "folder").mkdir(parents=True)
    (bucket / "folder" / "rows.json").write_text("[]")
    return bucket


@pytest.mark.parametrize("key", ["folder/rows.json", "/folder/rows.json"])
def test_key_is_found(bucket, key):
    assert locate(bucket, key) == bucket / "folder" / "rows.json"


@pytest.mark.parametrize("key", ["../outside.json", "folder/../../outside.json", "folder\\..\\..\\outside.json", ".."])
def test_way_up_is_refused(bucket, key):
    with pytest.raises(ImportDataError, match="not a key of the bucket"):
        locate(bucket, key)


def test_absolute_path_is_a_key(bucket):
    with pytest.raises(ImportDataError, match="does not exist"):
        locate(bucket, str(bucket.parent / "outside.json"))


def test_link_out_of_the_bucket_is_refused(bucket):
    (bucket / "link.json").symlink_to(bucket.parent / "outside.json")
    with pytest.raises(ImportDataError, match="leads out of the bucket"):
        locate(bucket, "link.json")


def test_linked_folder_out_of_the_bucket_is_refused(bucket):
    (bucket / "away").symlink_to(bucket.parent)
    with pytest.raises(ImportDataError, match="leads out of the bucket"):
        locate(bucket, "away/outside.json")


def test_link_inside_the_bucket_is_followed(bucket):
    (bucket / "link.json").symlink_to("folder/rows.json")
    assert locate(bucket, "link.json").name == "rows.json"


def test_links_in_a_circle_are_refused(bucket):
    (bucket / "a.json").symlink_to("b.json")
    (bucket / "b.json").symlink_to("a.json")
    with pytest.raises(ImportDataError):
        locate(bucket, "a.json")


def test_pipe_is_refused_and_not_waited_for(bucket):
    os.mkfifo(bucket / "pipe.json")
    with pytest.raises(ImportDataError, match="does not exist"):
        locate(bucket, "pipe.json")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/",
        "folder",
        "none.json",
        "nul\0.json",
        "x" * 5000,
        "./folder/rows.json",
        "folder//rows.json",
        "folder/./rows.json",
        "folder/rows.json/",
    ],
)
def test_whatever_is_no_file_is_refused(bucket, key):
    with pytest.raises(ImportDataError):
        locate(bucket, key)


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("s3://data", S3Location("data")),
        ("s3://data/", S3Location("data")),
        ("s3://data/a/b/", S3Location("data", "a/b/")),
        ("s3://data?endpoint=http://127.0.0.1:9000", S3Location("data", endpoint="http://127.0.0.1:9000")),
        ("s3://data/a?region=eu-west-1", S3Location("data", "a/", region="eu-west-1")),
    ],
)
def test_url_says_where_the_bucket_is(url, location):
    assert S3Location.parse(url) == location


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://key:secret@data", "holds credentials; give them as AWS_ACCESS_KEY_ID"),
        ("s3://data?endpoint=http://key:secret@host", "must be http://HOST"),
        ("s3://data?endpoint=127.0.0.1:9000", "must be http://HOST"),
        ("s3://data?secret_key=secret", "has the setting 'secret_key'; there are endpoint and region"),
        ("s3://", "names no bucket"),
        ("gs://data", "not a 'gs' URL"),
    ],
)
def test_url_that_cannot_be_read_is_refused_without_revealing_a_secret(url, message):
    with pytest.raises(ValueError, match=message) as caught:
        open_bucket(url)
    assert "secret@" not in str(caught.value)
    assert "=secret" not in str(caught.value)
