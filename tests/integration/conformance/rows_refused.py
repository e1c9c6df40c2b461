"""What a cluster refuses and Milvus Lite takes: names, schemas and default values."""

from harness import INDEX, PRIMARY, VECTOR, Call, Row, refused

OWN = {"collectionName": "{own}"}
NEW = {"collectionName": "{row}"}
UTIL = "internal/proxy/util.go"
TASK = "internal/proxy/task.go"
TEXT = {"fieldName": "f", "dataType": "VarChar", "elementTypeParams": {"max_length": 9}}
KEY = {"fieldName": "k", "dataType": "Int64", "isPartitionKey": True}


def _row(name: str, route: str, case: str, body, expected, source: str, *before: Call) -> Row:
    return Row(f"refused-{name}", "11", route, case, body, expected, before=before, source=source)


def _field(name: str, case: str, field, code: int, text: str, source: str) -> Row:
    body = {**NEW, "schema": {"fields": [PRIMARY, VECTOR, field]}}
    return _row(name, "collections/create", case, body, refused(code, text), source)


def _schema(name: str, case: str, fields, text: str, source: str) -> Row:
    body = {**NEW, "schema": {"fields": fields}}
    return _row(name, "collections/create", case, body, refused(1100, text), source)


def _default(kind: str, value, text: str, source: str) -> Row:
    field = {"fieldName": "f", "dataType": kind, "defaultValue": value, "elementTypeParams": {"max_length": 9}}
    message = f"convert defaultValue fail, err:{text}: invalid parameter"
    return _field(f"default-{kind}", f"the default value {value!r} of a {kind}", field, 1100, message, source)


def _number(kind: str, **more):
    return {"fieldName": "f", "dataType": kind, **more}


def _array(**params):
    return {"fieldName": "f", "dataType": "Array", "elementDataType": "Int64", "elementTypeParams": params}


def _vector(**params):
    return {"fieldName": "v", "dataType": "FloatVector", "elementTypeParams": params}


NAMES = [
    *(
        _row(
            f"name-{number}",
            route,
            f"the name {name!r}",
            {**body, field: name},
            refused(code, text),
            f"{UTIL}:{line}",
        )
        for number, (route, field, body, name, code, text, line) in enumerate(
            (
                (
                    "databases/create",
                    "dbName",
                    {},
                    "a b",
                    802,
                    "database name can only contain numbers, letters and underscores: invalid database name",
                    316,
                ),
                (
                    "databases/create",
                    "dbName",
                    {},
                    "1",
                    802,
                    "the first character of a database name must be an underscore or letter: invalid database name",
                    309,
                ),
                (
                    "collections/create",
                    "collectionName",
                    {"dimension": 4},
                    "a-b",
                    1100,
                    "Invalid collection name: a-b.  collection name can only contain numbers, letters and underscores",
                    239,
                ),
                (
                    "collections/create",
                    "collectionName",
                    {"dimension": 4},
                    "1a",
                    1100,
                    "the first character of a collection name must be an underscore or letter",
                    233,
                ),
                ("collections/rename", "newCollectionName", OWN, "a b", 1100, "Invalid collection name: a b.", 239),
                ("aliases/create", "aliasName", OWN, "a b", 1100, "Invalid collection alias: a b.", 239),
                ("partitions/create", "partitionName", OWN, "a b", 1100, "Invalid partition name: a b.", 364),
            )
        )
    ),
    _field(
        "field-name", "a field like no name", {**TEXT, "fieldName": "a b"}, 1701, "field name invalid", f"{UTIL}:397"
    ),
    _field(
        "field-keyword",
        "a field called like",
        {**TEXT, "fieldName": "like"},
        1701,
        "like is keyword in milvus",
        f"{UTIL}:400",
    ),
    _field(
        "field-reserved",
        "a field called RowID",
        {**TEXT, "fieldName": "RowID"},
        1701,
        "reserved for internal use",
        f"{UTIL}:852",
    ),
    _row(
        "index-name",
        "indexes/create",
        "the name 'a b'",
        {**OWN, "indexParams": [{**INDEX, "indexName": "a b"}]},
        refused(1100, "Invalid index name: a b."),
        "internal/util/indexparamcheck/index_params_validation.go:417",
    ),
]

SCHEMAS = [
    _schema(
        "dimension-1",
        "dim 1",
        [PRIMARY, _vector(dim=1)],
        "invalid dimension: 1. should be in range 2 ~ 32768",
        f"{UTIL}:432",
    ),
    _schema(
        "dimension-32769",
        "dim 32769",
        [PRIMARY, _vector(dim=32769)],
        "float vector dimension should be in range 2 ~ 32768",
        f"{UTIL}:448",
    ),
    _schema(
        "dimension-none",
        "no dim",
        [PRIMARY, _vector()],
        "dimension is not defined in field type params of field v",
        f"{UTIL}:428",
    ),
    _schema(
        "dimension-sparse",
        "dim of a SparseFloatVector",
        [PRIMARY, {"fieldName": "v", "dataType": "SparseFloatVector", "elementTypeParams": {"dim": 4}}],
        "dim should not be specified for sparse vector field v",
        f"{UTIL}:423",
    ),
    _schema(
        "11-vectors",
        "eleven vectors",
        [PRIMARY, *({**VECTOR, "fieldName": f"v{i}"} for i in range(11))],
        "maximum vector field's number should be limited to 10",
        f"{TASK}:539",
    ),
    _field(
        "max-length",
        "max_length 65536",
        {**TEXT, "elementTypeParams": {"max_length": 65536}},
        1100,
        "should be in (0, 65535], but got 65536 instead",
        f"{UTIL}:475",
    ),
    _field(
        "max-capacity",
        "max_capacity 4097",
        _array(max_capacity=4097),
        1100,
        "the maximum capacity specified for a Array should be in (0, 4096]",
        f"{UTIL}:498",
    ),
    _field(
        "element-type",
        "an Array of JSON",
        {**_array(max_capacity=4), "elementDataType": "JSON"},
        1100,
        "element type JSON is not supported",
        f"{UTIL}:571",
    ),
    _field(
        "partition-key-nullable",
        "a partition key that is nullable",
        {**KEY, "nullable": True},
        1100,
        "partition key field not support nullable",
        f"{TASK}:337",
    ),
    _schema(
        "primary-default",
        "a primary key with a default value",
        [{**PRIMARY, "defaultValue": 1}, VECTOR],
        "primary field not support default_value",
        "internal/rootcoord/util.go, checkFieldSchema",
    ),
    _field(
        "match-no-analyzer",
        "enable_match without enable_analyzer",
        {**TEXT, "elementTypeParams": {"max_length": 9, "enable_match": True}},
        1100,
        "enable match but not enable analyzer",
        "internal/util/function",
    ),
    _field(
        "type-unknown",
        "the type int64",
        _number("int64"),
        1100,
        "invalid parameter, data type int64 is invalid(case sensitive).",
        "handler_v2_test.go:1770",
    ),
    _field(
        "element-unknown",
        "an Array of int64",
        {**_array(max_capacity=4), "elementDataType": "int64"},
        1100,
        "invalid parameter, element data type int64 is invalid(case sensitive).",
        "handler_v2_test.go:1813",
    ),
    _row(
        "create-twice",
        "collections/create",
        "one of this name with other fields",
        {**OWN, "schema": {"fields": [PRIMARY, VECTOR, TEXT]}},
        refused(1100, "create duplicate collection with different parameters, collection: "),
        "internal/rootcoord/create_collection_task.go:858",
    ),
    _row(
        "drop-aliased",
        "collections/drop",
        "one that has an alias",
        OWN,
        refused(1100, "because it has associated aliases [refused_drop_aliased], please remove all aliases before"),
        "internal/rootcoord/drop_collection_task.go:63",
        Call("aliases/create", {**OWN, "aliasName": "{row}"}),
    ),
    _row(
        "quick-functions",
        "collections/create",
        "a dimension and functions",
        {
            **NEW,
            "dimension": 4,
            "schema": {
                "functions": [{"name": "f", "type": "BM25", "inputFieldNames": ["a"], "outputFieldNames": ["b"]}]
            },
        },
        refused(1100, "functions are not supported for quickly create collection"),
        "handler_v2_test.go:844",
    ),
    _row(
        "quick-metric",
        "collections/create",
        "metricType HAMMING",
        {**NEW, "dimension": 4, "metricType": "HAMMING"},
        refused(1100, "float vector index does not support metric type: HAMMING"),
        "handler_v2.go:2281",
    ),
    _row(
        "quick-no-length",
        "collections/create",
        "idType VarChar, no max_length",
        {**NEW, "dimension": 4, "idType": "VarChar"},
        refused(65535, 'strconv.ParseInt: parsing "<nil>": invalid syntax'),
        "handler_v2.go:2437",
    ),
]
DEFAULTS = [
    _default("Bool", 10, 'cannot use "10"(type: float64) as bool default value', "handler_v2_test.go:1925"),
    _default("VarChar", True, 'cannot use "true"(type: bool) as string default value', "handler_v2_test.go:1939"),
    _default("Int8", "10", 'cannot use ""10"(type: string) as int default value', "handler_v2_test.go:1953"),
    _default("Int64", "10", 'cannot use "10"(type: string) as long default value', "handler_v2_test.go:1967"),
    _default("Double", "10", 'cannot use "10"(type: string) as float default value', "handler_v2_test.go:1995"),
    _default("JSON", {"a": 1}, "Unexpected default value type: JSON", "utils.go:3220"),
]
VERSIONS = [
    Row(
        f"refused-{name}",
        "11",
        "collections/create",
        case,
        {**NEW, "schema": {"fields": [PRIMARY, *fields]}},
        refused(1100, text),
        version,
        source=source,
    )
    for name, case, fields, text, version, source in (
        (
            "nullable-vector",
            "a vector that is nullable",
            [{**VECTOR, "nullable": True}],
            "vector type not support null, type:FloatVector, name:vector",
            "2.5",
            "internal/rootcoord/create_collection_task.go:168@2.5",
        ),
        (
            "65-fields",
            "65 fields",
            [VECTOR, *({"fieldName": f"f{number}", "dataType": "Bool"} for number in range(63))],
            "maximum field's number should be limited to 64",
            "2.6",
            "pkg/util/paramtable/component_param.go@2.6",
        ),
    )
]
VERSIONS.append(
    Row(
        "refused-vector-field-2-5",
        "11",
        "entities/search",
        "annsField of no field",
        {"collectionName": "{own}", "data": [[0, 0, 0, 0]], "annsField": "x", "limit": 1},
        refused(1801, "cannot find a vector field named: x"),
        "2.5",
        source="handler_v2_test.go:2486@2.5",
    )
)
ROWS = [*NAMES, *SCHEMAS, *DEFAULTS, *VERSIONS]
