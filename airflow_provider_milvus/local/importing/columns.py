"""From the columns of a file to the columns of a collection, with errors that name the row and the field.

The result is what Milvus Lite itself would store for the same rows given to `insert`, so that imported rows
cannot be told from inserted ones. Arrow batches are converted column by column; rows of the text formats
go through Milvus Lite's own record validation.
Rules follow Milvus's import readers: an auto-generated primary key must not be in the file, columns that
the schema does not know are ignored (Parquet, NumPy) or become dynamic fields (text formats), and the
column `$meta` holds dynamic fields as JSON.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from milvus_lite.analyzer.sparse import sparse_to_bytes
from milvus_lite.exceptions import SchemaValidationError
from milvus_lite.schema.arrow_builder import build_data_schema
from milvus_lite.schema.sparse import normalize_sparse_vector
from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema
from milvus_lite.schema.validation import validate_record

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.json_text import parse
from airflow_provider_milvus.local.importing.readers import Batch, Rows

META = "$meta"
# A cluster refuses a VarChar without max_length, or with a greater one.
MAX_TEXT_BYTES = 65535
MAX_CAPACITY = 4096
NUMBERS = frozenset((int, float))
INTEGERS = (DataType.INT8, DataType.INT16, DataType.INT32, DataType.INT64)
# Milvus Lite's `insert` casts numbers of these without a word.
NOT_LOOKED_AT = (DataType.FLOAT, DataType.FLOAT_VECTOR, DataType.ARRAY)
# What Python's JSON has for an element of an array.
ELEMENTS = {
    DataType.BOOL: frozenset((bool,)),
    **dict.fromkeys(INTEGERS, frozenset((int,))),
    DataType.FLOAT: NUMBERS,
    DataType.DOUBLE: NUMBERS,
    DataType.VARCHAR: frozenset((str,)),
}
# Milvus Lite knows how to parse these from Python values only.
PARSED_BY_ROW = (DataType.GEOMETRY, DataType.TIMESTAMPTZ)
# Go's spelling of numbers and booleans, which is Milvus's for CSV.
NUMBER = re.compile(r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?", re.ASCII)
BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}


class Converter:
    """Converts batches for one collection.

    `derive` fills in the output fields of the collection's functions (BM25, text embedding), if it has any.
    `null_key` is given for CSV alone: every value is text then, and this text means null where null may be.
    The primary key is left out when the collection generates it.
    """

    def __init__(
        self,
        schema: CollectionSchema,
        properties: dict[str, Any],
        derive: Callable[[Rows], None] | None,
        null_key: str | None,
    ) -> None:
        self._schema = schema
        self._properties = properties
        self._derive = derive
        self._names = {field.name for field in schema.fields}
        self._is_dynamic = schema.enable_dynamic_field
        self._null_key = null_key
        self._outputs = {name for function in schema.functions for name in function.output_field_names}
        self._fields = [field for field in schema.fields if not field.auto_id]
        self._generated = [field.name for field in schema.fields if field.auto_id]
        self._not_provided = {*self._outputs, *self._generated}
        self._written_otherwise = [
            field
            for field in self._fields
            if null_key is not None or field.dtype in (DataType.SPARSE_FLOAT_VECTOR, DataType.JSON)
        ]
        stored = build_data_schema(schema)
        self._types = {field.name: stored.field(field.name).type for field in self._fields}
        self.stored = pa.schema([field for field in stored if field.name in self._types or field.name == META])
        self._vectors = [field for field in self._fields if field.dtype == DataType.FLOAT_VECTOR]
        # Milvus Lite looks at every number of a vector by itself, which takes longer than all the rest.
        self._without_vectors = replace(
            schema, fields=[field for field in schema.fields if field.dtype != DataType.FLOAT_VECTOR]
        )
        self._by_row = derive is not None or any(field.dtype in PARSED_BY_ROW for field in self._fields)

    @property
    def columns(self) -> dict[str, int | None]:
        """The columns that are looked at, each with the most values that a row of it may have, or None."""
        most = {DataType.FLOAT_VECTOR: "dim", DataType.ARRAY: "max_capacity"}
        known = {
            field.name: getattr(field, most[field.dtype]) or MAX_CAPACITY if field.dtype in most else None
            for field in self._schema.fields
        }
        return {**known, META: None}

    def convert(self, batch: Batch) -> pa.RecordBatch:
        """The batch in the collection's types. Raises ImportDataError, its row counted within the batch."""
        if isinstance(batch, list):
            return self._from_rows(batch)
        self._check_names(batch.schema.names)
        known = batch.select([name for name in batch.schema.names if name in self._types or name == META])
        for name, column in zip(known.schema.names, known.columns, strict=True):
            _check_valid(name, column)
        return self._from_rows(known.to_pylist()) if self._by_row else self._from_arrow(known)

    def _check_names(self, names: list[str]) -> None:
        for field in self._schema.fields:
            if field.name not in names:
                continue
            if field.auto_id:
                raise ImportDataError("the primary key is auto-generated, no need to provide", field=field.name)
            if field.name in self._outputs:
                raise ImportDataError("the field is output by a function, no need to provide", field=field.name)

    # -- Arrow ---------------------------------------------------------------------------------------------

    def _from_arrow(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        names = batch.schema.names
        columns = [
            self._column(field, batch.column(field.name) if field.name in names else None, batch.num_rows)
            for field in self._fields
        ]
        if self._schema.enable_dynamic_field:
            columns.append(self._meta(batch.column(META) if META in names else pa.nulls(batch.num_rows)))
        return pa.RecordBatch.from_arrays(columns, schema=self.stored)

    def _column(self, field: FieldSchema, column: pa.Array | None, rows: int) -> pa.Array:
        kind = self._types[field.name]
        if column is None:
            if field.default_value is None and not field.nullable:
                raise ImportDataError("the file has no such column", field=field.name)
            column = pa.nulls(rows)
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if column.null_count and not field.nullable and field.default_value is None:
            raise ImportDataError(
                "null in a field that is not nullable", row=_first(column.is_null()), field=field.name
            )
        if pa.types.is_null(column.type):
            column = pa.nulls(rows, kind)
        converted = _convert(field, column, kind)
        # Only now: the type of the file's column may be too small for the default value.
        return converted if field.default_value is None else _with_default(field, converted)

    def _meta(self, column: pa.Array) -> pa.Array:
        texts = []
        for row, value in enumerate(column.to_pylist()):
            dynamic = _dynamic_fields(value, row)
            _check_names_differ(dynamic, self._names, row)
            texts.append(_meta_text(dynamic, row))
        return pa.array(texts, pa.string())

    # -- rows ----------------------------------------------------------------------------------------------

    def _from_rows(self, rows: Rows) -> pa.RecordBatch:
        records = [self._record(number, row) for number, row in enumerate(rows)]
        if self._derive is not None:
            self._derive(records)
        metas = [self._validated_meta(number, record) for number, record in enumerate(records)]
        columns = [
            from_values(field, [record.get(field.name) for record in records], self._types[field.name])
            for field in self._fields
        ]
        if self._schema.enable_dynamic_field:
            columns.append(pa.array(metas, pa.string()))
        return pa.RecordBatch.from_arrays(columns, schema=self.stored)

    def _record(self, number: int, row: dict[str, Any]) -> dict[str, Any]:
        if not self._not_provided.isdisjoint(row):
            self._check_row_names(number, row)
        # Milvus Lite validates a row after it has got its primary key; any will do here.
        record = dict(row) | dict.fromkeys(self._generated, number)
        for field in self._written_otherwise:
            value = record.get(field.name)
            if value is None:
                continue
            try:
                if self._null_key is not None:
                    value = self._from_cell(field, value)
                record[field.name] = None if value is None else _normalise(field, value)
            except (ValueError, TypeError, RecursionError) as error:
                raise ImportDataError(str(error), row=number, field=field.name) from None
        if META in record:
            dynamic = _dynamic_fields(record.pop(META), number)
            _check_names_differ(dynamic, record, number)
            record.update(dynamic)
        return record

    def _from_cell(self, field: FieldSchema, cell: str) -> Any:
        # In any other field the null key is a value like all others, such as an empty text.
        if cell == self._null_key and (field.nullable or field.default_value is not None):
            return None
        return _from_text(field, cell)

    def _check_row_names(self, number: int, row: dict[str, Any]) -> None:
        try:
            self._check_names(list(row))
        except ImportDataError as error:
            raise (
                error.after(number)
                if error.row is not None
                else ImportDataError(error.message, row=number, field=error.field)
            ) from None

    def _validated_meta(self, number: int, record: dict[str, Any]) -> str | None:
        vectors = {field.name: record.pop(field.name, None) for field in self._vectors}
        try:
            for field in self._vectors:
                _check_vector(field, vectors[field.name], number)
            validate_record(record, self._without_vectors, default_properties=self._properties)
        except (SchemaValidationError, ValueError, TypeError) as error:
            raise ImportDataError(str(error), row=number) from None
        meta = None
        if self._is_dynamic:
            meta = _meta_text({name: value for name, value in record.items() if name not in self._names}, number)
        record.update(vectors)
        return meta


# -- one column of an Arrow batch --------------------------------------------------------------------------


def _convert(field: FieldSchema, column: pa.Array, kind: pa.DataType) -> pa.Array:
    if field.dtype == DataType.FLOAT_VECTOR:
        return _vectors(field, column)
    if field.dtype == DataType.SPARSE_FLOAT_VECTOR:
        return _by_value(field, column.to_pylist(), lambda value: sparse_to_bytes(_sparse(value)), kind)
    if field.dtype == DataType.JSON:
        return _by_value(field, column.to_pylist(), lambda value: _json_text(_json_value(value)), kind)
    _check_kind(field, column.type)
    converted = _cast(field, column, kind)
    _check_scalars(field, converted)
    return converted


def _check_valid(name: str, column: pa.Array) -> None:
    """Arrow takes over what a file holds; text that is no UTF-8 would only be noticed by whoever reads the rows."""
    try:
        column.validate(full=True)
    except pa.ArrowException as error:
        raise ImportDataError(str(error), row=_first_invalid(column), field=name) from None


def _first_invalid(column: pa.Array) -> int | None:
    # A slice of a dictionary array still has the whole dictionary, so it does not tell the row.
    for row in range(0 if pa.types.is_dictionary(column.type) else len(column)):
        try:
            column.slice(row, 1).validate(full=True)
        except pa.ArrowException:
            return row
    return None


def _check_kind(field: FieldSchema, source: pa.DataType) -> None:
    types = pa.types
    accepted = {
        DataType.BOOL: types.is_boolean(source),
        DataType.FLOAT: types.is_floating(source) or types.is_integer(source),
        DataType.DOUBLE: types.is_floating(source) or types.is_integer(source),
        DataType.VARCHAR: types.is_string(source) or types.is_large_string(source),
        DataType.ARRAY: _is_list(source),
    }
    if not accepted.get(field.dtype, types.is_integer(source)):
        raise ImportDataError(f"expected {field.dtype.name}, the file has {source}", field=field.name)
    if field.dtype == DataType.ARRAY and field.element_type is not None:
        _check_kind(FieldSchema(field.name, field.element_type), source.value_type)


def _is_list(source: pa.DataType) -> bool:
    return bool(pa.types.is_list(source) or pa.types.is_large_list(source) or pa.types.is_fixed_size_list(source))


def _cast(field: FieldSchema, column: pa.Array, kind: pa.DataType) -> pa.Array:
    try:
        return column.cast(kind)
    except pa.ArrowException:
        # The cast does not say which row it failed on; going value by value does.
        return _array(field, column.to_pylist(), kind)


def _vectors(field: FieldSchema, column: pa.Array) -> pa.Array:
    if not _is_list(column.type):
        raise ImportDataError(f"expected a list of {field.dim} numbers, the file has {column.type}", field=field.name)
    source = column.type.value_type
    if not (pa.types.is_floating(source) or pa.types.is_integer(source)):
        raise ImportDataError(f"expected numbers, the file has {source}", field=field.name)
    wrong = pc.and_kleene(column.is_valid(), pc.not_equal(pc.list_value_length(column), field.dim))
    if (row := _first(wrong)) is not None:
        raise ImportDataError(f"expected {field.dim} numbers, got {len(column[row])}", row=row, field=field.name)
    given = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    flat = column.drop_null().flatten().cast(pa.float32(), safe=False)
    if flat.null_count:
        row = int(given[(_first(flat.is_null()) or 0) // field.dim])
        raise ImportDataError("null inside a vector", row=row, field=field.name)
    _check_finite(field, flat, given)
    if len(given) < len(column):
        # Milvus Lite stores a null vector as zeros.
        zeros = np.zeros((len(column), field.dim), dtype=np.float32)
        zeros[given] = flat.to_numpy().reshape(-1, field.dim)
        flat = pa.array(zeros.reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, field.dim)


def _check_vector(field: FieldSchema, value: Any, row: int) -> None:
    if value is None:
        if not field.nullable:
            raise ImportDataError("missing or null", row=row, field=field.name)
    elif not isinstance(value, list | tuple):
        raise ImportDataError(
            f"expected a list of {field.dim} numbers, got {type(value).__name__}", row=row, field=field.name
        )
    elif len(value) != field.dim:
        raise ImportDataError(f"expected {field.dim} numbers, got {len(value)}", row=row, field=field.name)
    elif not NUMBERS.issuperset(map(type, value)):
        raise ImportDataError("a vector holds something that is no number", row=row, field=field.name)


def _gather_vectors(field: FieldSchema, values: list[Any], kind: pa.DataType) -> pa.Array:
    try:
        # NumPy takes a list of lists twenty times as fast as Arrow does.
        with np.errstate(over="ignore"):
            flat = pa.array(np.array(values, np.float32).reshape(-1))
    except (ValueError, TypeError, OverflowError):
        flat = _array(field, values, kind).values
    _check_finite(field, flat, np.arange(len(values)))
    return pa.FixedSizeListArray.from_arrays(flat, field.dim)


def _check_finite(field: FieldSchema, flat: pa.Array, rows: np.ndarray[Any, Any]) -> None:
    finite = np.isfinite(flat.to_numpy(zero_copy_only=False))
    if not finite.all():
        row = int(rows[int(np.argmin(finite)) // field.dim])
        raise ImportDataError("a vector holds NaN or infinity", row=row, field=field.name)


def _check_scalars(field: FieldSchema, column: pa.Array) -> None:
    """What Milvus checks of scalars when it imports, and Milvus Lite does not or not alike when it inserts."""
    if field.dtype == DataType.VARCHAR:
        _check_limit(field, pc.binary_length(column), field.max_length or MAX_TEXT_BYTES, "bytes", "max_length")
    if field.dtype == DataType.ARRAY:
        if field.max_capacity is not None:
            _check_limit(field, pc.list_value_length(column), field.max_capacity, "elements", "max_capacity")
        _check_elements(field, column)
    if field.dtype in (DataType.FLOAT, DataType.DOUBLE):
        row = _first(pc.invert(pc.is_finite(column)))
        if row is not None:
            raise ImportDataError("NaN or infinity", row=row, field=field.name)


def _check_elements(field: FieldSchema, column: pa.Array) -> None:
    elements = column.flatten()
    try:
        if elements.null_count:
            raise ImportDataError("null inside an array", row=_first(elements.is_null()))
        _check_scalars(FieldSchema(field.name, field.element_type, max_length=field.max_length), elements)
    except ImportDataError as error:
        row = pc.list_parent_indices(column)[error.row].as_py()
        raise ImportDataError(error.message, row=row, field=field.name) from None


def _check_limit(field: FieldSchema, sizes: pa.Array, limit: int, unit: str, name: str) -> None:
    row = _first(pc.greater(sizes, limit))
    if row is not None:
        raise ImportDataError(f"{sizes[row]} {unit} exceed {name} {limit}", row=row, field=field.name)


def _with_default(field: FieldSchema, column: pa.Array) -> pa.Array:
    if not column.null_count:
        return column
    return column.fill_null(from_values(field, [field.default_value], column.type)[0])


def _first(mask: pa.Array) -> int | None:
    index = pc.index(mask, True).as_py()
    return None if index < 0 else int(index)


# -- one column of Python values ---------------------------------------------------------------------------


def from_values(field: FieldSchema, values: list[Any], kind: pa.DataType) -> pa.Array:
    """A column from values that Milvus Lite has validated. Raises ImportDataError for what it does not look at."""
    if field.dtype == DataType.FLOAT_VECTOR:
        zeros = [0.0] * (field.dim or 0)
        return _gather_vectors(field, [zeros if value is None else value for value in values], kind)
    if field.dtype == DataType.SPARSE_FLOAT_VECTOR:
        return _by_value(field, values, sparse_to_bytes, kind)
    if field.dtype == DataType.JSON:
        return _by_value(field, values, _json_text, kind)
    if field.dtype == DataType.ARRAY:
        _check_element_types(field, values)
    array = _array(field, values, kind)
    _check_scalars(field, array)
    return array


def _by_value(field: FieldSchema, values: list[Any], convert: Callable[[Any], Any], kind: pa.DataType) -> pa.Array:
    converted = []
    for row, value in enumerate(values):
        try:
            converted.append(None if value is None else convert(value))
        except (ValueError, TypeError, RecursionError) as error:
            raise ImportDataError(str(error), row=row, field=field.name) from None
    return pa.array(converted, kind)


def check_inserted(schema: CollectionSchema, rows: Rows) -> None:
    """Raises ImportDataError for what Milvus Lite's `insert` would store as another value, or no answer can hold."""
    stored = build_data_schema(schema)
    fields = [field for field in schema.fields if field.dtype in NOT_LOOKED_AT]
    for field in fields:
        values = [row.get(field.name) for row in rows]
        if field.dtype == DataType.FLOAT_VECTOR:
            for number, value in enumerate(values):
                if value is not None:
                    _check_vector(field, value, number)
        from_values(field, values, stored.field(field.name).type)
    names = {field.name for field in fields}
    for number, row in enumerate(rows):
        for name, value in row.items():
            if name not in names:
                _check_text(name, value, number)


def _check_text(name: str, value: Any, row: int) -> None:
    # JSON can spell half of a surrogate pair, which no answer can hold.
    try:
        json.dumps({name: value}, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError) as error:
        raise ImportDataError(str(error), row=row, field=name) from None


def _check_element_types(field: FieldSchema, values: list[Any]) -> None:
    # Arrow cuts the fraction off a number in a list, and takes null for one.
    accepted = ELEMENTS.get(field.element_type, frozenset())
    for row, value in enumerate(values):
        if value is None:
            continue
        if not isinstance(value, list | tuple):
            raise ImportDataError(f"expected an array, got {type(value).__name__}", row=row, field=field.name)
        if accepted.issuperset(map(type, value)):
            continue
        wrong = next(one for one in value if type(one) not in accepted)
        got = "null" if wrong is None else type(wrong).__name__
        raise ImportDataError(f"expected {field.element_type.name} in the array, got {got}", row=row, field=field.name)


# -- one value ---------------------------------------------------------------------------------------------


def _array(field: FieldSchema, values: list[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, OverflowError, ValueError, TypeError) as error:
        for row, value in enumerate(values):
            try:
                pa.array([value], kind)
            except (pa.ArrowException, OverflowError, ValueError, TypeError) as cause:
                raise ImportDataError(str(cause), row=row, field=field.name) from None
        raise ImportDataError(str(error), field=field.name) from None


def _from_text(field: FieldSchema, text: str) -> Any:
    """The value of a CSV cell."""
    if field.dtype in (DataType.ARRAY, DataType.FLOAT_VECTOR):
        return parse(text)
    if field.dtype in INTEGERS or field.dtype in (DataType.FLOAT, DataType.DOUBLE):
        if not NUMBER.fullmatch(text):
            raise ValueError(f"{text!r} is not a number")
        return int(text) if field.dtype in INTEGERS else float(text)
    if field.dtype == DataType.BOOL:
        if text not in BOOLEANS:
            raise ValueError(f"{text!r} is not a boolean")
        return BOOLEANS[text]
    return text


def _normalise(field: FieldSchema, value: Any) -> Any:
    if field.dtype == DataType.SPARSE_FLOAT_VECTOR:
        return _sparse(value)
    if field.dtype == DataType.JSON:
        return _json_value(value)
    return value


def _sparse(value: Any) -> dict[int, float]:
    """A sparse vector from `{"index": value}` or `{"indices": [...], "values": [...]}`, also as JSON text."""
    if isinstance(value, str):
        value = parse(value)
    if isinstance(value, list):
        value = dict(value)
    if isinstance(value, dict) and set(value) == {"indices", "values"}:
        value = dict(zip(value["indices"], value["values"], strict=True))
    if isinstance(value, dict):
        value = {int(index) if isinstance(index, str) else index: weight for index, weight in value.items()}
    vector: dict[int, float] = normalize_sparse_vector(value, allow_empty=False)
    return vector


def _json_value(value: Any) -> Any:
    """The value of a JSON field; Milvus reads text in such a field as JSON."""
    if isinstance(value, bytes):
        value = value.decode()
    return parse(value) if isinstance(value, str) else value


def _json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _meta_text(fields: dict[str, Any], row: int) -> str | None:
    try:
        return json.dumps(fields, sort_keys=True, allow_nan=False) if fields else None
    except (ValueError, TypeError) as error:
        raise ImportDataError(str(error), row=row, field=META) from None


def _dynamic_fields(value: Any, row: int) -> dict[str, Any]:
    try:
        fields = _json_value(value)
    except (ValueError, RecursionError):
        fields = None
    if value is not None and not isinstance(fields, dict):
        raise ImportDataError("dynamic fields must be a JSON object", row=row, field=META)
    return fields or {}


def _check_names_differ(dynamic: dict[str, Any], others: Iterable[str], row: int) -> None:
    twice = dynamic.keys() & set(others)
    if twice:
        raise ImportDataError(f"duplicated key is not allowed, key={min(twice)}", row=row, field=META)
