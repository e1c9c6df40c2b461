"""Import files of every format, right ones and mutations of them: another type, another value, another structure."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 3


def _field(name: str, kind: str, element: str = "", **params: Any) -> dict[str, Any]:
    flags = {key: params.pop(key) for key in ("isPrimary", "nullable", "defaultValue") if key in params}
    element_type = {"elementDataType": element} if element else {}
    return {"fieldName": name, "dataType": kind, "elementTypeParams": params, **element_type, **flags}


ID = _field("id", "Int64", isPrimary=True)
VECTOR = _field("vector", "FloatVector", dim=2)
SCALARS = [
    _field("flag", "Bool"),
    _field("tiny", "Int8"),
    _field("middle", "Int32"),
    _field("big", "Int64"),
    _field("single", "Float"),
    _field("double", "Double"),
    _field("text", "VarChar", max_length=8),
    _field("document", "JSON"),
    _field("shape", "Geometry"),
]
SCHEMAS: dict[str, dict[str, Any]] = {
    "scalars": {"fields": [ID, VECTOR, *SCALARS]},
    "lists": {
        "fields": [
            ID,
            VECTOR,
            _field("sparse", "SparseFloatVector"),
            _field("moment", "Timestamptz"),
            _field("numbers", "Array", "Int32", max_capacity=3),
            _field("weights", "Array", "Float", max_capacity=3),
            _field("words", "Array", "VarChar", max_capacity=3, max_length=8),
        ]
    },
    "nullable": {
        "fields": [
            ID,
            VECTOR,
            _field("maybe", "VarChar", max_length=8, nullable=True),
            _field("maybe_number", "Int32", nullable=True),
            _field("maybe_list", "Array", "Int64", max_capacity=3, nullable=True),
            _field("filled", "Int32", defaultValue=7),
        ]
    },
    "dynamic": {"fields": [ID, VECTOR, _field("text", "VarChar", max_length=8)], "enableDynamicField": True},
    "automatic": {"fields": [ID, VECTOR, _field("text", "VarChar", max_length=8)], "autoId": True},
}
VALUES: dict[str, list[Any]] = {
    "id": [1, 2, 3],
    "vector": [[0.5, 1.0], [0.0, -1.0], [2.0, 3.5]],
    "flag": [True, False, True],
    "tiny": [1, -2, 3],
    "middle": [1, -2, 3],
    "big": [1, -2, 3],
    "single": [0.5, -1.0, 2.0],
    "double": [0.5, -1.0, 2.0],
    "text": ["a", "", "ü"],
    "document": ['{"a": 1}', "{}", "[1]"],
    "shape": ["POINT (1 2)", "POLYGON ((0 0, 1 0, 1 1, 0 0))", "POINT (3 4)"],
    "sparse": ['{"1": 0.5}', '{"7": 1.5, "9": 2.0}', "{}"],
    "moment": ["2026-11-27T10:00:00Z", "2026-11-27 10:00:00", "2026-11-27T10:00:00.5+01:00"],
    "numbers": [[1], [], [1, 2, 3]],
    "weights": [[0.5], [], [1.0]],
    "words": [["a"], [], ["b", ""]],
    "maybe": ["a", None, "b"],
    "maybe_number": [1, None, 3],
    "maybe_list": [[1], None, [2]],
    "filled": [1, None, 3],
}
STORED = {
    "Bool": pa.bool_(),
    "Int8": pa.int8(),
    "Int32": pa.int32(),
    "Int64": pa.int64(),
    "Float": pa.float32(),
    "Double": pa.float64(),
    "FloatVector": pa.list_(pa.float32()),
}


def is_written(kind):
    """Whether this version of pyarrow writes a type to Parquet: older ones do not write views."""
    try:
        pq.write_table(pa.table({"x": pa.nulls(1, kind)}), io.BytesIO())
    except pa.ArrowNotImplementedError:
        return False
    return True


ARROW_TYPES = [
    *(pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint32(), pa.uint64()),
    *(pa.float16(), pa.float32(), pa.float64(), pa.string(), pa.large_string(), pa.string_view(), pa.binary()),
    *(pa.dictionary(pa.int32(), pa.string()), pa.date32(), pa.timestamp("us"), pa.timestamp("ms", "UTC")),
    *(pa.decimal128(9, 2), pa.struct([("a", pa.int64())]), pa.map_(pa.string(), pa.int64()), pa.null()),
    pa.struct([("indices", pa.list_(pa.uint32())), ("values", pa.list_(pa.float32()))]),
    pa.struct([("indices", pa.list_(pa.int16())), ("values", pa.list_(pa.float32()))]),
    *(pa.list_(kind) for kind in (pa.int8(), pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.string())),
    *(pa.list_(kind, 2) for kind in (pa.int32(), pa.float32(), pa.float64(), pa.string())),
    *(pa.large_list(pa.float32()), pa.list_(pa.float16()), pa.list_(pa.uint8()), pa.list_(pa.large_string())),
    pa.list_view(pa.float32()),
]
ARROW_TYPES = [kind for kind in ARROW_TYPES if is_written(kind)]
# Values of a JSON file, in place of the first row's.
JSON_VALUES = [
    *("null", "true", "1", "-1", "127", "128", "2147483648", "9223372036854775807", "9223372036854775808", "1.5"),
    *("1.0", "1e39", "3.4028235e38", '""', '"a"', '"123456789"', '"üüüü"', '"üüüüü"', '"{}"', '"{"', '"POINT (1 2)"'),
    *('"POINT (1)"', '"2026-11-27T10:00:00Z"', '"2026-11-27"', "[]", "[1]", "[1, 2]", "[1, 2, 3]", "[1, 2, 3, 4]"),
    *("[1.5, 2]", "[1, null]", "[true, false]", '["a", "b"]', '["123456789"]', "[1e39, 1]", "[[1], [2]]", "{}"),
    *('{"1": 0.5}', '{"1": -0.5}', '{"a": 0.5}', '{"1": "x"}', '{"indices": [1], "values": [0.5]}'),
    *('{"indices": [1, 1], "values": [0.5, 1]}', '{"indices": [1]}', '{"4294967295": 1}', '{"0x10": 1}', '{"a": [1]}'),
]
CELLS = [
    *("", "true", "T", "yes", "1", "-1", "+1", "01", "1_000", "128", "2147483648", "9223372036854775808", "1.5", "1."),
    *("0x1p-2", "1e39", "1e400", "NaN", "inf", "a", "123456789", "üüüü", "üüüüü", "{}", "{", "null", "[]", "[1]"),
    *("[1, 2]", "[1.5, 2]", "[1, null]", "[1, 2, 3, 4]", "[true, false]", '["a"]', '["a"] x', '["123456789"]'),
    *("POINT (1 2)", "POINT", "2026-11-27T10:00:00Z", "2026-11-27 10:00:00+01", "2026-11-27", '{"1": 0.5}'),
    *('{"1": 0.5} x', '{"1": -1}', "[1e39, 1]"),
]
DTYPES = ["b1", "i1", "i2", "i4", "i8", "u1", "u8", "f2", "f4", "f8", ">i8", ">f4", ">i4", "U3", "U9", "S3", "S9", "c8"]


@dataclass
class Case:
    """A file set for a collection of one of the schemas."""

    name: str
    schema: str
    files: dict[str, bytes]
    options: dict[str, str] = field(default_factory=dict)


def fields_of(schema: str) -> list[dict[str, Any]]:
    generated = SCHEMAS[schema].get("autoId", False)
    return [one for one in SCHEMAS[schema]["fields"] if not (generated and one.get("isPrimary"))]


def arrow_type(one: dict[str, Any]) -> pa.DataType:
    if one["dataType"] == "Array":
        return pa.list_(
            {"Int32": pa.int32(), "Int64": pa.int64(), "Float": pa.float32()}.get(one["elementDataType"], pa.string())
        )
    return STORED.get(one["dataType"], pa.string())


def table(schema: str, **replaced: pa.Array | None) -> pa.Table:
    """A right table, with columns replaced, added, or left out where they are ``None``."""
    columns = {one["fieldName"]: pa.array(VALUES[one["fieldName"]], arrow_type(one)) for one in fields_of(schema)}
    columns.update(replaced)
    return pa.table({name: column for name, column in columns.items() if column is not None})


def parquet(rows: pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, **options)
    return sink.getvalue().to_pybytes()


def sample(kind: pa.DataType) -> pa.Array | None:
    """Some values of a type, that a field may take as far as the type goes."""
    for values in (
        [1, 2, 3],
        [True, False, True],
        ["a", "b", "c"],
        [b"a", b"b", b"c"],
        [[1, 2]] * 3,
        [["a", "b"]] * 3,
        [{"indices": [1], "values": [0.5]}] * 3,
        [{"a": 1}] * 3,
        [[("a", 1)]] * 3,
    ):
        try:
            return pa.array(values, kind)
        except (pa.ArrowException, TypeError, ValueError):
            continue
    return pa.nulls(3, kind)


def parquet_cases() -> list[Case]:
    found = []

    def add(name: str, schema: str, data: bytes | pa.Table, **options: Any) -> None:
        content = data if isinstance(data, bytes) else parquet(data, **options)
        found.append(Case(f"parquet {name}", schema, {"rows.parquet": content}))

    for schema in SCHEMAS:
        add("right", schema, table(schema))
        add("no rows", schema, table(schema).slice(0, 0))
        add("more", schema, table(schema, more=pa.array([1, 2, 3])))
        add("meta", schema, table(schema, **{"$meta": pa.array(['{"a": 1}', "{}", "null"])}))
        add("meta null", schema, table(schema, **{"$meta": pa.array(['{"a": 1}', None, "{}"])}))
        add("meta no object", schema, table(schema, **{"$meta": pa.array(["[1]", "{}", "{}"])}))
        add("meta struct", schema, table(schema, **{"$meta": pa.array([{"a": 1}] * 3)}))
        add("generated", schema, table(schema, id=pa.array([1, 2, 3])))
        add("without schema", schema, table(schema), store_schema=False)
        add("many groups", schema, table(schema), row_group_size=1)
        add("truncated", schema, parquet(table(schema))[:-20])
        add("damaged", schema, b"PAR1" + bytes(200) + b"PAR1")
        add("empty", schema, b"")
        add("no parquet", schema, b"id,vector\n1,2\n")
        for one in fields_of(schema):
            name, own = one["fieldName"], arrow_type(one)
            right = pa.array(VALUES[name], own)
            add(f"{name} missing", schema, table(schema, **{name: None}))
            twice = table(schema)
            add(f"{name} twice", schema, twice.append_column(name, right))
            add(
                f"{name} null",
                schema,
                table(schema, **{name: pa.array([right[0].as_py(), None, right[2].as_py()], own)}),
            )
            for kind in ARROW_TYPES:
                try:
                    column = right.cast(kind)
                except (pa.ArrowException, TypeError):
                    column = sample(kind)
                add(f"{name} as {kind}", schema, table(schema, **{name: column}))
            if pa.types.is_string(own):
                add(
                    f"{name} as large_string without schema",
                    schema,
                    table(schema, **{name: right.cast(pa.large_string())}),
                    store_schema=False,
                )
            for number, column in enumerate(arrow_values(one)):
                add(f"{name} value {number}", schema, table(schema, **{name: column}))
    return found


def arrow_values(one: dict[str, Any]) -> list[pa.Array]:
    """Columns of the right type with a value that may be wrong."""
    kind = one["dataType"]
    nan, inf = float("nan"), float("inf")
    if kind == "FloatVector":
        lists = pa.list_(pa.float32())
        return [
            pa.array([[1, 2], [1], [1, 2]], lists),
            pa.array([[1, 2], [], [1, 2]], lists),
            pa.array([[1, 2], [1, 2], [1, nan]], lists),
            pa.array([[1, 2], [1, None], [1, 2]], lists),
            pa.array([[1, 2], [1, 1e39], [1, 2]], pa.list_(pa.float64())),
            pa.array([[1, inf], [1, 2], [1, 2]], pa.list_(pa.float64())),
            pa.array([[1, 2], [1, 2], [1, nan]], pa.list_(pa.float32(), 2)),
            pa.array([[1, 2, 3]] * 3, pa.list_(pa.float32(), 3)),
        ]
    if kind in ("Float", "Double"):
        return [
            pa.array([1, nan, 2], STORED[kind]),
            pa.array([1, 2, inf], STORED[kind]),
            pa.array([1, 1e39, 2], pa.float64()),
            pa.array([2**53 + 1, 1, 2], pa.int64()),
        ]
    if kind == "VarChar":
        return [pa.array([text, "a", "b"]) for text in ("12345678", "123456789", "üüüü", "üüüüü", "a\0b")] + [
            pa.array([b"a", b"\xff", b"b"], pa.binary()).view(pa.string())
        ]
    if kind == "Array":
        own = arrow_type(one)
        first = ["a"] if pa.types.is_string(own.value_type) else [1]
        values = [first * 3, first * 4, [None], [], None]
        found = [pa.array([value, first, first], own) for value in values]
        if pa.types.is_string(own.value_type):
            found.append(pa.array([["123456789"], ["a"], ["b"]], own))
        if pa.types.is_floating(own.value_type):
            found.append(pa.array([[nan], [1.0], []], own))
            found.append(pa.array([[1e39], [1.0], []], pa.list_(pa.float64())))
        return found
    texts = {
        "JSON": ["{}", "[1, 2]", "1", "null", "", "{", "NaN", '{"a": NaN}', '{"a": 1, "a": 2}', '"\\ud800"'],
        "Geometry": ["POINT (1 2)", "point(1 2)", "POINT", "POINT (1)", "", "x", "POINT (a b)"],
        "Timestamptz": [
            *("2026-11-27T10:00:00Z", "2026-11-27", "2026-11-27 10:00:00", "2026-11-27T10:00:00+01", "x", ""),
            *("2026-11-27T10:00:00+15:00", "2026-02-30T10:00:00Z", "2026-11-27 1:00:00.123456789Z"),
        ],
        "SparseFloatVector": [
            "{}",
            "null",
            '{"1": 1} x',
            '{"1": -1}',
            '{"a": 1}',
            "[1]",
            '{"1": "x"}',
            '{"1": 1, "1": 2}',
            "",
        ],
    }.get(kind, [])
    found = [pa.array([text, VALUES[one["fieldName"]][0], VALUES[one["fieldName"]][0]]) for text in texts]
    if kind == "SparseFloatVector":
        struct = pa.struct([("indices", pa.list_(pa.int64())), ("values", pa.list_(pa.float64()))])
        for indices, values in (
            ([1], [0.5]),
            ([1, 1], [1.0, 2.0]),
            ([1], [nan]),
            ([1], [-1.0]),
            ([1, 2], [1.0]),
            ([], []),
            (None, []),
            ([2**32 - 1], [1.0]),
        ):
            found.append(pa.array([{"indices": indices, "values": values}] * 3, struct))
    return found


def json_rows(schema: str) -> list[dict[str, Any]]:
    rows = []
    for number in range(ROWS):
        row = {}
        for one in fields_of(schema):
            value = VALUES[one["fieldName"]][number]
            row[one["fieldName"]] = json.loads(value) if one["dataType"] == "SparseFloatVector" else value
        rows.append(row)
    return rows


def json_cases() -> list[Case]:
    found = []

    def add(name: str, schema: str, text: str | bytes, suffix: str = "json") -> None:
        found.append(
            Case(f"{suffix} {name}", schema, {f"rows.{suffix}": text if isinstance(text, bytes) else text.encode()})
        )

    for schema in SCHEMAS:
        rows = json_rows(schema)
        whole, first, others = json.dumps(rows), rows[0], [json.dumps(row) for row in rows[1:]]
        lines = "\n".join(json.dumps(row) for row in rows)
        for name, text in {
            "right": whole,
            "rows": f'{{"rows": {whole}}}',
            "Rows": f'{{"ROWS": {whole}}}',
            "other key": f'{{"data": {whole}}}',
            "bom": "\ufeff" + whole,
            "empty list": "[]",
            "empty object": "{}",
            "one object": json.dumps(first),
            "no end": whole[:-1],
            "cut": whole[:-9],
            "more after": whole + "x",
            "bracket after": whole + "]",
            "comma at the end": whole[:-1] + ",]",
            "no commas": f"[{lines}]",
            "number": "1",
            "list of numbers": "[1, 2]",
            "not utf-8": whole.encode().replace(b"1", b"\xff", 1),
            "spaces": f" \n\t{whole}\r\n ",
        }.items():
            add(name, schema, text)
        for name, text in {
            "right": lines,
            "one line": lines.replace("\n", " "),
            "blank lines": lines.replace("\n", "\n\n"),
            "array": whole,
            "bom": "\ufeff" + lines,
            "cut": lines[:-5],
            "bracket": lines + "]",
            "text": lines + "\nx",
        }.items():
            add(name, schema, text, "jsonl")
        add("right", schema, lines, "ndjson")
        extra = {
            "more": {**first, "more": 1},
            "meta": {**first, "$meta": {"a": 1}},
            "generated": {**first, "id": 9},
            "meta text": {**first, "$meta": '{"a": 1}'},
            "meta list": {**first, "$meta": [1]},
            "meta twice": {**first, "a": 1, "$meta": {"a": 1}},
            "meta null": {**first, "$meta": None},
        }
        for name, row in extra.items():
            add(name, schema, f"[{', '.join([json.dumps(row), *others])}]")
        for one in fields_of(schema):
            name = one["fieldName"]
            add(
                f"{name} missing",
                schema,
                json.dumps([{key: value for key, value in row.items() if key != name} for row in rows]),
            )
            for value in JSON_VALUES:
                text = ", ".join(
                    f"{json.dumps(key)}: {value if key == name else json.dumps(own)}" for key, own in first.items()
                )
                add(f"{name} = {value}", schema, f"[{', '.join([f'{{{text}}}', *others])}]")
    return found


def cell(one: dict[str, Any], number: int) -> str:
    value = VALUES[one["fieldName"]][number]
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def csv_cases() -> list[Case]:
    found = []

    def add(name: str, schema: str, text: str | bytes, **options: str) -> None:
        found.append(
            Case(f"csv {name}", schema, {"rows.csv": text if isinstance(text, bytes) else text.encode()}, options)
        )

    for schema in SCHEMAS:
        fields = fields_of(schema)
        names = [one["fieldName"] for one in fields]
        records = [[cell(one, number) for one in fields] for number in range(ROWS)]

        def text(header: list[str], rows: list[list[str]], separator: str = ",") -> str:
            lines = [separator.join(header), *(separator.join(map(quoted, row)) for row in rows)]
            return "\n".join(lines) + "\n"

        right = text(names, records)
        for name, content in {
            "right": right,
            "crlf": right.replace("\n", "\r\n"),
            "bom": "\ufeff" + right,
            "no end": right.rstrip("\n"),
            "header only": right.partition("\n")[0],
            "empty": "",
            "blank": "\n\n",
            "short row": right + "1\n",
            "long row": right.rstrip("\n") + ",1\n",
            "open quote": right + '"',
            "broken quote": right + 'a"b\n',
            "broken header": '"' + right,
            "two broken": text(names, records[:1])
            + '"a"b\n"a"b\n'
            + text(names, records)[len(right.partition("\n")[0]) + 1 :],
            "more": text([*names, "more"], [[*row, "1"] for row in records]),
            "meta": text([*names, "$meta"], [[*row, '{"a": 1}'] for row in records]),
            "meta list": text([*names, "$meta"], [[*row, "[1]"] for row in records]),
            "meta twice": text([*names, "$meta", "a"], [[*row, '{"a": 1}', "2"] for row in records]),
            "generated": text([*names, "id"], [[*row, "9"] for row in records]),
            "twice": text([*names, names[-1]], [[*row, row[-1]] for row in records]),
            "not utf-8": right.encode().replace(b"a", b"\xff", 1),
        }.items():
            add(name, schema, content)
        add("separator", schema, text(names, records, "|"), sep="|")
        add("other separator", schema, right, sep="|")
        add("null key", schema, text(names, [[one or "\\N" for one in row] for row in records]), nullkey="\\N")
        for number, name in enumerate(names):
            add(
                f"{name} missing",
                schema,
                text(names[:number] + names[number + 1 :], [row[:number] + row[number + 1 :] for row in records]),
            )
            for value in CELLS:
                changed = [*records[0][:number], value, *records[0][number + 1 :]]
                add(f"{name} = {value}", schema, text(names, [changed, *records[1:]]))
    return found


def npy(array: np.ndarray[Any, Any], **options: Any) -> bytes:
    sink = io.BytesIO()
    np.lib.format.write_array(sink, array, **options)
    return sink.getvalue()


NUMPY = {
    **{
        name: np.array(VALUES[name], dtype)
        for name, dtype in {
            "id": "i8",
            "vector": "f4",
            "flag": "b1",
            "tiny": "i1",
            "middle": "i4",
            "big": "i8",
            "single": "f4",
            "double": "f8",
            "text": "U3",
            "document": "U9",
            "shape": "U40",
        }.items()
    },
    "maybe": np.array(["a", "b", "c"]),
    "maybe_number": np.array([1, 2, 3], "i4"),
    "filled": np.array([1, 2, 3], "i4"),
}


def numpy_cases() -> list[Case]:
    found = []
    for schema in SCHEMAS:
        names = [one["fieldName"] for one in fields_of(schema)]
        right = {name: npy(NUMPY[name]) for name in names if name in NUMPY}

        def add(name: str, schema: str = schema, right: dict[str, bytes] = right, **files: bytes | None) -> None:
            all_files = {**right, **files}
            found.append(
                Case(
                    f"numpy {name}", schema, {f"{key}.npy": data for key, data in all_files.items() if data is not None}
                )
            )

        add("right")
        add("more", more=npy(np.array([1, 2, 3])))
        add("more, other rows", more=npy(np.array([1, 2])))
        add("more, damaged", more=b"x")
        add("meta", **{"$meta": npy(np.array(['{"a": 1}', "{}", "{}"]))})
        add("meta number", **{"$meta": npy(np.array([1, 2, 3]))})
        add("meta list", **{"$meta": npy(np.array(["[1]", "{}", "{}"]))})
        add("generated", id=npy(np.array([7, 8, 9])))
        for name, data in right.items():
            add(f"{name} missing", **{name: None})
            add(f"{name} empty", **{name: b""})
            add(f"{name} cut", **{name: data[:-1]})
            add(f"{name} version 2", **{name: npy(NUMPY[name], version=(2, 0))})
            add(f"{name} version 3", **{name: npy(NUMPY[name], version=(3, 0))})
            add(f"{name} two rows", **{name: npy(NUMPY[name][:2])})
            add(f"{name} no rows", **{name: npy(NUMPY[name][:0])})
            add(f"{name} flat", **{name: npy(NUMPY[name].reshape(-1))})
            add(f"{name} deep", **{name: npy(NUMPY[name].reshape(3, -1, 1))})
            add(f"{name} wide", **{name: npy(np.stack([NUMPY[name]] * 3, axis=-1).reshape(3, -1))})
            for dtype in DTYPES:
                values = NUMPY[name]
                try:
                    changed = values.astype(dtype)
                except (ValueError, TypeError):
                    changed = np.ones(values.shape).astype(dtype)
                add(f"{name} as {dtype}", **{name: npy(changed)})
        if "vector" in right:
            add("vector nan", vector=npy(np.array([[1, 2], [np.nan, 1], [1, 2]], "f4")))
            add("vector inf", vector=npy(np.array([[1, 2], [1, 1], [np.inf, 2]], "f4")))
            add("vector beyond", vector=npy(np.array([[1, 2], [1, 1], [1e39, 2]], "f8")))
        if "single" in right:
            add("single nan", single=npy(np.array([1, np.nan, 2], "f4")))
        if "text" in right:
            add("text long", text=npy(np.array(["a", "123456789", "b"])))
            add("text of bytes long", text=npy(np.array([b"a", b"123456789", b"b"])))
            add("text no utf-8", text=npy(np.array([b"a", b"\xff", b"b"])))
            add("text bytes", text=npy(np.array(["a", "üüüüü", "b"])))
        if "document" in right:
            add("document no json", document=npy(np.array(["{}", "{", "1"])))
            add("shape no geometry", shape=npy(np.array(["POINT (1 2)", "x", "POINT (1 2)"])))
    return found


def all_cases() -> list[Case]:
    return [*parquet_cases(), *json_cases(), *csv_cases(), *numpy_cases()]
