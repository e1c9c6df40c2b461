"""From the columns of a file to the columns of a collection, with errors that name the row and the field.

The result is what Milvus Lite itself would store for the same rows given to `insert`, so that imported rows
do not differ from inserted ones. What is taken and what is refused follows the readers of Milvus
(`internal/util/importutilv2`); docs/files.md has their rules.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from milvus_lite.schema.arrow_builder import build_data_schema
from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.columns.arrow import arrow_column, check_valid, refuse_nulls, with_default
from airflow_provider_milvus.local.importing.columns.cells import cell_column
from airflow_provider_milvus.local.importing.columns.dynamic import merged_meta, meta_column, object_of
from airflow_provider_milvus.local.importing.columns.fields import MAX_CAPACITY, META, may_be_missing, type_error
from airflow_provider_milvus.local.importing.columns.headers import Header
from airflow_provider_milvus.local.importing.columns.python_values import value_column
from airflow_provider_milvus.local.importing.columns.row_decoder import RowDecoder, stays_text
from airflow_provider_milvus.local.importing.columns.timestamps import timestamp_text
from airflow_provider_milvus.local.importing.columns.vector_texts import parse_vectors
from airflow_provider_milvus.local.importing.file_rules import SINCE_3_0, FileRules
from airflow_provider_milvus.local.importing.readers import Batch, Columns, CsvRows, Rows
from airflow_provider_milvus.local.lite.vector_types import held_type

Derive = Callable[[Rows], None]
_LENGTHS = {DataType.FLOAT_VECTOR: "dim", DataType.ARRAY: "max_capacity"}


class Converter:
    """Converts batches for one collection.

    `derive` fills in the output fields of the collection's functions (BM25, text embedding), if it has any.
    `null_key` is the text of a CSV cell that means null. `properties` are those of the collection's database.
    The primary key is left out when the collection generates it.
    """

    def __init__(
        self,
        schema: CollectionSchema,
        properties: Mapping[str, Any] | None = None,
        derive: Derive | None = None,
        null_key: str = "",
        rules: FileRules = SINCE_3_0,
    ) -> None:
        self._schema = schema
        self._derive = derive
        self._null_key = null_key
        self._rules = rules
        self._header = Header(schema, rules)
        self._zone = _time_zone({**(properties or {}), **(schema.properties or {})})
        outputs = {name for function in schema.functions for name in function.output_field_names}
        self._outputs = [field for field in schema.fields if field.name in outputs]
        self._fields = [field for field in schema.fields if not field.auto_id and field.name not in outputs]
        self._names = frozenset(field.name for field in schema.fields)
        stored = build_data_schema(schema)
        self._types = {field.name: stored.field(field.name).type for field in schema.fields if not field.auto_id}
        self.stored = pa.schema([field for field in stored if field.name in self._types or field.name == META])
        # From 2.6 on, `$meta` itself is a field that may be null.
        self._meta = FieldSchema(META, DataType.JSON, nullable=rules.skips_unknown)
        self._unbounded: frozenset[str] = frozenset()
        self._decoder = RowDecoder(self._fields)

    def read(self, text: str | bytes) -> Any:
        """What a reader of JSON reads rows with. Raises ValueError or RecursionError."""
        return self._decoder.read(text)

    @property
    def columns(self) -> dict[str, int | None]:
        """The columns that are read, each with the upper bound of values in a row, or None."""
        known = {
            field.name: getattr(field, _LENGTHS[field.dtype]) or MAX_CAPACITY if field.dtype in _LENGTHS else None
            for field in self._schema.fields
        }
        # A half float can come as two bytes.
        known |= {field.name: 2 * field.dim for field in self._schema.fields if held_type(field)}
        return {**known, META: None}

    def check(self, columns: Columns) -> None:
        """Check how a file declares its columns. Raises ImportDataError."""
        if isinstance(columns, pa.Schema):
            self._header.check_parquet(columns, self._meta)
        elif isinstance(columns, list):
            self._header.check_csv(columns)
        elif columns is not None:
            self._header.check_numpy(columns, self._meta)
            # Milvus's NumPy reader counts the bytes of a text only if it is one of Unicode.
            self._unbounded = frozenset(name for name, array in columns.items() if array.dtype.kind == "S")

    def convert(self, batch: Batch) -> pa.RecordBatch:
        """The batch in the collection's types. Raises ImportDataError, its row counted within the batch."""
        if isinstance(batch, pa.RecordBatch):
            columns = self._from_arrow(batch)
        elif isinstance(batch, CsvRows):
            columns = self._from_cells(batch)
        else:
            columns = self._from_objects(batch)
        if self._derive is not None:
            columns |= self._derived(columns)
        return pa.RecordBatch.from_arrays([columns[name] for name in self.stored.names], schema=self.stored)

    # -- Parquet and NumPy ---------------------------------------------------------------------------------

    def _from_arrow(self, batch: pa.RecordBatch) -> dict[str, pa.Array]:
        given = {
            name: column
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
            if name in self._types or name == META
        }
        for name, column in given.items():
            check_valid(name, column)
        columns = {field.name: self._arrow_column(field, given, batch.num_rows) for field in self._fields}
        if self._schema.enable_dynamic_field:
            columns[META] = self._arrow_meta(given.get(META), batch.num_rows)
        return columns

    def _arrow_column(self, field: FieldSchema, given: Mapping[str, pa.Array], rows: int) -> pa.Array:
        column = given.get(field.name)
        if column is None:
            column = pa.nulls(rows)
        if not may_be_missing(field):
            refuse_nulls(field, column)
        found = arrow_column(
            field,
            column,
            self._types[field.name],
            self._zone,
            null_elements=self._rules.null_elements,
            check_length=field.name not in self._unbounded,
        )
        # Only now: the type of the file's column may be too small for the default value.
        return found if field.default_value is None else with_default(field, found, self._default(field))

    def _arrow_meta(self, column: pa.Array | None, rows: int) -> pa.Array:
        if column is None:
            return pa.nulls(rows, pa.string())
        if not self._meta.nullable:
            refuse_nulls(self._meta, column)
        values = enumerate(column.to_pylist())
        return meta_column(({} if value is None else object_of(value, row) for row, value in values), self._names)

    # -- JSON ----------------------------------------------------------------------------------------------

    def _from_objects(self, rows: Rows) -> dict[str, pa.Array]:
        if (columns := self._from_decoded(rows)) is not None:
            return columns
        rows = self._decoder.objects(rows)
        extra = [row.keys() - self._names for row in rows]
        for number, (row, keys) in enumerate(zip(rows, extra, strict=True)):
            self._header.check_keys(row, keys, number)
        columns = {
            field.name: value_column(field, self._values(field, rows), self._types[field.name], self._zone)
            for field in self._fields
        }
        if self._schema.enable_dynamic_field:
            dynamic = [
                merged_meta({key: row[key] for key in keys}, number) if keys else {}
                for number, (row, keys) in enumerate(zip(rows, extra, strict=True))
            ]
            columns[META] = meta_column(dynamic, self._names)
        return columns

    def _values(self, field: FieldSchema, rows: Rows) -> list[Any]:
        values = [row.get(field.name) for row in rows]
        if None in values and not may_be_missing(field):
            number = values.index(None)
            if field.name not in rows[number]:
                raise ImportDataError(f"value of field '{field.name}' is missed", row=number, field=field.name)
        return self._with_default(field, values)

    def _with_default(self, field: FieldSchema, values: list[Any]) -> list[Any]:
        if None not in values or (field.nullable and field.default_value is None):
            return values
        if field.default_value is None:
            raise type_error(field, None, values.index(None))
        return [self._default_value(field) if value is None else value for value in values]

    def _from_decoded(self, rows: Rows) -> dict[str, pa.Array] | None:
        """The columns, if all rows were decoded as rows of the collection and their vectors fit."""
        if (decoded := self._decoder.columns(rows)) is None:
            return None
        columns: dict[str, pa.Array] = {}
        # What is wrong with a vector is found in its values, so vectors come first.
        for field in sorted(self._fields, key=stays_text, reverse=True):
            values, kind = decoded[field.name], self._types[field.name]
            if not stays_text(field):
                columns[field.name] = value_column(field, self._with_default(field, values), kind, self._zone)
            elif (column := parse_vectors(field, values)) is not None:
                columns[field.name] = column
            else:
                return None
        if self._schema.enable_dynamic_field:
            columns[META] = pa.nulls(len(rows), pa.string())
        return columns

    # -- CSV -----------------------------------------------------------------------------------------------

    def _from_cells(self, rows: CsvRows) -> dict[str, pa.Array]:
        columns: dict[str, pa.Array] = {}
        dynamic: dict[str, list[str]] = {}
        fields = {field.name: field for field in self._fields}
        # Of two columns with the same name the last one counts, but both are read.
        for name, cells in zip(rows.names, rows.columns(), strict=True):
            if name in fields:
                columns[name] = self._cell_column(fields[name], cells)
            else:
                dynamic[name] = cells
        for field in self._fields:
            if field.name not in columns:
                columns[field.name] = self._cell_column(field, [None] * len(rows.cells))
        if self._schema.enable_dynamic_field:
            objects = (dict(zip(dynamic, row, strict=True)) for row in zip(*dynamic.values(), strict=True))
            merged = [merged_meta(extra, row) for row, extra in enumerate(objects)] if dynamic else []
            columns[META] = meta_column(merged or [{}] * len(rows.cells), self._names)
        return columns

    def _cell_column(self, field: FieldSchema, cells: list[Any]) -> pa.Array:
        has_default = field.default_value is not None and (self._rules.csv_defaults or None in cells)
        if has_default or field.nullable:
            cells = [None if cell == self._null_key else cell for cell in cells]
        column = cell_column(field, cells, self._types[field.name], self._zone)
        return with_default(field, column, self._default(field)) if has_default else column

    # -- all -----------------------------------------------------------------------------------------------

    def _default(self, field: FieldSchema) -> pa.Array:
        return value_column(field, [self._default_value(field)], self._types[field.name], self._zone)

    def _default_value(self, field: FieldSchema) -> Any:
        value = field.default_value
        # Milvus Lite has read that of a timestamp when the collection was created.
        return timestamp_text(value) if field.dtype == DataType.TIMESTAMPTZ and isinstance(value, int) else value

    def _derived(self, columns: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
        from milvus_lite.analyzer.sparse import sparse_to_bytes

        inputs = [name for function in self._schema.functions for name in function.input_field_names]
        records = pa.RecordBatch.from_pydict({name: columns[name] for name in inputs}).to_pylist()
        if self._derive is not None:
            self._derive(records)
        derived = {}
        for field in self._outputs:
            values = [record.get(field.name) for record in records]
            kind = self._types[field.name]
            if field.dtype == DataType.SPARSE_FLOAT_VECTOR:
                derived[field.name] = pa.array([sparse_to_bytes(value or {}) for value in values], kind)
            else:
                derived[field.name] = value_column(field, values, kind, self._zone)
        return derived


def _time_zone(properties: Mapping[str, Any]) -> tzinfo:
    name = properties.get("timezone")
    return ZoneInfo(name) if name else UTC
