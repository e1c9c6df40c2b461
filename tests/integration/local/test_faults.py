"""A local Milvus that misbehaves on purpose."""

import http.client
import subprocess
import sys
import time

import pytest

from airflow_provider_milvus.local.faults import KINDS, WRONG_REPORTS, Fault

CREATE = {"collectionName": "c", "files": [["rows.parquet"]]}


def jobs(client):
    return client.post("/jobs/import/list")["records"]


def test_reset_cuts_the_connection_after_the_job_was_created(serve, client):
    client = serve(faults=["reset:create:count=1"])
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        client.send("/jobs/import/create", CREATE)
    assert len(jobs(client)) == 1


@pytest.mark.parametrize(
    ("kind", "body"), [("408", b'{"code":10001,"message":"request timeout"}'), ("timeout", b"timeout")]
)
def test_timeout_is_returned_after_the_job_was_created(serve, client, kind, body):
    client = serve(faults=[f"{kind}:create:count=1"])
    status, _, found = client.send("/jobs/import/create", CREATE)
    assert (status, found, len(jobs(client))) == (408, body, 1)


@pytest.mark.parametrize(("kind", "status"), [("401", 401), ("403", 403), ("429", 429), ("500", 500), ("html", 502)])
def test_refused_request_is_not_carried_out(serve, client, kind, status):
    client = serve(faults=[f"{kind}:create:count=1"])
    assert (client.send("/jobs/import/create", CREATE)[0], jobs(client)) == (status, [])


@pytest.mark.parametrize(("setting", "header"), [("", None), (",retry_after=7", "7")])
def test_too_many_requests_says_how_long_to_wait_if_configured(serve, client, setting, header):
    client = serve(faults=[f"429:create:count=1{setting}"])
    assert client.send("/jobs/import/create", CREATE)[1]["Retry-After"] == header


def test_limit_refuses_in_the_envelope(serve, client):
    client = serve(faults=["limit:create:count=1"])
    response = client.call("/jobs/import/create", **CREATE)
    assert (response["code"], "reached the limit" in response["message"]) == (2100, True)


def test_code_refuses_in_the_envelope(serve, client):
    client = serve(faults=["code:create:code=1807,count=1"])
    assert (client.call("/jobs/import/create", **CREATE)["code"], jobs(client)) == (1807, [])


@pytest.mark.parametrize("route", ["describe", "list"])
@pytest.mark.parametrize(
    ("kind", "state", "progress"), [("unknown-state", "Resharding", 100), ("stuck", "Importing", 80)]
)
def test_state_is_misreported(client, route, kind, state, progress):
    job_id = client.start("rows.parquet")
    client.wait(job_id)
    client.milvus.faults.append(Fault(kind, route))
    response = client.post(f"/jobs/import/{route}", **({"jobId": job_id} if route == "describe" else {}))
    job = response if route == "describe" else response["records"][0]
    assert (job["state"], job["progress"]) == (state, progress)


@pytest.mark.parametrize("route", ["describe", "list"])
def test_failed_job_gives_no_reason(client, route):
    job_id = client.start("missing.parquet")
    client.wait(job_id)
    client.milvus.faults.append(Fault("no-reason", route))
    status, _, body = client.send(f"/jobs/import/{route}", {"jobId": job_id})
    assert (status, b'"Failed"' in body, b"reason" in body) == (200, True, False)


def test_vanished_job_is_not_listed(client):
    client.start("rows.parquet")
    client.milvus.faults.append(Fault("vanish", "list", count=1))
    assert [len(jobs(client)) for _ in range(2)] == [0, 1]


@pytest.mark.parametrize("kind", WRONG_REPORTS)
def test_what_is_no_job_is_reported_as_it_is(serve, client, kind):
    client = serve(faults=[Fault(kind)], token="root:Milvus")
    assert client.send("/jobs/import/describe", {"jobId": "1"})[0] == 401
    token = {"Authorization": "Bearer root:Milvus"}
    assert client.send("/nowhere", {}, **token)[::2] == (404, b"404 page not found")
    assert client.post("/collections/list", token) == ["c"]


def test_slow_response_comes_late(serve, client):
    client = serve(faults=["slow:list:seconds=0.5"])
    begun = time.monotonic()
    assert jobs(client) == []
    assert time.monotonic() - begun >= 0.5


def test_job_vanishes_after_some_polls(serve, client):
    client = serve(faults=["vanish:describe:after=1"])
    job_id = client.start("rows.parquet")
    assert client.call("/jobs/import/describe", jobId=job_id)["code"] == 0
    assert client.call("/jobs/import/describe", jobId=job_id)["code"] == 2100


@pytest.mark.parametrize(("route", "struck"), [("list", False), ("collections/list", True), ("*", True)])
def test_bare_route_means_import_jobs(client, route, struck):
    client.milvus.faults.append(Fault("500", route))
    assert (client.send("/collections/list", {})[0] == 500) is struck


def test_count_bounds_a_fault(serve, client):
    client = serve(faults=["500:list:count=2"])
    assert [client.send("/jobs/import/list", {})[0] for _ in range(3)] == [500, 500, 200]


def test_probability_and_seed_make_a_repeatable_series():
    series = [Fault("500", probability=0.5, seed=3) for _ in range(2)]
    first, second = ([fault.strikes("/x") for _ in range(50)] for fault in series)
    assert first == second
    assert 10 < sum(first) < 40


def test_faults_can_change_while_it_serves(client):
    client.milvus.faults.append(Fault("500", "list", count=1))
    assert [client.send("/jobs/import/list", {})[0] for _ in range(2)] == [500, 200]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("explode:create", f"the kinds are {', '.join(KINDS)}"),
        ("500:create:often=1", "'often' is no setting; they are count"),
        ("500:create:count=many", "count must be a number, got 'many'"),
        ("500:create:probability=2", "must be from 0 to 1, got 2.0"),
        ("500:create:count=-1", "count of the fault 500 must be 0 or more, got -1"),
        ("slow:create:seconds=nan", "seconds of the fault slow must be 0 or more, got nan"),
    ],
)
def test_bad_fault_is_one_clear_error(text, message):
    with pytest.raises(ValueError, match=message):
        Fault.parse(text)


def test_command_line_refuses_a_bad_fault_in_one_line(tmp_path):
    command = [sys.executable, "-m", "airflow_provider_milvus.local", "serve", "--data-dir", str(tmp_path)]
    found = subprocess.run([*command, "--fault", "explode:create"], capture_output=True, text=True, timeout=60)
    assert (found.returncode, found.stderr.count("\n")) == (1, 1)
    assert found.stderr.startswith("error: fault 'explode' is not known")
