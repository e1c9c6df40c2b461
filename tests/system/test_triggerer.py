"""A short campaign against a real triggerer; ``make crash-test`` runs the whole one."""

import subprocess
import sys
from pathlib import Path

CAMPAIGN = Path(__file__).with_name("triggerer_campaign.py")


def test_triggerer_survives_hostile_responses():
    command = [sys.executable, CAMPAIGN, "--short"]
    campaign = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    assert campaign.returncode == 0, campaign.stdout[-8000:]
