"""The vocabulary of import jobs."""

import pytest

from airflow_provider_milvus.rest import import_jobs
from airflow_provider_milvus.rest.errors import MilvusProtocolError
from airflow_provider_milvus.rest.import_jobs import ImportSource, ImportState, parse_progress


@pytest.mark.parametrize("data", [{"jobId": "7"}, {"jobID": "7"}, {"jobId": 7}, [{"jobId": "7"}]])
def test_job_id_is_found_in_every_spelling(data):
    assert import_jobs.create("c", ImportSource(files=["a.parquet"])).parse(data) == "7"


def test_accepted_import_without_a_job_id_is_an_error():
    with pytest.raises(MilvusProtocolError, match="no job id"):
        import_jobs.create("c", ImportSource(files=["a.parquet"])).parse({})


def test_create_is_not_repeatable():
    assert import_jobs.create("c", ImportSource(files=["a.parquet"])).repeatable is False


def test_describe_falls_back_to_get_progress():
    request = import_jobs.describe("7")
    assert (request.path, request.fallback.path) == ("/jobs/import/describe", "/jobs/import/get_progress")


def test_create_sends_files_as_groups_and_leaves_out_what_is_not_given():
    body = import_jobs.create("c", ImportSource(files=["a.parquet", ["x.npy", "y.npy"]])).encode()
    assert body == b'{"collectionName": "c", "files": [["a.parquet"], ["x.npy", "y.npy"]]}'


def test_create_for_the_cloud_sends_urls_and_storage_keys():
    source = ImportSource(object_urls=["s3://b/a/"])
    body = import_jobs.create("c", source, storage={"accessKey": "k"}).body
    assert (body["objectUrls"], body["accessKey"]) == ([["s3://b/a/"]], "k")


def test_create_for_a_volume_sends_its_name_and_paths():
    body = import_jobs.create("c", ImportSource(volume_name="v", data_paths=["a/"])).body
    assert (body["volumeName"], body["dataPaths"]) == ("v", [["a/"]])


def test_idempotency_key_is_a_header():
    request = import_jobs.create("c", ImportSource(files=["a.parquet"]), idempotency_key="k")
    assert request.headers == {"Idempotency-Key": "k"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of files"),
        ({"files": ["a.json"], "object_urls": ["s3://b/a"]}, "exactly one of files"),
        ({"data_paths": ["a"]}, "volume_name and data_paths"),
        ({"files": []}, "files must be a list with at least one file, got"),
        ({"files": 7}, "files must be a list with at least one file, got 7"),
        ({"files": [["a.json", 7]]}, "files: each entry must be a path"),
        ({"files": [" "]}, "files: each entry must be a path"),
        ({"files": [[]]}, "files: each entry must be a path"),
        ({"files": ["a.txt"]}, "file type '.txt'; Milvus imports .parquet"),
        ({"files": ["a.JSON"]}, "lower case"),
        ({"files": ["folder/"]}, "file type ''"),
        ({"files": ["s3://bucket/a.parquet"]}, "give the key alone"),
        ({"files": [["a.parquet", "b.parquet"]]}, "only .npy files form a set"),
        ({"object_urls": ["b/a.parquet"]}, "object_urls: 'b/a.parquet' is no URL; give one such as s3://"),
        ({"object_urls": ["s3://"]}, "is no URL"),
        ({"object_urls": ["s3://key:secret@b/a.parquet"]}, "belong in a connection, whose id is storage_conn_id"),
        ({"object_urls": [["s3://b/a", "s3://b/b"]]}, "each entry is one file or folder, got 2 in one"),
    ],
)
def test_bad_source_gives_one_error_that_names_it(arguments, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        ImportSource(**arguments)


@pytest.mark.parametrize(
    ("name", "prefix", "more"),
    [("files", "", {}), ("object_urls", "s3://b/", {}), ("data_paths", "", {"volume_name": "v"})],
)
def test_more_entries_than_one_import_takes_are_refused(name, prefix, more):
    source = ImportSource(**{name: [f"{prefix}{number}.parquet" for number in range(1025)]}, **more)
    with pytest.raises(ValueError, match=f"{name} has 1,025 entries and Milvus takes at most 1,024 in one import"):
        import_jobs.create("c", source)


@pytest.mark.parametrize(
    "files", [["a.parquet", "b.parquet", "a.parquet"], ["a.parquet", "/a.parquet"], [["a.npy", "b.npy"], ["a.npy"]]]
)
def test_file_that_is_named_twice_is_refused(files):
    with pytest.raises(ValueError, match=r"files names 'a\.\w+' more than once, which would load it as often"):
        ImportSource(files=files)


def test_keys_in_a_url_are_not_quoted():
    with pytest.raises(ValueError, match="object_urls") as caught:
        ImportSource(object_urls=["s3://access:s3cret@b/a.parquet"])
    assert "s3cret" not in str(caught.value)


def test_repr_of_a_request_shows_no_storage_keys():
    request = import_jobs.create("c", ImportSource(object_urls=["s3://b/a"]), storage={"secretKey": "s3cret"})
    assert "s3cret" not in repr(request)


@pytest.mark.parametrize("value", [True, 300, None, ["a"]])
def test_option_that_is_no_text_is_refused(value):
    with pytest.raises(ValueError, match=r"options\['timeout'\] must be a string"):
        import_jobs.create("c", ImportSource(files=["a.parquet"]), options={"timeout": value})


@pytest.mark.parametrize("options", ["timeout", ["timeout"], 5])
def test_options_that_are_no_dict_are_refused(options):
    with pytest.raises(ValueError, match="options must be a dict of strings"):
        import_jobs.create("c", ImportSource(files=["a.parquet"]), options=options)


@pytest.mark.parametrize("name", ["", " ", 7])
def test_bad_partition_name_is_refused(name):
    with pytest.raises(ValueError, match="partition_name must be the name of a partition, or None"):
        import_jobs.create("c", ImportSource(files=["a.parquet"]), partition_name=name)


@pytest.mark.parametrize("name", ["", " ", None, 7])
def test_bad_collection_name_is_refused(name):
    with pytest.raises(ValueError, match="collection_name must be"):
        import_jobs.create(name, ImportSource(files=["a.parquet"]))


@pytest.mark.parametrize("job_id", ["", " ", None, 7])
def test_bad_job_id_is_refused(job_id):
    with pytest.raises(ValueError, match="job_id must be"):
        import_jobs.describe(job_id)


def test_file_names_are_those_that_progress_reports():
    assert ImportSource(files=["/a.parquet", ["x.npy", "y.npy"]]).file_names() == ("a.parquet", "x.npy y.npy")


def progress(**fields):
    return parse_progress({"jobId": "7", "state": "Importing", **fields})


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (70, 70),
        ("70", 70),
        (0.7, 70),
        ("0.7", 70),
        (1, 1),
        (1.0, 100),
        (99.0, 99),
        (-3, 0),
        (-1e308, 0),
        (140, 100),
        (None, 0),
    ],
)
def test_progress_is_whole_percent(sent, shown):
    assert progress(progress=sent).progress == shown


def test_completed_job_is_at_100_percent():
    assert progress(state="Completed", progress=0).progress == 100


@pytest.mark.parametrize("name", ["importedRows", "importRows"])
def test_rows_are_read_in_both_spellings_and_from_texts(name):
    assert progress(**{name: "12"}).imported_rows == 12


@pytest.mark.parametrize(
    ("sent", "state"),
    [
        ("Pending", ImportState.PENDING),
        ("InProgress", ImportState.IMPORTING),
        ("Uncommitted", ImportState.UNCOMMITTED),
        ("Resharding", ImportState.UNKNOWN),
        ("None", ImportState.UNKNOWN),
    ],
)
def test_state_is_read(sent, state):
    assert progress(state=sent).state is state


def test_unknown_state_keeps_its_text():
    assert progress(state="Resharding").as_dict()["state"] == "Resharding"


def test_missing_fields_are_zero_or_empty():
    found = progress()
    assert (found.imported_rows, found.reason, found.create_time, found.files) == (0, "", "", ())


def test_answer_without_a_state_is_an_error():
    with pytest.raises(MilvusProtocolError, match="no job state"):
        parse_progress({"jobId": "7"})


def test_file_name_loses_its_brackets():
    assert progress(details=[{"fileName": "[a/1.parquet]"}]).files[0].name == "a/1.parquet"


def test_failed_files_are_those_with_a_reason_or_a_failed_state():
    details = [{"fileName": "a", "state": "Failed"}, {"fileName": "b", "reason": "r"}, {"fileName": "c"}]
    assert [file.name for file in progress(details=details).failed_files] == ["a", "b"]


def test_list_reads_self_hosted_and_cloud_records():
    data = {
        "count": 2,
        "records": [{"jobId": "1", "state": "InProgress"}, {"jobId": "2", "state": "Failed", "reason": "r"}],
    }
    jobs = [import_jobs.parse_job(record) for record in import_jobs.list_jobs().parse(data).values()]
    assert [(job.job_id, job.state, job.reason) for job in jobs] == [
        ("1", ImportState.IMPORTING, ""),
        ("2", ImportState.FAILED, "r"),
    ]
