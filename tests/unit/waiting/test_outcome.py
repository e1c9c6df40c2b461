"""What a job's progress means to somebody who waits for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_milvus.rest.import_jobs import ImportState, parse_progress
from airflow_provider_milvus.waiting.outcome import Outcome, outcome


@pytest.mark.parametrize(
    ("state", "target_state", "found"),
    [
        ("Pending", "Completed", Outcome.RUNNING),
        ("Importing", "Completed", Outcome.RUNNING),
        ("Uncommitted", "Completed", Outcome.NEEDS_COMMIT),
        ("Committing", "Completed", Outcome.RUNNING),
        ("Completed", "Completed", Outcome.DONE),
        ("Failed", "Completed", Outcome.FAILED),
        ("Resharding", "Completed", Outcome.RUNNING),
        ("Importing", "Uncommitted", Outcome.RUNNING),
        ("Uncommitted", "Uncommitted", Outcome.DONE),
        ("Completed", "Uncommitted", Outcome.DONE),
        ("Failed", "Uncommitted", Outcome.FAILED),
    ],
)
def test_state_alone_decides(state, target_state, found):
    assert outcome(parse_progress({"state": state}), ImportState(target_state)) is found


def test_job_that_nobody_knows_is_unknown():
    assert outcome(None) is Outcome.UNKNOWN


@given(st.sampled_from(["Pending", "Importing", "Uncommitted", "Completed", "Failed"]), st.integers(), st.integers())
def test_percent_and_rows_never_decide(state, percent, rows):
    counts = {"progress": percent, "importedRows": rows, "totalRows": rows}
    assert outcome(parse_progress({"state": state, **counts})) is outcome(parse_progress({"state": state}))
