"""Section 1.6: how a body becomes a request."""

from dataclasses import replace

from harness import FILES, Row, Some, refused, success

NO_JSON = refused(1801, "can only accept json format request")
WRONG_TYPE = refused(1801, "json: cannot unmarshal")


def _missing(field: str):
    return refused(1802, "missing required parameters", f"'ImportReq.{field}'", "'required' tag")


def _create(name: str, case: str, body, expected) -> Row:
    return Row(f"bind-{name}", "1.6", "jobs/import/create", case, body, expected)


def _with(**more):
    return {"collectionName": "c", **FILES, **more}


# Where a body is bound by Go's `encoding/json`, and where what that refuses becomes a code.
BOUND = {0: "handler_v2.go:376", 1801: "handler_v2.go:389", 1802: "handler_v2.go:379"}
RULES = [
    replace(
        _create(
            "empty",
            "an empty body",
            b"",
            refused(1801, "can only accept json format request, the request body should be nil, however {} is valid"),
        ),
        source="handler_v2.go:387",
    ),
    replace(
        _create(
            "two-missing",
            "neither collectionName nor files",
            {},
            refused(1802, "Key: 'ImportReq.CollectionName' Error:", "Key: 'ImportReq.Files' Error:"),
        ),
        source="handler_v2.go:379",
    ),
    _create("no-json", "no JSON", b"collectionName=c", NO_JSON),
    _create("cut-json", "JSON that is cut off", b'{"collectionName": "c"', NO_JSON),
    _create("list", "a list", [], WRONG_TYPE),
    _create("text", "a text", "c", WRONG_TYPE),
    _create("number", "a number", 5, WRONG_TYPE),
    _create("nan", "NaN, which is no JSON", b'{"collectionName": "c", "files": NaN}', NO_JSON),
    _create("no-collection", "no collectionName", FILES, _missing("CollectionName")),
    _create("empty-collection", 'collectionName ""', _with(collectionName=""), _missing("CollectionName")),
    _create("null-collection", "collectionName null", _with(collectionName=None), _missing("CollectionName")),
    _create("no-files", "no files", {"collectionName": "c"}, _missing("Files")),
    _create("null-files", "files null", {"collectionName": "c", "files": None}, _missing("Files")),
    *(
        _create(f"{name}-collection", f"collectionName {shown}", _with(collectionName=value), WRONG_TYPE)
        for name, shown, value in (
            ("numeric", "5", 5),
            ("boolean", "true", True),
            ("array", '["c"]', ["c"]),
            ("object", "{}", {}),
        )
    ),
    *(
        _create(f"{name}-files", f"files {shown}", _with(files=value), WRONG_TYPE)
        for name, shown, value in (
            ("flat", '["a.json"]', ["a.json"]),
            ("text", '"a.json"', "a.json"),
            ("object", "{}", {}),
            ("number-in", "[[5]]", [[5]]),
            ("boolean-in", "[[true]]", [[True]]),
            ("deep", '[[["a.json"]]]', [[["a.json"]]]),
        )
    ),
    *(
        _create(f"{name}-option", f"options {{timeout: {shown}}}", _with(options={"timeout": value}), WRONG_TYPE)
        for name, shown, value in (
            ("numeric", "300", 300),
            ("boolean", "true", True),
            ("array", '["300s"]', ["300s"]),
            ("object", "{}", {}),
        )
    ),
    replace(
        _create("null-option", "options {priority: null}", _with(options={"priority": None}), success({"jobId": str})),
        source="request_v2.go:335",
    ),
    replace(
        _create(
            "null-auto-commit",
            "options {auto_commit: null}",
            _with(options={"auto_commit": None}),
            refused(1801, 'options.auto_commit must be one of "true" or "false"'),
        ),
        source="request_v2.go:336",
    ),
    _create("boolean-auto-commit", "options {auto_commit: false}", _with(options={"auto_commit": False}), WRONG_TYPE),
    _create("text-options", 'options "timeout=5s"', _with(options="timeout=5s"), WRONG_TYPE),
    _create("array-options", "options []", _with(options=[]), WRONG_TYPE),
    _create("numeric-partition", "partitionName 5", _with(partitionName=5), WRONG_TYPE),
    _create("numeric-db", "dbName 5", _with(dbName=5), WRONG_TYPE),
    _create(
        "null-optional",
        "null for all that need not be given",
        _with(dbName=None, partitionName=None, options=None),
        success({"jobId": str}),
    ),
    _create(
        "unknown-keys",
        "keys of Zilliz Cloud, as pymilvus sends them",
        _with(clusterId="", objectUrl="", objectUrls=None, accessKey="", secretKey="", token=None, volumeName=5),
        success({"jobId": str}),
    ),
    Row(
        "bind-case",
        "1.6",
        "jobs/import/describe",
        "jobID in place of jobId",
        {"jobID": "{completed}"},
        success(Some(state="Completed")),
    ),
    _create(
        "upper-case",
        "keys in upper case",
        {"COLLECTIONNAME": "c", "FILES": [["rows.parquet"]]},
        success({"jobId": str}),
    ),
    Row("bind-numeric-job", "1.6", "jobs/import/describe", "jobId 5", {"jobId": 5}, WRONG_TYPE),
    Row(
        "bind-null-job", "1.6", "jobs/import/describe", "jobId null", {"jobId": None}, refused(1802, "'JobIDReq.JobID'")
    ),
    Row("bind-empty-job", "1.6", "jobs/import/describe", 'jobId ""', {"jobId": ""}, refused(1802, "'JobIDReq.JobID'")),
    *(
        Row(f"bind-{name}-job-{action}", "1.6", f"jobs/import/{action}", f"jobId {shown}", {"jobId": value}, WRONG_TYPE)
        for action in ("commit", "abort", "get_progress")
        for name, shown, value in (("boolean", "true", True), ("array", "[]", []), ("object", "{}", {}))
    ),
    Row(
        "bind-text-dimension",
        "1.6",
        "collections/create",
        'dimension "4"',
        {"collectionName": "{row}", "dimension": "4"},
        WRONG_TYPE,
    ),
    Row(
        "bind-fraction-dimension",
        "1.6",
        "collections/create",
        "dimension 4.5",
        {"collectionName": "{row}", "dimension": 4.5},
        WRONG_TYPE,
    ),
    Row(
        "bind-text-limit",
        "1.6",
        "entities/query",
        'limit "5"',
        {"collectionName": "c", "filter": "id > 0", "limit": "5"},
        WRONG_TYPE,
    ),
    Row(
        "bind-flat-output",
        "1.6",
        "entities/query",
        'outputFields "id"',
        {"collectionName": "c", "outputFields": "id"},
        WRONG_TYPE,
    ),
    Row(
        "bind-text-boolean",
        "1.6",
        "collections/create",
        'autoID "true"',
        {"collectionName": "{row}", "dimension": 4, "autoID": "true"},
        WRONG_TYPE,
    ),
    Row("bind-data-array", "1.6", "entities/search", "data {}", {"collectionName": "c", "data": {}}, WRONG_TYPE),
]
ROWS = [replace(row, source=row.source or BOUND[row.expected.code]) for row in RULES]
