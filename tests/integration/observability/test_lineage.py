"""OpenLineage's events of import tasks, as its own file transport writes them."""

import json

import pytest

from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.local import LocalMilvus

pytest.importorskip("airflow.providers.openlineage", reason="the OpenLineage provider is not installed")

SCHEMA = {
    "fields": [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": "2"}},
    ]
}
API_KEY = "an-api-key"
FIRST, SECOND, WRONG = (f"folder/{name}.parquet" for name in ("first", "second", "wrong"))
BOOKS = {"collection_name": "books"}
ARTICLES = {"collection_name": "articles", "milvus_conn_id": "cloud"}
# OpenLineage's own, and what differs from run to run.
LEFT_OUT = (
    "_producer",
    "_schemaURL",
    "producer",
    "schemaURL",
    "eventTime",
    "createTime",
    "completeTime",
    "runId",
    "tags",
)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory, write_rows):
    with LocalMilvus(tmp_path_factory.mktemp("cloud"), zilliz_cluster="in03-local", token=API_KEY) as server:
        write_rows(server.bucket / "articles" / "rows.parquet")
        write_rows(server.bucket / "my_volume" / "articles" / "rows.parquet")
        yield server


@pytest.fixture(scope="module")
def connections(milvus, cloud):
    """The connections ``milvus_default`` and ``cloud``, each to a server with a collection."""
    url = f"http://127.0.0.1:{cloud.port}"
    extra = {"cluster_id": "in03-local", "import_endpoint": url}
    variables = {
        "AIRFLOW_CONN_MILVUS_DEFAULT": f"milvus://127.0.0.1:{milvus.port}",
        "AIRFLOW_CONN_CLOUD": json.dumps({"conn_type": "milvus", "host": url, "password": API_KEY, "extra": extra}),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        MilvusHook().create_collection("books", schema=SCHEMA)
        MilvusHook("cloud").create_collection("articles", schema=SCHEMA)
        yield variables


@pytest.fixture(scope="module")
def tasks(milvus, connections):
    root = milvus.bucket.as_uri()
    job_id = MilvusHook().bulk_import("books", [FIRST])
    return {
        "one": ("operator", {**BOOKS, "files": [FIRST]}),
        "deferred": ("operator", {**BOOKS, "files": [FIRST], "deferrable": True, "defer_after": 0}),
        "several": ("operator", {**BOOKS, "files": [FIRST, SECOND]}),
        "failed": ("operator", {**BOOKS, "files": [FIRST, WRONG]}),
        "found": ("operator", {**BOOKS, "files_from": f"{root}/folder/fi*.parquet", "files_root": root}),
        "sensor": ("sensor", {"job_id": job_id, "poke_interval": 0.2, "timeout": 60}),
        "objects": ("operator", {**ARTICLES, "object_urls": ["s3://bucket/articles/rows.parquet"]}),
        "volume": ("operator", {**ARTICLES, "volume_name": "my_volume", "data_paths": ["articles/rows.parquet"]}),
    }


@pytest.fixture(scope="module")
def lines(tasks, connections, run_tasks, tmp_path_factory):
    """The events as they were written, by the task, with ``job`` for the id of a job."""
    log = tmp_path_factory.mktemp("lineage") / "events.jsonl"
    job_ids = run_tasks(
        "lineage_tasks.py",
        TASKS=json.dumps(tasks),
        AIRFLOW__OPENLINEAGE__TRANSPORT=json.dumps({"type": "file", "log_file_path": str(log), "append": True}),
        **connections,
    )
    found = zip(job_ids.items(), log.read_text().splitlines(), strict=True)
    return {task: line.replace(job_id, "job") for (task, (job_id,)), line in found}


@pytest.fixture(scope="module")
def events(lines):
    return {task: _plain(json.loads(line)) for task, line in lines.items()}


def _plain(value):
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _plain(item) for key, item in value.items() if key not in LEFT_OUT}


def inputs_of(event):
    return [(one["namespace"], one["name"]) for one in event["inputs"]]


def rows_of(event):
    return event["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"]


def test_success_has_files_collection_rows_and_schema(events, milvus):
    server, statistics = f"127.0.0.1:{milvus.port}", {"rowCount": 100, "size": (milvus.bucket / FIRST).stat().st_size}
    fields = [{"name": "id", "type": "Int64", "fields": []}, {"name": "vector", "type": "FloatVector(2)", "fields": []}]
    job = {
        "jobId": "job",
        "state": "Completed",
        "collection": "books",
        "reason": "",
        "failedFiles": [],
        "importedRows": 100,
        "totalRows": 100,
        "fileSize": statistics["size"],
    }
    assert events["one"] == {
        "eventType": "COMPLETE",
        "job": {"namespace": "test", "name": "one", "facets": {}},
        "inputs": [
            {
                "namespace": f"milvus-bucket://{server}",
                "name": FIRST,
                "facets": {},
                "inputFacets": {"inputStatistics": statistics},
            }
        ],
        "outputs": [
            {
                "namespace": f"milvus://{server}",
                "name": "default.books",
                "facets": {"schema": {"fields": fields}},
                "outputFacets": {"outputStatistics": statistics},
            }
        ],
        "run": {
            "facets": {
                "externalQuery": {"externalQueryId": "job", "source": f"milvus://{server}"},
                "milvus_imports": {"jobs": [job]},
            }
        },
    }


def test_failure_has_the_files_and_the_reason_and_no_rows(events):
    event = events["failed"]
    (job,) = event["run"]["facets"]["milvus_imports"]["jobs"]
    assert (event["eventType"], job["state"], job["importedRows"]) == ("FAIL", "Failed", 0)
    assert "expected dim '2', got dim '3'" in job["reason"]
    assert [file["name"] for file in job["failedFiles"]] == [WRONG]
    assert [name for _, name in inputs_of(event)] == [FIRST, WRONG]
    (output,) = event["outputs"]
    assert (output["name"], output["outputFacets"]) == ("default.books", {})


def test_several_files_are_datasets_of_their_own(events):
    rows = {one["name"]: one["inputFacets"]["inputStatistics"]["rowCount"] for one in events["several"]["inputs"]}
    assert rows == {FIRST: 100, SECOND: 100}
    assert rows_of(events["several"]) == 200


def test_files_that_are_found_are_named_by_where_they_lie(events, milvus):
    assert inputs_of(events["found"]) == [("file", f"{milvus.bucket}/{FIRST}")]


def test_deferred_task_sends_the_same_as_one_that_waits(events):
    assert {**events["deferred"], "job": None} == {**events["one"], "job": None}


def test_sensor_names_the_files_and_the_collection_of_the_job(events):
    assert [name for _, name in inputs_of(events["sensor"])] == [FIRST]
    assert [one["name"] for one in events["sensor"]["outputs"]] == ["default.books"]
    assert rows_of(events["sensor"]) == 100


@pytest.mark.parametrize(
    ("task", "dataset"),
    [
        ("objects", ("s3://bucket", "articles/rows.parquet")),
        ("volume", ("zilliz-volume://my_volume", "articles/rows.parquet")),
    ],
)
def test_zilliz_cloud_names_objects_and_paths_in_volumes(events, task, dataset):
    assert inputs_of(events[task]) == [dataset]
    assert (events[task]["eventType"], events[task]["outputs"][0]["name"]) == ("COMPLETE", "default.articles")
    assert rows_of(events[task]) == 100


def test_no_event_has_the_key_of_a_connection(lines):
    assert [task for task, line in lines.items() if API_KEY in line] == []
