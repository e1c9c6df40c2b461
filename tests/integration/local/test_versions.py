"""A local Milvus that behaves as an older one."""

import time

import pytest

from airflow_provider_milvus.local import LocalMilvus

OLD = ["2.4.0", "2.4", "2.5", "2.6"]


@pytest.fixture(params=OLD)
def old(request, serve, client):
    return serve(milvus_version=request.param)


@pytest.mark.parametrize("action", ["commit", "abort"])
def test_older_version_knows_no_commit_and_no_abort(old, action):
    status, _, body = old.send(f"/jobs/import/{action}", {"jobId": "1"})
    assert (status, body) == (404, b"404 page not found")


@pytest.mark.parametrize("version", ["2.5", "2.6"])
def test_older_version_ignores_auto_commit(serve, client, version):
    client = serve(milvus_version=version)
    job_id = client.start("rows.parquet", options={"auto_commit": "false"})
    assert client.wait(job_id, "Completed", "Uncommitted")["state"] == "Completed"


@pytest.mark.parametrize("version", ["2.5", "2.6"])
def test_older_version_ignores_the_idempotency_key(serve, client, version):
    client = serve(milvus_version=version)
    jobs = [client.start("rows.parquet", headers={"Idempotency-Key": "k"}) for _ in range(2)]
    for job_id in jobs:
        client.wait(job_id)
    assert client.rows() == 20


def test_first_builds_of_2_4_spell_success_and_job_id_their_own_way(serve, client):
    client = serve(milvus_version="2.4.0")
    response = client.call("/jobs/import/create", collectionName="c", files=[["rows.parquet"]])
    assert (response["code"], list(response["data"])) == (200, ["jobID"])


def test_first_builds_of_2_4_know_get_progress_alone(serve, client):
    client = serve(milvus_version="2.4.0")
    assert client.send("/jobs/import/describe", {"jobId": "1"})[0] == 404
    assert client.call("/jobs/import/get_progress", jobId="1")["code"] == 2100


def test_first_builds_of_2_4_list_one_collection_only(serve, client):
    client = serve(milvus_version="2.4.0")
    assert client.call("/jobs/import/list")["code"] == 1802
    assert client.call("/jobs/import/list", collectionName="c")["code"] == 200


def test_last_build_of_2_4_spells_all_as_its_successors_do(serve, client):
    client = serve(milvus_version="2.4")
    job_id = client.start("rows.parquet")
    assert client.wait(job_id)["importedRows"] == 10
    assert [job["jobId"] for job in client.post("/jobs/import/list")["records"]] == [job_id]


def test_newest_version_refuses_a_missing_file_at_once(serve, client):
    client = serve(milvus_version="3.1-dev")
    response = client.call("/jobs/import/create", collectionName="c", files=[["rows.parquet"], ["missing.json"]])
    assert (response["code"], "'missing.json'" in response["message"]) == (2100, True)
    assert client.post("/jobs/import/list")["records"] == []


@pytest.mark.parametrize(("version", "is_shown"), [("2.5", False), ("2.6", True), ("3.0", True)])
def test_time_of_creation_is_shown_from_2_6_on(serve, client, version, is_shown):
    client = serve(milvus_version=version)
    job = client.post("/jobs/import/describe", jobId=client.start("rows.parquet"))
    assert ("createTime" in job) is is_shown


@pytest.mark.parametrize(("version", "file"), [("2.4", "a.csv"), ("2.4", "a.jsonl"), ("2.5", "a.jsonl")])
def test_newer_file_types_are_refused(serve, client, version, file):
    client = serve(milvus_version=version)
    assert client.call("/jobs/import/create", collectionName="c", files=[[file]])["code"] == 2100


def test_ended_job_is_forgotten_after_its_retention(serve, client):
    client = serve(retention_seconds=0.0)
    job_id = client.start("rows.parquet")
    while (response := client.call("/jobs/import/describe", jobId=job_id))["code"] == 0:
        pass
    assert (response["code"], "does not exist" in response["message"]) == (2100, True)
    assert client.post("/jobs/import/list")["records"] == []


@pytest.mark.parametrize("file", ["rows.parquet", "missing.parquet"])
@pytest.mark.parametrize(
    ("version", "hours", "code"), [("2.6", 2.9, 0), ("2.6", 3.1, 2100), ("3.0", 47, 0), ("3.0", 49, 2100)]
)
def test_versions_keep_ended_jobs_for_their_own_time(monkeypatch, serve, client, version, hours, code, file):
    client = serve(milvus_version=version)
    job_id = client.start(file)
    client.wait(job_id)
    later = time.time() + hours * 3600
    monkeypatch.setattr(time, "time", lambda: later)
    assert client.call("/jobs/import/describe", jobId=job_id)["code"] == code


def test_job_at_rest_is_never_forgotten(serve, client):
    client = serve(retention_seconds=0)
    job_id = client.start("rows.parquet", options={"auto_commit": "false"})
    client.wait(job_id, "Uncommitted")
    assert client.call("/jobs/import/describe", jobId=job_id)["code"] == 0


def test_unknown_version_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"milvus_version must be one of 2\.4\.0, 2\.4, 2\.5, 2\.6, 3\.0, 3\.1-dev, got '1\.0'"
    ):
        LocalMilvus(tmp_path, milvus_version="1.0")
