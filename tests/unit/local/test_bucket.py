"""Which keys lead to a file of the bucket."""

import os

import pytest

from airflow_provider_milvus.local.bucket import locate
from airflow_provider_milvus.local.errors import ImportDataError


@pytest.fixture
def bucket(tmp_path):
    (tmp_path / "outside.json").write_text("[]")
    bucket = tmp_path / "bucket"
    (bucket / "folder").mkdir(parents=True)
    (bucket / "folder" / "rows.json").write_text("[]")
    return bucket


@pytest.mark.parametrize("key", ["folder/rows.json", "/folder/rows.json", "folder//rows.json"])
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


@pytest.mark.parametrize("key", ["", "/", "folder", "none.json", "nul\0.json", "x" * 5000])
def test_whatever_is_no_file_is_refused(bucket, key):
    with pytest.raises(ImportDataError):
        locate(bucket, key)
