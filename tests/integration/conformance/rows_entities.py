"""Section 11.3: entities."""

from harness import Call, Row, Some, refused, success

OWN = {"collectionName": "{own}"}
DATA = [{"id": n, "vector": [n, 0, 0, 0], "colour": "red" if n % 2 else "blue"} for n in range(6)]
FILL = Call("entities/insert", {**OWN, "data": DATA})
RELEASE = Call("collections/release", OWN)


def _row(name: str, action: str, case: str, body, expected, *before: Call, section="11.3") -> Row:
    return Row(
        f"entity-{name}", section, f"entities/{action}", case, {**OWN, **body}, expected, before=before or (FILL,)
    )


def _rows(*keys: int):
    return success([{"id": key} for key in keys])


ONLY_ID = {"outputFields": ["id"]}
NEAR = {"data": [[3.2, 0, 0, 0]], "annsField": "vector", "limit": 2, **ONLY_ID}
ROWS = [
    _row(
        "insert",
        "insert",
        "rows",
        {"data": DATA},
        success({"insertCount": 6, "insertIds": [0, 1, 2, 3, 4, 5]}),
        RELEASE,
    ),
    _row(
        "insert-one",
        "insert",
        "one row that is no list",
        {"data": DATA[3]},
        success({"insertCount": 1, "insertIds": [3]}),
        RELEASE,
    ),
    _row("insert-no-data", "insert", "no data", {}, refused(1802, "Data")),
    _row(
        "insert-bad-dim",
        "insert",
        "a vector of two",
        {"data": {"id": 9, "vector": [0, 0]}},
        refused(1804, "vector"),
        section="8, 11.3",
    ),
    _row(
        "insert-bad-type",
        "insert",
        "a text as Int64",
        {"data": {"id": "x", "vector": [0, 0, 0, 0]}},
        refused(1804, "id"),
        section="8, 11.3",
    ),
    _row(
        "insert-unknown-partition",
        "insert",
        "an unknown partition",
        {"data": DATA[0], "partitionName": "nowhere"},
        refused(200, "partition not found"),
    ),
    _row(
        "upsert",
        "upsert",
        "rows",
        {"data": [{**DATA[3], "colour": "green"}]},
        success({"upsertCount": 1, "upsertIds": [3]}),
    ),
    _row(
        "upserted",
        "get",
        "a row after upsert",
        {"id": [3], "outputFields": ["colour"]},
        success([Some(colour="green")]),
        FILL,
        Call("entities/upsert", {**OWN, "data": [{**DATA[3], "colour": "green"}]}),
    ),
    _row("query", "query", "a filter", {"filter": 'colour == "red"', **ONLY_ID}, _rows(1, 3, 5)),
    _row(
        "query-all-fields",
        "query",
        "outputFields * is the default",
        {"filter": "id == 3"},
        success([{"id": 3, "vector": [3.0, 0.0, 0.0, 0.0], "colour": "red"}]),
    ),
    _row(
        "query-star",
        "query",
        "outputFields *",
        {"filter": "id == 3", "outputFields": ["*"]},
        success([{"id": 3, "vector": [3.0, 0.0, 0.0, 0.0], "colour": "red"}]),
    ),
    _row(
        "query-limit",
        "query",
        "limit and offset",
        {"filter": "id >= 0", "limit": 2, "offset": 3, **ONLY_ID},
        _rows(3, 4),
    ),
    _row("query-in", "query", "id in a list", {"filter": "id in [1, 4, 77]", **ONLY_ID}, _rows(1, 4)),
    _row("query-nothing", "query", "no row", {"filter": "id > 77", **ONLY_ID}, success([])),
    _row("query-count", "query", "count(*)", {"filter": "", "outputFields": ["count(*)"]}, success([{"count(*)": 6}])),
    _row(
        "query-count-filter",
        "query",
        "count(*) with a filter",
        {"filter": "id > 3", "outputFields": ["count(*)"]},
        success([{"count(*)": 2}]),
    ),
    _row(
        "query-count-after-delete",
        "query",
        "count(*) sees deletes",
        {"filter": "", "outputFields": ["count(*)"]},
        success([{"count(*)": 4}]),
        FILL,
        Call("entities/delete", {**OWN, "filter": "id in [0, 1]"}),
        section="7.2",
    ),
    _row(
        "query-partition",
        "query",
        "a partition without rows",
        {"filter": "id >= 0", "partitionNames": ["p"]},
        success([]),
        FILL,
        Call("partitions/create", {**OWN, "partitionName": "p"}),
    ),
    _row(
        "query-unknown-partition",
        "query",
        "an unknown partition",
        {"filter": "id >= 0", "partitionNames": ["nowhere"]},
        refused(200, "partition not found"),
    ),
    _row("query-bad-filter", "query", "a filter that makes no sense", {"filter": "id >>> 3"}, refused(1100)),
    _row(
        "query-released",
        "query",
        "a released collection",
        {"filter": "id >= 0"},
        refused(101, "collection not loaded"),
        RELEASE,
        section="8, 11.3",
    ),
    _row("query-too-many", "query", "limit 16385", {"filter": "id >= 0", "limit": 16385}, refused(1100, "limit")),
    _row(
        "search",
        "search",
        "the nearest rows, flat",
        NEAR,
        success([{"id": 3, "distance": float}, {"id": 4, "distance": float}]),
    ),
    _row(
        "search-filter", "search", "a filter", {**NEAR, "filter": 'colour == "blue"'}, success([Some(id=4), Some(id=2)])
    ),
    _row(
        "search-fields",
        "search",
        "outputFields",
        {**NEAR, "outputFields": ["colour"]},
        success([Some(id=3, colour="red"), Some(id=4, colour="blue")]),
    ),
    _row("search-limit", "search", "limit 1", {**NEAR, "limit": 1}, success([Some(id=3)])),
    _row("search-no-data", "search", "no data", {}, refused(1802, "Data")),
    _row("search-bad-dim", "search", "a vector of two", {**NEAR, "data": [[1, 2]]}, refused(1100)),
    _row("search-unknown-field", "search", "an unknown annsField", {**NEAR, "annsField": "x"}, refused(1100, "x")),
    _row(
        "search-released",
        "search",
        "a released collection",
        NEAR,
        refused(101, "collection not loaded"),
        RELEASE,
        section="8, 11.3",
    ),
    _row("get", "get", "a row by its key", {"id": [4], **ONLY_ID}, _rows(4)),
    _row("get-one", "get", "a key that is no list", {"id": 4, **ONLY_ID}, _rows(4)),
    _row("get-missing", "get", "a key that is not there", {"id": [77], **ONLY_ID}, success([])),
    _row("get-no-id", "get", "no id", {}, refused(1802, "ID")),
    _row("delete", "delete", "a filter", {"filter": "id in [0, 1]"}, success()),
    _row(
        "deleted",
        "query",
        "what delete leaves",
        {"filter": "id >= 0", **ONLY_ID},
        _rows(2, 3, 4, 5),
        FILL,
        Call("entities/delete", {**OWN, "filter": "id in [0, 1]"}),
    ),
    _row("delete-no-filter", "delete", "no filter", {}, refused(1802, "Filter")),
    _row("delete-bad-filter", "delete", "a filter that makes no sense", {"filter": "id >>> 3"}, refused(1100)),
    *(
        Row(
            f"entity-unknown-{action}",
            "8, 11.3",
            f"entities/{action}",
            "an unknown collection",
            {"collectionName": "nowhere", **more},
            refused(100, "collection not found"),
        )
        for action, more in (
            ("query", {"filter": "id > 0"}),
            ("search", NEAR),
            ("get", {"id": [1]}),
            ("insert", {"data": DATA}),
            ("upsert", {"data": DATA}),
            ("delete", {"filter": "id > 0"}),
        )
    ),
]
