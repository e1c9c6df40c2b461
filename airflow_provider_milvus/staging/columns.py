"""Columns of Arrow, of a Parquet file or of a NumPy array: their types, and their values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_milvus.staging import encodings, text_values
from airflow_provider_milvus.staging.findings import Refused
from airflow_provider_milvus.staging.reader_rules import ReaderRules
from airflow_provider_milvus.staging.target import FLOATS, INTEGERS, MAX_TEXT_BYTES, TEXTS, TargetField

_INTEGERS = tuple(INTEGERS.values())
_FLOATS = tuple(FLOATS.values())
_INDICES = tuple(map(pa.list_, (pa.int32(), pa.uint32(), pa.int64(), pa.uint64())))
_VALUES = tuple(map(pa.list_, _FLOATS))


def check_type(field: TargetField, source: pa.DataType, rules: ReaderRules) -> None:
    """Check the type of a column of a Parquet file (``isArrowDataTypeConvertible`` of Milvus's reader).

    :raises Refused: where Milvus does not read it into the field.
    """
    target = field.arrow_type
    if target is None:
        return
    source = seen_type(source)
    if not _convertible(field, source, target, rules):
        raise Refused(_type_name(source), f"{target} for {field}")
    # Milvus's reader of nullable vectors knows one type only.
    if field.type == "FloatVector" and field.nullable and is_list(source) and source.value_type != pa.float32():
        raise Refused(_type_name(source), f"{target}, as the field is nullable")


def seen_type(kind: pa.DataType) -> pa.DataType:
    """The type that Arrow for Go finds: it takes views for what they are views of."""
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_list(kind) or pa.types.is_list_view(kind):
        return pa.list_(seen_type(kind.value_type))
    return kind


def is_list(kind: pa.DataType) -> bool:
    """Whether it is a list that some Milvus reads."""
    return bool(pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind))


def _type_name(kind: pa.DataType) -> str:
    return "FixedSizeList" + f"({kind})" if pa.types.is_fixed_size_list(kind) else str(kind)


def _convertible(field: TargetField, source: pa.DataType, target: pa.DataType, rules: ReaderRules) -> bool:
    if pa.types.is_null(source):
        return field.may_be_missing
    if pa.types.is_struct(source):
        return field.type == "SparseFloatVector" and _is_sparse(source)
    if pa.types.is_fixed_size_list(source) and not rules.fixed_size_lists:
        return False
    if is_list(source):
        return bool(pa.types.is_list(target)) and _widens(source.value_type, target.value_type)
    return _widens(source, target)


def _widens(source: pa.DataType, target: pa.DataType) -> bool:
    if source in _INTEGERS:
        return target in _FLOATS or target in _INTEGERS[_INTEGERS.index(source) :]
    if source in _FLOATS:
        return target in _FLOATS
    return source in (pa.bool_(), pa.string(), pa.uint8()) and source == target


def _is_sparse(source: pa.StructType) -> bool:
    indices, values = source.get_field_index("indices"), source.get_field_index("values")
    return min(indices, values) >= 0 and _is_of(source[indices].type, _INDICES) and _is_of(source[values].type, _VALUES)


def _is_of(kind: pa.DataType, accepted: tuple[pa.DataType, ...]) -> bool:
    # The name of the element is of no matter.
    return bool(pa.types.is_list(kind)) and pa.list_(kind.value_type) in accepted


def check_column(field: TargetField, column: pa.Array, rules: ReaderRules, *, check_length: bool = True) -> None:
    """Check the values of a column whose type was checked.

    :param check_length: whether texts may not be longer than ``max_length``.
    :raises Refused: for the first that Milvus refuses, with its row in the column.
    """
    if column.null_count and not field.may_be_missing:
        raise Refused("null", f"a value, as {field.name} is not nullable", _first(column.is_null()))
    if pa.types.is_null(column.type) or field.arrow_type is None:
        return
    _check_valid(column)
    if seen_type(column.type) != column.type:
        column = encodings.plain(column).cast(seen_type(column.type))
    if field.width is not None:
        _check_vectors(field, column, rules)
    elif field.type == "SparseFloatVector":
        _each(column, lambda value: _check_sparse(value), f"a value of {field}")
    elif field.type == "Array":
        _check_arrays(field, column, rules)
    else:
        check_scalars(field, column, check_length)


def check_scalars(field: TargetField, column: pa.Array, check_length: bool = True) -> None:
    """Check scalars, or the elements of arrays.

    :raises Refused: for the first that Milvus refuses.
    """
    if field.type == "VarChar":
        limit = field.max_length or MAX_TEXT_BYTES
        sizes = pc.binary_length(column)
        row = _first(pc.greater(sizes, limit)) if check_length else None
        if row is not None:
            raise Refused(f"a text of {sizes[row]} bytes", f"at most max_length={limit:,} bytes in UTF-8", row)
    elif field.type in TEXTS:
        _each(column, lambda value: text_values.check_text(field, value), f"a value of {field}")
    elif field.type in FLOATS:
        row = _first(pc.invert(pc.is_finite(column.cast(FLOATS[field.type], safe=False))))
        if row is not None:
            raise Refused(str(column[row]), f"a number that {field.type} holds", row)


def check_meta_column(column: pa.Array, rules: ReaderRules) -> None:
    """Check a column ``$meta``.

    :raises Refused: for the first value that is no JSON object.
    """
    if column.null_count and not rules.skips_unknown:
        raise Refused("null", "a JSON object, or its text", _first(column.is_null()))
    if not pa.types.is_null(column.type):
        _check_valid(column)
        _each(column, lambda value: text_values.check_finite(text_values.check_meta(value)), "a JSON object")


def _check_vectors(field: TargetField, column: pa.Array, rules: ReaderRules) -> None:
    width = field.width or 0
    lengths = pc.list_value_length(column)
    wrong = _first(pc.and_kleene(column.is_valid(), pc.not_equal(lengths, width)))
    if wrong is not None:
        raise Refused(f"a vector of {lengths[wrong]} numbers", f"{width:,}, as {field} has them", wrong)
    flat = column.drop_null().flatten()
    bad = flat.is_null()
    if rules.null_elements and flat.null_count:
        flat, bad = flat.fill_null(0), pa.array([False] * len(flat))
    if field.type == "FloatVector":
        bad = pc.or_(bad, pc.invert(pc.is_finite(flat.cast(pa.float32(), safe=False)).fill_null(True)))
    at = _first(bad)
    if at is not None:
        row = pc.indices_nonzero(column.is_valid())[at // width].as_py()
        raise Refused(f"a vector with {flat[at]}", "finite numbers that Float holds", row)


def _check_arrays(field: TargetField, column: pa.Array, rules: ReaderRules) -> None:
    lengths = pc.list_value_length(column)
    long = _first(pc.greater(lengths, field.max_capacity)) if field.max_capacity is not None else None
    if long is not None:
        raise Refused(f"{lengths[long]} elements", f"at most max_capacity={field.max_capacity:,}", long)
    elements, parents = column.flatten(), pc.list_parent_indices(column)
    try:
        if elements.null_count and not rules.null_elements:
            raise Refused("an element that is null", "elements without nulls", _first(elements.is_null()))
        check_scalars(field.element, elements)
    except Refused as refused:
        row = parents[refused.row].as_py() if refused.row is not None else None
        raise Refused(refused.found, f"{refused.needed}, as {field}", row) from None


def _check_sparse(value: Any) -> None:
    if isinstance(value, str):
        text_values.check_cell(TargetField("", "SparseFloatVector"), value)
        return
    indices, values = value["indices"], value["values"]
    if indices is None or values is None:
        raise ValueError("'indices' or 'values' is null")
    # A null is read as zero, and numbers are converted as Go converts them.
    whole = [(one or 0) & 0xFFFFFFFF for one in indices]
    text_values.check_sparse_lists(whole, [one or 0 for one in values])


def _check_valid(column: pa.Array) -> None:
    try:
        column.validate(full=True)
    except pa.ArrowException as error:
        row = next((row for row in range(len(column)) if not _is_valid(column.slice(row, 1))), None)
        raise Refused(f"what is not well-formed ({error})", "text in UTF-8", row) from None


def _is_valid(column: pa.Array) -> bool:
    try:
        column.validate(full=True)
    except pa.ArrowException:
        return False
    return True


def _each(column: pa.Array, check: Callable[[Any], Any], needed: str) -> None:
    for row, value in enumerate(column.to_pylist()):
        if value is None:
            continue
        try:
            check(value)
        except Refused as refused:
            raise Refused(refused.found, refused.needed, row) from None
        except (ValueError, RecursionError) as error:
            raise Refused(str(error), needed, row) from None


def _first(mask: pa.Array) -> int | None:
    """The first row where a mask is true."""
    row = pc.index(mask, True).as_py()
    return None if row < 0 else int(row)
