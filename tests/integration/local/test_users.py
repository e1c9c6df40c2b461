"""Users of the local Milvus: who may import where."""

import json
import time

import pymilvus
import pytest

TOKEN = "root:Milvus"
ROOT, LOADER, OTHER = ({"Authorization": f"Bearer {one}"} for one in (TOKEN, "loader:a=b:c", "other:p"))
USERS = ("loader:a=b:c=c,team.docs", "other:p=d,")


@pytest.fixture
def guarded(serve, client):
    """A client of a server with users, on which collection ``c`` has a file to import."""
    return serve(token=TOKEN, users=USERS)


def status(client, route, user, **body):
    code, _, response = client.send(route, body, **user)
    return code, json.loads(response)["code"]


def wait(client, job_id, state, user=ROOT):
    deadline = time.monotonic() + 120
    while (job := client.post("/jobs/import/describe", user, jobId=job_id))["state"] != state:
        assert time.monotonic() < deadline, job
        time.sleep(0.02)


def test_user_imports_watches_and_commits(guarded):
    job_id = guarded.start("rows.parquet", headers=LOADER, options={"auto_commit": "false"})
    wait(guarded, job_id, "Uncommitted", LOADER)
    guarded.post("/jobs/import/commit", LOADER, jobId=job_id)
    wait(guarded, job_id, "Completed", LOADER)
    (record,) = guarded.post("/jobs/import/list", LOADER)["records"]
    assert record["jobId"] == job_id


def test_job_of_another_collection_is_refused_and_left_as_it_is(guarded):
    job_id = guarded.start("rows.parquet", headers=ROOT, options={"auto_commit": "false"})
    wait(guarded, job_id, "Uncommitted")
    for action in ("describe", "get_progress", "commit", "abort"):
        assert status(guarded, f"/jobs/import/{action}", OTHER, jobId=job_id) == (403, 65535)
    assert guarded.post("/jobs/import/list", OTHER) == {"records": []}
    assert guarded.post("/jobs/import/describe", ROOT, jobId=job_id)["state"] == "Uncommitted"


def test_refused_create_leaves_no_job(guarded):
    assert status(guarded, "/jobs/import/create", OTHER, collectionName="c", files=[["rows.parquet"]]) == (403, 65535)
    assert guarded.post("/jobs/import/list", ROOT) == {"records": []}


def test_alias_of_a_granted_collection_is_granted(guarded):
    guarded.post("/aliases/create", ROOT, collectionName="c", aliasName="today")
    assert guarded.start("rows.parquet", headers=LOADER, collection="today")


def test_database_of_the_header_counts(guarded):
    guarded.post("/databases/create", ROOT, dbName="team")
    guarded.post("/collections/create", ROOT, dbName="team", collectionName="docs", dimension=4)
    body = {"collectionName": "docs", "files": [["rows.parquet"]]}
    assert status(guarded, "/jobs/import/create", LOADER, dbName="team", **body) == (403, 65535)
    assert status(guarded, "/jobs/import/create", {**LOADER, "DB-Name": "team"}, **body) == (200, 0)


@pytest.mark.parametrize("token", ["loader:wrong", "loader:a", "nobody:p"])
def test_wrong_password_is_401(guarded, token):
    assert status(guarded, "/jobs/import/list", {"Authorization": f"Bearer {token}"}) == (401, 1800)


def test_user_does_not_come_in_over_grpc(guarded):
    with pytest.raises(pymilvus.MilvusException):
        pymilvus.MilvusClient(uri=guarded.milvus.grpc_uri, token="other:p", timeout=2).list_collections()
