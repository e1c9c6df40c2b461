"""Sections 1.1 to 1.5: routes, headers, envelope and HTTP status."""

from dataclasses import replace

from harness import TOKEN, Call, Expected, Row, Some, plain, refused, success

NOT_AUTHENTICATED = refused(1800, "user hasn't authenticated", status=401)
NOT_FOUND = plain(404, "404 page not found")
LOCKED = "3.0, with a token"
# dXNlcjpw is "user:p"; cm9vdDpNaWx2dXM= is the token.
ROOT_IN_BASIC = "Basic cm9vdDpNaWx2dXM="
MISSING = refused(1802, "missing required parameters")
# By route: the line of request_v2.go that requires a field.
REQUIRED = {
    "jobs/import/create": 309,
    "jobs/import/describe": 377,
    "jobs/import/get_progress": 377,
    "jobs/import/commit": 377,
    "jobs/import/abort": 377,
    "collections/create": 996,
    "collections/describe": 76,
    "collections/has": 76,
    "collections/drop": 76,
    "collections/truncate": 76,
    "collections/rename": 200,
    "collections/load": 76,
    "collections/refresh_load": 76,
    "collections/release": 76,
    "collections/get_load_state": 76,
    "collections/get_stats": 76,
    "collections/flush": 238,
    "collections/compact": 222,
    "indexes/create": 712,
    "indexes/describe": 721,
    "indexes/list": 76,
    "indexes/drop": 721,
    "indexes/alter_properties": 741,
    "partitions/create": 299,
    "partitions/drop": 299,
    "partitions/has": 299,
    "partitions/list": 76,
    "partitions/get_stats": 299,
    "partitions/load": 603,
    "partitions/release": 603,
    "aliases/create": 1063,
    "aliases/alter": 1063,
    "aliases/describe": 1052,
    "aliases/drop": 1052,
    "databases/create": 61,
    "databases/drop": 55,
    "databases/alter": 61,
    "databases/describe": 55,
    "entities/query": 403,
    "entities/search": 498,
    "entities/get": 424,
    "entities/insert": 448,
    "entities/upsert": 448,
    "entities/delete": 437,
}
# What needs no field, with the line of handler_v2.go that binds its request.
FREE = {
    "jobs/import/list": (success({"records": list}), 333),
    "collections/list": (success(list), 199),
    "collections/get_compaction_state": (success(Some(state="Completed")), 220),
    "aliases/list": (success(list), 326),
    "databases/list": (success(list), 233),
}


def _name(route: str) -> str:
    return route.replace("/", "-").replace("_", "-")


def _authenticates(name: str, header: str | None, expected: Expected) -> Row:
    headers = {"Authorization": header} if header is not None else {"Authorization": ""}
    case = "no credentials" if header is None else f"Authorization: {header}"
    return Row(f"auth-{name}", "1.2", "collections/has", case, {"collectionName": "c"}, expected, LOCKED, headers)


INSERT = Call("entities/insert", {"collectionName": "{own}", "data": [{"id": 2**53 + 1, "vector": [0, 0, 0, 0]}]})

UNSUPPORTED = {
    "users/list": 290,
    "users/create": 293,
    "roles/list": 299,
    "roles/grant_privilege_v2": 307,
    "privilege_groups/list": 313,
    "resource_groups/list": 352,
    "segments/describe": 361,
    "quotacenter/describe": 362,
    "common/run_analyzer": 365,
    "collections/fields/add": 226,
    "collections/fields/alter_properties": 223,
    "collections/add_function": 213,
    "file_resources/list": 358,
    "jobs/snapshot/export": 340,
    "jobs/external_collection/list": 345,
}

ROWS = [
    *(
        Row(
            f"unsupported-{_name(route)}",
            "1.1",
            route,
            "what Milvus Lite cannot do is refused, and no unknown route",
            {},
            refused(3000, "is not supported by the local Milvus"),
            source=f"handler_v2.go:{line}",
        )
        for route, line in UNSUPPORTED.items()
    ),
    *(
        Row(f"empty-object-{_name(route)}", "1.6", route, "the body {}", {}, MISSING, source=f"request_v2.go:{line}")
        for route, line in REQUIRED.items()
    ),
    *(
        Row(f"empty-object-{_name(route)}", "1.1", route, "the body {}", {}, expected, source=f"handler_v2.go:{line}")
        for route, (expected, line) in FREE.items()
    ),
    *(
        Row(f"get-{_name(route)}", "1.1", route, "GET", {}, NOT_FOUND, method="GET")
        for route in ("jobs/import/describe", "collections/list", "entities/query")
    ),
    Row("put", "1.1", "jobs/import/create", "PUT", {}, NOT_FOUND, method="PUT"),
    Row("delete", "1.1", "collections/drop", "DELETE", {}, NOT_FOUND, method="DELETE"),
    Row("unknown-route", "1.1", "jobs/import/cancel", "a route that there is not", {}, NOT_FOUND),
    Row("unknown-tree", "1.1", "/v3/vectordb/collections/list", "a path outside /v2/vectordb", {}, NOT_FOUND),
    Row(
        "cors-preflight",
        "1.1",
        "jobs/import/create",
        "OPTIONS",
        {},
        plain(204, headers=("Access-Control-Allow-Origin", "Access-Control-Allow-Methods")),
        LOCKED,
        method="OPTIONS",
    ),
    Row(
        "cors-response",
        "1.1",
        "collections/has",
        "any response",
        {"collectionName": "c"},
        replace(success({"has": True}), headers=("Access-Control-Allow-Origin", "Access-Control-Allow-Headers")),
        LOCKED,
        {"Origin": "https://tool.example"},
    ),
    Row(
        "data-of-an-action",
        "1.3",
        "collections/flush",
        "an action without a result",
        {"collectionName": "c"},
        success(),
    ),
    Row(
        "any-token",
        "1.4",
        "collections/has",
        "a token that is not required",
        {"collectionName": "c"},
        success({"has": True}),
        headers={"Authorization": "Bearer nobody:knows"},
    ),
    _authenticates("none", None, NOT_AUTHENTICATED),
    _authenticates("bearer", f"Bearer {TOKEN}", success({"has": True})),
    _authenticates("wrong-password", "Bearer root:wrong", NOT_AUTHENTICATED),
    _authenticates("wrong-user", "Bearer admin:Milvus", NOT_AUTHENTICATED),
    _authenticates("unknown-api-key", "Bearer 0123456789", NOT_AUTHENTICATED),
    _authenticates("basic", ROOT_IN_BASIC, success({"has": True})),
    _authenticates(
        "basic-wrong",
        "Basic dXNlcjpw",
        refused(1800, "user hasn't authenticated", status=401, headers=("WWW-Authenticate",)),
    ),
    Row(
        "auth-before-binding",
        "1.4",
        "jobs/import/create",
        "no credentials and no JSON",
        b"{",
        NOT_AUTHENTICATED,
        LOCKED,
        {"Authorization": ""},
    ),
    Row(
        "auth-on-import",
        "1.4",
        "jobs/import/create",
        "no credentials",
        {"collectionName": "c", "files": [["rows.parquet"]]},
        NOT_AUTHENTICATED,
        LOCKED,
        {"Authorization": ""},
    ),
    Row(
        "db-of-nothing",
        "1.2",
        "collections/has",
        "neither dbName nor DB-Name: default",
        {"collectionName": "c"},
        success({"has": True}),
    ),
    Row(
        "db-of-the-header",
        "1.2",
        "collections/has",
        "DB-Name: nowhere",
        {"collectionName": "c"},
        refused(800, "database not found"),
        headers={"DB-Name": "nowhere"},
    ),
    Row(
        "db-of-the-body",
        "1.2",
        "collections/has",
        "dbName nowhere",
        {"collectionName": "c", "dbName": "nowhere"},
        refused(800, "database not found"),
    ),
    Row(
        "db-body-beats-header",
        "1.2",
        "collections/has",
        "dbName default, DB-Name: nowhere",
        {"collectionName": "c", "dbName": "default"},
        success({"has": True}),
        headers={"DB-Name": "nowhere"},
    ),
    Row(
        "errors-are-http-200",
        "1.4",
        "collections/describe",
        "an unknown collection",
        {"collectionName": "nowhere"},
        refused(100, "can't find collection"),
    ),
    Row(
        "int64-as-numbers",
        "1.2",
        "entities/get",
        "an Int64, by default",
        {"collectionName": "{own}", "id": [2**53 + 1], "outputFields": ["id"]},
        success([{"id": 2**53 + 1}]),
        before=(INSERT,),
    ),
    Row(
        "int64-as-texts",
        "1.2",
        "entities/get",
        "Accept-Type-Allow-Int64: false",
        {"collectionName": "{own}", "id": [2**53 + 1], "outputFields": ["id"]},
        success([{"id": str(2**53 + 1)}]),
        headers={"Accept-Type-Allow-Int64": "false"},
        before=(INSERT,),
    ),
    Row(
        "ids-as-texts",
        "1.2",
        "entities/insert",
        "Accept-Type-Allow-Int64: false",
        {"collectionName": "{own}", "data": [{"id": 7, "vector": [0, 0, 0, 0]}]},
        success({"insertCount": 1, "insertIds": ["7"]}),
        headers={"Accept-Type-Allow-Int64": "false"},
    ),
    Row(
        "request-timeout",
        "1.2",
        "collections/has",
        "Request-Timeout: 60",
        {"collectionName": "c"},
        success({"has": True}),
        headers={"Request-Timeout": "60"},
    ),
    Row(
        "request-timeout-over",
        "1.4, 1.5",
        "collections/has",
        "Request-Timeout: 0, which is too short",
        {"collectionName": "c"},
        refused(10001, "request timeout", status=408),
        headers={"Request-Timeout": "0"},
    ),
    Row(
        "request-timeout-no-number",
        "1.2",
        "collections/has",
        "Request-Timeout: soon",
        {"collectionName": "c"},
        refused(1100, 'Request-Timeout parse failed, err: strconv.ParseInt: parsing "soon": invalid syntax'),
        headers={"Request-Timeout": "soon"},
        source="timeout_middleware.go:245",
    ),
]
