"""The check takes and refuses the files that the import does, in every version of Milvus."""

import os

import mutated_files
import pytest
import written_files
from verdicts import disagreements

SCHEMAS = {**mutated_files.SCHEMAS, **written_files.SCHEMAS}
VERSIONS = ["2.4", "2.5", "2.6", "3.0"]
# `make crash-test` compares all 8,400 of them with each version.
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"


@pytest.fixture(autouse=True)
def connection(monkeypatch):
    """Undone after the test, which points it to its own server."""
    monkeypatch.setenv("AIRFLOW_CONN_MILVUS_DEFAULT", "")


@pytest.mark.parametrize("version", VERSIONS)
def test_check_and_import_of_a_file_have_the_same_verdict(version):
    cases = [*mutated_files.all_cases(), *written_files.all_cases()]
    found, taken, refused = disagreements(version, cases[:: 1 if THOROUGH else 80], SCHEMAS)
    assert found == []
    assert min(taken, refused) > 5


def test_file_that_pymilvus_wrote_is_taken_by_check_and_import():
    cases = [case for case in written_files.own_cases() if case.name not in written_files.REFUSED]
    cases = cases[:: 1 if THOROUGH else 6]
    assert disagreements("3.0", cases, SCHEMAS) == ([], len(cases), 0)
