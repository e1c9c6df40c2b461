"""The task group: its tasks, and the parameters that it refuses. What the tasks do is tested on a real server."""

from datetime import datetime
from itertools import pairwise

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus.exceptions import MilvusRowCountWrong
from airflow_provider_milvus.task_groups.blue_green import milvus_blue_green_import

FILES = {"files": ["a.parquet"]}
URLS = {"object_urls": ["s3://b/a/"], "storage_conn_id": "s"}
FOUND = {"files_from": "s3://b/*.parquet", "files_root": "s3://b", "expected_rows": "footers"}
ORDER = [
    "create_version",
    "import_files",
    "check_rows",
    "build_index",
    "load",
    "check_loaded_rows",
    "swap_alias",
    "drop_old_versions",
]


def group(dag_default_args=None, **parameters):
    with DAG("dag", schedule=None, start_date=datetime(2026, 1, 1), default_args=dag_default_args or {}):
        return milvus_blue_green_import(
            **{"alias": "books", "schema": {"fields": []}, "index_params": [{"fieldName": "v"}], **parameters}
        )


def task(group, name):
    return group.children[f"blue_green_import.{name}"]


@pytest.mark.parametrize("source", [FILES, FOUND, URLS], ids=["given files", "found files", "URLs"])
def test_each_task_waits_for_the_one_before(source):
    found = group(**source)
    for before, after in pairwise(ORDER):
        assert f"blue_green_import.{before}" in task(found, after).get_flat_relative_ids(upstream=True)


def test_found_files_are_imported_by_a_mapped_task():
    found = group(**FOUND)
    assert type(task(found, "import_files")).__name__ == "MappedOperator"
    assert task(found, "plan_imports").count_rows


def test_parameters_reach_their_tasks():
    found = group(
        **FILES,
        milvus_conn_id="m",
        database="d",
        deferrable=True,
        timeout=60,
        options={"timeout": "1h"},
        default_args={"retries": 4},
        expected_rows=9,
        keep=5,
    )
    tasks = found.children.values()
    assert {(one.milvus_conn_id, one.database, one.retries) for one in tasks} == {("m", "d", 4)}
    assert [task(found, name).deferrable for name in ("import_files", "build_index", "load")] == [True] * 3
    load = task(found, "import_files")
    assert (load.timeout, load.options, load.files) == (60, {"timeout": "1h"}, ["a.parquet"])
    assert [task(found, name).expected_rows for name in ("check_rows", "check_loaded_rows")] == [9, 9]
    assert task(found, "drop_old_versions").keep == 5


def test_recall_is_measured_between_the_count_and_the_swap():
    found = group(**FILES, recall={"keys": [1], "min_recall": 0.9}, milvus_conn_id="m")
    check = task(found, "check_recall")
    assert (check.compare_with, check.milvus_conn_id, check.min_recall) == ("books", "m", 0.9)
    assert check.upstream_task_ids >= {"blue_green_import.check_loaded_rows"}
    assert "blue_green_import.swap_alias" in check.downstream_task_ids


@pytest.mark.parametrize("source", [FILES, FOUND], ids=["given files", "found files"])
@pytest.mark.parametrize("where", ["dag_default_args", "default_args"])
def test_server_of_the_default_args_is_that_of_all_tasks(source, where):
    found = group(**source, **{where: {"milvus_conn_id": "m", "database": "d", "deferrable": True}})
    tasks = [task(found, name) for name in ORDER]
    # On Airflow 3.0 only mapped ones can be unmapped.
    tasks = [one.unmap({"files": ["a.parquet"]}) if hasattr(one, "unmap") else one for one in tasks]
    assert {(one.milvus_conn_id, one.database) for one in tasks} == {("m", "d")}
    assert [one.deferrable for one in tasks if hasattr(one, "deferrable")] == [True] * 3


@pytest.mark.parametrize("results", [[], [{"total_rows": 5}]], ids=["none", "one of two"])
def test_import_without_a_result_fails_the_check(context, milvus, results):
    check = task(group(**{**FOUND, "expected_rows": None}), "check_rows")
    check.collection_name, check.planned, check.expected_rows = "c", [["a.parquet"], ["b.parquet"]], results
    with pytest.raises(MilvusRowCountWrong, match=f"2 imports were planned, and {len(results)} of them report"):
        check.execute(context)
    assert milvus.sent == []


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({**FILES, "keep": 1}, "keep must be a whole number from 2 up, got 1"),
        ({**FILES, "keep": "3"}, "keep must be a whole number from 2 up, got '3'"),
        ({}, "give exactly one of files, files_from, object_urls, data_paths; got none"),
        ({**FILES, "files_from": "s3://b/*"}, "got files, files_from"),
        ({**FILES, "files_root": "s3://b"}, "go with files_from"),
        ({**FILES, "expected_rows": "footers"}, "go with files_from"),
        ({**FILES, "wait_for_completion": False}, "wait_for_completion=False would move the readers"),
        ({**FILES, "poll_interval": 0}, "poll_interval must be"),
        ({**FILES, "two_phase": True, "commit": False}, "commit=False would leave the version without rows"),
        ({**FILES, "recall": {"keys": [1]}}, "give min_recall, min_overlap or both"),
        ({**FILES, "approval": "yes"}, "approval must be True, False or an Approval"),
        ({**FILES, "collection_name": "c"}, "collection_name is the version that this group creates"),
        (
            {**FILES, "asset_outlet": True},
            "asset_outlet=True would update the asset of a version before",
        ),
    ],
)
def test_bad_parameter_is_refused_when_the_dag_is_parsed(parameters, message):
    with pytest.raises(ValueError, match=message):
        group(**parameters)
