"""What is done on a real Milvus and on the local one: where version 2.3 and later ones agree."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pymilvus import DataType, MilvusClient, MilvusException

ROWS = 12
REFUSED = "refused"
LETTERS = "abcdefghijkl"
FILTERS = (
    "id > 5",
    "5 < id",
    "3 <= id < 7",
    "7 > id >= 3",
    "id == 3 or id == 4",
    "id == 3 || id == 4",
    "id in [1, 2, 99]",
    "id not in [1, 2]",
    "not (id > 3)",
    "!(id > 3)",
    "id > 3 and small < 2",
    "id > 3 && small < 2",
    "id % 2 == 0",
    "id + 1 == 5",
    "id * 2 > 9",
    "id - 1 >= 4",
    "id / 2 == 2",
    "2 ** 3 == id",
    "small == -3",
    "small >= 1.5",
    "flag",
    "flag == true",
    "flag == false",
    "not flag",
    "flag in [true]",
    "single > 0.5",
    "single == 1",
    "double < 1.5 and double > 0.2",
    'text == "c"',
    "text == 'c'",
    'text != "c"',
    'text > "c"',
    '"b" <= text <= "d"',
    'text in ["a", "e"]',
    'text like "a%"',
    'text like "%a"',
    'text like "long%"',
    "text == 3",
    "id == '3'",
    'id > "a"',
    'document["n"] == 3',
    'document["n"] > 2 and document["n"] < 6',
    'document["t"] == "t3"',
    'document["t"] like "t%"',
    'document["deep"]["n"] == 2',
    'document["none"] == 1',
    'document["n"] in [1, 2]',
    'json_contains(document["list"], 3)',
    'json_contains_all(document["list"], [3, 4])',
    'json_contains_any(document["list"], [3, 9])',
    'JSON_CONTAINS(document["list"], 3)',
    'exists document["even"]',
    'document["even"] == true',
    "tags[0] == 2",
    "array_contains(tags, 3)",
    "array_contains_all(tags, [3, 4])",
    "array_contains_any(tags, [0, 5])",
    "array_length(tags) == 3",
    "ARRAY_LENGTH(tags) == 3",
    "tags == [3, 4, 5]",
    "colour == 'red'",
    '$meta["colour"] == "red"',
    "colour == 1",
    "nowhere == 1",
    "id",
    "id ==",
    "id = 3",
    "id === 3",
    "(id == 3",
    "id == 3)",
    "text",
    "1 == 1",
    "true",
    "vector == 1",
    "id > 3 xor id < 9",
    "text + 'x' == 'cx'",
    "document == 1",
    "id == null",
    "id > 1e3",
    "id == 3.0",
    "single in [1]",
    "id between 3 and 5",
)
DENSE = {
    "AUTOINDEX": {},
    "FLAT": {},
    "IVF_FLAT": {"nlist": 16},
    "IVF_SQ8": {"nlist": 16},
    "IVF_PQ": {"nlist": 16, "m": 2, "nbits": 8},
    "HNSW": {"M": 8, "efConstruction": 64},
    "BIN_FLAT": {},
    "BIN_IVF_FLAT": {"nlist": 16},
    "SPARSE_INVERTED_INDEX": {},
    "MAGIC": {},
}
BAD_PARAMS = (
    ("IVF_FLAT", {"nlist": 0}),
    ("IVF_FLAT", {"nlist": 65537}),
    ("IVF_FLAT", {"nlist": "x"}),
    ("HNSW", {"M": 1, "efConstruction": 64}),
    ("HNSW", {"M": 4096, "efConstruction": 64}),
    ("HNSW", {"M": 8, "efConstruction": 0}),
)
NAMES = ("a", "_a", "a1", "A_b", "1a", "a-b", "a b", "ä", "", "a.b", "a$", "x" * 255, "x" * 256)
# A field, and values of a REST insert that Milvus's handler converts or refuses.
CONVERSIONS = {
    "id": ["7", " 7", "7.0", 7.0, 7.5, "x", True, None, "9223372036854775807", "9223372036854775808"],
    "small": ["3", 3.0, "3.0", 127, 128, "128", -129, True, "x", 1.5],
    "flag": ["true", "True", "t", "1", 1, 0, "yes", "", 2],
    "single": ["1.5", 2, "x", "1e400", True, "1_0", " 1"],
    "double": ["1.5", "1e300", 3, "NaN", "inf"],
    "text": [5, 1.5, True, [1], {"a": 1}, "x" * 20, "x" * 21, "ü" * 10, "ü" * 11],
    "vector": ["[1, 2, 3, 4]", [1, 2, 3], [1, 2, 3, "4"], "x", [1, 2, 3, 4, 5], [1e40, 0, 0, 0], []],
    "extra": [1, "x", None, [1], {"a": 1}],
}


@dataclass(frozen=True)
class Server:
    """A running Milvus: its client, and the REST routes of its version."""

    client: MilvusClient
    uri: str
    insert_route: str
    success: int

    def insert(self, collection: str, row: dict[str, Any]) -> bool:
        """Insert a row over REST; whether it was taken."""
        request = urllib.request.Request(
            self.uri + self.insert_route,
            json.dumps({"collectionName": collection, "data": [row]}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            return bool(json.loads(response.read())["code"] == self.success)


@dataclass(frozen=True)
class Case:
    """One thing to do, and its outcome: a value that is alike on both, or `REFUSED`."""

    name: str
    outcome: Callable[[Server], Any]


def outcome(case: Case, server: Server) -> Any:
    """What came of a case on a server."""
    try:
        return case.outcome(server)
    except MilvusException:
        return REFUSED
    except ValueError:
        # The client cannot read what it was sent.
        return "unreadable"


def prepare(server: Server) -> None:
    """Make the collections that filters and conversions are about."""
    create(server, "filtered")
    # The first version of the REST API takes neither arrays nor JSON.
    create(server, "converted", nested=False)
    data = [
        {
            "id": n,
            "small": n - 6,
            "flag": n % 2 == 0,
            "single": n / 4,
            "double": n / 8,
            "text": LETTERS[n],
            "document": {
                "n": n,
                "t": f"t{n}",
                "deep": {"n": n % 4},
                "list": [n, n + 1],
                **({} if n % 2 else {"even": True}),
            },
            "tags": [n, n + 1, n + 2][: 2 + n % 2],
            "vector": [n, 0, 0, 0],
            **({"colour": "red"} if n < 4 else {}),
        }
        for n in range(ROWS)
    ]
    server.client.insert("filtered", data)


def create(server: Server, name: str, index: bool = True, nested: bool = True) -> None:
    """A collection with a field of each type."""
    schema = MilvusClient.create_schema(enable_dynamic_field=True)
    schema.add_field("id", DataType.INT64, is_primary=True)
    for field, kind in (("small", "INT8"), ("flag", "BOOL"), ("single", "FLOAT"), ("double", "DOUBLE")):
        schema.add_field(field, DataType[kind])
    schema.add_field("text", DataType.VARCHAR, max_length=20)
    if nested:
        schema.add_field("document", DataType.JSON)
        schema.add_field("tags", DataType.ARRAY, element_type=DataType.INT64, max_capacity=8)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=4)
    server.client.create_collection(name, schema=schema, consistency_level="Strong")
    if index:
        build(server, name, "vector", "FLAT", "L2", {})
        server.client.load_collection(name)


def build(server: Server, name: str, field: str, kind: str, metric: str, params: dict[str, Any]) -> None:
    """Build an index."""
    wanted = MilvusClient.prepare_index_params()
    wanted.add_index(field, index_type=kind, metric_type=metric, params=params)
    server.client.create_index(name, wanted)


def all_cases() -> Iterator[Case]:
    """The cases, in the order in which they are run."""
    yield from (Case(f"filter: {one}", _filtered(one)) for one in FILTERS)
    for kind, params in DENSE.items():
        for metric in ("L2", "IP", "COSINE", "HAMMING"):
            yield Case(f"index: {kind} {metric}", _indexed("vector", kind, metric, params))
    yield from (Case(f"index: {kind} {params}", _indexed("vector", kind, "L2", params)) for kind, params in BAD_PARAMS)
    for field in ("id", "small", "flag", "single", "text", "document", "tags"):
        for kind in ("", "STL_SORT", "Trie", "INVERTED", "FLAT"):
            yield Case(f"index: {kind or 'of no type'} on {field}", _indexed(field, kind, "", {}))
    yield from (Case(f"alias: {name}", done) for name, done in ALIASES.items())
    yield from (Case(f"collection called {name[:20]!r}", _named(name)) for name in NAMES)
    yield from (Case(f"partition called {name[:20]!r}", _partitioned(name)) for name in NAMES)
    yield from (Case(f"field called {name[:20]!r}", _with_field(name)) for name in (*NAMES, "like", "RowID", "and"))
    for field, values in CONVERSIONS.items():
        yield from (
            Case(f"REST insert: {field} {json.dumps(value)[:30]}", _converted(field, value)) for value in values
        )


def _filtered(where: str) -> Callable[[Server], Any]:
    return lambda server: sorted(row["id"] for row in server.client.query("filtered", where, output_fields=["id"]))


def _indexed(field: str, kind: str, metric: str, params: dict[str, Any]) -> Callable[[Server], Any]:
    def done(server: Server) -> Any:
        create(server, "indexed", index=False)
        try:
            build(server, "indexed", field, kind, metric, params)
            found = server.client.describe_index("indexed", field)
            return [found["index_type"], found.get("metric_type")] if kind and metric else "built"
        finally:
            server.client.drop_collection("indexed")

    return done


def _named(name: str) -> Callable[[Server], Any]:
    def done(server: Server) -> Any:
        schema = MilvusClient.create_schema()
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=4)
        server.client.create_collection(name, schema=schema)
        server.client.drop_collection(name)
        return "created"

    return done


def _partitioned(name: str) -> Callable[[Server], Any]:
    def done(server: Server) -> Any:
        if server.client.has_partition("filtered", name):
            return "there"
        server.client.create_partition("filtered", name)
        return name in server.client.list_partitions("filtered")

    return done


def _with_field(name: str) -> Callable[[Server], Any]:
    def done(server: Server) -> Any:
        schema = MilvusClient.create_schema()
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=4)
        schema.add_field(name, DataType.INT64)
        server.client.create_collection("named", schema=schema)
        server.client.drop_collection("named")
        return "created"

    return done


def _converted(field: str, value: Any) -> Callable[[Server], Any]:
    def done(server: Server) -> Any:
        row = {"id": 1000, **REST_OF_ROW}
        del row["tags"], row["document"]
        server.client.delete("converted", filter="id >= 0")
        if not server.insert("converted", row | {field: value}):
            return REFUSED
        found = server.client.query("converted", "id >= 0", output_fields=[field])
        return [_plain(one.get(field)) for one in found]

    return done


def _plain(value: Any) -> Any:
    return [_plain(one) for one in value] if hasattr(value, "__iter__") and not isinstance(value, str | dict) else value


def _aliased(*steps: Callable[[MilvusClient], Any]) -> Callable[[Server], Any]:
    def done(server: Server) -> Any:
        client = server.client
        for name in ("one", "two"):
            create(server, name)
        try:
            return [step(client) for step in steps][-1]
        finally:
            for alias in ("x", "y"):
                try:
                    client.drop_alias(alias)
                except MilvusException:
                    continue
            for name in ("one", "two"):
                client.drop_collection(name)

    return done


def _make(client: MilvusClient) -> None:
    client.create_alias("one", "x")


ALIASES: dict[str, Callable[[Server], Any]] = {
    "describe": _aliased(_make, lambda client: client.describe_collection("x")["collection_name"]),
    "twice": _aliased(_make, _make),
    "of two collections": _aliased(_make, lambda client: client.create_alias("two", "x")),
    "of nothing": _aliased(lambda client: client.create_alias("nowhere", "x")),
    "like a collection": _aliased(lambda client: client.create_alias("one", "two")),
    "of an alias": _aliased(_make, lambda client: client.create_alias("x", "y")),
    "alter": _aliased(
        _make,
        lambda client: client.alter_alias("two", "x"),
        lambda client: client.describe_collection("x")["collection_name"],
    ),
    "alter one that is not there": _aliased(lambda client: client.alter_alias("two", "x")),
    "drop one that is not there": _aliased(lambda client: client.drop_alias("x")),
    "drop its collection": _aliased(_make, lambda client: client.drop_collection("one")),
    "drop through it": _aliased(_make, lambda client: client.drop_collection("x")),
    "rename through it": _aliased(_make, lambda client: client.rename_collection("x", "three")),
    "rename to it": _aliased(_make, lambda client: client.rename_collection("two", "x")),
    "a collection like it": _aliased(
        _make, lambda client: client.create_collection("x", dimension=4, consistency_level="Strong")
    ),
    "insert through it": _aliased(
        _make,
        lambda client: client.insert("x", [{"id": 1, **REST_OF_ROW}]),
        lambda client: [row["id"] for row in client.query("one", "id > 0", output_fields=["id"])],
    ),
    "query through it": _aliased(_make, lambda client: client.query("x", "id > 0", output_fields=["id"])),
    "a bad name": _aliased(lambda client: client.create_alias("one", "a b")),
}
REST_OF_ROW = {
    "small": 1,
    "flag": True,
    "single": 1.0,
    "double": 1.0,
    "text": "x",
    "document": {},
    "tags": [1],
    "vector": [0.0, 0.0, 0.0, 0.0],
}
