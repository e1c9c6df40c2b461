"""The methods of the hook that do more than pass a request on."""

import json
import ssl

import pytest
import requests

from airflow_provider_milvus import exceptions
from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.rest import errors

DESCRIBE, CREATE, LIST = "/jobs/import/describe", "/jobs/import/create", "/jobs/import/list"
COLLECTIONS = "/collections/list"
DONE = {"state": "Completed", "importedRows": 5}


def failure(code, message="m"):
    return 200, json.dumps({"code": code, "message": message})


def test_import_returns_the_job_id(milvus):
    milvus.responds(CREATE, {"jobId": "7"})
    assert MilvusHook().bulk_import("c", ["a.parquet"], partition_name="p", options={"timeout": "90m"}) == "7"
    assert milvus.sent[0].body == {
        "dbName": "default",
        "collectionName": "c",
        "partitionName": "p",
        "files": [["a.parquet"]],
        "options": {"timeout": "90m"},
    }


def test_bad_parameter_is_refused_before_anything_is_sent(milvus):
    with pytest.raises(ValueError, match="exactly one of files"):
        MilvusHook().bulk_import("c")
    assert milvus.sent == []


def test_keys_of_the_object_storage_go_out_in_the_body_alone(milvus, connection, monkeypatch, caplog):
    connection(extra={"cluster_id": "in03-1"})
    storage = {"conn_type": "aws", "login": "access", "password": "s3cret", "extra": {"token": "t0ken"}}
    monkeypatch.setenv("AIRFLOW_CONN_STORAGE", json.dumps(storage))
    milvus.responds(CREATE, failure(1100, "bad"))
    with caplog.at_level("DEBUG"), pytest.raises(errors.MilvusServerError) as caught:
        MilvusHook().bulk_import("c", object_urls=["s3://b/a/"], storage_conn_id="storage")
    sent = milvus.sent[0]
    assert [sent.body[name] for name in ("accessKey", "secretKey", "token")] == ["access", "s3cret", "t0ken"]
    elsewhere = f"{sent.url} {dict(sent.headers)} {caught.value!r} {caplog.text}"
    assert "s3cret" not in elsewhere
    assert "t0ken" not in elsewhere


def test_keys_of_the_object_storage_are_redacted_as_soon_as_they_are_read(milvus, connection, monkeypatch, mocker):
    mask = mocker.patch("airflow.providers.common.compat.sdk.mask_secret")
    connection(extra={"cluster_id": "in03-1"})
    storage = {"conn_type": "aws", "login": "access-key", "password": "s3cret-key"}
    monkeypatch.setenv("AIRFLOW_CONN_STORAGE", json.dumps(storage))
    milvus.responds(LIST, failure(1100, "you are access-key with s3cret-key"))
    hook = MilvusHook()
    hook.storage_fields("storage")
    with pytest.raises(errors.MilvusServerError, match=r"you are \*\*\* with \*\*\*"):
        hook.list_import_jobs()
    assert {call.args[0] for call in mask.call_args_list} >= {"access-key", "s3cret-key"}


@pytest.mark.parametrize("keys", [{}, {"login": "access"}, {"password": "s3cret"}])
def test_storage_connection_without_keys_is_refused(milvus, connection, monkeypatch, keys):
    connection(extra={"cluster_id": "in03-1"})
    monkeypatch.setenv("AIRFLOW_CONN_STORAGE", json.dumps({"conn_type": "aws", **keys}))
    with pytest.raises(ValueError, match="'storage' needs the object storage's access key as login"):
        MilvusHook().bulk_import("c", object_urls=["s3://b/a/"], storage_conn_id="storage")
    assert milvus.sent == []


def test_jobs_are_listed_oldest_first(milvus):
    milvus.responds(LIST, {"records": [{"jobId": job_id, "state": "Pending"} for job_id in ("10", "9", "11")]})
    assert [job.job_id for job in MilvusHook().list_import_jobs("c")] == ["9", "10", "11"]
    assert MilvusHook().list_import_job_ids("c") == ["9", "10", "11"]


def test_jobs_of_the_cloud_are_listed_page_by_page(milvus, connection):
    connection(extra={"cluster_id": "in03-1"})
    pages = [
        [{"jobId": f"job-{page}{n:03}", "state": "InProgress"} for n in range(size)]
        for page, size in enumerate((100, 3))
    ]
    milvus.responds(LIST, *({"records": page} for page in pages))
    assert len(MilvusHook().list_import_jobs()) == 103
    assert [(sent.body["currentPage"], sent.body["pageSize"]) for sent in milvus.sent] == [(1, 100), (2, 100)]


def test_list_of_a_server_that_does_not_page_ends(milvus, connection):
    connection(extra={"cluster_id": "in03-1"})
    milvus.responds(LIST, {"records": [{"jobId": str(n), "state": "Pending"} for n in range(150)]})
    assert len(MilvusHook().list_import_jobs()) == 150


def test_commit_and_abort_name_the_job(milvus):
    milvus.responds("/jobs/import/commit", {})
    milvus.responds("/jobs/import/abort", {})
    MilvusHook().commit_import("7")
    MilvusHook().abort_import("8")
    assert [(sent.route, sent.body["jobId"]) for sent in milvus.sent] == [
        ("/jobs/import/commit", "7"),
        ("/jobs/import/abort", "8"),
    ]


def test_wait_returns_the_progress_of_one_job(milvus, package_clock):
    milvus.responds(DESCRIBE, {"state": "Importing"}, DONE)
    assert MilvusHook().wait_for_import("1").imported_rows == 5


def test_wait_returns_a_list_for_a_list(milvus, package_clock):
    milvus.responds(DESCRIBE, DONE)
    assert [progress.job_id for progress in MilvusHook().wait_for_import(["1", "2"])] == ["1", "2"]


@pytest.mark.parametrize("job_ids", [[], (), [[]]])
def test_wait_for_no_jobs_is_over_at_once(milvus, package_clock, job_ids):
    assert MilvusHook().wait_for_import(job_ids) == []
    assert milvus.sent == []


def test_wait_raises_what_the_job_failed_of(milvus, package_clock):
    milvus.responds(DESCRIBE, {"state": "Failed", "reason": "bad row"})
    with pytest.raises(exceptions.MilvusImportFailed, match="bad row"):
        MilvusHook().wait_for_import("1")


def test_wait_is_over_at_its_timeout(milvus, package_clock):
    milvus.responds(DESCRIBE, {"state": "Importing"})
    with pytest.raises(exceptions.MilvusImportTimeout):
        MilvusHook().wait_for_import("1", timeout=30)
    assert package_clock.now == 1_030


def test_wait_retries_with_its_own_back_off_alone(milvus, package_clock):
    milvus.responds(DESCRIBE, (502, "Bad Gateway"))
    with pytest.raises(exceptions.MilvusImportUnreachable):
        MilvusHook().wait_for_import("1", max_poll_failures=3)
    assert len(milvus.sent) == 3


def test_tested_connection_says_what_it_found(milvus):
    milvus.responds(COLLECTIONS, ["a", "b"])
    assert MilvusHook().test_connection() == (
        True,
        "Connected to http://milvus.example.org:19530; database 'default' has 2 collections",
    )


def test_tested_connection_to_the_cloud_requests_both_planes(milvus, connection):
    connection(extra={"cluster_id": "in03-1", "import_endpoint": "https://api.example.org"})
    milvus.responds(COLLECTIONS, [])
    milvus.responds(LIST, {"records": []}, failure(21119, "illegal API key"))
    works, message = MilvusHook().test_connection()
    assert works
    assert "import jobs go to https://api.example.org for in03-1" in message
    works, message = MilvusHook().test_connection()
    assert not works
    assert "https://api.example.org refuses these credentials" in message


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (requests.exceptions.ConnectTimeout("timed out"), "Cannot reach http://milvus.example.org:19530"),
        (
            requests.exceptions.SSLError(ssl.SSLCertVerificationError("self-signed")),
            "give the CA that signed its certificate as ca_bundle",
        ),
        ((401, json.dumps({"code": 1800, "message": "no"})), "refuses these credentials"),
        (failure(800, "database not found"), "has no database 'default'"),
        ((404, "404 page not found"), "is not Milvus's REST API"),
        ((200, "<html>"), "is not Milvus's REST API"),
        (failure(1, "service not ready"), "http://milvus.example.org:19530: Milvus responded with code 1"),
    ],
)
def test_tested_connection_says_what_is_wrong(milvus, response, words):
    milvus.responds(COLLECTIONS, response)
    works, message = MilvusHook().test_connection()
    assert not works
    assert words in message


def test_tested_connection_names_the_field_that_is_wrong(connection):
    connection(host="")
    assert MilvusHook().test_connection()[0] is False
    assert "has no host" in MilvusHook().test_connection()[1]


@pytest.mark.parametrize(
    ("request_of", "data", "found"),
    [
        (lambda hook: hook.has_collection("c"), {"has": True}, True),
        (lambda hook: hook.list_collections(), ["a"], ["a"]),
        (lambda hook: hook.describe_collection("c"), {"fields": []}, {"fields": []}),
        (lambda hook: hook.drop_collection("c"), {}, None),
        (lambda hook: hook.load_collection("c"), {}, None),
        (lambda hook: hook.refresh_load("c"), {}, None),
        (lambda hook: hook.get_load_state("c").loaded, {"loadState": "LoadStateLoaded"}, True),
        (lambda hook: hook.get_load_state("c").progress, {"loadState": "LoadStateLoading", "loadProgress": 40}, 40),
        (lambda hook: hook.get_collection_stats("c"), {"rowCount": "7"}, 7),
        (lambda hook: hook.create_collection("c", dimension=4), {}, None),
        (lambda hook: hook.create_index("c", [{"fieldName": "v"}]), {}, None),
        (lambda hook: hook.list_indexes("c"), ["v"], ["v"]),
        (lambda hook: hook.describe_index("c", "v").ready, [{"indexState": "Finished"}], True),
        (lambda hook: hook.create_alias("c", "a"), {}, None),
        (lambda hook: hook.alter_alias("c", "a"), {}, None),
        (lambda hook: hook.describe_alias("a"), {"collectionName": "c"}, "c"),
        (lambda hook: hook.describe_alias("a"), (200, '{"code": 1600, "message": "alias not found"}'), None),
        (lambda hook: hook.query("c", "id > 1", limit=1), [{"id": 2}], [{"id": 2}]),
        (lambda hook: hook.count("c"), [{"count(*)": 9}], 9),
        (lambda hook: hook.search("c", [[0.0]], anns_field="v"), [{"id": 2}], [{"id": 2}]),
    ],
)
def test_step_around_an_import_gives_its_value(milvus, request_of, data, found):
    for route in ("has", "list", "describe", "drop", "load", "refresh_load", "get_load_state", "get_stats", "create"):
        milvus.responds(f"/collections/{route}", data)
    for route in ("create", "list", "describe"):
        milvus.responds(f"/indexes/{route}", data)
    for route in ("create", "alter", "describe"):
        milvus.responds(f"/aliases/{route}", data)
    for route in ("/entities/query", "/entities/search"):
        milvus.responds(route, data)
    assert request_of(MilvusHook()) == found
    assert milvus.sent[0].body["dbName"] == "default"
