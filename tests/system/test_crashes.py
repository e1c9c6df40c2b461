"""A short campaign of crashes; ``make crash-test`` runs the long one."""

import subprocess
import sys
from pathlib import Path

CAMPAIGN = Path(__file__).with_name("crash_campaign.py")


def test_every_file_is_loaded_exactly_once_whatever_dies():
    campaign = subprocess.run([sys.executable, CAMPAIGN, "--kills", "6"], capture_output=True, text=True, timeout=900)
    assert campaign.returncode == 0, campaign.stdout + campaign.stderr
