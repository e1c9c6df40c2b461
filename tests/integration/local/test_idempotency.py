"""Creates that carry an idempotency key."""

from concurrent.futures import ThreadPoolExecutor

import pytest

KEY = {"Idempotency-Key": "airflow/dag/task"}


def test_second_create_with_the_key_answers_the_first_job(client):
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


def test_failed_job_is_still_answered(client):
    first = client.start("missing.parquet", headers=KEY)
    assert client.wait(first)["state"] == "Failed"
    assert client.start("missing.parquet", headers=KEY) == first


def test_job_whose_record_is_gone_is_still_answered(serve, client):
    client = serve(retention_seconds=0)
    first = client.start("rows.parquet", headers=KEY)
    while client.ask("/jobs/import/describe", jobId=first)["code"] == 0:
        pass
    assert client.start("rows.parquet", headers=KEY) == first


def test_key_outlives_a_restart(serve, client):
    first = client.start("rows.parquet", headers=KEY)
    assert serve().start("rows.parquet", headers=KEY) == first


def test_creates_at_the_same_time_are_one_job(client):
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda _: client.start("rows.parquet", headers=KEY), range(8)))
    client.wait(jobs[0])
    assert (len(set(jobs)), client.rows()) == (1, 10)


@pytest.mark.parametrize(("key", "hint"), [("k" * 257, "257 bytes"), ("caf\xe9", "0xe9 at offset 3")])
def test_bad_key_is_refused(client, key, hint):
    answer = client.ask("/jobs/import/create", {"Idempotency-Key": key}, collectionName="c", files=[["rows.parquet"]])
    assert (answer["code"], hint in answer["message"]) == (1100, True)


def test_request_is_checked_before_its_key(client):
    client.start("rows.parquet", headers=KEY)
    answer = client.ask("/jobs/import/create", KEY, collectionName="c", files=[["rows.txt"]])
    assert answer["code"] == 2100
