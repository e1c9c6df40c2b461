"""Sections 1.4, 6.1 to 6.3: what the privilege Import guards."""

from harness import FILES, Call, Expected, Row, Some, refused, success

USERS = "3.0, with users"
LOADER, GUEST = ({"Authorization": f"Bearer {name}:p"} for name in ("loader", "guest"))
DENIED = refused(65535, "rpc error: code = PermissionDenied desc = PrivilegeImport: permission deny to", status=403)
IMPORT = {"collectionName": "c", **FILES}
DOCS = {"collectionName": "docs", **FILES}
TEAM = (Call("databases/create", {"dbName": "team"}, must=False),)


def _row(name: str, section: str, route: str, case: str, body, expected: Expected, user=LOADER, **more) -> Row:
    more = {"on": USERS, **more}
    source = "internal/proxy/privilege_interceptor.go:208" if expected is DENIED else ""
    route = f"jobs/import/{route}"
    return Row(f"privilege-{name}", section, route, case, body, expected, headers=user, source=source, **more)


ROWS = [
    _row("create", "6.2", "create", "a user with the privilege", IMPORT, success({"jobId": str})),
    _row("create-denied", "1.4, 6.2", "create", "a user without it", IMPORT, DENIED, GUEST),
    _row(
        "create-elsewhere",
        "6.2",
        "create",
        "a user with the privilege on other collections",
        {"collectionName": "{own}", **FILES},
        DENIED,
    ),
    _row(
        "create-nowhere",
        "1.6, 6.2",
        "create",
        "no privilege, no such collection",
        {"collectionName": "nowhere", **FILES},
        DENIED,
    ),
    _row(
        "create-database-in-body",
        "6.3",
        "create",
        "the privilege in a database that only the body names: that of the header counts",
        {**DOCS, "dbName": "team"},
        DENIED,
        before=TEAM,
    ),
    _row(
        "create-database-in-header",
        "6.3",
        "create",
        "the privilege in the database that the header names, where there is no such collection",
        DOCS,
        refused(100, "collection not found"),
        {**LOADER, "DB-Name": "team"},
        before=TEAM,
    ),
    _row(
        "describe",
        "6.2",
        "describe",
        "a user with the privilege",
        {"jobId": "{completed}"},
        success(Some(state="Completed")),
    ),
    _row("describe-denied", "4.6", "describe", "a user without it", {"jobId": "{completed}"}, DENIED, GUEST),
    _row("progress-denied", "4.6", "get_progress", "a user without it", {"jobId": "{completed}"}, DENIED, GUEST),
    _row(
        "describe-unknown",
        "4.6",
        "describe",
        "an unknown id, a user without it",
        {"jobId": "5"},
        refused(2100, "import job does not exist"),
        GUEST,
    ),
    _row(
        "list",
        "6.1",
        "list",
        "a user with the privilege",
        {},
        success({"records": Some(Some(jobId="{completed}"))}),
    ),
    _row(
        "list-denied",
        "6.1",
        "list",
        "a user without it: records are left out silently",
        {},
        success({"records": []}),
        GUEST,
        before=(Call("jobs/import/describe", {"jobId": "{completed}"}),),
    ),
    _row(
        "list-collection-denied",
        "6.1",
        "list",
        "the jobs of one collection, a user without it",
        {"collectionName": "c"},
        success({"records": []}),
        GUEST,
        before=(Call("jobs/import/describe", {"jobId": "{completed}"}),),
    ),
    _row("commit", "6.2", "commit", "a user with the privilege", {"jobId": "{committed}"}, success()),
    _row("commit-denied", "6.2", "commit", "a user without it", {"jobId": "{resting}"}, DENIED, GUEST),
    _row("abort", "6.2", "abort", "a user with the privilege", {"jobId": "{aborted}"}, success()),
    _row("abort-denied", "6.2", "abort", "a user without it", {"jobId": "{resting}"}, DENIED, GUEST),
    _row("create-denied-2.4", "6.3", "create", "a user without it", IMPORT, DENIED, GUEST, on="2.4, with users"),
    _row("create-denied-2.5", "6.2", "create", "a user without it", IMPORT, DENIED, GUEST, on="2.5, with users"),
    _row(
        "describe-2.5",
        "6.2",
        "describe",
        "a user without it, before 2.6.7",
        {"jobId": "{completed}"},
        success(Some(state="Completed")),
        GUEST,
        on="2.5, with users",
    ),
    _row(
        "list-2.5",
        "6.2",
        "list",
        "a user without it, before 2.6.7",
        {},
        success({"records": Some(Some(jobId="{completed}"))}),
        GUEST,
        on="2.5, with users",
    ),
]
