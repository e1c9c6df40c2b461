"""A server that is killed in the middle of an import, for real, and started again on what it left behind.

The collection generates its primary keys, so rows that were loaded twice would be counted twice. `make crash-test`
kills more often.
"""

import os
import random
import signal
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import settings

KILLS, COMMIT_KILLS, KILLS_IN_A_PHASE = (8, 4, 1) if settings().max_examples < 1000 else (30, 10, 10)
FILES, FILE_ROWS = 3, 4000
ROWS = FILES * FILE_ROWS


@pytest.fixture
def rng():
    """Where the kills hit; the seed of a failed run repeats them."""
    seed = int(os.environ.get("CRASH_SEED", random.randrange(10**6)))
    print(f"CRASH_SEED={seed}")
    return random.Random(seed)


def write_files(client):
    vectors = pa.array([[0.5] * 8] * FILE_ROWS, pa.list_(pa.float32()))
    for number in range(FILES):
        pq.write_table(pa.table({"vector": vectors}), client.milvus.bucket / f"{number}.parquet")
    return [f"{number}.parquet" for number in range(FILES)]


def crash(client, moment):
    time.sleep(moment)
    assert client.milvus.end(signal.SIGKILL)[0] == -signal.SIGKILL


def wait_without_partial_rows(client, job_id, before):
    """Wait for the job's end; whoever reads meanwhile sees none of its rows or all of them."""
    deadline = time.monotonic() + 120
    while (job := client.post("/jobs/import/describe", jobId=job_id))["state"] not in ("Completed", "Failed"):
        assert client.rows() in (before, before + ROWS)
        assert time.monotonic() < deadline, job
    assert (job["state"], job["importedRows"]) == ("Completed", ROWS), job


def test_killed_import_is_loaded_once_and_whole(command, rng):
    client = command()
    client.create(dim=8)
    files = write_files(client)
    begun = time.monotonic()
    client.load(*files)
    life = time.monotonic() - begun
    for kill in range(1, KILLS + 1):
        job_id = client.start(*files)
        moment = rng.uniform(0, 1.1 * life)
        crash(client, moment)
        client = command()
        wait_without_partial_rows(client, job_id, kill * ROWS)
        assert client.rows() == (kill + 1) * ROWS, f"killed after {moment:.4f} s of {life:.4f} s"


def test_killed_commit_is_carried_out_once_and_whole(command, rng):
    client = command()
    client.create(dim=8)
    files = write_files(client)
    for kill in range(COMMIT_KILLS):
        job_id = client.start(*files, options={"auto_commit": "false"})
        client.wait(job_id, "Uncommitted")
        client.post("/jobs/import/commit", jobId=job_id)
        crash(client, rng.uniform(0, 0.05))
        client = command()
        wait_without_partial_rows(client, job_id, kill * ROWS)
        assert client.rows() == (kill + 1) * ROWS


PHASES = {
    "pending": lambda job: job["state"] == "Pending",
    "counting rows": lambda job: job["state"] == "Importing" and job["progress"] < 40,
    "importing rows": lambda job: job["state"] == "Importing" and 40 <= job["progress"] < 70,
    "publishing rows": lambda job: job["state"] == "Importing" and job["progress"] >= 70,
    "uncommitted": lambda job: job["state"] == "Uncommitted",
    "committing": lambda job: job["state"] in ("Committing", "Completed"),
    "completed": lambda job: job["state"] == "Completed",
}


def agreed_rows(client):
    """The rows of the collection, of which the job table says the same."""
    deadline = time.monotonic() + 120
    while True:
        before = client.rows()
        jobs = [
            client.post("/jobs/import/describe", jobId=record["jobId"])
            for record in client.post("/jobs/import/list", collectionName="c")["records"]
        ]
        reported = sum(job["importedRows"] for job in jobs if job["state"] == "Completed")
        # A job that completed between the requests proves nothing.
        if before == client.rows():
            assert before == reported
            return reported
        assert time.monotonic() < deadline


@pytest.mark.parametrize("phase", PHASES)
def test_killed_in_any_phase_the_job_table_and_the_rows_agree(command, rng, phase):
    options = {"auto_commit": "false"} if phase in ("uncommitted", "committing") else {}
    client = command("--min-job-seconds", "0.6")
    client.create(dim=8)
    files = write_files(client)
    for kill in range(KILLS_IN_A_PHASE):
        job_id = client.start(*files, options=options)
        if phase == "committing":
            client.wait(job_id, "Uncommitted")
            client.post("/jobs/import/commit", jobId=job_id)
        while not PHASES[phase](client.post("/jobs/import/describe", jobId=job_id)):
            time.sleep(0.005)
        crash(client, rng.uniform(0, 0.04))
        client = command("--min-job-seconds", "0.6")
        assert agreed_rows(client) in (kill * ROWS, (kill + 1) * ROWS)
        if client.wait(job_id, "Completed", "Uncommitted")["state"] == "Uncommitted":
            assert agreed_rows(client) == kill * ROWS
            client.post("/jobs/import/commit", jobId=job_id)
            client.wait(job_id, "Completed")
        assert agreed_rows(client) == (kill + 1) * ROWS
