"""What a file declares of its columns before its first row: names, and types where it has them."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

import pyarrow as pa
from milvus_lite.schema.types import CollectionSchema, FieldSchema

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing.columns.fields import META, may_be_missing
from airflow_provider_milvus.local.importing.columns.numpy_types import UNSUPPORTED, check_numpy_type, unsupported
from airflow_provider_milvus.local.importing.columns.parquet_types import check_parquet_type
from airflow_provider_milvus.local.importing.file_rules import FileRules
from airflow_provider_milvus.local.importing.readers.numpy import ArrayFile


class Header:
    """Checks the columns of a file against a collection's fields, for one version of Milvus."""

    def __init__(self, schema: CollectionSchema, rules: FileRules) -> None:
        self._rules = rules
        self._is_dynamic = schema.enable_dynamic_field
        self._outputs = {name for function in schema.functions for name in function.output_field_names}
        self._fields = {field.name: field for field in schema.fields}
        self._auto_id = any(field.auto_id for field in schema.fields)
        self._not_given = self._outputs | {field.name for field in schema.fields if field.auto_id}
        self._given = [field for field in schema.fields if not field.auto_id and field.name not in self._outputs]

    def check_names(self, names: Iterable[str]) -> None:
        """Raises ImportDataError for the name of a field that files may not have."""
        for name in names:
            field = self._fields.get(name)
            if field is not None and field.auto_id:
                raise ImportDataError("the primary key is auto-generated, no need to provide", field=name)
            if name in self._outputs:
                raise ImportDataError("not allowed to provide data for function output field", field=name)

    def check_parquet(self, file: pa.Schema, meta: FieldSchema) -> None:
        """Raises ImportDataError for columns that Milvus's Parquet reader refuses. `meta` stands for `$meta`."""
        twice = [
            name for name, count in Counter(file.names).items() if count > 1 and (name in self._fields or name == META)
        ]
        if twice:
            raise ImportDataError(f"there is multi field with name: {twice[0]}", field=twice[0])
        known = {**{field.name: field for field in self._given}, **({META: meta} if self._is_dynamic else {})}
        for name in file.names:
            if name in known:
                check_parquet_type(known[name], file.field(name).type, self._rules)
        self.check_names(file.names)
        # Until 2.5 its reader refuses other columns of collections with a dynamic field, too.
        self._check_unknown(file.names, known)
        self._check_missing(file.names)

    def check_numpy(self, arrays: Mapping[str, ArrayFile], meta: FieldSchema) -> None:
        """Raises ImportDataError for files that Milvus's NumPy reader refuses. `meta` stands for `$meta`."""
        if not self._rules.numpy_nulls:
            for field in self._fields.values():
                if field.nullable:
                    raise ImportDataError(
                        "not support bulk insert numpy files in field which set nullable == true", field=field.name
                    )
        self.check_names(arrays)
        for field in self._given:
            if field.name in arrays:
                check_numpy_type(field, arrays[field.name], self._rules)
            elif not (self._rules.numpy_nulls and may_be_missing(field)):
                raise (
                    unsupported(field)
                    if field.dtype in UNSUPPORTED
                    else ImportDataError("no file for field", field=field.name)
                )
        if self._is_dynamic and META in arrays:
            check_numpy_type(meta, arrays[META], self._rules)

    def check_csv(self, names: list[str]) -> None:
        """Raises ImportDataError for a header line that Milvus's CSV reader refuses."""
        self.check_names(names)
        if not self._is_dynamic:
            self._check_unknown(names, {field.name for field in self._given})
        # Until 2.5 every field must be there, unless the primary key is generated.
        self._check_missing(names, all_fields=not (self._rules.csv_defaults or self._auto_id))

    def check_keys(self, row: Collection[str], unknown: Collection[str], number: int) -> None:
        """Raises ImportDataError for keys of a row of JSON that Milvus refuses. `unknown` are those of no field."""
        if not self._not_given.isdisjoint(row):
            try:
                self.check_names(row)
            except ImportDataError as error:
                raise ImportDataError(error.message, row=number, field=error.field) from None
        if unknown and not self._is_dynamic and not self._rules.skips_unknown:
            raise ImportDataError(f"the field '{min(unknown)}' is not defined in schema", row=number)

    def _check_unknown(self, names: Iterable[str], known: Collection[str]) -> None:
        if self._rules.skips_unknown:
            return
        for name in names:
            if name not in known:
                raise ImportDataError(f"the field '{name}' is not defined in schema")

    def _check_missing(self, names: Collection[str], all_fields: bool = False) -> None:
        for field in self._given:
            if field.name not in names and (all_fields or not may_be_missing(field)):
                raise ImportDataError(f"value of field '{field.name}' is missed", field=field.name)
