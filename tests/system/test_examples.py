"""The DAGs in dags_examples/ do what they say."""

import pytest

IMAGES = 1797


@pytest.mark.parametrize("dag_id", ["milvus_digits", "milvus_digits_deferrable", "milvus_digits_mapped"])
def test_example_succeeds(runs, dag_id):
    run = runs[dag_id].wait()
    assert run.state == "success", run.report()


@pytest.mark.parametrize("dag_id", ["milvus_digits_deferrable", "milvus_digits_mapped"])
def test_example_imports_every_image_once(runs, dag_id):
    assert runs[dag_id].wait().task("count_rows").xcom() == IMAGES


def test_search_example_finds_every_image(runs):
    assert runs["milvus_digits"].wait().task("search").xcom()["rows"] == IMAGES


def test_nearest_neighbours_of_a_digit_are_the_same_digit(runs):
    assert runs["milvus_digits"].wait().task("search").xcom()["same_digit_share"] >= 0.95


def test_mapped_example_starts_a_job_for_each_file(runs):
    imports = runs["milvus_digits_mapped"].wait().mapped("start_imports")
    assert len({task.xcom("job_id") for task in imports}) == 10


def test_every_dag_file_can_be_read(airflow, runs):
    assert airflow.get("/api/v2/importErrors")["import_errors"] == []
