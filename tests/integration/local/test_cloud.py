"""The local Milvus as Zilliz Cloud: the rules of its control plane, and the clients that follow them."""

import json
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pymilvus import MilvusClient
from pymilvus.bulk_writer import bulk_import, get_import_progress, list_import_jobs

from airflow_provider_milvus.exceptions import MilvusImportFailed
from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.local import LocalMilvus
from airflow_provider_milvus.local.faults import Fault
from airflow_provider_milvus.rest.errors import MilvusAuthError, MilvusImportJobNotFound, MilvusServerError

CLUSTER, KEY = "in03-0123abcd", "apikey0123"
BEARER = {"Authorization": f"Bearer {KEY}"}
URLS = [["s3://any/rows.parquet"]]


@pytest.fixture
def cloud(serve):
    """A client of such a server, which has a collection ``c`` and a file ``rows.parquet`` of ten rows for it."""
    client = serve(zilliz_cluster=CLUSTER)
    client.create()
    write_rows(client.milvus.bucket / "rows.parquet")
    return client


def write_rows(path, rows=10):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"vector": pa.array([[1.0] * 4] * rows, pa.list_(pa.float32()))}), path)


def call(cloud, route, headers=BEARER, **body):
    return cloud.call(f"/jobs/import/{route}", headers, **{"clusterId": CLUSTER, **body})


def start(cloud, urls=URLS, **body):
    response = call(cloud, "create", collectionName="c", objectUrls=urls, **body)
    assert response["code"] == 0, response
    return response["data"]["jobId"]


def wait(cloud, job_id, *states):
    deadline = time.monotonic() + 120
    while (job := call(cloud, "describe", jobId=job_id)["data"])["state"] not in (states or ("Completed", "Failed")):
        assert time.monotonic() < deadline, job
        time.sleep(0.02)
    return job


def rows_of(cloud, *urls, **body):
    job = wait(cloud, start(cloud, [[url] for url in urls], **body))
    assert job["state"] == "Completed", job
    return job["importedRows"]


def test_job_id_has_the_form_of_the_cloud(cloud):
    job_id = start(cloud)
    assert job_id.startswith("job-")
    assert wait(cloud, job_id)["jobId"] == job_id


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"clusterId": ""}, 96025),
        ({"clusterId": None}, 96025),
        ({"clusterId": "mine"}, 96036),
        ({"clusterId": "in03-other"}, 96018),
        ({"clusterId": "", "projectId": "proj-1"}, 96001),
        ({"clusterId": "", "regionId": "aws-us-west-2"}, 96005),
        ({"clusterId": "", "projectId": "proj-1", "regionId": "aws-us-west-2"}, 0),
        ({}, 0),
    ],
)
@pytest.mark.parametrize("route", ["create", "list"])
def test_request_names_the_cluster_or_the_project_and_region(cloud, route, body, code):
    more = {"collectionName": "c", "objectUrls": URLS} if route == "create" else {}
    assert call(cloud, route, **more, **body)["code"] == code


@pytest.mark.parametrize("header", ["", "Bearer ", "Bearer root:Milvus", "Basic YXBpa2V5", KEY])
def test_control_plane_wants_an_api_key(cloud, header):
    response = call(cloud, "list", {"Authorization": header})
    assert (response["code"], "API key" in response["message"]) == (21119, True)


def test_given_api_key_opens_both_planes_and_no_other_does(serve):
    client = serve(zilliz_cluster=CLUSTER, token=KEY)
    assert call(client, "list")["code"] == 0
    assert client.post("/collections/list", BEARER) == []
    assert MilvusClient(uri=client.milvus.uri, token=KEY).list_collections() == []
    other = {"Authorization": "Bearer other"}
    assert call(client, "list", other)["code"] == 21119
    assert client.send("/collections/list", {}, **other)[0] == 401


@pytest.mark.parametrize("job_id", ["job-1", "1", "job-x", "none"])
@pytest.mark.parametrize("route", ["describe", "get_progress", "commit", "abort"])
def test_unknown_job_is_96026(cloud, route, job_id):
    assert call(cloud, route, jobId=job_id)["code"] == 96026


def test_list_has_pages_newest_first(cloud):
    jobs = [start(cloud) for _ in range(5)]
    pages = [call(cloud, "list", pageSize=2, currentPage=page)["data"] for page in (1, 2, 3, 4)]
    assert [page["count"] for page in pages] == [2, 2, 1, 0]
    assert [job["jobId"] for page in pages for job in page["records"]] == jobs[::-1]
    assert set(pages[0]["records"][0]) == {"collectionName", "jobId", "state"}


@pytest.mark.parametrize(
    ("paging", "code"),
    [({"pageSize": 0}, 96008), ({"pageSize": 101}, 96008), ({"currentPage": 0}, 96009), ({"pageSize": "9"}, 1801)],
)
def test_page_that_cannot_be_is_refused(cloud, paging, code):
    assert call(cloud, "list", **paging)["code"] == code


def test_running_job_is_in_progress_in_the_list(serve):
    client = serve(zilliz_cluster=CLUSTER, min_job_seconds=30)
    client.create()
    write_rows(client.milvus.bucket / "rows.parquet")
    job_id = start(client)
    wait(client, job_id, "Importing")
    assert [job["state"] for job in call(client, "list")["data"]["records"]] == ["InProgress"]


def test_vanished_job_is_96026(cloud):
    job_id = start(cloud)
    cloud.milvus.faults.append(Fault("vanish", "describe"))
    assert call(cloud, "describe", jobId=job_id) == {"code": 96026, "message": f"import job not found: {job_id}"}


def test_vanished_jobs_are_not_counted(cloud):
    start(cloud)
    cloud.milvus.faults.append(Fault("vanish", "list"))
    data = call(cloud, "list")["data"]
    assert (data["count"], data["records"]) == (0, [])


def test_stuck_job_is_in_progress_in_the_list(cloud):
    wait(cloud, start(cloud))
    cloud.milvus.faults.append(Fault("stuck", "list"))
    (job,) = call(cloud, "list")["data"]["records"]
    assert (job["state"], set(job)) == ("InProgress", {"collectionName", "jobId", "state"})


def test_list_is_of_one_database(cloud):
    cloud.post("/databases/create", dbName="other")
    start(cloud)
    assert call(cloud, "list", dbName="other")["data"]["records"] == []


@pytest.mark.parametrize(
    "url",
    [
        "s3://any/rows.parquet",
        "gs://any/rows.parquet",
        "https://s3.us-west-2.amazonaws.com/any/rows.parquet",
        "https://any.s3.us-west-2.amazonaws.com/rows.parquet",
        "https://storage.googleapis.com/any/rows.parquet",
        "https://account.blob.core.windows.net/any/rows.parquet",
    ],
)
def test_url_of_any_store_leads_into_the_bucket(cloud, url):
    assert rows_of(cloud, url) == 10


def test_deprecated_single_url_is_taken(cloud):
    response = call(cloud, "create", collectionName="c", objectUrl="s3://any/rows.parquet")
    assert wait(cloud, response["data"]["jobId"])["importedRows"] == 10


# zilliz-cli 1.0.2, the example of `zilliz import start`
def test_urls_are_taken_as_the_command_line_of_zilliz_spells_them(cloud):
    response = call(cloud, "create", collectionName="c", files=[["s3://any/rows.parquet"]])
    assert wait(cloud, response["data"]["jobId"])["importedRows"] == 10


def test_folder_means_all_files_in_it(cloud):
    for number in range(3):
        write_rows(cloud.milvus.bucket / "day" / f"{number}" / "rows.parquet")
    (cloud.milvus.bucket / "day" / "_SUCCESS").touch()
    assert rows_of(cloud, "s3://any/day/") == 30


@pytest.mark.parametrize("end", ["", "/"])
def test_folder_may_have_the_name_of_a_file(cloud, end):
    for number in range(2):
        write_rows(cloud.milvus.bucket / "out.parquet" / f"part-{number}.parquet", 3)
    (cloud.milvus.bucket / "out.parquet" / "_SUCCESS").touch()
    assert rows_of(cloud, f"s3://any/out.parquet{end}") == 6


def test_missing_file_is_named_by_the_job(cloud):
    job = wait(cloud, start(cloud, [["s3://any/none.parquet"]]))
    assert (job["state"], "the specified key does not exist" in job["reason"]) == ("Failed", True)


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_key_is_taken_as_it_is(cloud, scheme):
    write_rows(cloud.milvus.bucket / "day#1" / "50%25 ?.parquet", 3)
    assert rows_of(cloud, f"{scheme}://any/day#1/50%25 ?.parquet") == 3


def test_numpy_files_that_lie_together_are_one_set(cloud):
    for folder in ("a", "b"):
        (cloud.milvus.bucket / "sets" / folder).mkdir(parents=True)
        np.save(cloud.milvus.bucket / "sets" / folder / "vector.npy", np.ones((5, 4), np.float32))
    assert rows_of(cloud, "s3://any/sets") == 10


def test_volume_is_a_folder_of_the_bucket(cloud):
    write_rows(cloud.milvus.bucket / "vol" / "day" / "rows.parquet", 3)
    response = call(cloud, "create", collectionName="c", volumeName="vol", dataPaths=[["day/rows.parquet"], ["/day"]])
    assert wait(cloud, response["data"]["jobId"])["importedRows"] == 6


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"files": [["rows.parquet"]]}, 1100),
        ({"objectUrls": [[]]}, 1802),
        ({"objectUrls": [["rows.parquet"]]}, 1100),
        ({"objectUrls": [["ftp://any/rows.parquet"]]}, 1100),
        ({"objectUrls": [["s3://any/none/"]]}, 2100),
        ({"objectUrls": [["s3://any/../"]]}, 2100),
        ({"objectUrls": URLS, "collectionName": "none"}, 100),
    ],
)
def test_create_that_names_nothing_to_import_is_refused(cloud, body, code):
    assert call(cloud, "create", **{"collectionName": "c", **body})["code"] == code


def test_idempotency_key_is_not_heeded(cloud):
    headers = BEARER | {"Idempotency-Key": "k"}
    ids = {call(cloud, "create", headers, collectionName="c", objectUrls=URLS)["data"]["jobId"] for _ in range(2)}
    assert len(ids) == 2


def test_two_phase_job_is_committed(cloud):
    job_id = start(cloud, options={"auto_commit": "false"})
    wait(cloud, job_id, "Uncommitted")
    assert call(cloud, "commit", jobId=job_id)["code"] == 0
    assert wait(cloud, job_id)["state"] == "Completed"


def test_functions_of_pymilvus_work_with_a_cluster_id(cloud):
    cluster = {"cluster_id": CLUSTER, "api_key": KEY}
    secrets = {"access_key": "a", "secret_key": "s"}
    response = bulk_import(cloud.milvus.uri, "c", object_urls=URLS, **cluster, **secrets).json()
    job_id = response["data"]["jobId"]
    wait(cloud, job_id)
    assert get_import_progress(cloud.milvus.uri, job_id, **cluster).json()["data"]["importedRows"] == 10
    listed = list_import_jobs(cloud.milvus.uri, collection_name="c", **cluster).json()["data"]
    assert [job["jobId"] for job in listed["records"]] == [job_id]


@pytest.fixture
def hook(cloud, monkeypatch):
    """The provider's own client, as a connection to Zilliz Cloud describes it."""

    def connect(token=KEY, **extra):
        connection = {
            "conn_type": "milvus",
            "host": cloud.milvus.uri,
            "password": token,
            "extra": {"cluster_id": CLUSTER, "import_endpoint": cloud.milvus.uri, **extra},
        }
        monkeypatch.setenv("AIRFLOW_CONN_MILVUS_DEFAULT", json.dumps(connection))
        return MilvusHook()

    return connect


def test_hook_imports_from_urls_and_volumes(cloud, hook):
    write_rows(cloud.milvus.bucket / "vol" / "rows.parquet", 3)
    for source, rows in (
        ({"object_urls": ["s3://any/rows.parquet"]}, 10),
        ({"volume_name": "vol", "data_paths": ["/"]}, 3),
    ):
        job_id = hook().bulk_import("c", **source)
        assert hook().wait_for_import(job_id, poll_interval=0.1).imported_rows == rows


def test_hook_lists_all_pages(cloud, hook):
    jobs = {start(cloud) for _ in range(101)}
    assert {job.job_id for job in hook().list_import_jobs("c")} == jobs


def test_hook_distinguishes_the_errors_of_the_cloud(cloud, hook):
    with pytest.raises(MilvusAuthError):
        hook(token="root:Milvus").list_import_jobs()
    with pytest.raises(MilvusImportJobNotFound):
        hook().get_import_progress("job-1")
    with pytest.raises(MilvusServerError, match="cluster not found"):
        hook(cluster_id="in03-other").list_import_jobs()
    job_id = hook().bulk_import("c", object_urls=["s3://any/none.parquet"])
    with pytest.raises(MilvusImportFailed, match="does not exist"):
        hook().wait_for_import(job_id, poll_interval=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"zilliz_cluster": "mine"}, "must be a cluster id"),
        ({"zilliz_cluster": CLUSTER, "token": "root:Milvus"}, "must be an API key"),
    ],
)
def test_cluster_and_key_that_cannot_be_are_refused(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        LocalMilvus(tmp_path, **options)


def test_command_line_serves_a_cluster(command):
    client = command("--zilliz")
    assert client.call("/jobs/import/list", BEARER, clusterId="in03-local")["code"] == 0


def test_command_line_refuses_user_and_password(tmp_path):
    serve = [sys.executable, "-m", "airflow_provider_milvus.local", "serve", "--data-dir", str(tmp_path), "--zilliz"]
    done = subprocess.run([*serve, "--token", "root:Milvus"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "error: token must be an API key on Zilliz Cloud, not user:password\n")
