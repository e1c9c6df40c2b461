"""Imports that are committed or aborted after all rows were read."""

import json
import os
import re
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pymilvus
import pytest
from milvus_lite.storage.manifest import Manifest

from airflow_provider_milvus.local import LocalMilvus
from airflow_provider_milvus.local.importing import runner

TWO_PHASE = {"options": {"auto_commit": "false"}}


@pytest.fixture
def resting(client):
    """A job that waits for its commit."""
    return rest(client)


def rest(client, file="rows.parquet"):
    job_id = client.start(file, **TWO_PHASE)
    client.wait(job_id, "Uncommitted")
    return job_id


def commit(client, job_id):
    client.post("/jobs/import/commit", jobId=job_id)
    return client.wait(job_id)


def ids(client):
    milvus = pymilvus.MilvusClient(uri=client.milvus.grpc_uri)
    milvus.load_collection("c")
    milvus.refresh_load("c")
    return [row["id"] for row in milvus.query("c", "id >= 0", output_fields=["id"])]


def insert(client, rows):
    client.post("/entities/insert", collectionName="c", data=[{"vector": [0, 0, 0, 0]}] * rows)


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
    assert (job["state"], job["reason"], client.rows()) == ("Failed", "aborted by user", 0)


def test_second_abort_is_no_error(client, resting):
    client.post("/jobs/import/abort", jobId=resting)
    assert client.post("/jobs/import/abort", jobId=resting) == {}


def test_running_job_can_be_aborted(serve, client):
    client = serve(min_job_seconds=20)
    job_id = client.start("rows.parquet", **TWO_PHASE)
    client.wait(job_id, "Importing")
    client.post("/jobs/import/abort", jobId=job_id)
    assert client.wait(job_id)["reason"] == "aborted by user"


def test_running_job_cannot_be_committed(serve, client):
    client = serve(min_job_seconds=20)
    job_id = client.start("rows.parquet", **TWO_PHASE)
    response = client.call("/jobs/import/commit", jobId=job_id)
    assert (response["code"], "expected Uncommitted" in response["message"]) == (2100, True)


def test_aborted_job_cannot_be_committed(client, resting):
    client.post("/jobs/import/abort", jobId=resting)
    assert client.call("/jobs/import/commit", jobId=resting)["code"] == 2100


def test_committed_job_cannot_be_aborted(client, resting):
    client.post("/jobs/import/commit", jobId=resting)
    client.wait(resting)
    response = client.call("/jobs/import/abort", jobId=resting)
    assert (response["code"], "abort not allowed" in response["message"], client.rows()) == (2100, True, 10)


@pytest.mark.parametrize("action", ["commit", "abort"])
def test_ordinary_job_can_be_neither_committed_nor_aborted(serve, client, action):
    client = serve(min_job_seconds=60)
    job_id = client.start("rows.parquet")
    assert client.call(f"/jobs/import/{action}", jobId=job_id)["code"] == 2100


def test_completed_ordinary_job_is_committed_already(client):
    job_id = client.start("rows.parquet")
    client.wait(job_id)
    assert client.post("/jobs/import/commit", jobId=job_id) == {}
    assert client.call("/jobs/import/abort", jobId=job_id)["code"] == 2100
    assert client.rows() == 10


@pytest.mark.parametrize("action", ["commit", "abort"])
def test_unknown_job_is_not_found(client, action):
    response = client.call(f"/jobs/import/{action}", jobId="1")
    assert (response["code"], "not found" in response["message"]) == (2100, True)


@pytest.mark.parametrize("action", ["commit", "abort"])
def test_job_id_that_is_no_number_is_an_invalid_parameter(client, action):
    assert client.call(f"/jobs/import/{action}", jobId="x")["code"] == 1100


@pytest.mark.parametrize("text", ["False", "FALSE"])
def test_option_is_read_in_any_case(client, text):
    job_id = client.start("rows.parquet", options={"auto_commit": text})
    assert client.wait(job_id, "Uncommitted", "Completed")["state"] == "Uncommitted"


def test_option_that_is_neither_true_nor_false_is_refused(client):
    response = client.call(
        "/jobs/import/create", collectionName="c", files=[["rows.parquet"]], options={"auto_commit": "no"}
    )
    assert (response["code"], "options.auto_commit" in response["message"]) == (1801, True)


def test_resting_job_outlives_a_restart(serve, client, resting):
    client = serve()
    assert client.wait(resting, "Uncommitted")["importedRows"] == 10
    client.post("/jobs/import/commit", jobId=resting)
    assert (client.wait(resting)["state"], client.rows()) == ("Completed", 10)


def prepare(client):
    client.create()
    (client.milvus.bucket / "rows.json").write_text(json.dumps([{"vector": [0, 0, 0, 0]}] * 10))


def test_killed_server_keeps_a_resting_job_and_its_numbers(command):
    client = command()
    prepare(client)
    job_id = rest(client, "rows.json")
    client.milvus.end(signal.SIGKILL)
    client = command()
    assert client.wait(job_id, "Uncommitted")["importedRows"] == 10
    insert(client, 15)
    commit(client, job_id)
    assert len(set(ids(client))) == 25


def test_killed_server_remembers_an_abort_that_no_worker_has_seen(command):
    client = command("--min-job-seconds", "500")
    prepare(client)
    job_id = client.start("rows.json", **TWO_PHASE)
    client.post("/jobs/import/abort", jobId=job_id)
    client.milvus.end(signal.SIGKILL)
    assert command().wait(job_id)["reason"] == "aborted by user"


@pytest.mark.parametrize("recorded", [False, True])
def test_commit_cut_short_at_the_manifest_is_finished_by_the_next_start(
    tmp_path, monkeypatch, client, resting, recorded
):
    killed, save = tmp_path / "killed", Manifest.save

    def save_and_keep_what_a_kill_would_leave(manifest):
        if recorded:
            save(manifest)
        if not killed.exists():
            shutil.copytree(client.milvus.data_dir, killed)
        if not recorded:
            save(manifest)

    monkeypatch.setattr(Manifest, "save", save_and_keep_what_a_kill_would_leave)
    commit(client, resting)
    with LocalMilvus(killed) as milvus:
        survivor = type(client)(milvus)
        assert survivor.wait(resting)["state"] == "Completed"
        assert survivor.rows() == 10


def test_commit_needs_no_links_from_the_file_system(monkeypatch, client, resting):
    def refuse(*_):
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    assert (commit(client, resting)["state"], client.rows()) == ("Completed", 10)


KEYED = [{"id": 1, "vector": [9.0] * 4}]


@pytest.fixture
def keyed(serve):
    """Start a server of a version with a collection whose keys are given, and a file of the keys 0 to 9."""

    def start(**options):
        client = serve(**options)
        client.create("k", auto_id=False)
        rows = [{"id": key, "vector": [float(key)] * 4} for key in range(10)]
        (client.milvus.bucket / "keyed.jsonl").write_text("\n".join(map(json.dumps, rows)))
        (client.milvus.bucket / "keyed.json").write_text(json.dumps(rows))
        return client

    return start


def vector_of(client, key):
    client.post("/collections/load", collectionName="k")
    client.refresh("k")
    return [row["vector"][0] for row in client.post("/entities/get", collectionName="k", id=[key])]


def write_over_rest(client):
    client.post("/entities/upsert", collectionName="k", data=KEYED)


def write_over_grpc(client):
    pymilvus.MilvusClient(uri=client.milvus.grpc_uri).upsert("k", KEYED)


def delete_over_rest(client):
    client.post("/entities/delete", collectionName="k", filter="id == 1")


def delete_over_grpc(client):
    pymilvus.MilvusClient(uri=client.milvus.grpc_uri).delete("k", ids=[1])


WRITES = [write_over_rest, write_over_grpc, delete_over_rest, delete_over_grpc]


# A cluster stamps the rows with the time of the commit: HandleCommitVchannel in internal/datacoord/services.go.
@pytest.mark.parametrize("write", WRITES)
def test_committed_row_wins_over_what_was_written_before_the_commit(keyed, write):
    client = keyed()
    client.post("/entities/insert", collectionName="k", data=[{"id": 1, "vector": [5.0] * 4}])
    job_id = client.start("keyed.jsonl", collection="k", **TWO_PHASE)
    client.wait(job_id, "Uncommitted")
    write(client)
    commit(client, job_id)
    assert vector_of(client, 1) == [1.0]


@pytest.mark.parametrize(("write", "left"), [(WRITES[0], [9.0]), (WRITES[2], [])])
def test_write_after_the_commit_wins_over_the_committed_row(keyed, write, left):
    client = keyed()
    job_id = client.start("keyed.jsonl", collection="k", **TWO_PHASE)
    client.wait(job_id, "Uncommitted")
    write_over_rest(client)
    commit(client, job_id)
    write(client)
    assert vector_of(client, 1) == left


def test_later_commit_wins_whichever_job_read_its_rows_first(keyed):
    client = keyed()
    later = [{"id": 1, "vector": [7.0] * 4}]
    (client.milvus.bucket / "later.json").write_text(json.dumps(later))
    jobs = [client.start(file, collection="k", **TWO_PHASE) for file in ("keyed.json", "later.json")]
    for job_id in jobs:
        client.wait(job_id, "Uncommitted")
    for job_id in reversed(jobs):
        commit(client, job_id)
    assert vector_of(client, 1) == [1.0]


def test_row_committed_after_a_restart_wins_too(serve, keyed):
    client = keyed()
    job_id = client.start("keyed.jsonl", collection="k", **TWO_PHASE)
    client.wait(job_id, "Uncommitted")
    write_over_rest(client)
    client = serve()
    commit(client, job_id)
    assert vector_of(client, 1) == [1.0]


# Since 3.0 a job that commits by itself goes through the same commit: checkUncommittedJob in import_checker.go. Before,
# rows had the time at which their job began to import.
@pytest.mark.parametrize(("version", "left"), [("3.0", [1.0]), ("2.6", [9.0])])
def test_row_of_an_ordinary_job_is_as_old_as_its_version_makes_it(keyed, version, left):
    client = keyed(milvus_version=version, min_job_seconds=2)
    job_id = client.start("keyed.jsonl", collection="k")
    deadline = time.monotonic() + 120
    while (job := client.post("/jobs/import/describe", jobId=job_id))["progress"] < 80:
        assert time.monotonic() < deadline, job
        time.sleep(0.02)
    assert job["state"] == "Importing"
    write_over_rest(client)
    assert client.wait(job_id)["state"] == "Completed"
    assert vector_of(client, 1) == left


def test_renamed_collection_gets_the_rows_and_no_number_twice(client, resting):
    client.post("/collections/rename", collectionName="c", newCollectionName="d")
    client.post("/collections/rename", collectionName="d", newCollectionName="c")
    insert(client, 15)
    commit(client, resting)
    assert len(set(ids(client))) == 25


def test_truncated_collection_gets_the_rows_and_no_number_twice(client, resting):
    client.load("rows.parquet")
    client.post("/collections/truncate", collectionName="c")
    insert(client, 15)
    commit(client, resting)
    assert len(set(ids(client))) == 25


def test_commit_finds_a_collection_by_its_id(client, resting):
    client.post("/collections/rename", collectionName="c", newCollectionName="d")
    assert (commit(client, resting)["state"], client.rows("d")) == ("Completed", 10)


def test_resting_job_of_a_dropped_collection_fails_and_cannot_be_committed(client, resting):
    client.post("/collections/drop", collectionName="c")
    client.create()
    assert client.call("/jobs/import/commit", jobId=resting)["code"] == 2100
    assert re.fullmatch(r"collection \d+ dropped", client.wait(resting)["reason"])
    assert not (client.milvus.data_dir / "import" / resting).exists()
    assert client.rows() == 0


def test_commit_of_rows_whose_partition_was_dropped_says_so(client):
    client.post("/partitions/create", collectionName="c", partitionName="p")
    job_id = client.start("rows.parquet", partitionName="p", **TWO_PHASE)
    client.wait(job_id, "Uncommitted")
    client.post("/partitions/drop", collectionName="c", partitionName="p")
    job = commit(client, job_id)
    assert (job["state"], job["reason"]) == (
        "Failed",
        "partition not found[partition=p]: importing data failed (ImportTask)",
    )


def test_only_one_of_commit_and_abort_wins(client):
    for _ in range(10):
        job_id, before = rest(client), client.rows()
        with ThreadPoolExecutor(8) as pool:
            responses = list(
                pool.map(
                    lambda action, job_id=job_id: (
                        action,
                        client.call(f"/jobs/import/{action}", jobId=job_id)["code"],
                    ),
                    ["commit", "abort"] * 4,
                )
            )
        state = client.wait(job_id)["state"]
        winner, added = ("commit", 10) if state == "Completed" else ("abort", 0)
        assert {action for action, code in responses if code == 0} == {winner}
        assert client.rows() - before == added


def test_timeout_does_not_undo_a_commit_that_waits_for_a_worker(monkeypatch, serve, client, resting):
    client = serve(min_job_seconds=500)
    for _ in range(runner.WORKERS):
        client.wait(client.start("rows.parquet"), "Pending", "Importing")
    client.post("/jobs/import/commit", jobId=resting)
    monkeypatch.setattr(runner, "overdue", lambda job: not job.auto_commit)
    assert client.post("/jobs/import/describe", jobId=resting)["state"] == "Committing"


def test_job_that_failed_on_its_own_may_be_aborted_and_keeps_its_reason(client):
    job_id = client.start("missing.parquet", **TWO_PHASE)
    reason = client.wait(job_id)["reason"]
    client.post("/jobs/import/abort", jobId=job_id)
    assert client.wait(job_id)["reason"] == reason


def test_job_that_failed_on_its_own_cannot_be_committed(client):
    job_id = client.start("missing.parquet", **TWO_PHASE)
    client.wait(job_id)
    assert client.call("/jobs/import/commit", jobId=job_id)["code"] == 2100


def test_ended_job_leaves_no_staged_file(client):
    jobs = [rest(client), rest(client)]
    commit(client, jobs[0])
    client.post("/jobs/import/abort", jobId=jobs[1])
    client.milvus.stop()
    assert list((client.milvus.data_dir / "import").glob("*")) == []


def test_timeout_ends_a_resting_job(client):
    job_id = client.start("rows.parquet", options={"auto_commit": "false", "timeout": "1s"})
    assert client.wait(job_id, "Failed")["reason"] == "import timeout"


def test_two_phase_job_without_rows_rests_too(serve, client):
    (client.milvus.bucket / "empty.jsonl").write_text("")
    job_id = client.start("empty.jsonl", **TWO_PHASE)
    client.wait(job_id, "Uncommitted")
    client = serve()
    assert client.wait(job_id, "Uncommitted", "Completed")["state"] == "Uncommitted"


def test_collection_that_was_dropped_before_a_restart_fails_a_resting_job(serve, client, resting):
    client.post("/collections/drop", collectionName="c")
    client = serve()
    assert client.wait(resting)["state"] == "Failed"
