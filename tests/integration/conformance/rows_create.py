"""Sections 2 and 3: what `create` takes and refuses, in which order, and idempotency keys."""

from harness import FILES, INDEX, PRIMARY, VECTOR, Call, Other, Row, ended, refused, resting, started, success

CREATED = success({"jobId": str})
KEYED = {
    "schema": {
        "fields": [PRIMARY, VECTOR, {"fieldName": "k", "dataType": "Int64", "isPartitionKey": True}],
    },
    "indexParams": [INDEX],
}
MAKE_KEYED = Call("collections/create", {"collectionName": "{row}", **KEYED})
FULL = "3.0, full of jobs"
LIMIT = 1024
PROXY = "internal/proxy/task_import.go"
DATA = "internal/datacoord/services.go"
OPTION, UTIL = "internal/util/importutilv2/option.go", "internal/util/importutilv2/util.go"
# By section of the reference, where Milvus does what it says.
SOURCES = {
    "2.3 row 2": f"{PROXY}:94",
    "2.3 row 3": f"{PROXY}:124",
    "2.3 row 4": f"{PROXY}:152",
    "2.3 row 5": f"{DATA}:1902",
    "2.3 row 6": f"{PROXY}:157",
    "2.3 row 7": f"{PROXY}:171",
    "2.3 row 8": f"{PROXY}:179",
    "2.3 row 9, 5.5": f"{PROXY}:185",
    "2.3 row 13": f"{DATA}:1893",
    "2.3 row 14": "request_v2.go:343",
    "2.6 timeout": f"{OPTION}:83",
    "2.6 auto_commit": "request_v2.go:342",
}


def _create(name: str, section: str, case: str, expected, before=(), on="3.0", headers=None, source="", **more) -> Row:
    body = {"collectionName": "c", **FILES, **more}
    source = source or SOURCES.get(section, "")
    return Row(
        f"create-{name}", section, "jobs/import/create", case, body, expected, on, headers or {}, before, source=source
    )


def _files(name: str, groups, expected, line: int) -> Row:
    shown = ", ".join("[" + ", ".join(group) + "]" for group in groups)
    source = f"{UTIL}:{line}"
    return _create(f"files-{name}", "2.3, 2.5", f"files [{shown}]", expected, source=source, files=groups)


def _options(name: str, options, expected, section="2.6", **more) -> Row:
    shown = ", ".join(f"{key}: {value!r}" for key, value in options.items())
    source = SOURCES.get(f"{section} {next(iter(options))}", "")
    return _create(f"option-{name}", section, f"options {{{shown}}}", expected, source=source, options=options, **more)


def _import_failed(*texts: str):
    return refused(2100, *texts, "importing data failed")


WRONG_TYPE = _import_failed("unexpected file type")
KEY = {"Idempotency-Key": "load 2026-11-24"}


def _key(name: str, case: str, expected, key="load 2026-11-24", before=(), on="3.0", **more) -> Row:
    headers = {"Idempotency-Key": key}
    return _create(f"key-{name}", "3", case, expected, before, on, headers, **{"collectionName": "{own}", **more})


def _keyed(save="first", collection="{own}", headers=KEY, **more) -> Call:
    return Call("jobs/import/create", {"collectionName": collection, **FILES, **more}, None, save, headers=headers)


REFUSALS = [
    _create("unknown-db", "2.3 row 1", "an unknown database", refused(800, "database not found"), dbName="nowhere"),
    _create(
        "unknown-collection",
        "2.3 row 2",
        "an unknown collection",
        refused(100, "collection not found"),
        collectionName="nowhere",
    ),
    _options("backup-no-partition", {"backup": "true"}, refused(1101, "partition not specified"), "2.3 row 3"),
    _options("l0-loaded", {"l0_import": "true"}, _import_failed("release"), "2.3 row 4"),
    _options(
        "l0-released",
        {"l0_import": "true"},
        _import_failed("l0 import is disabled"),
        "2.3 row 5",
        collectionName="{own}",
        before=(Call("collections/release", {"collectionName": "{own}"}),),
    ),
    _create(
        "partition-with-key",
        "2.3 row 6",
        "a partition of a collection with a partition key",
        _import_failed("not allow to set partition name for collection with partition key"),
        (MAKE_KEYED,),
        collectionName="{row}",
        partitionName="_default",
    ),
    _create(
        "unknown-partition",
        "2.3 row 7",
        "an unknown partition",
        refused(200, "partition not found"),
        partitionName="nowhere",
    ),
    _create("no-group", "2.3 row 8", "files []", refused(1100, "empty"), files=[]),
    _create("empty-group", "2.3 row 8", "files [[]]", refused(1100, "empty"), files=[[]]),
    _create("empty-groups", "2.3 row 8", "files [[], []]", refused(1100, "empty"), files=[[], []]),
    _create("null-group", "2.3 row 8", "files [null]", refused(1100, "empty"), files=[None]),
    _create(
        "empty-groups-are-dropped", "2.3 row 8", "files [[], [rows.parquet]]", CREATED, files=[[], ["rows.parquet"]]
    ),
    _create("1024-groups", "2.3 row 9, 5.5", "1,024 file groups", CREATED, files=[["none.json"]] * 1024),
    _create(
        "1025-groups",
        "2.3 row 9, 5.5",
        "1,025 file groups",
        _import_failed("The max number of import files should not exceed 1024"),
        files=[["none.json"]] * 1025,
    ),
    _options(
        "backup-files",
        {"backup": "true"},
        _import_failed("no binlog to import"),
        "2.3 row 16",
        partitionName="_default",
    ),
    Row(
        "create-job-limit",
        "2.3 row 18, 5.5",
        "jobs/import/create",
        "one more job than 1,024",
        {"collectionName": "c", **FILES},
        _import_failed("The number of jobs has reached the limit"),
        FULL,
        before=(started("full"),) * LIMIT,
    ),
    _create(
        "missing-file", "2.3", "a file that is not there is found out by the job", CREATED, files=[["nowhere.parquet"]]
    ),
    _create(
        "mismatching-file", "2.3", "a file of another schema is found out by the job", CREATED, files=[["short.json"]]
    ),
]

ORDER = [
    _create(
        "db-before-collection", "2.3", "unknown database and collection", refused(800), dbName="x", collectionName="x"
    ),
    _create(
        "collection-before-files", "2.3", "unknown collection, no file", refused(100), collectionName="x", files=[]
    ),
    _create("partition-before-files", "2.3", "unknown partition, no file", refused(200), partitionName="x", files=[]),
    _create(
        "backup-before-partition",
        "2.3",
        "backup without a partition, no file",
        refused(1101),
        options={"backup": "true"},
        files=[],
    ),
    _create(
        "files-before-timeout",
        "2.3",
        "no file, a bad timeout",
        refused(1100, "empty"),
        files=[],
        options={"timeout": "x"},
    ),
    _create(
        "count-before-type",
        "2.3",
        "1,025 groups of an unknown type",
        _import_failed("The max number of import files"),
        files=[["a.txt"]] * 1025,
    ),
    _create(
        "type-before-timeout",
        "2.3",
        "an unknown type, a bad timeout",
        WRONG_TYPE,
        files=[["a.txt"]],
        options={"timeout": "x"},
    ),
]

FORMATS = [
    _files("json", [["a.json"]], CREATED, 93),
    _files("jsonl", [["a.jsonl"]], CREATED, 91),
    _files("ndjson", [["a.ndjson"]], CREATED, 91),
    _files("parquet", [["a.parquet"]], CREATED, 101),
    _files("csv", [["a.csv"]], CREATED, 106),
    _files("npy", [["id.npy", "vector.npy"]], CREATED, 96),
    _files("mixed-groups", [["a.json"], ["a.parquet"], ["id.npy", "vector.npy"]], CREATED, 86),
    _files("leading-slash", [["/a.json"]], CREATED, 93),
    _files("deep", [["a/b/c.json"]], CREATED, 93),
    _files("text", [["a.txt"]], WRONG_TYPE, 108),
    _files("upper-case", [["a.JSON"]], WRONG_TYPE, 108),
    _files("upper-parquet", [["a.Parquet"]], WRONG_TYPE, 108),
    _files("no-extension", [["folder"]], WRONG_TYPE, 108),
    _files("folder", [["folder/"]], WRONG_TYPE, 108),
    _files("empty-path", [[""]], WRONG_TYPE, 108),
    _files("one-bad", [["a.json"], ["a.txt"]], WRONG_TYPE, 108),
    _files("zip", [["a.json.gz"]], WRONG_TYPE, 108),
    _files("mixed", [["a.json", "b.parquet"]], _import_failed("inconsistency in file types"), 79),
    _files("mixed-npy", [["a.npy", "b.csv"]], _import_failed("inconsistency in file types"), 79),
    *(
        _files(f"two-{kind}", [[f"a.{kind}", f"b.{kind}"]], _import_failed("accepts only one file"), line)
        for kind, line in (("json", 88), ("jsonl", 88), ("parquet", 99), ("csv", 104))
    ),
]

OPTIONS = [
    *(
        _options(f"timeout-{number}", {"timeout": text}, CREATED)
        for number, text in enumerate(("300s", "90m", "1h45m", "1.5h", "100ms", "1h0m5s"))
    ),
    *(
        _options(f"bad-timeout-{number}", {"timeout": text}, _import_failed("parse timeout failed"), "2.3 row 13")
        for number, text in enumerate(("300", "soon", "1d", "5 s", "s"))
    ),
    *(
        _options(f"auto-commit-{text}", {"auto_commit": text}, CREATED, "2.6")
        for text in ("true", "false", "TRUE", "False")
    ),
    *(
        _options(
            f"bad-auto-commit-{text}",
            {"auto_commit": text},
            refused(1801, "options.auto_commit", "true", "false"),
            "2.3 row 14",
        )
        for text in ("no", "0")
    ),
    _options("unknown", {"colour": "red"}, CREATED),
    _options("skip-quota", {"skip_disk_quota_check": "true"}, CREATED),
    _options("sep-and-nullkey", {"sep": ";", "nullkey": "NULL"}, CREATED, files=[["three.csv"]]),
    _options("backup-off", {"backup": "false", "l0_import": "false"}, CREATED),
]

KEYS = [
    _key("first", "a new key", CREATED),
    _key("again", "the same request again", success({"jobId": "{first}"}), before=(_keyed(),)),
    _key(
        "other-files",
        "the same key for other files",
        success({"jobId": "{first}"}),
        before=(_keyed(),),
        files=[["none.json"]],
    ),
    _key(
        "failed",
        "a key whose job failed",
        success({"jobId": "{first}"}),
        before=(_keyed(files=[["nowhere.json"]]), ended("{first}")),
    ),
    _key(
        "aborted",
        "a key whose job was aborted",
        success({"jobId": "{first}"}),
        before=(
            _keyed(files=[["none.json"]], options={"auto_commit": "false"}),
            resting("{first}"),
            Call("jobs/import/abort", {"jobId": "{first}"}),
        ),
    ),
    _key(
        "rename",
        "a key outlives a rename",
        success({"jobId": "{first}"}),
        before=(
            _keyed(),
            Call("collections/rename", {"collectionName": "{own}", "newCollectionName": "{row}"}),
        ),
        collectionName="{row}",
    ),
    Row(
        "create-key-other-collection",
        "3",
        "jobs/import/create",
        "the same key for another collection",
        {"collectionName": "{row}", **FILES},
        success({"jobId": Other("{first}")}),
        headers=KEY,
        before=(_keyed(), Call("collections/create", {"collectionName": "{row}", "dimension": 4})),
    ),
    Row(
        "create-key-new-collection",
        "3",
        "jobs/import/create",
        "the same key for a collection that was dropped and created again",
        {"collectionName": "{row}", **FILES},
        success({"jobId": Other("{first}")}),
        headers=KEY,
        before=(
            Call("collections/create", {"collectionName": "{row}", "dimension": 4}),
            _keyed(collection="{row}"),
            Call("collections/drop", {"collectionName": "{row}"}),
            Call("collections/create", {"collectionName": "{row}", "dimension": 4}),
        ),
    ),
    _key("256-bytes", "a key of 256 bytes", CREATED, "k" * 256),
    _key("257-bytes", "a key of 257 bytes", refused(1100, "idempotency key", "256"), "k" * 257),
    _key("control", "a key with a tab", refused(1100, "idempotency key", "offset 1"), "a\tb"),
    _key("not-ascii", "a key with the byte 0xE9", refused(1100, "idempotency key", "offset 3"), "caf\xe9"),
    _key(
        "checks-come-first",
        "a known key, and a file type that there is not",
        WRONG_TYPE,
        before=(_keyed(),),
        files=[["a.txt"]],
    ),
    Row(
        "create-key-limit-comes-first",
        "3.2",
        "jobs/import/create",
        "a known key while no more jobs fit",
        {"collectionName": "c", **FILES},
        _import_failed("The number of jobs has reached the limit"),
        "3.0, room for one job",
        KEY,
        before=(_keyed(collection="c"),),
    ),
]

ROWS = [*REFUSALS, *ORDER, *FORMATS, *OPTIONS, *KEYS]
