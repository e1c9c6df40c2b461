"""Readers of an alias while versions are swapped behind it; ``make crash-test`` runs the long campaign."""

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from blue_green_campaign import Pipeline, Reader


@pytest.fixture(scope="module")
def story(killed_tasks_run_again, airflow, runs, milvus, bucket):
    """A swap with a killed task, and a run whose import fails, while readers read."""
    pipeline = Pipeline(airflow, milvus["milvus_default"], bucket)
    pipeline.serve(1)
    with ExitStack() as stack:
        readers = [stack.enter_context(Reader(pipeline, request)) for request in ("query", "search")]
        pipeline.write(2)
        pipeline.write(3, dimension=7)
        swap, broken = pipeline.start(2), pipeline.start(3)
        pipeline.kill(2, "swap_alias", 0)
        swap.wait()
        broken.wait()
    return pipeline, readers, swap, broken


def test_every_response_is_that_of_one_whole_version(story):
    readers = story[1]
    assert [reader.wrong for reader in readers] == [[], []]
    assert [set(reader.versions) for reader in readers] == [{1, 2}, {1, 2}]


def test_swap_with_a_killed_task_is_carried_out(story):
    swap = story[2]
    assert (swap.state, swap.task("blue_green_import.swap_alias").tries) == ("success", 2), swap.report()


def test_failed_import_leaves_the_alias_where_it_was(story):
    pipeline, _, _, broken = story
    assert (broken.state, pipeline.served) == ("failed", 2), broken.report()
