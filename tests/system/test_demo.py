"""The demo, as a new user runs it by the README."""

import subprocess
import sys

from airflow_standalone import REPO


def test_demo_shows_the_import_and_what_it_found():
    demo = subprocess.run(
        [sys.executable, "-m", "airflow_provider_milvus.local", "demo"],
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    lines = demo.stdout.splitlines()
    assert sum(" into digits: submitted" in line for line in lines) == 1
    assert sum(" Completed: 1,797 rows" in line for line in lines) == 1
    assert sum(line.startswith("1,797 of 1,797 rows were imported") for line in lines) == 1
