"""The check takes and refuses the files that the import does, in every version of Milvus."""

import pytest
from mutated_files import all_cases
from verdicts import disagreements

# verdicts.py compares all 5,000 of them.
EVERY = 40


@pytest.mark.parametrize("version", ["2.4", "2.5", "2.6", "3.0"])
def test_check_and_import_of_a_file_have_the_same_verdict(version, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_MILVUS_DEFAULT", "")
    cases = all_cases()[::EVERY]
    found, taken, refused = disagreements(version, cases)
    assert found == []
    assert min(taken, refused) > 5
