"""Readers of an alias while versions are swapped behind it; ``make crash-test`` runs the long campaign."""

from contextlib import ExitStack

import pytest
from blue_green_campaign import Pipeline, Reader
from scenario import scenario

# Fewer than in the campaign: a machine that is busy with all else has enough to do.
READS_A_SECOND = 10


@scenario
def swap_with_a_killed_task(environment):
    """A swap with a killed task, and a run whose import fails, while readers read."""
    environment.skip_if_killed_tasks_are_given_up()
    pipeline = Pipeline(environment.airflow, environment.milvus["milvus_default"], environment.bucket)
    pipeline.serve(1)
    with ExitStack() as stack:
        readers = [stack.enter_context(Reader(pipeline, request, READS_A_SECOND)) for request in ("query", "search")]
        pipeline.write(2)
        pipeline.write(3, dimension=7)
        swap, broken = pipeline.start(2), pipeline.start(3)
        pipeline.kill(2, "swap_alias", 0)
        swap.wait()
        broken.wait()
    return pipeline, readers, swap, broken


@pytest.fixture
def outcome(outcome_of):
    return outcome_of(swap_with_a_killed_task)


def test_every_response_is_that_of_one_whole_version(outcome):
    readers = outcome[1]
    assert [reader.wrong for reader in readers] == [[], []]
    assert [set(reader.versions) for reader in readers] == [{1, 2}, {1, 2}]


def test_swap_with_a_killed_task_is_carried_out(outcome):
    swap = outcome[2]
    assert (swap.state, swap.task("blue_green_import.swap_alias").tries) == ("success", 2), swap.report()


def test_failed_import_leaves_the_alias_where_it_was(outcome):
    pipeline, _, _, broken = outcome
    assert (broken.state, pipeline.served) == ("failed", 2), broken.report()
