"""Import jobs over HTTP: what create refuses, how a job ends, and what describe and list say about it."""

import errno
import json
import re
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_milvus.local.importing import segments
from airflow_provider_milvus.local.importing.jobs import JobTable


def refusal(client, *files, **more):
    """Code and message with which create refuses."""
    body = {"collectionName": "c", "files": list(files), **more}
    response = client.call("/jobs/import/create", **body)
    return response["code"], response.get("message", "")


def test_job_completes_with_all_rows(client):
    job = client.load("rows.parquet")
    assert (job["state"], job["progress"], job["importedRows"], job["totalRows"]) == ("Completed", 100, 10, 10)
    assert client.rows() == 10


def test_completed_job_reports_times_sizes_and_files(client):
    job = client.load("rows.parquet")
    rfc3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)"
    assert re.fullmatch(rfc3339, job["createTime"])
    assert re.fullmatch(rfc3339, job["completeTime"])
    assert "reason" not in job
    size = (client.milvus.bucket / "rows.parquet").stat().st_size
    assert (job["collectionName"], job["fileSize"]) == ("c", size)
    (file,) = job["details"]
    assert (file["fileName"], file["fileSize"], file["state"]) == ("[rows.parquet]", size, "Completed")
    assert (file["progress"], file["importedRows"], file["totalRows"]) == (100, 10, 10)


def test_same_file_twice_is_twice_the_rows(client):
    client.load("rows.parquet")
    client.load("rows.parquet")
    assert client.rows() == 20


def test_several_files_of_several_formats_make_one_job(client):
    (client.milvus.bucket / "more.json").write_text(json.dumps([{"vector": [1, 2, 3, 4]}]))
    (client.milvus.bucket / "more.csv").write_text('vector\n"[1, 2, 3, 4]"\n')
    job = client.load("rows.parquet", "more.json", "/more.csv")
    assert (job["importedRows"], [file["importedRows"] for file in job["details"]]) == (12, [10, 1, 1])
    assert [file["fileName"] for file in job["details"]] == ["[rows.parquet]", "[more.json]", "[/more.csv]"]


@pytest.mark.parametrize(("name", "content"), [("none.json", "[]"), ("none.csv", "vector\n"), ("none.jsonl", "")])
def test_file_without_rows_completes(client, name, content):
    (client.milvus.bucket / name).write_text(content)
    job = client.load(name)
    assert (job["state"], job["importedRows"], job["totalRows"]) == ("Completed", 0, 0)


def test_rows_land_in_the_named_partition(client):
    client.post("/partitions/create", collectionName="c", partitionName="p")
    client.load("rows.parquet", partitionName="p")
    assert client.post("/partitions/get_stats", collectionName="c", partitionName="p") == {"rowCount": 10}


def test_job_ids_are_big_growing_strings(client):
    first, second = client.start("rows.parquet"), client.start("rows.parquet")
    assert int(second) > int(first) > 2**53


# -- what create refuses -----------------------------------------------------------------------------------


def test_unknown_collection_is_100(shared_client):
    assert refusal(shared_client, ["a.json"], collectionName="nope")[0] == 100


def test_unknown_database_is_800(shared_client):
    assert refusal(shared_client, ["a.json"], dbName="nope")[0] == 800


def test_unknown_partition_is_200(shared_client):
    code, message = refusal(shared_client, ["a.json"], partitionName="nope")
    assert (code, "partition not found" in message) == (200, True)


@pytest.mark.parametrize("files", [[], [[]], [[], []]])
def test_no_file_is_1100_empty(shared_client, files):
    code, message = refusal(shared_client, *files)
    assert (code, "empty" in message) == (1100, True)


def test_missing_files_are_1802(shared_client):
    assert shared_client.call("/jobs/import/create", collectionName="c")["code"] == 1802


@pytest.mark.parametrize(
    ("group", "fragment"),
    [
        (["a.txt"], "unexpected file type"),
        (["folder"], "unexpected file type"),
        (["a.JSON"], "unexpected file type"),
        ([""], "unexpected file type"),
        (["a.json", "b.parquet"], "inconsistency in file types"),
        (["a.json", "b.json"], "accepts only one file"),
    ],
)
def test_bad_file_group_is_2100(shared_client, group, fragment):
    code, message = refusal(shared_client, group)
    assert (code, fragment in message, message.endswith("importing data failed")) == (2100, True, True)


def test_too_many_file_groups_are_2100(shared_client):
    code, message = refusal(shared_client, *[["a.json"]] * 1025)
    assert (code, "The max number of import files should not exceed 1024" in message) == (2100, True)


@pytest.mark.parametrize(
    "timeout", ["10", "soon", "-5s", "1d", "5s5", "1" * 20000, "1" * 20000 + "s", "\u0661s"], ids=lambda text: text[:8]
)
def test_malformed_timeout_is_2100(shared_client, timeout):
    code, message = refusal(shared_client, ["a.json"], options={"timeout": timeout})
    assert (code, "parse timeout failed" in message) == (2100, True)


@pytest.mark.parametrize(
    ("options", "code", "fragment"),
    [
        ({"backup": "true"}, 1101, "partition not specified"),
        ({"l0_import": "true"}, 2100, "release"),
    ],
)
def test_backups_are_refused(shared_client, options, code, fragment):
    found, message = refusal(shared_client, ["a.json"], options=options)
    assert (found, fragment in message) == (code, True)


# ParseTimeRange and GetStorageVersion in internal/util/importutilv2/option.go.
@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({"storage_version": "abc"}, "parse storage_version failed, value=abc, err=strconv.ParseInt"),
        ({"start_ts": "soon"}, 'parse start_ts failed, value=soon, err=strconv.ParseUint: parsing "soon"'),
        ({"endTs": "-1"}, "parse end_ts failed, value=-1"),
        ({"start_ts": "1"}, "start_ts is not a valid hybrid timestamp, value=1"),
        ({"start_ts": str(1700000000000 << 18), "EndTs": str(1600000000000 << 18)}, "start_ts shouldn't be larger"),
        ({"storage_version": "2", "start_ts": str(1700000000000 << 18)}, "no binlog to import"),
    ],
)
def test_options_of_a_backup_are_read_before_its_files(shared_client, options, fragment):
    options = options | {"backup": "true"}
    code, message = refusal(shared_client, ["a.json"], options=options, partitionName="_default")
    assert (code, fragment in message) == (2100, True), message


def test_partition_of_a_partition_key_collection_is_2100(shared_client):
    key = {"fieldName": "k", "dataType": "Int64", "isPartitionKey": True}
    shared_client.create("keyed", fields=[key])
    code, message = refusal(shared_client, ["a.json"], collectionName="keyed", partitionName="_default")
    assert (code, "partition key" in message) == (2100, True)


def test_more_jobs_than_allowed_are_2100(serve):
    client = serve(min_job_seconds=30, max_jobs=2)
    client.create()
    client.start("a.json")
    client.start("a.json")
    code, message = refusal(client, ["a.json"])
    assert (code, "The number of jobs has reached the limit" in message) == (2100, True)


def test_request_that_took_too_long_is_carried_out_all_the_same(client):
    body = {"collectionName": "c", "files": [["rows.parquet"]]}
    status, _, content = client.send("/jobs/import/create", body, **{"Request-Timeout": "0"})
    assert (status, json.loads(content)) == (408, {"code": 10001, "message": "request timeout"})
    while not (records := client.post("/jobs/import/list", collectionName="c")["records"]):
        time.sleep(0.02)
    assert (client.wait(records[0]["jobId"])["state"], client.rows()) == ("Completed", 10)


# -- how a job fails ---------------------------------------------------------------------------------------


def test_failed_job_shows_nothing_but_its_reason(client):
    job = client.load("none.parquet")
    assert (job["state"], job["progress"], job["importedRows"], job["totalRows"]) == ("Failed", 0, 0, 0)
    assert (job["completeTime"], client.rows()) == ("", 0)


def test_missing_file_is_named(client):
    reason = client.load("none.parquet")["reason"]
    assert "'none.parquet'" in reason
    assert reason.endswith("importing data failed (PreImportTask)")


def test_every_missing_file_is_named_in_the_details(client):
    job = client.load("none.parquet", "rows.parquet", "neither.json")
    reasons = {file["fileName"]: file.get("reason", "") for file in job["details"] if file["state"] == "Failed"}
    assert reasons.keys() == {"[none.parquet]", "[neither.json]"}
    assert "does not exist" in reasons["[neither.json]"]


def test_bad_row_is_named_with_its_file_and_field(client):
    rows = [{"vector": [1, 2, 3, 4]}] * 1500
    (client.milvus.bucket / "bad.json").write_text(json.dumps([*rows, {"vector": [1, 2]}]))
    job = client.load("rows.parquet", "bad.json")
    for part in ("'bad.json'", "row 1500", "vector", "importing data failed (ImportTask)"):
        assert part in job["reason"]
    assert [file["state"] for file in job["details"]] == ["Completed", "Failed"]
    assert job["details"][1]["reason"] == job["reason"]
    assert client.rows() == 0


@pytest.mark.parametrize("value", ["1e999", '{"deep": [-1e999]}'])
@pytest.mark.parametrize("name", ["bad.json", "bad.jsonl"])
def test_value_that_no_response_can_hold_fails_the_job(client, name, value):
    client.create("dynamic", enableDynamicField=True)
    rows = ['{"vector": [1, 2, 3, 4], "x": ' + one + "}" for one in ("1", value)]
    text = "\n".join(rows) if name.endswith("l") else f"[{', '.join(rows)}]"
    (client.milvus.bucket / name).write_text(text)
    job = client.load(name, collection="dynamic")
    assert (job["state"], f"'{name}': row 1" in job["reason"]) == ("Failed", True), job


def test_column_of_another_dimension_names_the_field(client):
    vectors = pa.array([[1.0, 2.0]], pa.list_(pa.float32()))
    pq.write_table(pa.table({"vector": vectors}), client.milvus.bucket / "bad.parquet")
    reason = client.load("bad.parquet")["reason"]
    assert "row 0 (counted from 0), field 'vector': expected dim '4', got dim '2'" in reason


def test_way_out_of_the_bucket_fails_the_job(client):
    outside = client.milvus.bucket.parent / "outside.parquet"
    outside.write_bytes((client.milvus.bucket / "rows.parquet").read_bytes())
    (client.milvus.bucket / "link.parquet").symlink_to(outside)
    for path in ("../outside.parquet", str(outside), "link.parquet"):
        assert client.load(path)["state"] == "Failed"
    assert client.rows() == 0


def test_failed_job_leaves_no_file_behind(client):
    (client.milvus.bucket / "bad.json").write_text('[{"vector": [1]}]')
    client.load("rows.parquet", "bad.json")
    data_dir = client.milvus.bucket.parent
    assert list((data_dir / "import").glob("**/*.parquet")) == []
    assert list((data_dir / "collections").glob("**/*.parquet")) == []


@pytest.mark.parametrize("timeout", ["50ms", "0.05s", "0h0m0.05s"])
def test_timeout_fails_the_job(serve, timeout):
    client = serve(min_job_seconds=30)
    client.create()
    job = client.load("rows.parquet", options={"timeout": timeout})
    assert (job["state"], job["reason"]) == ("Failed", "import timeout")


def test_timeout_fails_a_job_that_still_waits_for_a_worker(serve):
    client = serve(min_job_seconds=30)
    client.create()
    for _ in range(2):
        client.start("rows.parquet")
    assert client.load("rows.parquet", options={"timeout": "100ms"})["reason"] == "import timeout"


def test_dropped_collection_fails_the_job(serve, client):
    client = serve(min_job_seconds=1)
    job_id = client.start("rows.parquet")
    client.post("/collections/drop", collectionName="c")
    # Another collection of that name must not get the rows.
    client.create()
    assert re.fullmatch(r"collection \d+ dropped", client.wait(job_id)["reason"])
    assert client.rows() == 0


def test_dropped_collection_fails_a_job_that_waits_for_a_worker(serve, client):
    client = serve(min_job_seconds=30, parallel_jobs=1)
    client.create("other")
    client.start("rows.parquet", collection="other")
    waiting = client.start("rows.parquet")
    client.post("/collections/drop", collectionName="c")
    assert "dropped" in client.wait(waiting)["reason"]


def test_full_disk_fails_the_job_with_a_transient_reason(client, monkeypatch):
    def write_table(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(segments.pq, "write_table", write_table)
        reason = client.load("rows.parquet")["reason"]
    assert reason.startswith("disk quota exceeded, please allocate more resources")
    assert client.load("rows.parquet")["state"] == "Completed"


def test_full_disk_refuses_a_job_in_the_envelope(client, monkeypatch):
    def save(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(JobTable, "save", save)
    assert client.call("/jobs/import/create", collectionName="c", files=[["rows.parquet"]])["code"] == 7


def test_dropped_partition_fails_the_job(serve, client):
    client.post("/partitions/create", collectionName="c", partitionName="p")
    client = serve(min_job_seconds=0.5)
    client.post("/collections/load", collectionName="c")
    job_id = client.start("rows.parquet", partitionName="p")
    client.post("/partitions/drop", collectionName="c", partitionName="p")
    assert client.wait(job_id)["state"] == "Failed"
    assert client.rows() == 0


# -- while a job runs --------------------------------------------------------------------------------------


def test_progress_only_grows_and_rows_show_at_the_end(serve, client):
    client = serve(min_job_seconds=2)
    client.post("/collections/load", collectionName="c")
    started = time.monotonic()
    job_id = client.start("rows.parquet")
    seen = []
    while not seen or seen[-1]["state"] != "Completed":
        rows = client.rows()
        seen.append(client.post("/jobs/import/describe", jobId=job_id))
        assert rows == 0 or seen[-1]["state"] == "Completed"
        time.sleep(0.02)
    assert time.monotonic() - started >= 1.98
    assert [job["state"] for job in seen] == sorted(
        (job["state"] for job in seen), key=["Pending", "Importing", "Completed"].index
    )
    progress = [job["progress"] for job in seen]
    assert progress == sorted(progress)
    assert len(set(progress)) > 10
    for job in seen:
        low, high = {"Pending": (0, 10), "Importing": (10, 99), "Completed": (100, 100)}[job["state"]]
        assert low <= job["progress"] <= high
        assert (job["details"] == []) == (job["progress"] < 40 or job["state"] == "Pending") or job["progress"] == 40


def test_job_stands_at_80_percent_while_a_cluster_would_build_the_index(serve, client):
    client = serve(min_job_seconds=2)
    job_id = client.start("rows.parquet")
    seen = []
    while (job := client.post("/jobs/import/describe", jobId=job_id))["state"] != "Completed":
        seen.append(job["progress"])
        time.sleep(0.01)
    assert max(set(seen), key=seen.count) == 80
    assert not set(range(81, 99)) & set(seen)


def test_as_many_jobs_run_side_by_side_as_are_allowed(serve, client):
    client = serve(min_job_seconds=30, parallel_jobs=3)
    jobs = [client.start("rows.parquet") for _ in range(5)]
    for job_id in jobs[:3]:
        client.wait(job_id, "Importing")
    assert [client.wait(job_id, "Pending")["progress"] for job_id in jobs[3:]] == [0, 0]


def test_two_jobs_run_side_by_side(serve, client):
    client = serve(min_job_seconds=5)
    first, second = client.start("rows.parquet"), client.start("rows.parquet")
    client.wait(second, "Importing")
    assert client.post("/jobs/import/describe", jobId=first)["state"] == "Importing"


def test_inserts_during_an_import_keep_their_rows_and_keys(serve, client):
    client = serve(min_job_seconds=0.5)
    client.post("/collections/load", collectionName="c")
    keys = []

    def insert():
        data = [{"vector": [1.0, 2.0, 3.0, 4.0]}] * 3
        keys.extend(client.post("/entities/insert", collectionName="c", data=data)["insertIds"])

    insert()
    job_id = client.start("rows.parquet")
    while client.post("/jobs/import/describe", jobId=job_id)["state"] != "Completed":
        insert()
        time.sleep(0.02)
    insert()
    client = serve()
    client.post("/collections/load", collectionName="c")
    insert()
    assert len(set(keys)) == len(keys)
    assert client.rows() == len(keys) + 10


# -- describe and list -------------------------------------------------------------------------------------


def test_describe_and_get_progress_say_the_same(client):
    job_id = client.start("rows.parquet")
    client.wait(job_id)
    assert client.post("/jobs/import/get_progress", jobId=job_id) == client.post("/jobs/import/describe", jobId=job_id)


@pytest.mark.parametrize(
    ("job_id", "code", "fragment"),
    [
        ("123", 2100, "import job does not exist, jobID=123"),
        ("99999999999999999999", 2100, "parse job id failed"),
        ("abc", 2100, "parse job id failed"),
        ("\uff11\uff12", 2100, "parse job id failed"),
        (5, 1801, "cannot unmarshal"),
        ("", 1802, "JobID"),
        (None, 1802, "JobID"),
    ],
)
def test_describe_refuses_other_ids(shared_client, job_id, code, fragment):
    response = shared_client.call("/jobs/import/describe", jobId=job_id)
    assert (response["code"], fragment.lower() in response["message"].lower()) == (code, True)


def test_list_shows_jobs_of_one_collection_or_of_all(client):
    client.create("d")
    mine, other = client.start("rows.parquet"), client.start("none.json", collection="d")
    client.wait(mine)
    client.wait(other)

    def listed(**body):
        return {record["jobId"]: record for record in client.post("/jobs/import/list", **body)["records"]}

    assert listed(collectionName="c") == {
        mine: {"jobId": mine, "collectionName": "c", "state": "Completed", "progress": 100}
    }
    assert listed().keys() == listed(collectionName="").keys() == {mine, other}
    assert listed()[other]["reason"].endswith("importing data failed (PreImportTask)")


def test_list_of_an_unknown_collection_is_100(client):
    assert client.call("/jobs/import/list", collectionName="nope")["code"] == 100


@pytest.mark.parametrize("where", ["body", "header"])
def test_database_comes_from_body_or_header(client, where):
    client.post("/databases/create", dbName="other")
    body, headers = ({"dbName": "other"}, None) if where == "body" else ({}, {"DB-Name": "other"})
    client.post("/collections/create", headers, collectionName="c", dimension=4, autoID=True, **body)
    assert client.wait(client.start("rows.parquet", headers=headers, **body))["state"] == "Completed"
    assert client.post("/collections/get_stats", headers, collectionName="c", **body) == {"rowCount": 10}
    assert client.rows() == 0


def test_finished_and_waiting_jobs_survive_a_restart(serve, client):
    finished = client.start("rows.parquet")
    before = client.wait(finished)
    client = serve(min_job_seconds=30)
    waiting = client.start("rows.parquet")
    client.wait(waiting, "Pending", "Importing")
    client = serve()
    assert client.post("/jobs/import/describe", jobId=finished) == before
    assert client.wait(waiting)["state"] == "Completed"
    assert client.rows() == 20
