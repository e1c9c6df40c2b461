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


@pytest.mark.parametrize("value", [None, ["a"], {"a": 1}, b"90m", float("nan"), float("inf")])
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


@pytest.mark.parametrize("job_id", ["", " ", None, b"1", bytearray(b"1"), ["1"], True, 7.0, {"1": 2}])
@pytest.mark.parametrize("make", [import_jobs.describe, import_jobs.commit, import_jobs.abort])
def test_bad_job_id_is_refused(make, job_id):
    with pytest.raises(ValueError, match="job_id must be"):
        make(job_id)


def test_job_id_that_a_template_made_a_number_of_is_that_id():
    assert import_jobs.describe(450338).body == {"jobId": "450338"}
    assert import_jobs.describe(450338).parse({"state": "Importing"}).job_id == "450338"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("90m", "90m"),
        ("0", "0"),
        (0, "0"),
        (300, "300"),
        (-1, "-1"),
        (2.0, "2"),
        (0.5, "0.5"),
        (1e22, "10000000000000000000000"),
        (True, "true"),
        (False, "false"),
    ],
)
def test_option_that_a_template_made_a_value_of_is_sent_as_text(value, text):
    request = import_jobs.create("c", ImportSource(files=["a.parquet"]), options={"nullkey": value})
    assert request.body["options"] == {"nullkey": text}


@pytest.mark.parametrize("name", [5, None, "", b"sep"])
def test_option_whose_name_is_no_text_is_refused(name):
    with pytest.raises(ValueError, match="the name of an option must be a string"):
        import_jobs.check_options({name: "x"})


@pytest.mark.parametrize(
    "arguments",
    [
        {"files": "['a.parquet', 'b.parquet']"},
        {"files": '["a.parquet"]'},
        {"files": ["['a.parquet', 'b.parquet']"]},
        {"files": " [['a.npy', 'b.npy']] "},
        {"files": "('a.parquet',)"},
        {"files": "[]"},
        {"object_urls": "['s3://b/a.parquet']"},
        {"object_urls": ["['s3://b/a.parquet']"]},
        {"volume_name": "v", "data_paths": "['a/']"},
        {"volume_name": "v", "data_paths": ["['a/']"]},
    ],
)
def test_text_of_a_list_is_refused_with_the_setting_that_renders_lists(arguments):
    with pytest.raises(ValueError, match=f"^{list(arguments)[-1]} .*render_template_as_native_obj=True"):
        ImportSource(**arguments)


@pytest.mark.parametrize("options", ["{'timeout': '90m'}", '{"timeout": "90m"}', "{}"])
def test_text_of_a_dict_is_refused_with_the_setting_that_renders_dicts(options):
    with pytest.raises(ValueError, match=r"^options .*render_template_as_native_obj=True"):
        import_jobs.check_options(options)


@pytest.mark.parametrize("name", ["[a].parquet", "[2026]/a.parquet", "(1).parquet"])
def test_file_whose_name_has_brackets_is_no_text_of_a_list(name):
    assert ImportSource(files=[name]).files == [name]


@pytest.mark.parametrize(
    "key", ["", " ", "k ", " k", "a\nb", "b\u00fccher", "\u30ad\u30fc", "k" * 257, b"k", 7, "a\x7f"]
)
def test_bad_idempotency_key_is_refused(key):
    with pytest.raises(ValueError, match="idempotency_key must be 1 to 256 printable ASCII characters"):
        import_jobs.create("c", ImportSource(files=["a.parquet"]), idempotency_key=key)


def test_longest_idempotency_key_is_taken():
    request = import_jobs.create("c", ImportSource(files=["a.parquet"]), idempotency_key="k" * 256)
    assert request.headers == {"Idempotency-Key": "k" * 256}


WITH_SECRETS = {
    "keys": {"object_urls": ["s3://AKIA:s3cret@bucket/a.parquet"]},
    "keys with a slash": {"object_urls": ["s3://AKIA:s3/cr/et@bucket/a.parquet"]},
    "keys with digits and a slash": {"object_urls": ["s3://AKIA:1234/s3cret@bucket/a.parquet"]},
    "first key with a slash": {"object_urls": ["s3://AK/IA:s3cret@bucket/a.parquet"]},
    "percent-encoded keys": {"object_urls": ["s3://AKIA%3As3%2Fcret%40bucket/a.parquet"]},
    "keys without a scheme": {"object_urls": ["AKIA:s3cret@bucket/a.parquet"]},
    "keys in the second URL": {"object_urls": ["s3://b/a", "s3://AKIA:s3/cret@bucket/a.parquet"]},
    "keys in a folder's URL": {"object_urls": "s3://AKIA:s3/cret@bucket/"},
    "AWS": {"object_urls": ["https://b.s3.amazonaws.com/a.parquet?X-Amz-Credential=x&X-Amz-Signature=s3cret"]},
    "AWS of old": {"object_urls": ["https://b.s3.amazonaws.com/a?AWSAccessKeyId=x&Signature=s3cret&Expires=1"]},
    "Azure": {"object_urls": ["https://a.blob.core.windows.net/b/a.parquet?sv=2024-01-01&sig=s3cret"]},
    "Google": {"object_urls": ["https://storage.googleapis.com/b/a?X-Goog-Signature=s3cret"]},
    "Alibaba": {"object_urls": ["https://b.oss-cn-hangzhou.aliyuncs.com/a?OSSAccessKeyId=x&Signature=s3cret"]},
    "Tencent": {"object_urls": ["https://b.cos.myqcloud.com/a?q-sign-algorithm=sha1&q-signature=s3cret"]},
    "token": {"object_urls": ["https://h/a.parquet?token=s3cret"]},
    "any query": {"object_urls": ["https://h/a.parquet?s3cret"]},
    "encoded query": {"object_urls": ["https://h/a.parquet%3FX-Amz-Signature%3Ds3cret"]},
    "signature behind another sign": {"object_urls": ["https://h/a.parquet#sig=s3cret"]},
    "s3 with a query": {"object_urls": ["s3://b/a.parquet?X-Amz-Signature=s3cret"]},
    "twice": {"object_urls": ["https://h/a?sig=s3cret", "https://h/a?sig=s3cret"]},
    "in a set": {"object_urls": [["https://h/a?sig=s3cret", "https://h/b?sig=s3cret"]]},
    "in a list of other things": {"object_urls": [["https://h/a?sig=s3cret", 7]]},
    "in a dict": {"object_urls": {"https://h/a?sig=s3cret": 1}},
    "file that is a URL": {"files": ["https://h/a.parquet?sig=s3cret"]},
    "file that is a URL with keys": {"files": ["s3://AKIA:s3cret@b/a.parquet"]},
    "file with a query": {"files": ["a.parquet?X-Amz-Signature=s3cret"]},
    "files in a set": {"files": [["a.npy", "b.npy?sig=s3cret"]]},
    "path that is a signed URL": {"volume_name": "v", "data_paths": ["https://h/a?sig=s3cret"]},
    "path with keys": {"volume_name": "v", "data_paths": ["AKIA:s3/cret@b/a"]},
    "paths without a volume": {"data_paths": ["https://h/a?sig=s3cret"]},
    "volume with keys": {"volume_name": "AKIA:s3cret@v", "data_paths": ["a/"]},
    "volume without paths": {"volume_name": "AKIA:s3cret@v", "files": ["a.parquet"]},
    "volume that is signed": {"volume_name": "v?sig=s3cret", "data_paths": ["a/"]},
}


@pytest.mark.parametrize("arguments", WITH_SECRETS.values(), ids=WITH_SECRETS)
def test_source_with_keys_or_a_signature_is_refused_without_them(arguments):
    with pytest.raises(ValueError, match=r"files|object_urls|data_paths|volume_name") as caught:
        ImportSource(**arguments)
    assert "s3cret" not in str(caught.value)
    assert "cret@" not in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"object_urls": ["s3://b/version@2/a.parquet"]},
        {"object_urls": ["https://minio:9000/b/day=2026-01-31/a.parquet"]},
        {"object_urls": ["s3://b/a:b/key=1/"]},
        {"object_urls": ["https://a.blob.core.windows.net/container/folder/"]},
        {"volume_name": "v", "data_paths": ["folder/version@2/"]},
        {"volume_name": "v", "data_paths": ["key=1/"]},
        {"files": ["day=2026-01-31/a@b.parquet"]},
    ],
)
def test_source_that_only_resembles_one_with_keys_is_taken(arguments):
    assert ImportSource(**arguments)


@pytest.mark.parametrize("name", ["", " ", 7, b"v"])
def test_bad_volume_name_is_refused(name):
    with pytest.raises(ValueError, match="volume_name must be the name of a volume"):
        ImportSource(volume_name=name, data_paths=["a/"])


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


def test_response_without_a_state_is_an_error():
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
