"""Milvus fails an import."""

import pytest

WAITING_TASKS = ["waiting_operator", "deferrable_operator", "waiting_sensor", "deferrable_sensor"]
REASONS = {"missing_file": "does not exist", "wrong_dimension": "expected dim '8', got dim '7'"}
TASKS = [f"{task}_{name}" for task in WAITING_TASKS for name in REASONS]


@pytest.fixture(params=TASKS)
def task(request, runs):
    return runs["failed_imports"].wait().task(request.param)


def test_failed_import_fails_the_task(task):
    assert task.state == "failed", task.log


def test_failed_import_is_not_retried(task):
    assert task.tries == 1


def test_log_names_the_file_and_the_reason(task):
    (name,) = [name for name in REASONS if task.id.endswith(name)]
    lines = [line for line in task.log.splitlines() if f"{name}.parquet" in line and REASONS[name] in line]
    assert lines, task.log


@pytest.mark.parametrize("name", REASONS)
def test_deferrable_operator_fails_out_of_the_triggerer(runs, name):
    task = runs["failed_imports"].wait().task(f"deferrable_operator_{name}")
    assert "Pausing task as DEFERRED" in task.log
