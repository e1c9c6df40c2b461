"""Sections 4 to 7: describing, listing, committing and aborting jobs, and what a job does to its collection."""

import re

from harness import ABSENT, TWO_PHASE, Call, Row, Some, collection, ended, refused, resting, started, success

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
ID = re.compile(r"\d{16,19}")
SLOW = "3.0, jobs of many hours"
FORGETFUL = "3.0, jobs forgotten at once"


SERVICES, PROGRESS = "internal/datacoord/services.go", "internal/datacoord/import_util.go"
NO_SUCH_JOB, NO_NUMBER = f"{SERVICES}:2089", f"{SERVICES}:2083"


def _describe(
    name: str, section: str, case: str, job: str, expected, on="3.0", route="describe", before=(), source=""
) -> Row:
    body = {"jobId": job}
    return Row(
        f"describe-{name}", section, f"jobs/import/{route}", case, body, expected, on, before=before, source=source
    )


def _is(job: str, section: str, source: str, **fields) -> list[Row]:
    """One row for each field of a job."""
    return [
        _describe(
            f"{job}-{key}".replace(" ", "-"),
            section,
            f"a job that is {job}: {key}",
            "{" + job + "}",
            success(Some(**{key: value})),
            source=source,
        )
        for key, value in fields.items()
    ]


FILE = {
    "fileName": "[rows.parquet]",
    "fileSize": int,
    "progress": 100,
    "completeTime": TIME,
    "state": "Completed",
    "importedRows": 10,
    "totalRows": 10,
}
DOES_NOT_EXIST = refused(2100, "import job does not exist, jobID=5", "importing data failed")
DESCRIBE = [
    _describe(
        "all-fields",
        "4.2",
        "every field of a completed job, and no other",
        "{completed}",
        success(
            {
                "jobId": ID,
                "createTime": TIME,
                "collectionName": "c",
                "completeTime": TIME,
                "state": "Completed",
                "progress": 100,
                "importedRows": 10,
                "totalRows": 10,
                "fileSize": int,
                "details": [FILE],
            }
        ),
        source="handler_v2.go:3762",
    ),
    *_is("completed", "4.2, 4.3", f"{PROGRESS}:626", state="Completed", progress=100, completeTime=TIME, reason=ABSENT),
    *_is(
        "failed",
        "4.2-4.5",
        f"{PROGRESS}:629",
        state="Failed",
        progress=0,
        importedRows=0,
        totalRows=0,
        completeTime="",
        createTime=TIME,
        reason=re.compile(r".*missing\.parquet.*importing data failed \(PreImportTask\)"),
    ),
    *_is("no rows", "5.2", f"{PROGRESS}:626", state="Completed", importedRows=0, totalRows=0, progress=100),
    *_is(
        "resting",
        "4.3",
        f"{PROGRESS}:615",
        state="Uncommitted",
        progress=99,
        importedRows=10,
        totalRows=10,
        completeTime="",
    ),
    *_is(
        "resting without rows",
        "5.2, 7.1",
        f"{PROGRESS}:615",
        state="Uncommitted",
        importedRows=0,
        totalRows=0,
        progress=99,
    ),
    *_is("committed", "7.1", f"{PROGRESS}:626", state="Completed", progress=100, importedRows=10, completeTime=TIME),
    *_is(
        "aborted",
        "7.1",
        f"{SERVICES}:3024",
        state="Failed",
        progress=0,
        importedRows=0,
        completeTime="",
        reason="aborted by user",
    ),
    *_is("timed out", "4.5", "internal/datacoord/import_checker.go:575", state="Failed", reason="import timeout"),
    _describe(
        "set-of-files",
        "4.2",
        "a set of files and one that fails",
        "{two files}",
        success(Some(state="Failed", details=Some(Some(fileName="[a.npy b.npy]", state="Failed", reason=str)))),
    ),
    _describe(
        "pending",
        "4.2",
        "a job that has not begun has no files",
        "{running}",
        success(
            {
                "jobId": ID,
                "createTime": TIME,
                "collectionName": "c",
                "completeTime": "",
                "state": "Pending",
                "progress": int,
                "importedRows": 0,
                "totalRows": 0,
                "fileSize": 0,
                "details": [],
            }
        ),
        SLOW,
        source=f"{PROGRESS}:590",
    ),
    _describe(
        "same-route",
        "1.1",
        "get_progress is describe",
        "{completed}",
        success(Some(state="Completed", details=[FILE])),
        route="get_progress",
        source="handler_v2.go:336",
    ),
    Row(
        "describe-other-db",
        "4.1",
        "jobs/import/describe",
        "a job is found by its id alone, whatever database is named",
        {"jobId": "{completed}", "dbName": "{row}"},
        success(Some(state="Completed")),
        before=(Call("databases/create", {"dbName": "{row}"}),),
    ),
    Row(
        "describe-after-rename",
        "4.2",
        "jobs/import/describe",
        "the collection's name at creation",
        {"jobId": "{job}"},
        success(Some(collectionName="own_describe_after_rename")),
        before=(
            started("job", "{own}"),
            Call("collections/rename", {"collectionName": "{own}", "newCollectionName": "{row}"}),
        ),
    ),
    _describe("unknown", "4.6", "an unknown id", "5", DOES_NOT_EXIST, source=NO_SUCH_JOB),
    _describe(
        "unknown-by-progress", "4.6", "an unknown id", "5", DOES_NOT_EXIST, route="get_progress", source=NO_SUCH_JOB
    ),
    _describe(
        "no-number",
        "4.6",
        "an id that is no number",
        "abc",
        refused(2100, "parse job id failed", "%w"),
        source=NO_NUMBER,
    ),
    _describe(
        "cloud-id",
        "4.6",
        "an id as Zilliz Cloud has it",
        "job-0123",
        refused(2100, "parse job id failed"),
        source=NO_NUMBER,
    ),
    _describe(
        "too-big", "4.6", "an id of more than 64 bits", "9" * 25, refused(2100, "parse job id failed"), source=NO_NUMBER
    ),
    _describe(
        "just-too-big",
        "4.6",
        "2**63, one more than 64 bits hold",
        str(2**63),
        refused(2100, "parse job id failed"),
        source=NO_NUMBER,
    ),
    _describe("fraction", "4.6", "1.5", "1.5", refused(2100, "parse job id failed"), source=NO_NUMBER),
    _describe("blank", "4.6", "an id with a blank", " 5", refused(2100, "parse job id failed"), source=NO_NUMBER),
    _describe("negative", "4.6", "-5", "-5", refused(2100, "import job does not exist, jobID=-5"), source=NO_SUCH_JOB),
    Row(
        "describe-forgotten",
        "5.4",
        "jobs/import/describe",
        "a job that ended longer ago than records are kept",
        {"jobId": "{job}"},
        refused(2100, "import job does not exist"),
        FORGETFUL,
        before=(
            started("job"),
            Call("collections/get_stats", {"collectionName": "c"}, {"rowCount": 10}),
        ),
    ),
]


def _list(name: str, case: str, body, expected, source: str, **more) -> Row:
    return Row(f"list-{name}", "6.1", "jobs/import/list", case, body, expected, source=source, **more)


RECORDS, OF_ONE, OF_ALL = "handler_v2.go:3695", f"{SERVICES}:2123", f"{SERVICES}:2125"


RECORD = {"jobId": ID, "collectionName": "c", "state": "Completed", "progress": 100}
LIST = [
    _list(
        "records",
        "a record has id, collection, state and progress, and nothing else",
        {"collectionName": "{own}"},
        success({"records": [{**RECORD, "collectionName": "own_list_records"}]}),
        before=(started("job", "{own}", files=[["none.json"]]), ended("{job}")),
        source=RECORDS,
    ),
    _list(
        "failed",
        "a failed job has its reason too",
        {"collectionName": "{own}"},
        success({"records": [{**RECORD, "collectionName": str, "state": "Failed", "progress": 0, "reason": str}]}),
        before=(started("job", "{own}", files=[["nowhere.json"]]), ended("{job}")),
        source=RECORDS,
    ),
    _list(
        "own-jobs",
        "the jobs of one collection only",
        {"collectionName": "{own}"},
        success({"records": [Some(jobId="{job}")]}),
        before=(started("other"), started("job", "{own}")),
        source=OF_ONE,
    ),
    _list(
        "everything",
        "no collection: the jobs of all",
        {},
        success({"records": Some(Some(jobId="{other}"), Some(jobId="{job}"))}),
        before=(started("other"), started("job", "{own}")),
        source=OF_ALL,
    ),
    _list(
        "no-filter",
        'collectionName "": the jobs of all',
        {"collectionName": ""},
        success({"records": Some(Some(jobId="{job}"))}),
        before=(started("job"),),
        source=OF_ALL,
    ),
    _list(
        "all-databases",
        "no collection: the jobs of all databases",
        {"dbName": "default"},
        success({"records": Some(Some(jobId="{job}"))}),
        before=(
            Call("databases/create", {"dbName": "{row}"}),
            Call("collections/create", {"dbName": "{row}", "collectionName": "x", "dimension": 4}),
            started("job", "x", dbName="{row}"),
        ),
        source=OF_ALL,
    ),
    _list(
        "of-a-database",
        "the jobs of this database's collection of that name only",
        {"dbName": "{row}", "collectionName": "c"},
        success({"records": [Some(jobId="{job}")]}),
        before=(
            started("other"),
            Call("databases/create", {"dbName": "{row}"}),
            Call("collections/create", {"dbName": "{row}", "collectionName": "c", "dimension": 4}),
            started("job", dbName="{row}"),
        ),
        source=OF_ONE,
    ),
    _list("none", "a collection without jobs", {"collectionName": "{own}"}, success({"records": []}), source=RECORDS),
    _list(
        "unknown",
        "an unknown collection",
        {"collectionName": "nowhere"},
        refused(100, "collection not found"),
        source="internal/proxy/impl.go:6423",
    ),
    _list(
        "numeric",
        "collectionName 5",
        {"collectionName": 5},
        refused(1801, "cannot unmarshal"),
        source="request_v2.go:187",
    ),
    _list(
        "no-paging",
        "paging is ignored",
        {"collectionName": "{own}", "pageSize": 1, "currentPage": 7},
        success({"records": [Some(jobId="{first}"), Some(jobId="{second}")]}),
        before=(started("first", "{own}"), started("second", "{own}")),
        source="handler_v2.go:333",
    ),
]


def _end(action: str, name: str, case: str, job: str, expected, before=(), on="3.0", source="") -> Row:
    route = f"jobs/import/{action}"
    return Row(f"{action}-{name}", "7.1", route, case, {"jobId": job}, expected, on, before=before, source=source)


EXPECTED_STATE, JOB_ID = f"{SERVICES}:2994", "request_v2.go:377"


def _family(*texts: str):
    return refused(2100, *texts, "importing data failed")


ENDINGS = [
    _end(
        "commit",
        "resting",
        "a job at rest",
        "{job}",
        success(),
        (started("job", **TWO_PHASE), resting("{job}")),
        source=f"{SERVICES}:2991",
    ),
    _end("commit", "again", "a job that was committed", "{committed}", success(), source=f"{SERVICES}:2989"),
    _end(
        "commit",
        "pending",
        "a job that has not begun",
        "{running in two phases}",
        _family("is in state Pending, expected Uncommitted"),
        on=SLOW,
        source=EXPECTED_STATE,
    ),
    _end(
        "commit",
        "aborted",
        "an aborted job",
        "{aborted}",
        _family("is in state Failed, expected Uncommitted"),
        source=EXPECTED_STATE,
    ),
    _end(
        "commit",
        "failed",
        "a job that failed by itself",
        "{failed in two phases}",
        _family("is in state Failed, expected Uncommitted"),
        source=EXPECTED_STATE,
    ),
    _end(
        "commit",
        "ordinary",
        "a completed job that commits by itself",
        "{completed}",
        success(),
        source=f"{SERVICES}:2989",
    ),
    _end(
        "commit",
        "ordinary-failed",
        "a failed job that commits by itself",
        "{failed}",
        _family("is in state Failed, expected Uncommitted"),
        source=EXPECTED_STATE,
    ),
    _end(
        "abort",
        "ordinary-pending",
        "a job that commits by itself and has not begun",
        "{running}",
        _family("is auto-commit, manual commit/abort not allowed"),
        on=SLOW,
        source=f"{SERVICES}:2961",
    ),
    _end(
        "abort",
        "ordinary-failed",
        "a failed job that commits by itself",
        "{failed}",
        _family("is auto-commit, manual commit/abort not allowed"),
        source=f"{SERVICES}:2961",
    ),
    _end(
        "abort",
        "resting",
        "a job at rest",
        "{job}",
        success(),
        (started("job", **TWO_PHASE), resting("{job}")),
        source=f"{SERVICES}:3035",
    ),
    _end(
        "abort",
        "pending",
        "a job that has not begun",
        "{job}",
        success(),
        (started("job", **TWO_PHASE),),
        SLOW,
        source=f"{SERVICES}:3035",
    ),
    _end("abort", "again", "a job that was aborted", "{aborted}", success(), source=f"{SERVICES}:3025"),
    _end(
        "abort",
        "committed",
        "a committed job",
        "{committed}",
        _family("is in terminal/committed state Completed, abort not allowed"),
        source=f"{SERVICES}:3031",
    ),
    _end(
        "abort",
        "failed",
        "a job that failed by itself",
        "{failed in two phases}",
        success(),
        source=f"{SERVICES}:3035",
    ),
    _end(
        "abort",
        "ordinary",
        "a completed job that commits by itself",
        "{completed}",
        _family("is in terminal/committed state Completed, abort not allowed"),
        source=f"{SERVICES}:3031",
    ),
    *(
        row
        for action in ("commit", "abort")
        for row in (
            _end(
                action,
                "unknown",
                "an unknown id",
                "5",
                _family("job 5 not found"),
                source=f"{SERVICES}:2954",
            ),
            _end(
                action,
                "no-number",
                "an id that is no number",
                "abc",
                refused(
                    1100,
                    'strconv.ParseInt: parsing "abc": invalid syntax',
                    "[expected=int64 jobId][actual=abc]",
                ),
                source="handler_v2.go:3986",
            ),
            _end(action, "missing", "no jobId", None, refused(1802, "'JobIDReq.JobID'"), source=JOB_ID),
            _end(action, "numeric", "jobId 5", 5, refused(1801, "cannot unmarshal"), source=JOB_ID),
        )
    ),
]


def _rows_of(name: str, section: str, case: str, rows: int, *before: Call, auto_id=True, **body) -> Row:
    create = Call("collections/create", collection("{row}"))
    return Row(
        f"rows-{name}",
        section,
        "collections/get_stats",
        case,
        {"collectionName": "{row}", **body},
        success({"rowCount": rows}),
        before=(create, *before),
    )


def _load(save="job", **more) -> tuple[Call, Call]:
    return started(save, "{row}", **more), ended("{" + save + "}")


def _commit() -> tuple[Call, ...]:
    return started("job", "{row}", **TWO_PHASE), resting("{job}"), Call("jobs/import/commit", JOB), ended("{job}")


def _count(rows) -> list[dict[str, int]]:
    return [{"count(*)": rows}]


JOB = {"jobId": "{job}"}
COUNT = {"filter": "", "outputFields": ["count(*)"]}
LOAD, REFRESH, RELEASE = (
    Call(f"collections/{route}", {"collectionName": "{row}"}) for route in ("load", "refresh_load", "release")
)
EFFECTS = [
    _rows_of("completed", "5.6", "after a completed import", 10, *_load()),
    _rows_of(
        "failed", "4.3", "after one that failed in its second file", 0, *_load(files=[["rows.parquet"], ["short.json"]])
    ),
    _rows_of("twice", "9.1", "after the same file twice", 20, *_load("a"), *_load("b")),
    _rows_of(
        "groups",
        "2.5",
        "after one request of four formats",
        19,
        *_load(files=[["rows.parquet"], ["three.json"], ["three.jsonl"], ["three.csv"]]),
    ),
    _rows_of("empty", "5.2", "after a file without rows", 0, *_load(files=[["none.json"]])),
    _rows_of(
        "resting", "5.6, 7.1", "while a two-phase job rests", 0, started("job", "{row}", **TWO_PHASE), resting("{job}")
    ),
    _rows_of(
        "commit",
        "7.1",
        "after a commit",
        10,
        started("job", "{row}", **TWO_PHASE),
        resting("{job}"),
        Call("jobs/import/commit", JOB),
        ended("{job}"),
    ),
    _rows_of(
        "commit-twice",
        "7.1",
        "after two commits",
        10,
        started("job", "{row}", **TWO_PHASE),
        resting("{job}"),
        Call("jobs/import/commit", JOB),
        Call("jobs/import/commit", JOB),
        ended("{job}"),
    ),
    _rows_of(
        "abort",
        "7.1",
        "after an abort",
        0,
        started("job", "{row}", **TWO_PHASE),
        resting("{job}"),
        Call("jobs/import/abort", JOB),
        ended("{job}"),
    ),
    _rows_of(
        "after-an-abort",
        "7.1",
        "an aborted import does not hurt the next",
        10,
        started("job", "{row}", **TWO_PHASE),
        resting("{job}"),
        Call("jobs/import/abort", JOB),
        *_load("next"),
    ),
    _rows_of(
        "unloaded",
        "7.2",
        "of a released collection",
        10,
        Call("collections/release", {"collectionName": "{row}"}),
        *_load(),
    ),
    Row(
        "rows-of-a-partition",
        "2.1",
        "partitions/get_stats",
        "after an import into the partition",
        {"collectionName": "{row}", "partitionName": "p"},
        success({"rowCount": 10}),
        before=(
            Call("collections/create", collection("{row}")),
            Call("partitions/create", {"collectionName": "{row}", "partitionName": "p"}),
            *_load(partitionName="p"),
        ),
    ),
    Row(
        "rows-through-an-alias",
        "2.1",
        "collections/get_stats",
        "after an import into an alias",
        {"collectionName": "{row}"},
        success({"rowCount": 10}),
        before=(
            Call("collections/create", collection("{row}")),
            Call("aliases/create", {"collectionName": "{row}", "aliasName": "alias_of_rows"}),
            started("job", "alias_of_rows"),
            ended("{job}"),
        ),
    ),
    *(
        Row(
            f"rows-{id}",
            "7.2",
            f"entities/{read}",
            case,
            {"collectionName": "{row}", **body},
            success(expected),
            before=(Call("collections/create", collection("{row}")), *before),
        )
        for id, read, case, body, expected, before in (
            ("queried", "query", "count(*) after refresh_load", COUNT, _count(10), (*_load(), REFRESH)),
            ("not-refreshed", "query", "count(*) of a loaded one, without refresh_load", COUNT, _count(0), _load()),
            ("not-found", "query", "rows of a loaded one, without refresh_load", {"filter": "id >= 0"}, [], _load()),
            ("not-near", "search", "a loaded one, without refresh_load", {"data": [[0, 0, 0, 0]]}, [], _load()),
            ("loaded-again", "query", "count(*) after load of a loaded one", COUNT, _count(0), (*_load(), LOAD)),
            ("reloaded", "query", "count(*) after release and load", COUNT, _count(10), (*_load(), RELEASE, LOAD)),
            (
                "imported-while-released",
                "query",
                "count(*) after release, import, load",
                COUNT,
                _count(10),
                (RELEASE, *_load(), LOAD),
            ),
            ("committed", "query", "count(*) after commit", COUNT, _count(0), _commit()),
            (
                "committed-refreshed",
                "query",
                "count(*) after commit and refresh_load",
                COUNT,
                _count(10),
                (*_commit(), REFRESH),
            ),
        )
    ),
    Row(
        "rows-of-a-dropped-collection",
        "4.5",
        "jobs/import/describe",
        "the collection is dropped while the job rests, whether that shows before or after a commit",
        {"jobId": "{job}"},
        success(Some(state="Failed", reason=re.compile(r"collection \d+ dropped"))),
        before=(
            Call("collections/create", collection("{row}")),
            started("job", "{row}", **TWO_PHASE),
            resting("{job}"),
            Call("collections/drop", {"collectionName": "{row}"}),
            Call("jobs/import/commit", JOB, must=False),
            ended("{job}"),
        ),
    ),
    Row(
        "rows-of-a-folder",
        "2.4",
        "jobs/import/describe",
        "a path that is no key of the bucket",
        {"jobId": "{job}"},
        success(Some(state="Failed", reason=str)),
        before=(started("job", files=[["../rows.parquet"]]), ended("{job}")),
    ),
    Row(
        "rows-too-big",
        "5.5",
        "jobs/import/describe",
        "a file of more than 16 GB",
        {"jobId": "{job}"},
        success(Some(state="Failed", reason=re.compile(r".*huge\.json.*17179869184.*"))),
        before=(started("job", files=[["huge.json"]]), ended("{job}")),
    ),
    Row(
        "rows-mismatch",
        "4.5",
        "jobs/import/describe",
        "a row that does not fit fails the import phase",
        {"jobId": "{job}"},
        success(
            Some(state="Failed", reason=re.compile(r".*short\.json.*vector.*importing data failed \(ImportTask\)"))
        ),
        before=(started("job", files=[["short.json"]]), ended("{job}")),
    ),
]
ROWS = [*DESCRIBE, *LIST, *ENDINGS, *EFFECTS]
