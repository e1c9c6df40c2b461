"""Settings, indexes and parameters of searches that a cluster acts on or refuses, and Milvus Lite ignores."""

from harness import PRIMARY, VECTOR, Call, Row, Some, refused, success

OWN = {"collectionName": "{own}"}
NEW = {"collectionName": "{row}"}
TASK = "internal/proxy/task.go"
KEY = {"fieldName": "k", "dataType": "Int64", "isPartitionKey": True}
NOT_LOADED = (Call("collections/release", OWN), Call("indexes/drop", {**OWN, "indexName": "vector"}))


def _row(name: str, route: str, case: str, body, expected, source: str, *before: Call) -> Row:
    return Row(f"refused-{name}", "11", route, case, body, expected, before=before, source=source)


def _params(name: str, params, text: str, source: str, *fields) -> Row:
    shown = ", ".join(f"{key}: {value!r}" for key, value in params.items())
    body = {**NEW, "schema": {"fields": [PRIMARY, VECTOR, *fields]}, "params": params}
    return _row(name, "collections/create", f"params {{{shown}}}", body, refused(1100, text), source)


SETTINGS = [
    _params("shards", {"shardsNum": 17}, "maximum shards's number should be limited to 16", f"{TASK}:529"),
    _params(
        "partitions",
        {"partitionsNum": 1025},
        "partition number (1025) exceeds max configuration (1024)",
        f"{TASK}:351",
        KEY,
    ),
    _params(
        "ttl-range",
        {"ttlSeconds": -100},
        "collection TTL is out of range, expect [-1, 3155760000], got -100",
        "handler_v2_test.go:1707",
    ),
    _row(
        "ttl-twice",
        "collections/create",
        "two times to live",
        {**NEW, "dimension": 4, "params": {"ttlSeconds": 9}, "properties": {"ttl.seconds": 9}},
        refused(1100, "collection TTL is specified multiple times"),
        "handler_v2_test.go:1721",
    ),
    _row(
        "two-levels",
        "collections/create",
        "two consistency levels",
        {**NEW, "dimension": 4, "consistencyLevel": "Strong", "params": {"consistencyLevel": "Session"}},
        refused(1100, "top-level consistencyLevel conflicts with params.consistencyLevel"),
        "handler_v2.go:2306",
    ),
    _row(
        "warmup",
        "collections/create",
        "a warm-up that there is not",
        {**NEW, "dimension": 4, "params": {"warmup.vectorField": "soon"}},
        refused(1100, "invalid warmup value for key warmup.vectorField"),
        f"{TASK}:626",
    ),
    *(
        _row(
            f"property-{name}",
            "collections/create",
            f"properties {{{name}}}",
            {**NEW, "dimension": 4, "properties": {name: "1"}},
            refused(3000, name, "not supported"),
            "pkg/common/common.go",
        )
        for name in ("collection.bulkLoadRate.max.mb", "allow_insert_auto_id", "dynamicfield.enabled", "query_mode")
    ),
    _row(
        "database-property",
        "databases/create",
        "properties {database.force.deny.writing}",
        {"dbName": "{row}", "properties": {"database.force.deny.writing": True}},
        refused(3000, "database.force.deny.writing"),
        "pkg/common/common.go:304",
    ),
    _row(
        "settings-kept",
        "collections/describe",
        "settings that nothing here acts on",
        NEW,
        success(
            Some(
                description="d",
                shardsNum=2,
                partitionsNum=32,
                consistencyLevel="Session",
                properties=[{"key": "mmap.enabled", "value": "true"}],
            )
        ),
        "handler_v2_test.go:1749",
        Call(
            "collections/create",
            {
                **NEW,
                "description": "d",
                "schema": {"fields": [PRIMARY, VECTOR, KEY]},
                "consistencyLevel": "Session",
                "params": {"shardsNum": "2", "partitionsNum": 32, "mmap.enabled": True},
            },
        ),
    ),
    _row(
        "clustering-key",
        "collections/describe",
        "a clustering key, which nothing here acts on",
        NEW,
        success(Some(fields=Some(Some(name="k", clusteringKey=True)))),
        "handler_v2_test.go:1825",
        Call(
            "collections/create",
            {
                **NEW,
                "schema": {
                    "fields": [PRIMARY, VECTOR, {"fieldName": "k", "dataType": "Int64", "isClusteringKey": True}]
                },
            },
        ),
    ),
    _row(
        "timezone",
        "collections/create",
        "properties {timezone: Moon}",
        {**NEW, "dimension": 4, "properties": {"timezone": "Moon"}},
        refused(1100, "timezone"),
        f"{TASK}:603",
    ),
    _row(
        "database-gone",
        "databases/drop",
        "one that is not there",
        {"dbName": "nowhere"},
        success(),
        "tests/restful_client_v2/testcases/test_database_operation.py",
    ),
]
INDEXES = [
    *(
        _row(
            f"index-{name}",
            "indexes/create",
            f"{name}",
            {**OWN, "indexParams": [{"fieldName": "vector", "metricType": "L2", **index}]},
            refused(1100, text),
            "internal/util/indexparamcheck",
            *NOT_LOADED,
        )
        for name, index, text in (
            ("NOPE", {"indexType": "NOPE"}, "invalid index type: NOPE"),
            ("GPU_CAGRA", {"indexType": "GPU_CAGRA"}, "invalid index type: GPU_CAGRA"),
            ("INVERTED", {"indexType": "INVERTED"}, "data type FloatVector can't build with this index INVERTED"),
            ("HAMMING", {"metricType": "HAMMING"}, "float vector index does not support metric type: HAMMING"),
            ("nlist-0", {"indexType": "IVF_FLAT", "params": {"nlist": 0}}, "should be in range [1, 65536]"),
        )
    ),
    _row(
        "index-named",
        "indexes/describe",
        "one with a name of its own, of a type that Milvus Lite has not",
        {**OWN, "indexName": "mine"},
        success([Some(indexName="mine", fieldName="vector", indexType="DISKANN", metricType="L2")]),
        "tests/restful_client_v2/testcases/test_index_operation.py",
        *NOT_LOADED,
        Call(
            "indexes/create",
            {
                **OWN,
                "indexParams": [
                    {"fieldName": "vector", "indexName": "mine", "metricType": "L2", "indexType": "DISKANN"}
                ],
            },
        ),
        Call("collections/load", OWN),
    ),
]
NEAR = {**OWN, "data": [[0, 0, 0, 0]], "limit": 1}
READS = [
    *(
        _row(
            f"search-{name}",
            "entities/search",
            f"searchParams {{{name}}}",
            {**NEAR, "searchParams": {name: 1}},
            refused(3000, name),
            f"{TASK}:58",
        )
        for name in ("round_decimal", "iterator", "analyzer_name", "json_path", "topk")
    ),
    _row(
        "search-metric",
        "entities/search",
        "searchParams {metric_type} that is not the index's",
        {**NEAR, "searchParams": {"metric_type": "IP"}},
        refused(1100, "metric type not match"),
        "internal/proxy/search_util.go",
    ),
    _row(
        "search-text",
        "entities/search",
        "a vector of texts",
        {**NEAR, "data": [["0", "0", "0", "0"]]},
        refused(1801, "Mismatch type float32 with value"),
        "handler_v2_test.go:4281",
    ),
    _row(
        "search-group",
        "entities/search",
        "groupingField of no field",
        {**NEAR, "groupingField": "x"},
        refused(1700, "groupBy field not found in schema: field not found[field=x]"),
        "internal/proxy/search_util.go:858",
    ),
    _row(
        "search-ids-fraction",
        "entities/search",
        "ids [1.5]",
        {**OWN, "ids": [1.5], "limit": 1},
        refused(1100, "has fractional part"),
        "handler_v2_test.go:5326",
    ),
    _row(
        "search-ids-text",
        "entities/search",
        "ids ['x']",
        {**OWN, "ids": ["x"], "limit": 1},
        refused(1100, "invalid int64 id"),
        "handler_v2_test.go:5343",
    ),
    _row(
        "query-sum",
        "entities/query",
        "the output field sum(id)",
        {**OWN, "filter": "id > 0", "outputFields": ["sum(id)"]},
        refused(3000, "sum(id)"),
        "handler_v2_test.go:3909",
    ),
    _row(
        "query-count-and",
        "entities/query",
        "count(*) beside a field",
        {**OWN, "filter": "id > 0", "outputFields": ["count(*)", "id"]},
        refused(3000, "count(*)"),
        "handler_v2_test.go:3909",
    ),
]
ROWS = [*SETTINGS, *INDEXES, *READS]
