"""A short campaign of crashes; ``make crash-test`` runs the long one."""

import subprocess
import sys
from pathlib import Path

CAMPAIGN = Path(__file__).with_name("crash_campaign.py")


def test_every_file_is_loaded_exactly_once_whatever_dies():
    command = [sys.executable, CAMPAIGN, "--short", "--at-once", "3"]
    campaign = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    assert campaign.returncode == 0, campaign.stdout
