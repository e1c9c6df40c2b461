"""From the columns of a file to the columns of a collection, with errors that name the row and the field.

The result is what Milvus Lite itself would store for the same rows given to `insert`, so that imported rows
cannot be told from inserted ones. Arrow batches are converted column by column; rows of the text formats
go through Milvus Lite's own record validation.
Rules follow Milvus's import readers: an auto-generated primary key must not be in the file, columns that
the schema does not know are ignored (Parquet, NumPy) or become dynamic fields (text formats), and the
column `$meta` holds dynamic fields as JSON.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
from milvus_lite.exceptions import SchemaValidationError
from milvus_lite.schema.arrow_builder import build_data_schema
from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema
from milvus_lite.schema.validation import validate_record

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.columns.arrow import check_valid, convert_column, with_default
from airflow_provider_milvus.local.importing.columns.cells import from_text
from airflow_provider_milvus.local.importing.columns.fields import MAX_CAPACITY, META
from airflow_provider_milvus.local.importing.columns.json_values import (
    check_names_differ,
    dynamic_fields,
    json_value,
    meta_text,
)
from airflow_provider_milvus.local.importing.columns.python_values import from_values
from airflow_provider_milvus.local.importing.columns.scalars import first_true
from airflow_provider_milvus.local.importing.columns.vectors import check_vector, parse_sparse
from airflow_provider_milvus.local.importing.readers import Batch, Rows

# Milvus Lite knows how to parse these from Python values only.
PARSED_BY_ROW = (DataType.GEOMETRY, DataType.TIMESTAMPTZ)


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
            check_valid(name, column)
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
                "null in a field that is not nullable", row=first_true(column.is_null()), field=field.name
            )
        if pa.types.is_null(column.type):
            column = pa.nulls(rows, kind)
        converted = convert_column(field, column, kind)
        # Only now: the type of the file's column may be too small for the default value.
        return converted if field.default_value is None else with_default(field, converted)

    def _meta(self, column: pa.Array) -> pa.Array:
        texts = []
        for row, value in enumerate(column.to_pylist()):
            dynamic = dynamic_fields(value, row)
            check_names_differ(dynamic, self._names, row)
            texts.append(meta_text(dynamic, row))
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
                record[field.name] = None if value is None else normalise(field, value)
            except (ValueError, TypeError, RecursionError) as error:
                raise ImportDataError(str(error), row=number, field=field.name) from None
        if META in record:
            dynamic = dynamic_fields(record.pop(META), number)
            check_names_differ(dynamic, record, number)
            record.update(dynamic)
        return record

    def _from_cell(self, field: FieldSchema, cell: str) -> Any:
        # In any other field the null key is a value like all others, such as an empty text.
        if cell == self._null_key and (field.nullable or field.default_value is not None):
            return None
        return from_text(field, cell)

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
                check_vector(field, vectors[field.name], number)
            validate_record(record, self._without_vectors, default_properties=self._properties)
        except (SchemaValidationError, ValueError, TypeError) as error:
            raise ImportDataError(str(error), row=number) from None
        meta = None
        if self._is_dynamic:
            meta = meta_text({name: value for name, value in record.items() if name not in self._names}, number)
        record.update(vectors)
        return meta


def normalise(field: FieldSchema, value: Any) -> Any:
    if field.dtype == DataType.SPARSE_FLOAT_VECTOR:
        return parse_sparse(value)
    if field.dtype == DataType.JSON:
        return json_value(value)
    return value
