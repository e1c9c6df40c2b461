"""A short campaign of lost responses; ``make crash-test`` runs the whole one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from lost_responses import RIGHT, WAYS, short

CAMPAIGN = Path(__file__).with_name("lost_responses.py")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """The outcome of each cell."""
    # In a process of its own, whose clocks run faster.
    file = tmp_path_factory.mktemp("campaign") / "outcomes.json"
    command = [sys.executable, CAMPAIGN, "--short", "--json", file]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900)
    assert file.exists(), ended.stdout
    return json.loads(file.read_text())


@pytest.mark.parametrize("way", WAYS)
def test_rows_are_there_once_whatever_response_is_lost(outcomes, way):
    cells = [str(cell) for cell in short() if cell.way == way]
    assert {cell: outcomes[cell] for cell in cells if outcomes[cell] not in RIGHT} == {}
