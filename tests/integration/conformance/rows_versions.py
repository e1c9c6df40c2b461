"""Sections 1.1, 1.3, 2.5, 3, 4.2, 5.4, 6.1 and 7.1: what an older Milvus does otherwise."""

from harness import ABSENT, FILES, TWO_PHASE, Call, Other, Row, Some, ended, plain, refused, started, success

NOT_FOUND = plain(404, "404 page not found")
WRONG_TYPE = refused(2100, "unexpected file type")
OLD = ("2.4.0", "2.4", "2.5", "2.6")
JOB = {"jobId": "{completed}"}
# The branches that were read; of 2.4 there are the documents alone.
READ = ("2.5", "2.6")


def _handler(version: str) -> str:
    return f"handler_v2.go@{version}" if version in READ else ""


def _row(name: str, version: str, section: str, route: str, case: str, body, expected, **more) -> Row:
    return Row(f"v{version}-{name}".replace(".", "-"), section, route, case, body, expected, version, **more)


def _code(version: str) -> int:
    return 200 if version == "2.4.0" else 0


def _file(version: str, extension: str, known: bool) -> Row:
    job = {"jobID": str} if version == "2.4.0" else {"jobId": str}
    return _row(
        f"file-{extension}",
        version,
        "2.5, 12",
        "jobs/import/create",
        f"a file .{extension}",
        {"collectionName": "c", "files": [[f"three.{extension}"]]},
        success(job, code=_code(version)) if known else WRONG_TYPE,
        source=f"internal/util/importutilv2/util.go@{version}" if version in READ else "",
    )


ROWS = [
    _row(
        "create",
        "2.4",
        "1.3, 2.2",
        "jobs/import/create",
        "0 as success, and jobId",
        {"collectionName": "c", **FILES},
        success({"jobId": str}),
    ),
    _row(
        "timeout",
        "2.4",
        "1.4",
        "collections/has",
        "Request-Timeout: 0, which is too short: the bare word",
        {"collectionName": "c"},
        plain(408, "timeout"),
        headers={"Request-Timeout": "0"},
    ),
    *(
        _row(
            "bad-timeout",
            version,
            "1.2",
            "collections/has",
            "Request-Timeout: soon, which is ignored",
            {"collectionName": "c"},
            success({"has": True}),
            headers={"Request-Timeout": "soon"},
            source=f"timeout_middleware.go@{version}",
        )
        for version in ("2.5", "2.6")
    ),
    *(
        _row(
            f"unknown-{action}",
            version,
            "8",
            f"entities/{action}",
            "an unknown collection, which is described first",
            {"collectionName": "nowhere", **more},
            refused(100, "can't find collection[database=default][collection=nowhere]"),
            source=f"internal/proxy/task.go@{version}",
        )
        for version in ("2.5", "2.6")
        for action, more in (("query", {"filter": "id > 0"}), ("insert", {"data": [{"id": 1}]}))
    ),
    _row(
        "search-by-ids",
        "2.5",
        "11.3",
        "entities/search",
        "ids came with 2.6",
        {"collectionName": "c", "ids": [1]},
        refused(1802, "'SearchReqV2.Data'"),
        source="request_v2.go:259@2.5",
    ),
    _row(
        "missing-file",
        "3.1-dev",
        "2.3",
        "jobs/import/create",
        "a file that is not there is refused at once (milvus#51825)",
        {"collectionName": "c", "files": [["nowhere.parquet"]]},
        refused(2100, "nowhere.parquet", "importing data failed"),
    ),
    _row(
        "unknown-job",
        "3.1-dev",
        "4.6",
        "jobs/import/describe",
        "an unknown id is an error of the server's",
        {"jobId": "5"},
        refused(2101, "import job does not exist, jobID=5: importing data failed on server side"),
        source="internal/datacoord/services.go:2089",
    ),
    Row(
        "v3-1-dev-assigning",
        "4.3",
        "jobs/import/describe",
        "a job that gets the range of its ids (milvus#53543)",
        {"jobId": "{job}"},
        success(Some(state={"AssigningIDRange", "Importing"}, importedRows=0)),
        "3.1-dev, slow",
        before=(
            started("job"),
            Call("jobs/import/describe", {"jobId": "{job}"}, Some(state="AssigningIDRange")),
        ),
    ),
    _row(
        "describe",
        "3.1-dev",
        "4.2",
        "jobs/import/describe",
        "a job completes",
        JOB,
        success(Some(state="Completed", importedRows=10)),
    ),
    *(
        _row(
            action,
            version,
            "1.1, 7.1",
            f"jobs/import/{action}",
            "two phases came with 3.0",
            {"jobId": "5"},
            NOT_FOUND,
            source=_handler(version),
        )
        for version in OLD
        for action in ("commit", "abort")
    ),
    *(
        _row(
            "truncate",
            version,
            "11.1",
            "collections/truncate",
            "truncate came with 2.6",
            {"collectionName": "c"},
            NOT_FOUND,
            source="handler_v2.go@2.6",
        )
        for version in ("2.4.0", "2.4", "2.5")
    ),
    _row(
        "truncate", "2.6", "11.1", "collections/truncate", "it is there", {}, refused(1802), source="handler_v2.go@2.6"
    ),
    _row("describe", "2.4.0", "1.1", "jobs/import/describe", "describe came with 2.4.13", JOB, NOT_FOUND),
    _row(
        "get-progress",
        "2.4.0",
        "1.1, 1.3",
        "jobs/import/get_progress",
        "get_progress, and 200 as success",
        JOB,
        success(Some(state="Completed"), code=200),
    ),
    _row(
        "create",
        "2.4.0",
        "1.3, 2.2",
        "jobs/import/create",
        "200 as success, and jobID",
        {"collectionName": "c", **FILES},
        success({"jobID": str}, code=200),
    ),
    _row(
        "success",
        "2.4.0",
        "1.3",
        "collections/has",
        "200 as success elsewhere too",
        {"collectionName": "c"},
        success({"has": True}, code=200),
    ),
    _row(
        "refusal",
        "2.4.0",
        "1.3",
        "collections/describe",
        "a refusal has its own code",
        {"collectionName": "x"},
        refused(100),
    ),
    _row(
        "timeout",
        "2.4.0",
        "1.4",
        "collections/has",
        "Request-Timeout: 0, which is too short: the bare word",
        {"collectionName": "c"},
        plain(408, "timeout"),
        headers={"Request-Timeout": "0"},
    ),
    _row(
        "unknown-job",
        "2.4.0",
        "4.6",
        "jobs/import/get_progress",
        "an unknown id",
        {"jobId": "5"},
        refused(2100, "import job does not exist"),
    ),
    _row(
        "list-all", "2.4.0", "6.1", "jobs/import/list", "list demands a collection", {}, refused(1802, "CollectionName")
    ),
    _row(
        "list",
        "2.4.0",
        "6.1",
        "jobs/import/list",
        "the jobs of a collection",
        {"collectionName": "c"},
        success({"records": list}, code=200),
    ),
    *(
        _row(
            "success",
            version,
            "1.3",
            "collections/has",
            "0 as success",
            {"collectionName": "c"},
            success({"has": True}),
            source=_handler(version),
        )
        for version in ("2.4", "2.5", "2.6")
    ),
    *(
        _row(
            "describe",
            version,
            "1.1",
            "jobs/import/describe",
            "describe is there",
            JOB,
            success(Some(state="Completed")),
            source=_handler(version),
        )
        for version in ("2.4", "2.5", "2.6")
    ),
    *(
        _row(
            "list-all",
            version,
            "6.1",
            "jobs/import/list",
            "list needs no collection",
            {},
            success({"records": list}),
            source=_handler(version),
        )
        for version in ("2.4", "2.5", "2.6")
    ),
    _row(
        "create-time",
        "2.5",
        "4.2",
        "jobs/import/describe",
        "createTime came with 2.6.6",
        JOB,
        success(Some(createTime=ABSENT)),
        source=_handler("2.5"),
    ),
    _row(
        "create-time", "2.6", "4.2", "jobs/import/describe", "createTime is there", JOB, success(Some(createTime=str))
    ),
    *(
        _file(version, extension, extension in ("json", "parquet", "npy"))
        for version in ("2.4.0", "2.4")
        for extension in ("json", "parquet", "npy", "csv", "jsonl")
    ),
    *(_file("2.5", extension, extension != "jsonl") for extension in ("csv", "jsonl")),
    *(_file("2.6", extension, True) for extension in ("jsonl", "ndjson", "csv")),
    *(
        _row(
            "auto-commit",
            version,
            "7.1",
            "jobs/import/get_progress",
            "auto_commit is an unknown option: the job completes",
            {"jobId": "{job}"},
            success(Some(state="Completed", importedRows=10), code=_code(version)),
            before=(started("job", **TWO_PHASE), ended("{job}")),
            source=f"internal/util/importutilv2/option.go@{version}" if version in READ else "",
        )
        for version in OLD
    ),
    *(
        _row(
            "bad-auto-commit",
            version,
            "2.6",
            "jobs/import/create",
            "auto_commit is an unknown option: its value does not matter",
            {"collectionName": "c", **FILES, "options": {"auto_commit": "perhaps"}},
            success({"jobId": str}),
            source=f"internal/util/importutilv2/option.go@{version}" if version in READ else "",
        )
        for version in ("2.4", "2.5", "2.6")
    ),
    *(
        _row(
            "key",
            version,
            "3.1",
            "jobs/import/create",
            "an Idempotency-Key is ignored: a second job",
            {"collectionName": "c", **FILES},
            success({"jobId": Other("{first}")}),
            headers={"Idempotency-Key": "k"},
            before=(
                Call(
                    "jobs/import/create",
                    {"collectionName": "c", **FILES},
                    None,
                    "first",
                    headers={"Idempotency-Key": "k"},
                ),
            ),
        )
        for version in ("2.4", "2.5", "2.6")
    ),
    _row(
        "bad-key",
        "2.6",
        "3.1",
        "jobs/import/create",
        "even an illegal key is ignored",
        {"collectionName": "c", **FILES},
        success({"jobId": str}),
        headers={"Idempotency-Key": "k" * 300},
    ),
]
