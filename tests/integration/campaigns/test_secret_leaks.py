"""A short campaign for secrets; ``make crash-test`` runs the whole one."""

import json
import subprocess
import sys
from pathlib import Path

CAMPAIGN = Path(__file__).with_name("secret_leaks.py")


def test_no_secret_is_left_behind_whatever_goes_wrong(tmp_path):
    # In a process of its own, whose clocks run faster.
    command = [sys.executable, CAMPAIGN, "--short", "--json", tmp_path / "found.json"]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900)
    assert (tmp_path / "found.json").exists(), ended.stdout
    found = json.loads((tmp_path / "found.json").read_text())
    assert {case: places for case, places in found.items() if places} == {}
