"""A process of every way to wait for every kind of server is killed; ``make crash-test`` kills many more."""

import pytest
from crash_campaign import COMBINATIONS, LOSSY, in_parallel
from scenario import scenario

AT_ONCE = 4


@scenario
def processes_are_killed(environment):
    """The campaign, after a run of each combination."""
    environment.skip_if_killed_tasks_are_given_up()
    in_parallel(environment.campaign, COMBINATIONS + LOSSY, 1, AT_ONCE)
    return environment.campaign


@pytest.fixture
def survived(outcome_of):
    return outcome_of(processes_are_killed)


def test_every_file_is_loaded_exactly_once_whatever_dies(survived):
    assert survived.tally.wrong == [], survived.table()


def test_processes_of_most_runs_are_killed(survived):
    # The others had ended at the moment that was chosen for them.
    assert sum(map(bool, survived.tally.kills.values())) > len(COMBINATIONS + LOSSY) / 2


def test_password_of_milvus_is_in_no_file_of_airflow_and_its_database(survived, folders_of_airflow):
    assert survived.leaks(*folders_of_airflow) == []
