"""Section 11.2: indexes, partitions, aliases and databases."""

from dataclasses import replace

from harness import Call, Row, Some, refused, success

OWN = {"collectionName": "{own}"}
PART = {**OWN, "partitionName": "p"}
MAKE_PART = Call("partitions/create", PART)
ROW_IN_PART = Call("entities/insert", {**PART, "data": [{"id": 1, "vector": [0, 0, 0, 0]}]})
RELEASE = Call("collections/release", OWN)
DROP_INDEX = Call("indexes/drop", {**OWN, "indexName": "vector"})
BARE = (RELEASE, DROP_INDEX)
HNSW = {"fieldName": "vector", "indexType": "HNSW", "metricType": "COSINE", "params": {"M": 8, "efConstruction": 16}}


def _row(name: str, route: str, case: str, body, expected, *before: Call, section="11.2", source="") -> Row:
    return Row(name, section, route, case, body, expected, before=before, source=source)


ALIAS = {"aliasName": "{row}"}
MAKE_ALIAS = Call("aliases/create", {**OWN, **ALIAS})
DB = {"dbName": "{row}"}
MAKE_DB = Call("databases/create", DB)

INDEXES = [
    _row("index-list", "indexes/list", "the names", OWN, success(["vector"])),
    _row("index-list-none", "indexes/list", "no index", OWN, success([]), *BARE),
    _row(
        "index-describe",
        "indexes/describe",
        "an index",
        {**OWN, "indexName": "vector"},
        success(
            [
                {
                    "indexName": "vector",
                    "fieldName": "vector",
                    "indexType": str,
                    "metricType": "L2",
                    "totalRows": 0,
                    "indexedRows": 0,
                    "pendingRows": 0,
                    "indexState": "Finished",
                    "failReason": "",
                    "minIndexVersion": int,
                    "maxIndexVersion": int,
                    "mmap.enabled": "",
                    "indexoffsetcache.enabled": "",
                    "indexParams": [{"key": "index_type", "value": str}, {"key": "metric_type", "value": "L2"}],
                }
            ]
        ),
    ),
    _row(
        "index-describe-none",
        "indexes/describe",
        "one that is not there",
        {**OWN, "indexName": "x"},
        refused(700, "index not found"),
    ),
    _row("index-describe-no-name", "indexes/describe", "no indexName", OWN, refused(1802, "IndexName")),
    _row("index-create", "indexes/create", "an index", {**OWN, "indexParams": [HNSW]}, success(), *BARE),
    _row(
        "index-created",
        "indexes/describe",
        "what was created",
        {**OWN, "indexName": "vector"},
        success([Some(indexType="HNSW", metricType="COSINE")]),
        *BARE,
        Call("indexes/create", {**OWN, "indexParams": [HNSW]}),
    ),
    _row(
        "index-create-again",
        "indexes/create",
        "the same index",
        {**OWN, "indexParams": [{"fieldName": "vector", "metricType": "L2"}]},
        success(),
    ),
    _row(
        "index-create-other",
        "indexes/create",
        "another index of the field",
        {**OWN, "indexParams": [HNSW]},
        refused(1100, "at most one distinct index"),
    ),
    _row("index-no-params", "indexes/create", "no indexParams", OWN, refused(1802, "IndexParams")),
    _row(
        "index-no-field",
        "indexes/create",
        "an index without fieldName",
        {**OWN, "indexParams": [{"metricType": "L2"}]},
        refused(1802, "FieldName"),
    ),
    _row(
        "index-unknown-field",
        "indexes/create",
        "an index of an unknown field",
        {**OWN, "indexParams": [{"fieldName": "x"}]},
        refused(1100, "x"),
    ),
    _row("index-drop", "indexes/list", "after drop", OWN, success([]), *BARE),
    _row(
        "index-alter",
        "indexes/alter_properties",
        "of a collection that is loaded",
        {**OWN, "indexName": "vector", "properties": {"mmap.enabled": True}},
        refused(104, "can't alter index on loaded collection, please release the collection first"),
        source="internal/proxy/task_index.go:746",
    ),
    *(
        _row(
            f"index-{action}-other",
            f"indexes/{action}_properties",
            "a property that an index has not",
            {**OWN, "indexName": "vector", **more},
            refused(1100, "x is not a configable index property"),
            source="internal/proxy/task_index.go:707",
        )
        for action, more in (("alter", {"properties": {"x": 1}}), ("drop", {"propertyKeys": ["x"]}))
    ),
    *(
        _row(
            f"index-{name}",
            "indexes/describe",
            f"after properties were {name}",
            {**OWN, "indexName": "vector"},
            success([Some(**{"mmap.enabled": value})]),
            RELEASE,
            Call("indexes/alter_properties", {**OWN, "indexName": "vector", "properties": {"mmap.enabled": True}}),
            *more,
            source="tests/restful_client_v2/testcases/test_index_operation.py",
        )
        for name, value, more in (
            ("altered", "true", ()),
            (
                "dropped",
                "",
                (Call("indexes/drop_properties", {**OWN, "indexName": "vector", "propertyKeys": ["mmap.enabled"]}),),
            ),
        )
    ),
    *(
        _row(
            f"index-{action}-unknown-collection",
            f"indexes/{action}",
            "an unknown collection",
            {"collectionName": "nowhere", **more},
            refused(100, "collection not found"),
            section="8, 11.2",
        )
        for action, more in (
            ("list", {}),
            ("describe", {"indexName": "x"}),
            ("create", {"indexParams": [HNSW]}),
            ("drop", {"indexName": "x"}),
        )
    ),
]

PARTITIONS = [
    _row("partition-create", "partitions/create", "a partition", PART, success()),
    _row("partition-create-again", "partitions/create", "one that is there", PART, success(), MAKE_PART),
    _row("partition-list", "partitions/list", "the names", OWN, success(Some("_default", "p")), MAKE_PART),
    _row("partition-has", "partitions/has", "one that is there", PART, success({"has": True}), MAKE_PART),
    _row("partition-has-not", "partitions/has", "one that is not", PART, success({"has": False})),
    _row(
        "partition-drop",
        "partitions/has",
        "after drop",
        PART,
        success({"has": False}),
        MAKE_PART,
        RELEASE,
        Call("partitions/drop", PART),
    ),
    _row("partition-drop-nothing", "partitions/drop", "one that is not there", PART, success()),
    _row("partition-stats", "partitions/get_stats", "one row", PART, success({"rowCount": 1}), MAKE_PART, ROW_IN_PART),
    _row(
        "partition-stats-of-nothing",
        "partitions/get_stats",
        "one that is not there",
        PART,
        refused(200, "partition not found"),
    ),
    _row("partition-no-name", "partitions/create", "no partitionName", OWN, refused(1802, "PartitionName")),
    _row(
        "partition-load",
        "collections/get_load_state",
        "after all partitions were loaded",
        OWN,
        success({"loadState": "LoadStateLoaded", "loadProgress": 100}),
        RELEASE,
        Call("partitions/load", {**OWN, "partitionNames": ["_default"]}),
    ),
    _row(
        "partition-load-again",
        "partitions/load",
        "one of a loaded collection",
        {**OWN, "partitionNames": ["p"]},
        success(),
        MAKE_PART,
    ),
    _row(
        "partition-load-some",
        "partitions/load",
        "one of two: Milvus Lite loads whole collections",
        {**OWN, "partitionNames": ["p"]},
        refused(3000, "not supported"),
        MAKE_PART,
        RELEASE,
    ),
    _row(
        "partition-load-nowhere",
        "partitions/load",
        "one that is not there",
        {**OWN, "partitionNames": ["nowhere"]},
        refused(200, "partition not found[partition=nowhere]"),
    ),
    _row(
        "partition-release",
        "collections/get_load_state",
        "after all partitions were released",
        OWN,
        success({"loadState": "LoadStateNotLoad"}),
        Call("partitions/release", {**OWN, "partitionNames": ["_default"]}),
    ),
    _row(
        "partition-release-some",
        "partitions/release",
        "one of two: Milvus Lite releases whole collections",
        {**OWN, "partitionNames": ["p"]},
        refused(3000, "not supported"),
        MAKE_PART,
    ),
    _row("partition-load-no-names", "partitions/load", "no partitionNames", OWN, refused(1802, "PartitionNames")),
    *(
        _row(
            f"partition-{action.replace('_', '-')}-unknown-collection",
            f"partitions/{action}",
            "an unknown collection",
            {"collectionName": "nowhere", "partitionName": "p"},
            refused(100, "collection not found"),
            section="8, 11.2",
        )
        for action in ("create", "drop", "has", "get_stats")
    ),
]

ALIASES = [
    _row("alias-create", "aliases/create", "an alias", {**OWN, **ALIAS}, success()),
    _row(
        "alias-leads",
        "collections/has",
        "an alias leads to its collection",
        {"collectionName": "{row}"},
        success({"has": True}),
        MAKE_ALIAS,
    ),
    _row(
        "alias-describe",
        "aliases/describe",
        "what it stands for",
        ALIAS,
        success({"dbName": "default", "collectionName": "own_alias_describe", "aliasName": "alias_describe"}),
        MAKE_ALIAS,
    ),
    _row("alias-list", "aliases/list", "those of a collection", OWN, success(["alias_list"]), MAKE_ALIAS),
    _row("alias-list-all", "aliases/list", "all", {}, success(Some("alias_list_all")), MAKE_ALIAS),
    _row(
        "alias-alter",
        "aliases/describe",
        "after it was moved",
        ALIAS,
        success(Some(collectionName="c")),
        MAKE_ALIAS,
        Call("aliases/alter", {"collectionName": "c", **ALIAS}),
    ),
    _row(
        "alias-alter-nothing",
        "aliases/alter",
        "one that is not there",
        {**OWN, "aliasName": "nowhere"},
        refused(1600, "alias not found"),
    ),
    _row(
        "alias-describe-nothing",
        "aliases/describe",
        "one that is not there",
        {"aliasName": "nowhere"},
        refused(1600, "alias not found"),
    ),
    _row("alias-drop", "aliases/list", "after drop", OWN, success([]), MAKE_ALIAS, Call("aliases/drop", ALIAS)),
    _row(
        "alias-of-a-collection-name",
        "aliases/create",
        "a name that a collection has",
        {**OWN, "aliasName": "c"},
        refused(1601),
    ),
    _row(
        "alias-twice",
        "aliases/create",
        "an alias of another collection",
        {"collectionName": "c", **ALIAS},
        refused(1602),
        MAKE_ALIAS,
    ),
    _row(
        "alias-of-nothing",
        "aliases/create",
        "an alias of an unknown collection",
        {"collectionName": "nowhere", **ALIAS},
        refused(100, "collection not found"),
    ),
    _row("alias-no-name", "aliases/create", "no aliasName", OWN, refused(1802, "AliasName")),
]

DATABASES = [
    _row("db-create", "databases/create", "a database", DB, success()),
    _row("db-list", "databases/list", "the names", {}, success(Some("default"))),
    _row("db-has-new", "databases/list", "the names after create", {}, success(Some("default", "db_has_new")), MAKE_DB),
    _row(
        "db-describe",
        "databases/describe",
        "a database and its properties",
        DB,
        success({"dbName": "db_describe", "dbID": int, "properties": [{"key": "timezone", "value": "UTC"}]}),
        Call("databases/create", {**DB, "properties": {"timezone": "UTC"}}),
    ),
    _row(
        "db-alter",
        "databases/describe",
        "after alter",
        DB,
        success(Some(properties=[{"key": "timezone", "value": "UTC"}])),
        MAKE_DB,
        Call("databases/alter", {**DB, "properties": {"timezone": "UTC"}}),
    ),
    *(
        replace(
            _row(
                f"db-{action.replace('_', '-')}",
                "databases/describe",
                f"after {action}",
                DB,
                success(Some(properties=properties)),
                Call("databases/create", {**DB, "properties": {"timezone": "UTC"}}),
                Call(f"databases/{action}", {**DB, **more}),
            ),
            source=f"handler_v2.go:{line}",
        )
        for action, more, properties, line in (
            ("alter_properties", {"properties": {"timezone": "GMT"}}, [{"key": "timezone", "value": "GMT"}], 236),
            ("drop_properties", {"propertyKeys": ["timezone"]}, [], 232),
        )
    ),
    _row(
        "db-alter-nothing",
        "databases/alter",
        "one that is not there",
        {"dbName": "nowhere", "properties": {"a": "b"}},
        refused(800, "database not found"),
    ),
    _row(
        "db-describe-nothing",
        "databases/describe",
        "one that is not there",
        {"dbName": "nowhere"},
        refused(800, "database not found"),
    ),
    _row(
        "db-drop",
        "collections/list",
        "a collection list after drop",
        DB,
        refused(800, "database not found"),
        MAKE_DB,
        Call("databases/drop", DB),
    ),
    _row(
        "db-separate",
        "collections/has",
        "a database does not have the others' collections",
        {**DB, "collectionName": "c"},
        success({"has": False}),
        MAKE_DB,
    ),
]
ROWS = [*INDEXES, *PARTITIONS, *ALIASES, *DATABASES]
