"""Generated collections with rows for them, right or with one flaw, and the files of each format that hold the rows.

`samples()` is a Hypothesis strategy; what is to be compared is left to the test.
"""

import csv
import json
import math
import struct
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

NULL_TEXT = "<null>"
# What a job needs to know of the files that `write` writes.
OPTIONS = {"nullkey": NULL_TEXT}
BITS = {"Int8": 8, "Int16": 16, "Int32": 32, "Int64": 64}
DIM, MAX_LENGTH, MAX_CAPACITY = 3, 8, 3
FORMATS = ("json", "jsonl", "csv", "parquet")
_ARROW = {
    "Bool": pa.bool_(),
    "Int8": pa.int8(),
    "Int16": pa.int16(),
    "Int32": pa.int32(),
    "Int64": pa.int64(),
    "Float": pa.float32(),
    "Double": pa.float64(),
    "VarChar": pa.string(),
    "JSON": pa.string(),
    "FloatVector": pa.list_(pa.float32()),
}


@dataclass(frozen=True)
class Sample:
    """A collection, as `collections/create` takes its fields, and rows for it.

    :param flaw: what is wrong with one value of one row: "null", "range", "length", "dim" or "capacity"; None if
        nothing is.
    :param flawed: the name of the field that has it.
    """

    fields: list[dict[str, Any]]
    dynamic: bool
    rows: list[dict[str, Any]]
    flaw: str | None = None
    flawed: str | None = None
    kinds: dict[str, str] = field(default_factory=dict)

    @property
    def schema(self) -> dict[str, Any]:
        """The `schema` of `collections/create`."""
        return {"autoId": False, "enableDynamicField": self.dynamic, "fields": self.fields}

    def fits(self, suffix: str) -> bool:
        """Whether a file of this format can hold the rows as they are."""
        if suffix == "parquet":
            # Its columns have types.
            return self.flaw != "range"
        if suffix == "csv":
            # A text is never null where none may be, nor can it be told from the text for null.
            return not (self.flaw == "null" and self.kinds[str(self.flawed)] == "VarChar")
        return True


def write(sample: Sample, path: Any) -> None:
    """Write the rows in the format of the path's suffix."""
    match path.suffix:
        case ".json":
            path.write_text(json.dumps(sample.rows))
        case ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in sample.rows))
        case ".csv":
            _write_csv(sample, path)
        case ".parquet":
            _write_parquet(sample, path)


def _columns(sample: Sample) -> dict[str, list[Any]]:
    columns = {name: [row.get(name) for row in sample.rows] for name in sample.kinds}
    if sample.dynamic:
        columns["$meta"] = [
            {key: value for key, value in row.items() if key not in sample.kinds} for row in sample.rows
        ]
    return columns


def _write_csv(sample: Sample, path: Any) -> None:
    columns = _columns(sample)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for cells in zip(*columns.values(), strict=True):
            writer.writerow(map(_cell, cells))


def _cell(value: Any) -> str:
    if value is None:
        return NULL_TEXT
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _write_parquet(sample: Sample, path: Any) -> None:
    arrays = {}
    for name, values in _columns(sample).items():
        kind = sample.kinds.get(name, "JSON")
        if kind == "JSON":
            values = [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]
        arrays[name] = pa.array(values, pa.list_(_ARROW[kind[6:]]) if kind.startswith("Array ") else _ARROW[kind])
    pq.write_table(pa.table(arrays), path)


# -- strategies --------------------------------------------------------------------------------------------


def _floats32() -> st.SearchStrategy[float]:
    return st.floats(width=32, allow_nan=False, allow_infinity=False)


def _texts(limit: int = MAX_LENGTH) -> st.SearchStrategy[str]:
    texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=limit)
    return texts.filter(lambda text: len(text.encode()) <= limit and text != NULL_TEXT)


def _integers(bits: int) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


_JSON_LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _texts()
_OBJECTS = st.dictionaries(
    _texts().filter(lambda key: "$" not in key),
    st.recursive(_JSON_LEAVES, lambda inner: st.lists(inner, max_size=2), max_leaves=3),
    max_size=2,
)
_RIGHT: dict[str, st.SearchStrategy[Any]] = {
    "Bool": st.booleans(),
    **{kind: _integers(bits) for kind, bits in BITS.items()},
    "Float": _floats32(),
    "Double": st.floats(allow_nan=False, allow_infinity=False),
    "VarChar": _texts(),
    "JSON": _OBJECTS,
    "FloatVector": st.lists(_floats32(), min_size=DIM, max_size=DIM),
    "Array Int64": st.lists(_integers(64), min_size=1, max_size=MAX_CAPACITY),
    "Array VarChar": st.lists(_texts(), min_size=1, max_size=MAX_CAPACITY),
}
# Of each type, the flaws that a value can have, and the values that have them.
_WRONG: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    **{kind: {"range": st.sampled_from([2 ** (bits - 1), -(2 ** (bits - 1)) - 1])} for kind, bits in BITS.items()},
    "Float": {"range": st.sampled_from([math.nextafter(struct.unpack("f", b"\xff\xff\x7f\x7f")[0], 1e300) * 2, -1e39])},
    "VarChar": {"length": st.sampled_from(["x" * (MAX_LENGTH + 1), "ü" * (MAX_LENGTH // 2 + 1)])},
    "FloatVector": {"dim": st.sampled_from([[0.5] * (DIM - 1), [0.5] * (DIM + 1), []])},
    "Array Int64": {"capacity": st.just([1] * (MAX_CAPACITY + 1))},
    "Array VarChar": {
        "capacity": st.just(["x"] * (MAX_CAPACITY + 1)),
        "length": st.just(["x", "x" * (MAX_LENGTH + 1)]),
    },
}


def _field(name: str, kind: str, nullable: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"fieldName": name, "dataType": kind.split()[0]}
    params: dict[str, Any] = {}
    if kind.endswith("VarChar"):
        params["max_length"] = MAX_LENGTH
    if kind.startswith("Array"):
        found["elementDataType"] = kind.split()[1]
        params["max_capacity"] = MAX_CAPACITY
    if kind == "FloatVector":
        params["dim"] = DIM
    if params:
        found["elementTypeParams"] = params
    return found | ({"nullable": True} if nullable else {})


@st.composite
def samples(draw: Any, flaws: bool = True) -> Sample:
    """Collections of a few fields, with up to four rows; about half of them have a flaw, if there may be any."""
    kinds = {"id": "Int64", "vector": "FloatVector"}
    scalars = sorted(set(_RIGHT) - {"FloatVector"})
    for number, kind in enumerate(draw(st.lists(st.sampled_from(scalars), max_size=5))):
        kinds[f"f{number}"] = kind
    nullable = {name for name in kinds if name not in ("id", "vector") and draw(st.booleans())}
    dynamic = draw(st.booleans())
    rows = [
        {name: _value(draw, kind, name in nullable) for name, kind in kinds.items()} | {"id": key}
        for key in draw(st.lists(_integers(64), unique=True, min_size=1, max_size=4))
    ]
    if dynamic:
        for row in rows:
            # An insert over REST drops the nulls of the dynamic field (checkAndSetData), an import keeps them.
            values = _JSON_LEAVES.filter(lambda value: value is not None)
            row |= draw(st.dictionaries(st.sampled_from(["colour", "größe"]), values, max_size=2))
    fields = [_field(name, kind, name in nullable) for name, kind in kinds.items()]
    fields[0]["isPrimary"] = True
    flaw, flawed = draw(_flaw(rows, kinds, nullable)) if flaws and draw(st.booleans()) else (None, None)
    return Sample(fields, dynamic, rows, flaw, flawed, kinds)


def _value(draw: Any, kind: str, nullable: bool) -> Any:
    return None if nullable and draw(st.integers(0, 3)) == 0 else draw(_RIGHT[kind])


@st.composite
def _flaw(draw: Any, rows: list[dict[str, Any]], kinds: dict[str, str], nullable: set[str]) -> tuple[str, str]:
    """Give one value of one row a flaw."""
    row, name = draw(st.sampled_from(rows)), draw(st.sampled_from(sorted(kinds)))
    wrong = dict(_WRONG.get(kinds[name], {}))
    if name not in nullable:
        wrong["null"] = st.none()
    if not wrong:
        name, wrong = "vector", {"dim": _WRONG["FloatVector"]["dim"]}
    flaw = draw(st.sampled_from(sorted(wrong)))
    row[name] = draw(wrong[flaw])
    return flaw, name
