"""The DAGs in dags_examples/ do what their docstrings describe."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow import __version__ as airflow_version
from scenario import scenario

IMAGES = 1797


@scenario
def first_import(environment):
    vectors = pa.array([[1.0, 2.0, 3.0, 4.0]] * 10, pa.list_(pa.float32()))
    table = pa.table({"id": pa.array(range(10), pa.int64()), "vector": vectors})
    pq.write_table(table, environment.bucket / "mine.parquet")
    return environment.airflow.trigger("milvus_first_import").wait()


@pytest.mark.parametrize(
    "dag_id",
    [
        "milvus_digits",
        "milvus_digits_deferrable",
        "milvus_digits_mapped",
        "milvus_digits_blue_green",
        "milvus_digits_pipeline",
        "milvus_digits_planned",
        "milvus_digits_two_phase",
        "milvus_digits_alias",
        "milvus_digits_together",
        "milvus_digits_staged",
        "milvus_digits_rows",
        "milvus_digits_undo",
    ],
)
def test_example_succeeds(runs, dag_id):
    run = runs[dag_id].wait()
    assert run.state == "success", run.report()


@pytest.mark.parametrize("dag_id", ["milvus_digits_deferrable", "milvus_digits_mapped"])
def test_example_imports_every_image_once(runs, dag_id):
    assert runs[dag_id].wait().task("count_rows").xcom() == IMAGES


def test_pipeline_example_counts_what_its_import_found(runs):
    run = runs["milvus_digits_pipeline"].wait()
    assert (run.task("check_rows").xcom(), run.task("load").xcom()["state"]) == (IMAGES, "Loaded")


def test_search_example_finds_every_image(runs):
    assert runs["milvus_digits"].wait().task("search").xcom()["rows"] == IMAGES


def test_nearest_neighbours_of_a_digit_are_the_same_digit(runs):
    assert runs["milvus_digits"].wait().task("search").xcom()["same_digit_share"] >= 0.95


def test_mapped_example_starts_a_job_for_each_file(runs):
    imports = runs["milvus_digits_mapped"].wait().mapped("start_imports")
    assert len({task.xcom("job_id") for task in imports}) == 10


def test_blue_green_example_lets_readers_find_every_image(runs, environment):
    run = runs["milvus_digits_blue_green"].wait()
    collection = run.task("blue_green_import.create_version").xcom()
    count = {"filter": "", "outputFields": ["count(*)"]}
    alias = environment.call_milvus("milvus_default", "aliases/describe", aliasName="digits_blue_green")
    assert alias["collectionName"] == collection
    rows = environment.call_milvus("milvus_default", "entities/query", collectionName="digits_blue_green", **count)
    assert rows == [{"count(*)": IMAGES}]


def test_first_import_loads_a_file_of_ones_own(outcome_of):
    run = outcome_of(first_import)
    assert (run.state, run.task("count").xcom()) == ("success", 10), run.report()


def test_every_dag_file_can_be_read(airflow, runs):
    errors = airflow.get("/api/v2/importErrors")["import_errors"]
    found = {Path(error["filename"]).name: error["stack_trace"] for error in errors}
    if airflow_version.startswith("3.0."):
        # A person approves its switch, and it says what for that is missing.
        assert "needs Airflow 3.1 or later" in found.pop("milvus_nightly_reembedding.py")
    assert found == {}
