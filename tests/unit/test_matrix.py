"""The versions that are tested are the versions that are declared, and pinned."""

import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from make_constraints import AIRFLOWS  # noqa: E402
from run_matrix import NEWEST, PYTHONS, ROWS, in_turn  # noqa: E402


def test_every_row_of_the_matrix_has_pins():
    assert [row.constraints.name for row in ROWS if not row.constraints.exists()] == []


def test_every_pinned_airflow_is_tested():
    assert set(AIRFLOWS) == {f"airflow-{version}" for version in PYTHONS if version != "floor"}


def test_workflow_runs_every_row():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())
    assert workflow["jobs"]["matrix"]["strategy"]["matrix"]["row"] == [str(row) for row in ROWS]


def test_every_declared_python_is_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    prefix = "Programming Language :: Python :: "
    declared = {line.removeprefix(prefix) for line in project["classifiers"] if line.startswith(prefix)}
    assert {row.python for row in ROWS} == declared


def test_make_builds_its_environment_for_the_newest_final_version():
    assert "NEWEST := constraints.txt" in (ROOT / "Makefile").read_text()
    assert (ROOT / "constraints.txt").resolve().name == f"airflow-{NEWEST}.txt"


@pytest.mark.parametrize("row", [row for row in ROWS if row.airflow not in (NEWEST, "floor")], ids=str)
def test_every_other_row_has_its_turn(row):
    assert row in [in_turn(day) for day in range(1, 31)]
