"""Files of pymilvus's own writer in each of its formats, for the collection of the writer and for others."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from mutated_files import Case
from pymilvus import CollectionSchema, DataType, MilvusClient
from pymilvus.bulk_writer import BulkFileType, LocalBulkWriter

FORMATS = [one.name for one in BulkFileType]
# Without a null key of its own, an empty text and a null are one and the same in a CSV file.
CSV_OPTIONS = {"sep": "|", "nullkey": "\\N"}
ID: dict[str, Any] = {"fieldName": "id", "dataType": "Int64", "isPrimary": True}
VECTOR: dict[str, Any] = {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": 2}}
# Of the field "value": its type, its parameters, and values that pymilvus takes for it.
KINDS: dict[str, tuple[str, dict[str, Any], list[Any]]] = {
    "bool": ("Bool", {}, [True, False, True]),
    "int8": ("Int8", {}, [-128, 0, 127]),
    "int16": ("Int16", {}, [-(2**15), 0, 2**15 - 1]),
    "int32": ("Int32", {}, [-(2**31), 0, 2**31 - 1]),
    "int64": ("Int64", {}, [-(2**63), 0, 2**63 - 1]),
    "float": ("Float", {}, [0.1, -1e30, 1e-30]),
    "double": ("Double", {}, [0.1, -1e300, 1e-300]),
    "varchar": ("VarChar", {"max_length": 8}, ["", 'q"|,\n', "üüüü"]),
    "long varchar": ("VarChar", {"max_length": 100}, ["x" * 9, "NaN", "\\N"]),
    "json": ("JSON", {}, [{"a": [1, None]}, {}, {"ü": {"b": 2**53 + 1}}]),
    # A list is what only JSON files may not have.
    "json list": ("JSON", {}, [[1, 2], [], [{"a": None}]]),
    "geometry": ("Geometry", {}, ["POINT (1 2)", "POLYGON ((0 0, 1 0, 1 1, 0 0))", "POINT (3 4)"]),
    "timestamptz": ("Timestamptz", {}, ["2026-11-27T10:00:00Z", "2026-11-27T10:00:00.5+01:00", "2026-11-27 10:00:00"]),
    "sparse": ("SparseFloatVector", {}, [{1: 0.5}, {7: 1.5, 70_000: 2.0}, {2: 1.0}]),
    "vector": ("FloatVector", {"dim": 3}, [[0.1, 1.0, 2.0], [0.0, -0.0, 1e30], [1.0, 2.0, 3.0]]),
    "array of int32": ("Array", {"element": "Int32", "max_capacity": 3}, [[1], [], [1, 2, 3]]),
    "array of int64": ("Array", {"element": "Int64", "max_capacity": 5}, [[2**62], [], [1, 2, 3, 4, 5]]),
    "array of float": ("Array", {"element": "Float", "max_capacity": 3}, [[0.1], [], [1.0]]),
    "array of bool": ("Array", {"element": "Bool", "max_capacity": 3}, [[True], [], [False]]),
    "array of varchar": ("Array", {"element": "VarChar", "max_capacity": 3, "max_length": 8}, [["a"], [], ["b", ""]]),
    "nullable int32": ("Int32", {"nullable": True}, [1, None, 3]),
    "nullable varchar": ("VarChar", {"nullable": True, "max_length": 8}, ["a", None, ""]),
    "nullable json": ("JSON", {"nullable": True}, [{"a": 1}, None, {}]),
    "nullable array": ("Array", {"nullable": True, "element": "Int64", "max_capacity": 3}, [[1], None, []]),
    "default int32": ("Int32", {"default": 7}, [1, None, 3]),
    "default varchar": ("VarChar", {"default": "x", "max_length": 8}, ["a", None, ""]),
}
# The names of pymilvus.
TYPES = {
    **{name: DataType[name.upper()] for name in ("Bool", "Int8", "Int16", "Int32", "Int64", "Float", "Double")},
    **{name: DataType[name.upper()] for name in ("VarChar", "JSON", "Geometry", "Timestamptz", "Array")},
    "FloatVector": DataType.FLOAT_VECTOR,
    "SparseFloatVector": DataType.SPARSE_FLOAT_VECTOR,
}
NOT_IN_NUMPY = ("Array", "SparseFloatVector")
# What pymilvus writes and no Milvus reads: a list in JSON (internal/util/importutilv2/json/row_parser.go), in NumPy a
# Timestamptz (numpy/util.go) and values among which are nulls, which it pickles.
REFUSED = [
    *("NUMPY: timestamptz", "NUMPY: nullable int32", "NUMPY: nullable varchar"),
    *("JSON: json list", "JSONL: json list"),
]
# Collections that differ in what is no field.
WHOLES = {"plain": {}, "dynamic": {"enableDynamicField": True}, "automatic": {"autoId": True}}


def _rest_field(kind: str) -> dict[str, Any]:
    """The field "value" as ``collections/create`` takes it."""
    data_type, given, _ = KINDS[kind]
    params = {name: given[name] for name in ("dim", "max_length", "max_capacity") if name in given}
    found: dict[str, Any] = {"fieldName": "value", "dataType": data_type, "elementTypeParams": params}
    names = {"element": "elementDataType", "nullable": "nullable", "default": "defaultValue"}
    return found | {names[name]: given[name] for name in names if name in given}


SCHEMAS: dict[str, dict[str, Any]] = {
    **{f"v_{kind.replace(' ', '_')}": {"fields": [ID, VECTOR, _rest_field(kind)]} for kind in KINDS},
    **{f"w_{name}": {"fields": [ID, VECTOR], **options} for name, options in WHOLES.items()},
}


def schema_of(kind: str) -> CollectionSchema:
    """The schema that the writer is given: of a kind of value, or of a collection as a whole."""
    whole = WHOLES.get(kind, {})
    schema = MilvusClient.create_schema(
        auto_id=whole.get("autoId", False), enable_dynamic_field=whole.get("enableDynamicField", False)
    )
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
    if kind in KINDS:
        data_type, given, _ = KINDS[kind]
        options = {name: value for name, value in given.items() if name not in ("element", "default")}
        options |= {"element_type": TYPES[given["element"]]} if "element" in given else {}
        options |= {"default_value": given["default"]} if "default" in given else {}
        schema.add_field("value", TYPES[data_type], **options)
    return schema


def rows_of(kind: str) -> Iterator[dict[str, Any]]:
    """Three rows."""
    values = KINDS[kind][2] if kind in KINDS else [None] * 3
    for number, value in enumerate(values):
        row: dict[str, Any] = {"id": number, "vector": [number + 0.1, -1.0]}
        if WHOLES.get(kind, {}).get("autoId"):
            del row["id"]
        if WHOLES.get(kind, {}).get("enableDynamicField"):
            row |= {"colour": "red", "tags": ["a", {"b": None}]}
        yield row | ({"value": value} if kind in KINDS else {})


def append(writer: LocalBulkWriter, kind: str) -> None:
    """Let a writer write the rows."""
    for row in rows_of(kind):
        writer.append_row(row)
    writer.commit()


@cache
def written(kind: str, file_format: str) -> dict[str, bytes]:
    """The files that pymilvus writes, by their names; none where the format cannot hold the values."""
    if file_format == "NUMPY" and kind in KINDS and KINDS[kind][0] in NOT_IN_NUMPY:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        # It logs every step.
        logging.getLogger("bulk_writer").setLevel(logging.ERROR)
        writer = LocalBulkWriter(schema_of(kind), folder, file_type=BulkFileType[file_format], config=CSV_OPTIONS)
        append(writer, kind)
        return {Path(path).name: Path(path).read_bytes() for files in writer.batch_files for path in files}


def options_of(file_format: str) -> dict[str, str]:
    """Those of an import of the files."""
    return CSV_OPTIONS if file_format == "CSV" else {}


def own_cases() -> list[Case]:
    """Each file for the collection that it was written for."""
    return [case for case in all_cases() if _name(case.name.partition(": ")[2]) == case.schema]


def all_cases() -> list[Case]:
    """Each file for each collection."""
    return [
        Case(f"{file_format}: {kind}", schema, files, options_of(file_format))
        for file_format in FORMATS
        for kind in (*KINDS, *WHOLES)
        if (files := written(kind, file_format))
        for schema in SCHEMAS
        if (kind in KINDS) == schema.startswith("v_")
    ]


def _name(kind: str) -> str:
    return f"{'v' if kind in KINDS else 'w'}_{kind.replace(' ', '_')}"
