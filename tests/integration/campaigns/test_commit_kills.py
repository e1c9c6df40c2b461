"""A few kills between commits; ``make crash-test`` runs the whole campaign."""

import pytest
from commit_kills import is_right, outcomes, short


@pytest.fixture(scope="module")
def found():
    """The outcome of each cell."""
    return outcomes(short())


@pytest.mark.parametrize("cell", short(), ids=str)
def test_jobs_are_all_committed_or_all_aborted(found, cell):
    assert is_right(cell, found[str(cell)]), found[str(cell)]
