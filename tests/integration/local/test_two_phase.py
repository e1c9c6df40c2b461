"""Imports that are committed or aborted after all rows were read."""

import pymilvus
import pytest

TWO_PHASE = {"options": {"auto_commit": "false"}}


@pytest.fixture
def resting(client):
    """A job that waits for its commit."""
    job_id = client.start("rows.parquet", **TWO_PHASE)
    client.wait(job_id, "Uncommitted")
    return job_id


def test_job_rests_uncommitted_with_all_its_rows_read(client, resting):
    job = client.post("/jobs/import/describe", jobId=resting)
    assert (job["progress"], job["importedRows"], job["totalRows"], len(job["details"])) == (99, 10, 10, 1)


def test_rows_of_a_resting_job_are_invisible_to_rest_and_grpc(client, resting):
    milvus = pymilvus.MilvusClient(uri=client.milvus.grpc_uri)
    assert client.rows() == 0
    assert milvus.get_collection_stats("c")["row_count"] == 0
    assert milvus.query("c", "id >= 0") == []


def test_commit_makes_the_rows_visible(client, resting):
    client.post("/jobs/import/commit", jobId=resting)
    job = client.wait(resting)
    assert (job["state"], job["progress"], client.rows()) == ("Completed", 100, 10)


def test_second_commit_is_no_error(client, resting):
    client.post("/jobs/import/commit", jobId=resting)
    client.wait(resting)
    client.post("/jobs/import/commit", jobId=resting)
    assert client.rows() == 10


def test_abort_fails_the_job_and_leaves_no_row(client, resting):
    client.post("/jobs/import/abort", jobId=resting)
    job = client.wait(resting)
    assert (job["state"], job["reason"], client.rows()) == ("Failed", "import job aborted by user", 0)


def test_second_abort_is_no_error(client, resting):
    client.post("/jobs/import/abort", jobId=resting)
    assert client.post("/jobs/import/abort", jobId=resting) == {}


def test_running_job_can_be_aborted(serve, client):
    client = serve(min_job_seconds=20)
    job_id = client.start("rows.parquet", **TWO_PHASE)
    client.wait(job_id, "Importing")
    client.post("/jobs/import/abort", jobId=job_id)
    assert client.wait(job_id)["reason"] == "import job aborted by user"


def test_running_job_cannot_be_committed(serve, client):
    client = serve(min_job_seconds=20)
    job_id = client.start("rows.parquet", **TWO_PHASE)
    answer = client.ask("/jobs/import/commit", jobId=job_id)
    assert (answer["code"], "must be Uncommitted" in answer["message"]) == (2100, True)


def test_aborted_job_cannot_be_committed(client, resting):
    client.post("/jobs/import/abort", jobId=resting)
    assert client.ask("/jobs/import/commit", jobId=resting)["code"] == 2100


def test_committed_job_cannot_be_aborted(client, resting):
    client.post("/jobs/import/commit", jobId=resting)
    client.wait(resting)
    answer = client.ask("/jobs/import/abort", jobId=resting)
    assert (answer["code"], "abort is not allowed" in answer["message"], client.rows()) == (2100, True, 10)


@pytest.mark.parametrize("action", ["commit", "abort"])
def test_ordinary_job_can_be_neither_committed_nor_aborted(client, action):
    job_id = client.start("rows.parquet")
    client.wait(job_id)
    assert client.ask(f"/jobs/import/{action}", jobId=job_id)["code"] == 2100


@pytest.mark.parametrize("action", ["commit", "abort"])
def test_unknown_job_is_not_found(client, action):
    answer = client.ask(f"/jobs/import/{action}", jobId="1")
    assert (answer["code"], "not found" in answer["message"]) == (2100, True)


@pytest.mark.parametrize("action", ["commit", "abort"])
def test_job_id_that_is_no_number_is_an_invalid_parameter(client, action):
    assert client.ask(f"/jobs/import/{action}", jobId="x")["code"] == 1100


@pytest.mark.parametrize("text", ["False", "FALSE"])
def test_option_is_read_in_any_case(client, text):
    job_id = client.start("rows.parquet", options={"auto_commit": text})
    assert client.wait(job_id, "Uncommitted", "Completed")["state"] == "Uncommitted"


def test_option_that_is_neither_true_nor_false_is_refused(client):
    answer = client.ask(
        "/jobs/import/create", collectionName="c", files=[["rows.parquet"]], options={"auto_commit": "no"}
    )
    assert (answer["code"], "options.auto_commit" in answer["message"]) == (1801, True)


def test_resting_job_outlives_a_restart(serve, client, resting):
    client = serve()
    assert client.wait(resting, "Uncommitted")["importedRows"] == 10
    client.post("/jobs/import/commit", jobId=resting)
    assert (client.wait(resting)["state"], client.rows()) == ("Completed", 10)


def test_rows_inserted_while_a_job_rests_do_not_collide_with_its_rows(serve, client, resting):
    client = serve()
    client.post("/entities/insert", collectionName="c", data=[{"vector": [0, 0, 0, 0]}] * 15)
    client.post("/jobs/import/commit", jobId=resting)
    client.wait(resting)
    assert client.rows() == 25


def test_timeout_ends_a_resting_job(client):
    job_id = client.start("rows.parquet", options={"auto_commit": "false", "timeout": "1s"})
    assert client.wait(job_id, "Failed")["reason"] == "import timeout"


def test_two_phase_job_without_rows_rests_too(serve, client):
    (client.milvus.bucket / "empty.jsonl").write_text("")
    job_id = client.start("empty.jsonl", **TWO_PHASE)
    client.wait(job_id, "Uncommitted")
    client = serve()
    assert client.wait(job_id, "Uncommitted", "Completed")["state"] == "Uncommitted"
