"""Section 11.3: entities."""

from harness import Call, Row, Some, collection, refused, success

OWN = {"collectionName": "{own}"}
DATA = [{"id": n, "vector": [n, 0, 0, 0], "colour": "red" if n % 2 else "blue"} for n in range(6)]
FILL = Call("entities/insert", {**OWN, "data": DATA})
RELEASE = Call("collections/release", OWN)

BOUNDED = collection(
    "{row}", False, ({"fieldName": "text", "dataType": "VarChar", "elementTypeParams": {"max_length": 9}},)
)


def _row(name: str, action: str, case: str, body, expected, *before: Call, section="11.3", source="") -> Row:
    route = f"entities/{action}"
    before = before or (FILL,)
    return Row(f"entity-{name}", section, route, case, {**OWN, **body}, expected, before=before, source=source)


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
        refused(1801, "cannot unmarshal object into Go struct field CollectionDataReq.data"),
        source="request_v2.go:450",
    ),
    _row(
        "insert-no-row",
        "insert",
        "data []",
        {"data": []},
        refused(1804, "fail to deal the insert data, error: missing required parameters"),
        source="utils.go:472",
    ),
    _row(
        "insert-no-vector",
        "insert",
        "a row without its vector",
        {"data": [{"id": 9}]},
        refused(1804, "missing vector field: vector: invalid parameter[expected=FloatVector][actual=]"),
        source="utils.go:545",
    ),
    _row(
        "upsert-no-vector",
        "upsert",
        "a row without its vector",
        {"data": [{"id": 3}]},
        refused(1804, "missing vector field: vector"),
        source="utils.go:545",
    ),
    _row(
        "insert-text-as-number",
        "insert",
        "an Int64 as text, a vector as text",
        {"data": [{"id": "9", "vector": "[0, 0, 0, 0]"}]},
        success({"insertCount": 1, "insertIds": [9]}),
        RELEASE,
        source="utils.go:640",
    ),
    _row(
        "insert-fraction",
        "insert",
        "1.5 as Int64",
        {"data": [{"id": 1.5, "vector": [0, 0, 0, 0]}]},
        refused(1804, "[expected=Int64][actual=1.5]"),
        source="utils.go:640",
    ),
    _row(
        "insert-whole",
        "insert",
        "1.0 as Int64, which Go's JSON library writes as 1",
        {"data": [{"id": 1.0, "vector": [0, 0, 0, 0]}]},
        success({"insertCount": 1, "insertIds": [1]}),
        source="utils.go:530",
    ),
    _row(
        "insert-long-text",
        "insert",
        "a text of more bytes than max_length",
        {"collectionName": "{row}", "data": [{"id": 1, "vector": [0, 0, 0, 0], "text": "ü" * 5}]},
        refused(1100, "length of varchar field text exceeds max length, row number: 0, length: 10, max length: 9"),
        Call("collections/create", BOUNDED),
        source="internal/proxy/validate_util.go:927",
    ),
    _row(
        "insert-meta",
        "insert",
        "a key $meta",
        {"data": [{"id": 9, "vector": [0, 0, 0, 0], "$meta": {}}]},
        refused(1804, "use the invalid field name($meta) when enable dynamicField"),
        source="utils.go:793",
    ),
    _row(
        "upsert-partial",
        "upsert",
        "partialUpdate: Milvus Lite cannot",
        {"data": [{"id": 3}], "partialUpdate": True},
        refused(3000, "partialUpdate", "not supported"),
    ),
    _row("insert-no-data", "insert", "no data", {}, refused(1802, "Data")),
    _row(
        "insert-bad-dim",
        "insert",
        "a vector of two",
        {"data": [{"id": 9, "vector": [0, 0]}]},
        refused(1804, "vector"),
        section="8, 11.3",
    ),
    _row(
        "insert-bad-type",
        "insert",
        "a text as Int64",
        {"data": [{"id": "x", "vector": [0, 0, 0, 0]}]},
        refused(1804, "id"),
        section="8, 11.3",
    ),
    _row(
        "insert-unknown-partition",
        "insert",
        "an unknown partition",
        {"data": [DATA[0]], "partitionName": "nowhere"},
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
    _row(
        "search-no-data",
        "search",
        "neither data nor ids",
        {},
        refused(1802, "either 'ids' (for primary key search) or 'data' (for vector search) must be provided"),
        source="handler_v2.go:1889",
    ),
    _row(
        "search-both",
        "search",
        "data and ids",
        {**NEAR, "ids": [1]},
        refused(1100, "mutually exclusive"),
        source="handler_v2.go:1880",
    ),
    _row(
        "search-ids",
        "search",
        "ids",
        {**ONLY_ID, "ids": [3, 0], "limit": 1},
        success([Some(id=3), Some(id=0)]),
        source="request_v2.go:500",
    ),
    _row(
        "search-no-limit",
        "search",
        "limit 0",
        {**NEAR, "limit": 0},
        refused(1100, "topk [0] is invalid, it should be in range [1, 16384], but got 0"),
        source="internal/proxy/search_util.go:497",
    ),
    _row(
        "search-group",
        "search",
        "groupingField",
        {**NEAR, "groupingField": "id", "limit": 2},
        success([Some(id=3), Some(id=4)]),
        source="handler_v2.go:1952",
    ),
    *(
        _row(
            f"search-{name}",
            "search",
            f"{name}: Milvus Lite cannot",
            {**NEAR, name: value},
            refused(3000, name, "not supported"),
        )
        for name, value in (
            ("orderByFields", ["id"]),
            ("searchAggregation", {"fields": ["id"]}),
            ("functionScore", {"functions": [{"name": "f"}]}),
            ("functionChains", [{"name": "f"}]),
        )
    ),
    *(
        _row(
            f"query-{name}",
            "query",
            f"{name}: Milvus Lite cannot",
            {"filter": "id > 0", name: ["id"]},
            refused(3000, name, "not supported"),
        )
        for name in ("orderByFields", "groupByFields")
    ),
    *(
        _row(
            f"{action}-bad-consistency",
            action,
            "consistencyLevel Soon",
            {**more, "consistencyLevel": "Soon"},
            refused(
                1100,
                "consistencyLevel can only be [Strong, Session, Bounded, Eventually, Customized], default: Bounded, ",
                "err:parameter:'Soon' is incorrect",
            ),
            source="handler_v2.go:1411",
        )
        for action, more in (("query", {}), ("get", {"id": 1}), ("search", NEAR))
    ),
    _row(
        "query-blank",
        "query",
        "a filter of white space holds for all rows",
        {"filter": " ", **ONLY_ID},
        _rows(0, 1, 2, 3, 4, 5),
        source="tests/restful_client_v2/testcases/test_import_2pc_operation.py:1944",
    ),
    _row(
        "count-blank",
        "query",
        "count(*) with a filter of white space",
        {"filter": " ", "limit": 0, "outputFields": ["count(*)"]},
        success([{"count(*)": 6}]),
        source="tests/restful_client_v2/testcases/test_vector_operations.py:4601",
    ),
    _row(
        "query-no-limit",
        "query",
        "no filter, limit 0",
        {"filter": "", "limit": 0},
        refused(1100, "empty expression should be used with limit"),
        source="internal/proxy/task_query.go:802",
    ),
    _row(
        "query-null-limit",
        "query",
        "limit null",
        {"filter": "", "limit": None, **ONLY_ID},
        _rows(0, 1, 2, 3, 4, 5),
        source="handler_v2.go:240",
    ),
    _row(
        "delete-blank",
        "delete",
        "a filter of white space",
        {"filter": " "},
        refused(1100, "delete plan can't be empty or always true"),
        source="internal/proxy/task_delete.go:346",
    ),
    *(
        _row(
            f"{action.replace('_', '-')}",
            action,
            "two searches, merged",
            {
                "search": [{**NEAR, "data": [[3.2, 0, 0, 0]]}, {**NEAR, "data": [[5, 0, 0, 0]]}],
                "rerank": {"strategy": "rrf", "params": {"k": 60}},
                "limit": 2,
                **ONLY_ID,
            },
            success([Some(id=4), Some(distance=float)]),
            source=f"handler_v2.go:{line}",
        )
        for action, line in (("hybrid_search", 275), ("advanced_search", 269))
    ),
    _row(
        "search-bad-dim",
        "search",
        "a vector of two",
        {**NEAR, "data": [[1, 2]]},
        refused(1801, "dimension: 4, but length of []float: 2"),
        source="handler_v2.go:2009",
    ),
    _row(
        "search-unknown-field",
        "search",
        "an unknown annsField",
        {**NEAR, "annsField": "x"},
        refused(1801, "cannot find a vector field: field not found[field=x]"),
        source="handler_v2.go:1804",
    ),
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
    _row(
        "get-bad-id",
        "get",
        "a key of another type",
        {"id": ["x"]},
        refused(1806, "please check the primary key"),
        source="handler_v2.go:1476",
    ),
    _row("get-no-id", "get", "no id", {}, refused(1802, "ID")),
    _row(
        "delete",
        "delete",
        "a filter",
        {"filter": "id in [0, 1]"},
        success({"deleteCount": 2}),
        source="handler_v2.go:1570",
    ),
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
            refused(100, "can't find collection[database=default][collection=nowhere]"),
            source="internal/proxy/service_provider.go:169",
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
