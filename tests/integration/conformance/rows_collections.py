"""Section 11.1 and the rules of sections 7.2 and 8 for collections."""

from harness import INDEX, PRIMARY, VECTOR, Call, Row, Some, refused, success

OWN = {"collectionName": "{own}"}
NEW = {"collectionName": "{row}"}
LOADED = {"loadState": "LoadStateLoaded", "loadProgress": 100}
RELEASE = Call("collections/release", OWN)
THREE_ROWS = Call(
    "entities/insert", {**OWN, "data": [{"id": number, "vector": [number, 0, 0, 0]} for number in range(3)]}
)
FIELDS = [
    {"fieldName": "id", "dataType": "VarChar", "isPrimary": True, "elementTypeParams": {"max_length": 9}},
    VECTOR,
    {"fieldName": "tags", "dataType": "Array", "elementDataType": "Int8", "elementTypeParams": {"max_capacity": 3}},
    {"fieldName": "maybe", "dataType": "Bool", "nullable": True},
    {"fieldName": "key", "dataType": "Int64", "isPartitionKey": True},
]
TEXT = {
    "fieldName": "text",
    "dataType": "VarChar",
    "elementTypeParams": {"max_length": 99, "enable_analyzer": True},
}
SPARSE = {"fieldName": "sparse", "dataType": "SparseFloatVector"}
BM25 = {"name": "f", "type": "BM25", "inputFieldNames": ["text"], "outputFieldNames": ["sparse"]}


def _row(name: str, action: str, case: str, body, expected, section="11.1", **more) -> Row:
    return Row(f"collection-{name}", section, f"collections/{action}", case, body, expected, **more)


def _described(name: str, case: str, create, source="", **described) -> Row:
    before = (Call("collections/create", {**NEW, **create}),)
    return _row(name, "describe", case, NEW, success(Some(**described)), before=before, source=source)


def _custom(*fields, **schema):
    return {"schema": {"fields": [PRIMARY, VECTOR, *fields], **schema}}


def _not_created(name: str, case: str, create, *texts: str, source="") -> Row:
    return _row(name, "create", case, {**NEW, **create}, refused(1100, *texts), source=source)


def _refused(name: str, case: str, create, *texts: str) -> Row:
    return _row(
        name, "create", f"{case}: Milvus Lite cannot", {**NEW, **create}, refused(3000, *texts, "not supported")
    )


def _stored(kind: str, **more) -> Row:
    field = {"fieldName": "f", "dataType": kind, **more}
    return _described(f"type-{kind}", f"a field of type {kind}", _custom(field), fields=Some(Some(name="f", type=kind)))


CREATE = [
    _row("quick", "create", "a dimension alone", {**NEW, "dimension": 4}, success()),
    _described(
        "quick-loaded",
        "the quick setup is indexed and loaded",
        {"dimension": 4},
        load="LoadStateLoaded",
        indexes=[Some(fieldName="vector", metricType="COSINE")],
    ),
    _described(
        "quick-fields",
        "the quick setup has id, vector and a dynamic field",
        {"dimension": 4},
        enableDynamicField=True,
        autoId=False,
        fields=[
            Some(name="id", type="Int64", primaryKey=True),
            Some(name="vector", type="FloatVector", params=[{"key": "dim", "value": "4"}]),
        ],
    ),
    _described("quick-metric", "metricType IP", {"dimension": 4, "metricType": "IP"}, indexes=[Some(metricType="IP")]),
    _described("quick-auto-id", "autoID true", {"dimension": 4, "autoID": True}, autoId=True),
    _described(
        "quick-names",
        "names of one's own",
        {"dimension": 4, "primaryFieldName": "key", "vectorFieldName": "v"},
        fields=[Some(name="key"), Some(name="v")],
    ),
    _described(
        "quick-text-key",
        "idType VarChar",
        {"dimension": 4, "idType": "VarChar", "params": {"max_length": 9}},
        fields=Some(Some(name="id", type="VarChar")),
    ),
    _not_created("no-dimension", "neither dimension nor schema", {}, "dimension"),
    _not_created("zero-dimension", "dimension 0", {"dimension": 0}, "dimension"),
    _not_created("bad-id-type", "idType Float", {"dimension": 4, "idType": "Float"}, "idType"),
    _row("custom", "create", "a schema", {**NEW, **_custom()}, success()),
    _described(
        "custom-not-loaded",
        "a schema without indexParams is not loaded",
        _custom(),
        load="LoadStateNotLoad",
        indexes=[],
    ),
    _described(
        "custom-loaded",
        "a schema with indexParams is indexed and loaded",
        {**_custom(), "indexParams": [INDEX]},
        load="LoadStateLoaded",
        indexes=[Some(fieldName="vector", metricType="L2")],
    ),
    _described(
        "custom-auto-id", "autoId true", _custom(autoId=True), autoId=True, fields=Some(Some(name="id", autoId=True))
    ),
    _described("custom-static", "no dynamic field unless requested", _custom(), enableDynamicField=False),
    _described("custom-dynamic", "enableDynamicField true", _custom(enableDynamicField=True), enableDynamicField=True),
    _described(
        "custom-fields",
        "each field with its type, keys and parameters",
        {"schema": {"fields": FIELDS}},
        fields=[
            Some(name="id", type="VarChar", primaryKey=True, params=[{"key": "max_length", "value": "9"}]),
            Some(name="vector", type="FloatVector", primaryKey=False, params=[{"key": "dim", "value": "4"}]),
            Some(name="tags", type="Array", elementType="Int8", params=[{"key": "max_capacity", "value": "3"}]),
            Some(name="maybe", type="Bool", nullable=True),
            Some(name="key", type="Int64", partitionKey=True, nullable=False),
        ],
    ),
    *(_stored(kind) for kind in ("Bool", "Int8", "Int16", "Int32", "Int64", "Float", "Double", "JSON")),
    _stored("VarChar", elementTypeParams={"max_length": 9}),
    _stored("Array", elementDataType="Int64", elementTypeParams={"max_capacity": 9}),
    _stored("SparseFloatVector"),
    *(
        _stored(kind, elementTypeParams={"dim": 8})
        for kind in ("BinaryVector", "Float16Vector", "BFloat16Vector", "Int8Vector")
    ),
    *(
        _described(
            f"quick-{kind}",
            f"vectorFieldType {kind}",
            {"dimension": 8, "vectorFieldType": kind},
            fields=Some(Some(name="vector", type=kind)),
            indexes=[Some(metricType=metric)],
            source="handler_v2.go:2253",
        )
        for kind, metric in (("BinaryVector", "HAMMING"), ("Float16Vector", "COSINE"), ("BFloat16Vector", "COSINE"))
    ),
    *(
        _not_created(
            f"binary-{metric}",
            f"a BinaryVector with the metric {metric}",
            {"dimension": 8, "vectorFieldType": "BinaryVector", "metricType": metric},
            f"binary vector index does not support metric type: {metric}",
            source=f"handler_v2_test.go:{line}",
        )
        for metric, line in (("COSINE", 2173), ("SUBSTRUCTURE", 2183), ("SUPERSTRUCTURE", 2193), ("MHJACCARD", 2203))
    ),
    _not_created("unknown-type", "an unknown type", _custom({"fieldName": "f", "dataType": "Colour"}), "Colour"),
    _not_created("no-primary", "no primary key", {"schema": {"fields": [VECTOR]}}, "primary key"),
    _not_created(
        "two-primaries",
        "two primary keys",
        _custom({"fieldName": "x", "dataType": "Int64", "isPrimary": True}),
        "primary key",
    ),
    _not_created("no-vector", "no vector", {"schema": {"fields": [PRIMARY]}}, "vector"),
    _not_created(
        "bad-dim", "dim x", {"schema": {"fields": [PRIMARY, {**VECTOR, "elementTypeParams": {"dim": "x"}}]}}, "dim"
    ),
    _not_created("same-field-twice", "one field name twice", _custom(VECTOR), "vector"),
    _described(
        "bm25",
        "a BM25 function",
        {"schema": {"fields": [PRIMARY, TEXT, SPARSE], "functions": [BM25]}},
        functions=[Some(name="f", type=1, inputFieldNames=["text"], outputFieldNames=["sparse"])],
        fields=Some(Some(name="sparse", isFunctionOutput=True)),
        source="utils.go:366",
    ),
    _not_created(
        "unknown-function",
        "a function of an unknown type",
        {"schema": {"fields": [PRIMARY, TEXT, SPARSE], "functions": [{**BM25, "type": "Magic"}]}},
        "Unsupported function type: Magic",
        source="utils.go:3743",
    ),
    *(
        _refused(name, case, create, *texts)
        for name, case, create, *texts in (
            (
                "embedding-function",
                "a function that calls a model",
                {"schema": {"fields": [PRIMARY, TEXT, VECTOR], "functions": [{**BM25, "type": "TextEmbedding"}]}},
                "TextEmbedding",
            ),
            ("struct-fields", "structFields", _custom(structFields=[{"fieldName": "s"}]), "structFields"),
            ("external", "schema.externalSource", _custom(externalSource="s3://x"), "externalSource"),
            ("ttl", "params.ttlSeconds", {"dimension": 4, "params": {"ttlSeconds": 9}}, "ttlSeconds"),
            (
                "ttl-property",
                "properties",
                {"dimension": 4, "properties": {"collection.ttl.seconds": 9}},
                "collection.ttl.seconds",
            ),
        )
    ),
    _not_created(
        "bad-vector-type",
        "vectorFieldType Int64",
        {"dimension": 4, "vectorFieldType": "Int64"},
        "vectorFieldType can only be [FloatVector, BinaryVector, Float16Vector, BFloat16Vector, SparseFloatVector]",
        source="handler_v2.go:2389",
    ),
    _not_created(
        "sparse-dimension",
        "a dimension of a SparseFloatVector",
        {"dimension": 4, "vectorFieldType": "SparseFloatVector"},
        "dimension should not be specified for SparseFloatVector quick create",
        source="handler_v2.go:2400",
    ),
    _not_created(
        "bad-consistency",
        "consistencyLevel Soon",
        {"dimension": 4, "consistencyLevel": "Soon"},
        "consistencyLevel can only be",
        source="handler_v2.go:2326",
    ),
    _described(
        "quick-static",
        "params {enableDynamicField: false}",
        {"dimension": 4, "params": {"enableDynamicField": False}},
        enableDynamicField=False,
        source="handler_v2.go:2459",
    ),
    _described(
        "quick-sparse",
        "vectorFieldType SparseFloatVector",
        {"vectorFieldType": "SparseFloatVector"},
        indexes=[Some(metricType="IP")],
        load="LoadStateLoaded",
        source="handler_v2.go:2385",
    ),
    _described(
        "two-vectors",
        "two dense vectors",
        {**_custom({**VECTOR, "fieldName": "w"}), "indexParams": [INDEX, {"fieldName": "w", "metricType": "IP"}]},
        indexes=Some(Some(fieldName="vector"), Some(fieldName="w")),
    ),
    _described(
        "default-value",
        "a default value, as protobuf has it",
        _custom({"fieldName": "n", "dataType": "Int32", "defaultValue": 7}),
        fields=Some(Some(name="n", defaultValue={"Data": {"IntData": 7}})),
        source="utils.go:363",
    ),
    _row(
        "index-of-nothing",
        "create",
        "an index of a field that there is not",
        {**NEW, **_custom(), "indexParams": [{"fieldName": "x"}]},
        refused(1802, "missing required parameters, error: `x` hasn't defined in schema"),
        source="handler_v2.go:2750",
    ),
    _row("no-name", "create", "no collectionName", {"dimension": 4}, refused(1802, "CollectionName")),
    _row(
        "nameless-field",
        "create",
        "a field without a name",
        {**NEW, **_custom({"dataType": "Int64"})},
        refused(1802, "FieldName"),
    ),
]

STATES = [
    _row(
        "described",
        "describe",
        "all that describes a collection",
        OWN,
        success(
            Some(
                collectionName=str,
                collectionID=int,
                description=str,
                autoId=False,
                fields=list,
                functions=[],
                aliases=["alias_of_described"],
                indexes=[{"indexName": str, "fieldName": "vector", "metricType": "L2"}],
                load="LoadStateLoaded",
                shardsNum=int,
                partitionsNum=1,
                consistencyLevel=str,
                enableDynamicField=True,
                properties=list,
            )
        ),
        before=(Call("aliases/create", {**OWN, "aliasName": "alias_of_described"}),),
    ),
    _row("has", "has", "a collection that is there", OWN, success({"has": True})),
    _row("has-not", "has", "one that is not", {"collectionName": "nowhere"}, success({"has": False})),
    _row("list", "list", "the names of all", {}, success(Some("c"))),
    _row("list-db", "list", "those of an unknown database", {"dbName": "nowhere"}, refused(800, "database not found")),
    _row(
        "list-of-db",
        "list",
        "those of one database",
        {"dbName": "{row}"},
        success(["x"]),
        before=(
            Call("databases/create", {"dbName": "{row}"}),
            Call("collections/create", {"dbName": "{row}", "collectionName": "x", "dimension": 4}),
        ),
    ),
    _row(
        "alter-properties",
        "describe",
        "after alter_properties",
        OWN,
        success(Some(properties=[{"key": "timezone", "value": "UTC"}])),
        before=(Call("collections/alter_properties", {**OWN, "properties": {"timezone": "UTC"}}),),
        source="handler_v2.go:212",
    ),
    _row(
        "drop-properties",
        "describe",
        "after drop_properties",
        OWN,
        success(Some(properties=[])),
        before=(
            Call("collections/alter_properties", {**OWN, "properties": {"timezone": "UTC"}}),
            Call("collections/drop_properties", {**OWN, "propertyKeys": ["timezone"]}),
        ),
        source="handler_v2.go:218",
    ),
    _row(
        "alter-ttl",
        "alter_properties",
        "a time to live: Milvus Lite cannot",
        {**OWN, "properties": {"collection.ttl.seconds": 9}},
        refused(3000, "collection.ttl.seconds", "not supported"),
    ),
    _row("drop", "has", "after drop", OWN, success({"has": False}), before=(Call("collections/drop", OWN),)),
    _row("drop-nothing", "drop", "one that is not there", {"collectionName": "nowhere"}, success()),
    _row(
        "truncate",
        "get_stats",
        "the rows after truncate",
        OWN,
        success({"rowCount": 0}),
        before=(THREE_ROWS, Call("collections/truncate", OWN)),
    ),
    _row(
        "truncate-keeps",
        "describe",
        "what truncate keeps",
        OWN,
        success(Some(load="LoadStateLoaded", indexes=[Some(fieldName="vector")])),
        before=(THREE_ROWS, Call("collections/truncate", OWN)),
    ),
    _row(
        "rename",
        "has",
        "the new name after a rename",
        NEW,
        success({"has": True}),
        before=(Call("collections/rename", {**OWN, "newCollectionName": "{row}"}),),
    ),
    _row(
        "rename-old",
        "has",
        "the old name after a rename",
        OWN,
        success({"has": False}),
        before=(Call("collections/rename", {**OWN, "newCollectionName": "{row}"}),),
    ),
    _row(
        "rename-nothing",
        "rename",
        "one that is not there",
        {"collectionName": "nowhere", "newCollectionName": "{row}"},
        refused(100, "collection not found"),
    ),
    _row("rename-no-name", "rename", "no new name", OWN, refused(1802, "NewCollectionName")),
    _row(
        "rename-other-db",
        "rename",
        "newDbName: Milvus Lite cannot move it",
        {**OWN, "newCollectionName": "x", "newDbName": "default2"},
        refused(3000, "newDbName"),
    ),
    _row("load", "get_load_state", "after load", OWN, success(LOADED), before=(RELEASE, Call("collections/load", OWN))),
    _row("load-again", "load", "a loaded one", OWN, success()),
    _row(
        "load-without-index",
        "load",
        "one without an index",
        NEW,
        refused(700, "index not found"),
        before=(Call("collections/create", {**NEW, **_custom()}),),
    ),
    _row("refresh", "refresh_load", "a loaded one", OWN, success(), "7.2"),
    _row(
        "refresh-released",
        "refresh_load",
        "a released one",
        OWN,
        refused(101, "collection not loaded"),
        "7.2, 8",
        before=(RELEASE,),
    ),
    _row(
        "release",
        "get_load_state",
        "after release: no progress",
        OWN,
        success({"loadState": "LoadStateNotLoad"}),
        before=(RELEASE,),
    ),
    _row(
        "indexed-is-not-loaded",
        "get_load_state",
        "after its first index, and no load",
        NEW,
        success({"loadState": "LoadStateNotLoad"}),
        before=(
            Call("collections/create", {**NEW, **_custom()}),
            Call("indexes/create", {**NEW, "indexParams": [INDEX]}),
        ),
    ),
    _row("release-again", "release", "a released one", OWN, success(), before=(RELEASE,)),
    _row(
        "load-state-of-partition",
        "get_load_state",
        "of its partition",
        {**OWN, "partitionNames": ["_default"]},
        success(LOADED),
    ),
    _row(
        "load-state-of-nothing",
        "get_load_state",
        "of an unknown partition",
        {**OWN, "partitionNames": ["nowhere"]},
        refused(200, "partition not found"),
    ),
    _row("stats", "get_stats", "three rows", OWN, success({"rowCount": 3}), before=(THREE_ROWS,)),
    _row(
        "stats-released",
        "get_stats",
        "three rows of a released one",
        OWN,
        success({"rowCount": 3}),
        before=(THREE_ROWS, RELEASE),
    ),
    _row("flush", "flush", "three rows", OWN, success(), before=(THREE_ROWS,)),
    _row(
        "compact",
        "compact",
        "where there is nothing to merge",
        OWN,
        success({"compactionID": -1}),
        source="internal/datacoord/services.go:1353",
    ),
    _row(
        "compact-clustering",
        "compact",
        "isClustering: Milvus Lite cannot",
        {**OWN, "isClustering": True},
        refused(3000, "isClustering", "not supported"),
    ),
    _row(
        "compaction-state",
        "get_compaction_state",
        "a compaction that nobody knows",
        {"jobID": 5},
        success(Some(compactionID=5, state="Completed", executingPlanNumber=0)),
        source="internal/datacoord/compaction_inspector.go:143",
    ),
    _row(
        "unknown-describe",
        "describe",
        "an unknown collection",
        {"collectionName": "nowhere"},
        refused(100, "can't find collection[database=default][collection=nowhere]"),
        "8, 11.1",
        source="internal/proxy/service_provider.go:169",
    ),
    *(
        _row(
            f"unknown-{action}".replace("_", "-"),
            action,
            "an unknown collection",
            {"collectionName": "nowhere"},
            refused(100, "collection not found"),
            "8, 11.1",
        )
        for action in (
            "load",
            "refresh_load",
            "release",
            "get_load_state",
            "get_stats",
            "flush",
            "truncate",
            "compact",
        )
    ),
]
ROWS = [*CREATE, *STATES]
