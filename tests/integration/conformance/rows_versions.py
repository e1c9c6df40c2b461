"""Sections 1.1, 1.3, 2.5, 3, 4.2, 5.4, 6.1 and 7.1: what an older Milvus does otherwise."""

from harness import ABSENT, FILES, TWO_PHASE, Call, Other, Row, Some, ended, plain, refused, started, success

NOT_FOUND = plain(404, "404 page not found")
WRONG_TYPE = refused(2100, "unexpected file type")
OLD = ("2.4", "2.5", "2.6")
JOB = {"jobId": "{completed}"}


def _row(name: str, version: str, section: str, route: str, case: str, body, expected, **more) -> Row:
    return Row(f"v{version}-{name}".replace(".", "-"), section, route, case, body, expected, version, **more)


def _code(version: str) -> int:
    return 200 if version == "2.4" else 0


def _file(version: str, extension: str, known: bool) -> Row:
    job = {"jobID": str} if version == "2.4" else {"jobId": str}
    return _row(
        f"file-{extension}",
        version,
        "2.5, 12",
        "jobs/import/create",
        f"a file .{extension}",
        {"collectionName": "c", "files": [[f"three.{extension}"]]},
        success(job, code=_code(version)) if known else WRONG_TYPE,
    )


ROWS = [
    *(
        _row(
            action, version, "1.1, 7.1", f"jobs/import/{action}", "two phases came with 3.0", {"jobId": "5"}, NOT_FOUND
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
            "truncate came with 3.x",
            {"collectionName": "c"},
            NOT_FOUND,
        )
        for version in OLD
    ),
    _row("describe", "2.4", "1.1", "jobs/import/describe", "describe came with 2.4.13", JOB, NOT_FOUND),
    _row(
        "get-progress",
        "2.4",
        "1.1, 1.3",
        "jobs/import/get_progress",
        "get_progress, and 200 as success",
        JOB,
        success(Some(state="Completed"), code=200),
    ),
    _row(
        "create",
        "2.4",
        "1.3, 2.2",
        "jobs/import/create",
        "200 as success, and jobID",
        {"collectionName": "c", **FILES},
        success({"jobID": str}, code=200),
    ),
    _row(
        "success",
        "2.4",
        "1.3",
        "collections/has",
        "200 as success elsewhere too",
        {"collectionName": "c"},
        success({"has": True}, code=200),
    ),
    _row(
        "refusal",
        "2.4",
        "1.3",
        "collections/describe",
        "a refusal has its own code",
        {"collectionName": "x"},
        refused(100),
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
    _row(
        "unknown-job",
        "2.4",
        "4.6",
        "jobs/import/get_progress",
        "an unknown id",
        {"jobId": "5"},
        refused(2100, "import job does not exist"),
    ),
    _row(
        "list-all", "2.4", "6.1", "jobs/import/list", "list demands a collection", {}, refused(1802, "CollectionName")
    ),
    _row(
        "list",
        "2.4",
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
        )
        for version in ("2.5", "2.6")
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
        )
        for version in ("2.5", "2.6")
    ),
    *(
        _row("list-all", version, "6.1", "jobs/import/list", "list needs no collection", {}, success({"records": list}))
        for version in ("2.5", "2.6")
    ),
    _row(
        "create-time",
        "2.5",
        "4.2",
        "jobs/import/describe",
        "createTime came with 2.6.6",
        JOB,
        success(Some(createTime=ABSENT)),
    ),
    _row(
        "create-time", "2.6", "4.2", "jobs/import/describe", "createTime is there", JOB, success(Some(createTime=str))
    ),
    *(
        _file("2.4", extension, extension in ("json", "parquet", "npy"))
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
        )
        for version in ("2.5", "2.6")
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
        for version in ("2.5", "2.6")
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
