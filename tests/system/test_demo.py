"""The demo, as a new user runs it by the README, and the tests of a DAG that the documents show."""

import os
import shutil
import subprocess
import sys

from airflow_standalone import EXAMPLES, REPO


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


def test_tests_of_a_dag_that_the_documents_show_pass(tmp_path):
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    # Away from the settings of our own tests.
    shown = shutil.copy(REPO / "tests" / "typing" / "user_test.py", tmp_path / "test_shown.py")
    for command in (["airflow", "db", "migrate"], ["pytest", "-q", "-p", "no:cacheprovider", str(shown)]):
        done = subprocess.run(
            [sys.executable, "-m", *command],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
