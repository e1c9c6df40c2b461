"""Which files belong together, and how many imports they need."""

import pytest

from airflow_provider_milvus.submission.files import (
    MAX_SET_SIZE,
    RECORD,
    FoundFile,
    are_same,
    file_sets,
    listed_once,
    split,
)


def found(*keys, size=1):
    return [FoundFile(key, size) for key in keys]


def test_files_are_sorted_by_their_keys():
    assert file_sets(found("b/2.parquet", "a/9.json", "b/10.parquet"), "x") == [
        ["a/9.json"],
        ["b/10.parquet"],
        ["b/2.parquet"],
    ]


def test_numpy_files_of_a_folder_are_one_set():
    keys = found("b/vector.npy", "a/vector.npy", "a/id.npy", "a/x.parquet", "b/id.npy")
    assert file_sets(keys, "x") == [["a/id.npy", "a/vector.npy"], ["a/x.parquet"], ["b/id.npy", "b/vector.npy"]]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([], "files_from='s3://b/x' matches no file"),
        (found("a.parquet", "_SUCCESS", "b.PARQUET"), "does not import: _SUCCESS, b.PARQUET; it imports .parquet"),
        (found(*(f"{n}.txt" for n in range(7))), "0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 2 more"),
        (found("a.parquet", size=MAX_SET_SIZE + 1), "above the 16 GB that Milvus takes: a.parquet"),
        (found("a/id.npy", "a/v.npy", size=MAX_SET_SIZE), "above the 16 GB that Milvus takes: a/id.npy"),
    ],
)
def test_files_that_cannot_be_imported_are_named(files, words):
    with pytest.raises(ValueError, match="files_from") as error:
        file_sets(files, "files_from='s3://b/x'")
    assert words in str(error.value)


def test_largest_file_that_milvus_takes_is_taken():
    assert file_sets(found("a.parquet", size=MAX_SET_SIZE), "x") == [["a.parquet"]]


@pytest.mark.parametrize(
    ("sets", "sizes"), [(1, [1]), (1024, [1024]), (1025, [513, 512]), (2500, [834, 833, 833]), (2048, [1024, 1024])]
)
def test_sets_are_split_into_the_fewest_imports_of_nearly_the_same_size(sets, sizes):
    plan = split([[f"{n:04}.parquet"] for n in range(sets)])
    assert [len(files) for files in plan] == sizes
    assert [key for files in plan for (key,) in files] == [f"{n:04}.parquet" for n in range(sets)]


class Store(dict):
    set = dict.__setitem__


def test_retry_loads_what_the_first_try_found():
    store = Store()
    assert listed_once(store, "s", lambda: [["a"]], load_number=0) == [["a"]]
    assert listed_once(store, "s", lambda: [["a"], ["b"]], load_number=0) == [["a"]]


@pytest.mark.parametrize(("store", "source", "load_number"), [(Store(), "other", 0), (Store(), "s", 1), (None, "s", 0)])
def test_other_load_finds_them_again(store, source, load_number):
    listed_once(store, "s", lambda: [["a"]], load_number=0)
    assert listed_once(store, source, lambda: [["b"]], load_number=load_number) == [["b"]]


def test_record_of_the_largest_import_is_within_what_airflow_stores():
    store = Store()
    sets = [[f"embeddings/2026-11-24/batch-7/part-{n:05}-of-01024.parquet"] for n in range(1024)]
    listed_once(store, "s", lambda: sets, load_number=0)
    assert len(store[RECORD]["files"]) < 64_000
    assert listed_once(store, "s", list, load_number=0) == sets


@pytest.mark.parametrize("reported", [["b.parquet", "/a.parquet"], ["***.parquet", "b.parquet"], ["***", "a.parquet"]])
def test_job_that_reports_the_same_files_is_recognised(reported):
    assert are_same(reported, ["a.parquet", "b.parquet"])


@pytest.mark.parametrize("reported", [["a.parquet"], ["a.parquet", "c.parquet"], ["***/x", "b.parquet"], ["***"], []])
def test_job_that_reports_other_files_is_not_recognised(reported):
    assert not are_same(reported, ["a.parquet", "b.parquet"])
