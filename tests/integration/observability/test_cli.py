"""Each command against a local Milvus, in a pipe and in a terminal."""

import json
import os
import pty
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.local import LocalMilvus

SCHEMA = {
    "fields": [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": "2"}},
    ]
}
TWO_PHASE = {"auto_commit": "false"}
WAYS = ["pipe", "terminal"]


@pytest.fixture(scope="module")
def slow_milvus(tmp_path_factory, write_rows):
    """A local Milvus whose jobs take so long that their progress is seen."""
    with LocalMilvus(tmp_path_factory.mktemp("milvus"), min_job_seconds=3) as server:
        write_rows(server.bucket / "good.parquet")
        write_rows(server.bucket / "wrong.parquet", 3)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AIRFLOW_CONN_MILVUS_DEFAULT", f"milvus://127.0.0.1:{server.port}")
            MilvusHook().create_collection("books", schema=SCHEMA)
            yield server


@pytest.fixture(scope="module")
def sessions(slow_milvus, tmp_path_factory):
    """The output and the exit codes of the commands, by the way they were started and their number."""
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
        "NO_PROXY": "*",
        "COLUMNS": "200",
        "AIRFLOW_CONN_DEAD": '{"conn_type": "milvus", "host": "127.0.0.1", "port": 9, "extra": {"retries": 1}}',
        "AIRFLOW_CONN_BROKEN": '{"conn_type": "milvus", "extra": {"timeout": 3}}',
    }
    with ThreadPoolExecutor() as pool:
        running = {way: pool.submit(_run, commands(slow_milvus.bucket.as_uri()), way, environment) for way in WAYS}
        return {way: session.result() for way, session in running.items()}


def commands(root):
    """The commands of one session, with jobs of its own."""
    hook = MilvusHook()
    good = hook.bulk_import("books", ["good.parquet"])
    bad = hook.bulk_import("books", ["wrong.parquet"])
    kept, discarded = (hook.bulk_import("books", ["good.parquet"], options=TWO_PHASE) for _ in range(2))
    hook.wait_for_import(hook.bulk_import("books", ["good.parquet"]))
    return {
        "watch": "imports watch NEW --poll-interval 0.3",
        "watch a failure": f"imports watch {bad} {good} --poll-interval 0.3",
        "watch an uncommitted one": f"imports watch {kept} --timeout 6 --poll-interval 0.3",
        "watch no job": "imports watch 1 --poll-interval 0.3",
        "list": "imports list",
        "list as JSON": "imports list -o json --state completed -n 1",
        "show": f"imports show {bad}",
        "show as JSON": f"imports show {good} --output json",
        "show as YAML": f"imports show {good} --output yaml",
        "commit": f"imports commit {kept}",
        "commit no job": "imports commit 1",
        "abort": f"imports abort {discarded} --yes",
        "abort no job": "imports abort 1 --yes",
        "check": "check-connection",
        "check a dead server": "check-connection --conn-id dead",
        "list of a dead server": "imports list --conn-id dead",
        "list of a broken connection": "imports list --conn-id broken",
        "list of no connection": "imports list --conn-id nowhere",
        "check good files": f"check-files {root}/good*.parquet --root {root} --collection books",
        "check bad files": f"check-files {root}/*.parquet --root {root} --collection books -o json",
        "wrong command": "imports listen",
    }


def _run(named, way, environment):
    environment = {**environment, "COMMANDS": json.dumps(list(named.values()))}
    session = [sys.executable, str(Path(__file__).with_name("cli_session.py"))]
    if way == "pipe":
        piped = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        output = subprocess.run(session, env=environment, check=False, timeout=300, **piped).stdout
    else:
        output = _in_terminal(session, environment)
    parts = re.findall(r"^\$ [^\n]*\n(.*?)^exit (\d+)$", output, re.DOTALL | re.MULTILINE)
    assert len(parts) == len(named), output
    return {name: (text, int(code)) for name, (text, code) in zip(named, parts, strict=True)}


def _in_terminal(session, environment):
    master, slave = pty.openpty()
    with subprocess.Popen(session, env=environment, stdin=slave, stdout=slave, stderr=slave):
        os.close(slave)
        chunks = []
        try:
            while chunk := os.read(master, 65_536):
                chunks.append(chunk)
        except OSError:  # Linux's end of a terminal
            pass
    os.close(master)
    return b"".join(chunks).decode().replace("\r\n", "\n")


@pytest.fixture(params=WAYS)
def session(request, sessions):
    return sessions[request.param]


# The codes are documented in docs/cli.md.
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("watch", 0),
        ("watch a failure", 3),
        ("watch an uncommitted one", 4),
        ("watch no job", 5),
        ("list", 0),
        ("show", 0),
        ("commit", 0),
        ("commit no job", 5),
        ("abort", 0),
        ("abort no job", 5),
        ("check", 0),
        ("check a dead server", 1),
        ("list of a dead server", 6),
        ("list of a broken connection", 1),
        ("list of no connection", 1),
        ("check good files", 0),
        ("check bad files", 3),
        ("wrong command", 2),
    ],
)
def test_exit_code_reports_how_a_command_ended(session, name, code):
    assert session[name][1] == code, session[name][0]


def test_watch_ends_with_what_was_loaded(session):
    assert re.search(r"Import job \d+ Completed: 100 rows, [\d,]+ bytes, 1 file", session["watch"][0])


def test_watch_names_the_file_that_failed_and_why(session):
    assert re.search(r"file wrong.parquet failed: .*expected dim '2', got dim '3'", session["watch a failure"][0])


def test_watch_draws_a_bar_in_a_terminal(sessions):
    text = sessions["terminal"]["watch"][0]
    assert "━" in text
    assert "100%" in text
    assert "\x1b[" in text  # the bar is drawn over


def test_watch_prints_lines_in_a_pipe(sessions):
    lines = sessions["pipe"]["watch"][0].splitlines()
    assert any(re.fullmatch(r"Import job \d+: (Pending|Importing), \d+ %, .* rows.*", line) for line in lines), lines
    assert not any("\x1b" in line or "\r" in line for line in lines)


def test_list_is_a_table_with_the_newest_job_first(session):
    text = re.sub(r"\x1b\[[\d;]*m", "", session["list"][0])
    ids = [int(found) for found in re.findall(r"^(\d{15,})", text, re.MULTILINE)]
    assert "job_id" in text
    assert len(ids) >= 5
    assert ids == sorted(ids, reverse=True)


def test_list_as_json_is_filtered_and_limited(session):
    (job,) = json.loads(session["list as JSON"][0])
    assert (job["collection"], job["state"], job["progress"]) == ("books", "Completed", 100)


def test_show_has_the_reason_of_the_file(session):
    assert "wrong.parquet" in session["show"][0]
    assert "expected dim" in session["show"][0]


def test_show_as_json_has_the_files_with_numbers(session):
    (job,) = json.loads(session["show as JSON"][0])
    assert (job["imported_rows"], job["files"][0]["rows"]) == (100, 100)


def test_show_as_yaml_has_the_same(session):
    import yaml

    assert yaml.safe_load(session["show as YAML"][0]) == json.loads(session["show as JSON"][0])


def test_commit_makes_rows_visible_and_abort_none(sessions, slow_milvus):
    states = [job.state.value for job in MilvusHook().list_import_jobs("books")]
    assert states.count("Uncommitted") == 0
    assert all("committed" in sessions[way]["commit"][0] and "aborted" in sessions[way]["abort"][0] for way in WAYS)


def test_check_reports_the_server(session, slow_milvus):
    assert f"Connected to http://127.0.0.1:{slow_milvus.port}" in session["check"][0]


def test_check_of_files_names_those_that_do_not_fit(session):
    (report,) = json.loads(session["check bad files"][0])
    assert {finding["file"] for finding in report["findings"]} == {"wrong.parquet"}
    assert "100 rows" in session["check good files"][0]


def test_dead_server_is_reported_with_what_to_check(session):
    assert "error: Cannot reach http://127.0.0.1:9" in session["check a dead server"][0]


def test_broken_connection_is_reported_by_its_field(session):
    assert "error: the milvus connection has no host" in session["list of a broken connection"][0]


def test_missing_connection_is_named(session):
    assert "'nowhere'" in session["list of no connection"][0]
