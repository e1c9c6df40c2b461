"""Values one by one: those of a JSON file, and the cells of a CSV file."""

from __future__ import annotations

import struct
from collections.abc import Callable
from math import isfinite
from typing import Any

from airflow_provider_milvus.staging import texts
from airflow_provider_milvus.staging.findings import Refused, shown
from airflow_provider_milvus.staging.target import FLOATS, INTEGERS, MAX_TEXT_BYTES, TEXTS, TargetField

# What rounds to it, as a cast to 32 bits does.
_FLOAT_LIMIT = (2 - 2**-24) * 2.0**127
_MAX_INDEX = (1 << 32) - 1
_BITS = {"Int8": 8, "Int16": 16, "Int32": 32, "Int64": 64}
_NOTHING = type(None)


def check_value(field: TargetField, value: Any) -> None:
    """Check a value of JSON that is not null.

    :raises Refused: where the field does not take it.
    """
    kind = field.type
    if kind == "FloatVector":
        _check_vector(field, value)
    elif kind == "SparseFloatVector":
        _require(field, value, dict)
        _call(field, check_sparse, value)
    elif kind == "Array":
        _check_array(field, value)
    elif kind == "JSON":
        _require(field, value, str, dict)
        _call(field, texts.parse_json, value) if isinstance(value, str) else check_finite(value)
    elif kind in TEXTS:
        _require(field, value, str)
        check_text(field, value)
    elif kind in INTEGERS:
        _require(field, value, int)
        _check_range(field, value)
    elif kind in FLOATS:
        _require(field, value, int, float)
        _check_float(field, value)
    elif kind == "Bool":
        _require(field, value, bool)


def check_text(field: TargetField, value: str) -> None:
    """Check the text of a VarChar, a JSON field, a geometry or a timestamp, in any format of files.

    :raises Refused: where the field does not take it.
    """
    if field.type == "VarChar":
        limit = field.max_length or MAX_TEXT_BYTES
        size = len(value.encode(errors="surrogatepass"))
        if size > limit:
            raise Refused(f"a text of {size:,} bytes", f"at most max_length={limit:,} bytes in UTF-8")
    elif field.type == "JSON":
        _call(field, texts.parse_json, value)
    elif field.type == "Geometry":
        _call(field, texts.geometry, value)
    elif field.type == "Timestamptz":
        _call(field, texts.timestamp, value)


def check_cell(field: TargetField, cell: str) -> None:
    """Check a cell of a CSV file that is not null.

    :raises Refused: where the field does not take it.
    """
    parse = _PARSERS.get(field.type)
    if field.type == "SparseFloatVector":
        value = _call(field, texts.first_json, cell)
        if value is not None and not isinstance(value, dict):
            raise Refused(shown(cell), f"a JSON object for {field}")
        _call(field, check_sparse, value or {})
    elif parse is None:
        if any("\udc80" <= char <= "\udcff" for char in cell) and field.type in TEXTS:
            raise Refused("bytes that are no UTF-8", "text in UTF-8")
        check_text(field, cell)
    else:
        check_value(field, _call(field, parse, cell))


def check_meta(value: Any) -> dict[str, Any]:
    """The object that ``$meta``, or its text, is.

    :raises Refused: where it is none.
    """
    try:
        return texts.meta_object(value)
    except ValueError as error:
        raise Refused(f"{shown(value)} ({error})", "a JSON object, or its text") from None


def check_finite(value: Any) -> None:
    """Refuse numbers beyond float64 at any depth, which no response could hold.

    :raises Refused: naming the number.
    """
    if isinstance(value, float) and not isfinite(value):
        raise Refused("a number beyond float64", "numbers that a float64 holds")
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        check_finite(one)


def check_sparse(value: dict[str, Any]) -> None:
    """Check ``{"index": value}``, or ``{"indices": […], "values": […]}``.

    :raises ValueError: for what is no sparse vector.
    """
    indices, values = value.get("indices"), value.get("values")
    if isinstance(indices, list) and isinstance(values, list):
        check_sparse_lists([_index(one) for one in indices], values)
    elif isinstance(indices, list) or isinstance(values, list):
        raise ValueError("a sparse vector has both 'indices' and 'values'")
    else:
        check_sparse_lists([texts.index(key) for key in value], list(value.values()))


def check_sparse_lists(indices: list[int], values: list[Any]) -> None:
    """Check the indices and the values of a sparse vector.

    :raises ValueError: naming what is wrong.
    """
    if len(indices) != len(values):
        raise ValueError(f"{len(indices)} indices and {len(values)} values")
    for one in values:
        if type(one) not in (int, float) or not isfinite(one):
            raise ValueError(f"the value {shown(one)} in a sparse vector")
        if one < 0:
            raise ValueError(f"the negative value {one} in a sparse vector")
        try:
            struct.pack("<f", one)
        except (OverflowError, struct.error):
            raise ValueError(f"the value {one}, too large for a sparse vector") from None
    if any(one >= _MAX_INDEX for one in indices):
        raise ValueError("an index of 2**32-1 or more in a sparse vector")
    if len(set(indices)) < len(indices):
        raise ValueError("an index twice in a sparse vector")


def _index(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -(1 << 63) <= value < _MAX_INDEX:
        raise ValueError(f"the index {shown(value)} in a sparse vector")
    # As Go converts an int64 to an uint32.
    return value & _MAX_INDEX


def _check_vector(field: TargetField, value: Any) -> None:
    _require(field, value, list)
    if len(value) != field.dim:
        raise Refused(f"a vector of {len(value):,} numbers", f"dim={field.dim:,}")
    for one in value:
        _require(field, one, int, float)
        _check_float(TargetField(field.name, "Float"), one)


def _check_array(field: TargetField, value: Any) -> None:
    _require(field, value, list)
    if field.max_capacity is not None and len(value) > field.max_capacity:
        raise Refused(f"{len(value):,} elements", f"at most max_capacity={field.max_capacity:,}")
    element = field.element
    for one in value:
        check_value(element, one)


def _check_range(field: TargetField, value: int) -> None:
    greatest = 1 << (_BITS[field.type] - 1)
    if not -greatest <= value < greatest:
        raise Refused(shown(value), f"{field.type}, {-greatest:,} to {greatest - 1:,}")


def _check_float(field: TargetField, value: int | float) -> None:
    try:
        finite = isfinite(value) and (field.type == "Double" or abs(value) < _FLOAT_LIMIT)
    except OverflowError:
        finite = False
    if not finite:
        raise Refused(shown(value), f"a number that {field.type} holds")


def _require(field: TargetField, value: Any, *kinds: type) -> None:
    # A boolean is no number, and a subclass never comes out of a parser.
    if type(value) not in kinds:
        got = "null" if type(value) is _NOTHING else f"{shown(value)} ({type(value).__name__})"
        raise Refused(got, f"{' or '.join(kind.__name__ for kind in kinds)} for {field}")


def _call(field: TargetField, read: Callable[[Any], Any], value: Any) -> Any:
    try:
        return read(value)
    except (ValueError, RecursionError) as error:
        raise Refused(f"{shown(value)} ({error})", f"a value of {field}") from None


def _vector(cell: str) -> Any:
    # Go leaves a zero where it reads a null into a list of numbers, and an empty list for a null.
    value = texts.parse_json(cell)
    value = [] if value is None else value
    return [0.0 if one is None else one for one in value] if isinstance(value, list) else value


def _array(cell: str) -> Any:
    value = texts.first_json(cell)
    return [] if value is None else value


_PARSERS: dict[str, Callable[[str], Any]] = {
    "Bool": texts.boolean,
    **dict.fromkeys(INTEGERS, texts.integer),
    **dict.fromkeys(FLOATS, texts.number),
    "FloatVector": _vector,
    "Array": _array,
}
