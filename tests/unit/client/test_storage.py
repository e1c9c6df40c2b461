"""Files seen through Airflow's object storage, here a folder and a bucket in memory."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_milvus.client.storage import BucketFiles

try:
    from airflow.sdk.io import attach
except ImportError:  # Airflow 2
    from airflow.io.store import attach


def write(path, rows=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"id": list(range(rows))}), path)


@pytest.fixture
def bucket(tmp_path):
    """A folder that is the bucket of a Milvus server."""
    for name, rows in {"day/2": 20, "day/1": 10, "day/sub/3": 30, "other": 40}.items():
        write(tmp_path / "bucket" / f"{name}.parquet", rows)
    return tmp_path / "bucket"


def test_keys_are_relative_to_the_root(bucket):
    files = BucketFiles(f"file://{bucket}/day/*.parquet", f"file://{bucket}")
    assert files.sets() == [["day/1.parquet"], ["day/2.parquet"]]


def test_pattern_reaches_into_folders(bucket):
    files = BucketFiles(f"file://{bucket}/**/*.parquet", f"file://{bucket}/")
    assert files.sets() == [["day/1.parquet"], ["day/2.parquet"], ["day/sub/3.parquet"], ["other.parquet"]]


def test_folders_are_no_files(bucket):
    assert BucketFiles(f"file://{bucket}/day/*", f"file://{bucket}").sets() == [["day/1.parquet"], ["day/2.parquet"]]


def test_path_object_is_as_good_as_its_url(bucket):
    path, root = ObjectStoragePath(f"file://{bucket}/other.parquet"), ObjectStoragePath(f"file://{bucket}")
    assert BucketFiles(path, root).sets() == [["other.parquet"]]


def test_rows_are_those_of_the_footers(bucket):
    files = BucketFiles(f"file://{bucket}/**/*.parquet", f"file://{bucket}")
    assert files.rows(["day/1.parquet", "day/sub/3.parquet"]) == 40


@pytest.fixture
def memory():
    """A bucket in memory, in place of S3."""

    class Memory(MemoryFileSystem):
        protocol = "s3"
        store, pseudo_dirs = {}, [""]

    attach("s3", fs=Memory(skip_instance_cache=True))
    return Memory(skip_instance_cache=True)


def test_keys_are_relative_to_the_bucket_of_the_url(memory, tmp_path):
    write(tmp_path / "x.parquet", rows=7)
    memory.pipe("/books/a/1.parquet", (tmp_path / "x.parquet").read_bytes())
    files = BucketFiles("s3://books/a/*.parquet")
    assert (files.sets(), files.rows(["a/1.parquet"])) == ([["a/1.parquet"]], 7)


@pytest.mark.parametrize(
    ("files_from", "files_root", "words"),
    [
        ("day/*.parquet", None, r"files_from must be a URL, .* got 'day/\*.parquet'"),
        ("file:///srv/bucket/*.parquet", None, r"lies in no bucket: give files_root"),
        ("file:///srv/bucket/*.parquet", "/srv/bucket", "files_root must be a URL"),
        ("file:///srv/bucket2/*.parquet", "file:///srv/bucket", "does not lie below files_root='file:///srv/bucket'"),
        ("nowhere://b/x/*.parquet", None, "cannot be read by this Airflow, .*nowhere"),
        ("file:///srv/bucket/*.parquet", "file:///srv/bucket", "matches no file"),
    ],
)
def test_what_cannot_be_found_is_one_error_that_says_why(files_from, files_root, words):
    with pytest.raises(ValueError, match=words):
        BucketFiles(files_from, files_root).sets()


def test_only_parquet_files_report_their_rows(bucket):
    (bucket / "broken.parquet").write_text("no footer")
    files = BucketFiles(f"file://{bucket}/*", f"file://{bucket}")
    with pytest.raises(ValueError, match=r"'a\.csv' is none"):
        files.rows(["other.parquet", "a.csv"])
    with pytest.raises(ValueError, match=r"'broken\.parquet' cannot be read as a Parquet file"):
        files.rows(["broken.parquet"])


@pytest.mark.parametrize(
    ("files_from", "files_root"),
    [
        ("s3://AKIA:s3cret@bucket/a/*.parquet", None),
        ("s3://AKIA:s3/cret@bucket/a/*.parquet", None),
        ("https://h/a.parquet?X-Amz-Signature=s3cret", None),
        ("s3://bucket/a/*.parquet", "s3://AKIA:s3/cret@bucket"),
    ],
    ids=["keys", "keys with a slash", "signature", "keys in the root"],
)
def test_keys_in_a_pattern_are_refused_without_showing_them(files_from, files_root):
    with pytest.raises(ValueError, match="has keys or a signature in it") as caught:
        BucketFiles(files_from, files_root)
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize("url", ["s3://aws_default@bucket/day=?/*.parquet", "file:///srv/a@b:c/*.parquet"])
def test_pattern_that_only_resembles_one_with_keys_is_taken(url):
    assert BucketFiles(url).source == f"files_from={url!r}"
