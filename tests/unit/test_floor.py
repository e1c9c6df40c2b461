"""The floor tests run with exactly the versions that the package declares as its lower bounds."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OPTIONAL = PROJECT["optional-dependencies"]
DECLARED = [*map(Requirement, [*PROJECT["dependencies"], *(line for extra in OPTIONAL.values() for line in extra)])]


def lower_bounds(requirement):
    return [bound.version for bound in requirement.specifier if bound.operator == ">="]


@pytest.fixture(scope="module")
def pins():
    lines = (ROOT / "constraints" / "floor.txt").read_text().splitlines()
    pairs = (line.partition(" ;")[0].split("==") for line in lines if "==" in line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}


@pytest.mark.parametrize("requirement", DECLARED, ids=lambda requirement: requirement.name)
def test_floor_pins_the_declared_lower_bound(requirement, pins):
    assert lower_bounds(requirement) == [pins[canonicalize_name(requirement.name)]]


def test_every_direct_dependency_declares_a_lower_bound():
    assert [requirement.name for requirement in DECLARED if len(lower_bounds(requirement)) != 1] == []
