"""Creates that carry an idempotency key."""

import json
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_milvus.local.importing.jobs import Job, JobTable

KEY = {"Idempotency-Key": "airflow/dag/task"}


def test_second_create_with_the_key_returns_the_first_job(client):
    first = client.start("rows.parquet", headers=KEY)
    client.wait(first)
    assert client.start("rows.parquet", headers=KEY) == first
    assert client.rows() == 10


def test_other_key_is_another_job(client):
    first = client.start("rows.parquet", headers=KEY)
    assert client.start("rows.parquet", headers={"Idempotency-Key": "other"}) != first


def test_other_collection_is_another_job(client):
    client.create("d")
    first = client.start("rows.parquet", headers=KEY)
    assert client.start("rows.parquet", collection="d", headers=KEY) != first


def test_files_are_not_compared(client):
    first = client.start("rows.parquet", headers=KEY)
    assert client.start("others.parquet", headers=KEY) == first


def test_failed_job_is_still_returned(client):
    first = client.start("missing.parquet", headers=KEY)
    assert client.wait(first)["state"] == "Failed"
    assert client.start("missing.parquet", headers=KEY) == first


def test_job_whose_record_is_gone_is_still_returned(serve, client):
    client = serve(retention_seconds=0)
    first = client.start("rows.parquet", headers=KEY)
    while client.call("/jobs/import/describe", jobId=first)["code"] == 0:
        pass
    assert client.start("rows.parquet", headers=KEY) == first


def test_key_outlives_a_restart(serve, client):
    first = client.start("rows.parquet", headers=KEY)
    assert serve().start("rows.parquet", headers=KEY) == first


def test_key_outlives_a_kill(command):
    client = command()
    client.create()
    (client.milvus.bucket / "rows.json").write_text(json.dumps([{"vector": [0, 0, 0, 0]}] * 10))
    first = client.start("rows.json", headers=KEY)
    client.milvus.end(signal.SIGKILL)
    client = command()
    assert client.start("rows.json", headers=KEY) == first
    client.wait(first)
    assert client.rows() == 10


def test_key_is_not_kept_without_its_job(tmp_path, monkeypatch):
    table = JobTable(tmp_path / "jobs.sqlite")
    jobs = [Job(table.next_id(), "default", "c", 5, "", [], {}, 0.0) for _ in range(2)]
    with monkeypatch.context() as broken:
        broken.setattr(json, "dumps", None)
        with pytest.raises(TypeError):
            table.add(jobs[0], "key")
    assert table.add(jobs[1], "key") == jobs[1].id


def test_key_outlives_a_rename_of_the_collection(client):
    first = client.start("rows.parquet", headers=KEY)
    client.post("/collections/rename", collectionName="c", newCollectionName="d")
    assert client.start("rows.parquet", collection="d", headers=KEY) == first


def test_new_collection_of_the_same_name_starts_afresh(client):
    first = client.start("rows.parquet", headers=KEY)
    client.wait(first)
    client.post("/collections/drop", collectionName="c")
    client.create()
    assert client.start("rows.parquet", headers=KEY) != first


def test_aborted_job_is_still_returned(client):
    two_phase = {"headers": KEY, "options": {"auto_commit": "false"}}
    first = client.start("rows.parquet", **two_phase)
    client.post("/jobs/import/abort", jobId=first)
    assert client.start("rows.parquet", **two_phase) == first


def test_key_is_forgotten_after_its_time(serve, client):
    client = serve(idempotency_seconds=0)
    first = client.start("rows.parquet", headers=KEY)
    assert client.start("rows.parquet", headers=KEY) != first


def test_key_at_the_limit_is_heeded(client):
    key = {"Idempotency-Key": "~" * 256}
    assert client.start("rows.parquet", headers=key) == client.start("rows.parquet", headers=key)


def test_full_house_refuses_even_a_known_key(serve, client):
    client = serve(max_jobs=1)
    two_phase = {"collectionName": "c", "files": [["rows.parquet"]], "options": {"auto_commit": "false"}}
    first = client.post("/jobs/import/create", KEY, **two_phase)["jobId"]
    response = client.call("/jobs/import/create", KEY, **two_phase)
    assert (response["code"], "reached the limit" in response["message"]) == (2100, True)
    client.post("/jobs/import/abort", jobId=first)
    client.wait(first)
    assert client.post("/jobs/import/create", KEY, **two_phase)["jobId"] == first


def test_creates_at_the_same_time_are_one_job(client):
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda _: client.start("rows.parquet", headers=KEY), range(8)))
    client.wait(jobs[0])
    assert (len(set(jobs)), client.rows()) == (1, 10)


def test_empty_key_is_no_key(client):
    jobs = {client.start("rows.parquet", headers={"Idempotency-Key": ""}) for _ in range(2)}
    assert len(jobs) == 2


@pytest.mark.parametrize(("key", "hint"), [("k" * 257, "257 bytes"), ("caf\xe9", "0xe9 at offset 3")])
def test_bad_key_is_refused(client, key, hint):
    response = client.call(
        "/jobs/import/create", {"Idempotency-Key": key}, collectionName="c", files=[["rows.parquet"]]
    )
    assert (response["code"], hint in response["message"]) == (1100, True)


def test_request_is_checked_before_its_key(client):
    client.start("rows.parquet", headers=KEY)
    response = client.call("/jobs/import/create", KEY, collectionName="c", files=[["rows.txt"]])
    assert response["code"] == 2100
