"""Arrow arrays in the plain layout of their values, whatever encoding a library has chosen for them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def plain(column: pa.Array) -> pa.Array:
    """The same values without dictionaries, run ends, views and extension types, at any depth of lists.

    pandas and Polars write categories as dictionaries, Polars texts as views; Arrow itself decodes no dictionary of
    views, and its cast of a list view reads past the end of the offsets.
    """
    kind = column.type
    if isinstance(column, pa.ExtensionArray):
        # A UUID is known by its text; other extension types are what they store.
        texts = [None if one is None else str(one) for one in column.to_pylist()] if _is_uuid(kind) else None
        return plain(column.storage) if texts is None else pa.array(texts, pa.string())
    if pa.types.is_dictionary(kind):
        return plain(column.dictionary).take(column.indices)
    if pa.types.is_run_end_encoded(kind):
        return plain(pc.run_end_decode(column))
    if pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if pa.types.is_binary_view(kind):
        return column.cast(pa.binary())
    if _is_any_list(kind) and not _is_plain(kind):
        return _list(column)
    return column


def values_of(column: pa.Array) -> list[Any]:
    """The values as Python has them, with dicts for maps, which Arrow makes in recent versions only.

    :raises ValueError: for a map that has a key twice.
    """
    return [_value(value, column.type) for value in column.to_pylist()]


def _value(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    if pa.types.is_map(kind):
        found = {key: _value(one, kind.item_type) for key, one in value}
        if len(found) < len(value):
            raise ValueError(f"a map has a key twice: {value!r:.120}")
        return found
    if pa.types.is_struct(kind):
        return {field.name: _value(value[field.name], field.type) for field in kind}
    if _is_any_list(kind) and pa.types.is_nested(kind.value_type):
        return [_value(one, kind.value_type) for one in value]
    return value


def _list(column: pa.Array) -> pa.Array:
    values = plain(column.flatten())
    lengths = pc.fill_null(pc.list_value_length(column), 0).cast(pa.int64())
    ends = pc.cumulative_sum(lengths)
    # A list is null where its offset is.
    starts = pc.if_else(column.is_null(), pa.scalar(None, pa.int64()), pc.subtract(ends, lengths))
    return pa.LargeListArray.from_arrays(pa.concat_arrays([starts, pa.array([len(values)], pa.int64())]), values)


def _is_plain(kind: pa.DataType) -> bool:
    """Whether a list is laid out as Arrow lists were from the beginning."""
    if _is_any_list(kind):
        is_view = pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind)
        return not is_view and _is_plain(kind.value_type)
    encoded = (
        pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind) or isinstance(kind, pa.BaseExtensionType)
    )
    return not encoded and not pa.types.is_string_view(kind) and not pa.types.is_binary_view(kind)


def _is_any_list(kind: pa.DataType) -> bool:
    checks = (
        *(pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list),
        *(pa.types.is_list_view, pa.types.is_large_list_view),
    )
    return any(check(kind) for check in checks)


def _is_uuid(kind: pa.DataType) -> bool:
    return getattr(kind, "extension_name", "") == "arrow.uuid"
