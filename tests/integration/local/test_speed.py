"""Time that passes faster than the clock, for tests of what takes minutes or days."""

import time

import pytest

from airflow_provider_milvus.local import LocalMilvus

DAY = 24 * 3600


def test_job_of_a_minute_takes_a_second(serve, client):
    client = serve(min_job_seconds=60, speed=60)
    begun = time.monotonic()
    seen = set()
    job_id = client.start("rows.parquet")
    while (job := client.post("/jobs/import/describe", jobId=job_id))["state"] != "Completed":
        seen.add(job["progress"])
        time.sleep(0.005)
    assert 0.9 < time.monotonic() - begun < 30
    assert len(seen) > 1


def test_timeout_of_an_hour_runs_out_in_a_second(serve, client):
    client = serve(min_job_seconds=DAY, speed=3600)
    job = client.load("rows.parquet", options={"timeout": "1h"})
    assert (job["state"], job["reason"]) == ("Failed", "import timeout")


def test_record_and_key_of_days_are_forgotten_in_seconds(serve, client):
    client = serve(speed=4 * DAY)
    key = {"Idempotency-Key": "k"}
    job_id = client.start("rows.parquet", headers=key)
    deadline = time.monotonic() + 120
    while client.call("/jobs/import/describe", jobId=job_id)["code"] == 0:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert client.start("rows.parquet", headers=key) != job_id


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_speed_that_is_none_is_refused(tmp_path, speed):
    with pytest.raises(ValueError, match="speed must be greater than 0"):
        LocalMilvus(tmp_path, speed=speed)
