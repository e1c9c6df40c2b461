"""A server that is killed in the middle of an import, for real, and started again on what it left behind.

The collection generates its primary keys, so rows that were loaded twice would be counted twice.
"""

import os
import random
import signal
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

KILLS, COMMIT_KILLS = 15, 5
FILES, FILE_ROWS = 3, 4000
ROWS = FILES * FILE_ROWS


@pytest.fixture
def chance():
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
    """Wait for the job's end; whoever looks meanwhile sees none of its rows or all of them."""
    deadline = time.monotonic() + 30
    while (job := client.post("/jobs/import/describe", jobId=job_id))["state"] not in ("Completed", "Failed"):
        assert client.rows() in (before, before + ROWS)
        assert time.monotonic() < deadline, job
    assert (job["state"], job["importedRows"]) == ("Completed", ROWS), job


def test_killed_import_is_loaded_once_and_whole(command, chance):
    client = command()
    client.create(dim=8)
    files = write_files(client)
    begun = time.monotonic()
    client.load(*files)
    life = time.monotonic() - begun
    for kill in range(1, KILLS + 1):
        job_id = client.start(*files)
        moment = chance.uniform(0, 1.1 * life)
        crash(client, moment)
        client = command()
        wait_without_partial_rows(client, job_id, kill * ROWS)
        assert client.rows() == (kill + 1) * ROWS, f"killed after {moment:.4f} s of {life:.4f} s"


def test_killed_commit_is_carried_out_once_and_whole(command, chance):
    client = command()
    client.create(dim=8)
    files = write_files(client)
    for kill in range(COMMIT_KILLS):
        job_id = client.start(*files, options={"auto_commit": "false"})
        client.wait(job_id, "Uncommitted")
        client.post("/jobs/import/commit", jobId=job_id)
        crash(client, chance.uniform(0, 0.05))
        client = command()
        wait_without_partial_rows(client, job_id, kill * ROWS)
        assert client.rows() == (kill + 1) * ROWS
