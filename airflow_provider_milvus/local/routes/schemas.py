"""A collection's schema: from the spelling of the REST API to Milvus Lite's, and back.

https://milvus.io/api-reference/restful/v2.6.x/v2/Collection%20(v2)/Create.md
"""

import json
from dataclasses import dataclass, field
from typing import Any

from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema, Function, FunctionType

from airflow_provider_milvus.local.errors import MilvusError, not_supported
from airflow_provider_milvus.local.lite.type_names import NAMES, TYPES
from airflow_provider_milvus.local.lite.vector_types import HELD_AS_FLOATS, VectorField, type_of
from airflow_provider_milvus.local.routes.binding import required
from airflow_provider_milvus.local.routes.default_values import default_value

INVALID_PARAMETER = 1100
# What a cluster does not create a field without. Milvus Lite does, and then bounds nothing.
LIMITS = {DataType.VARCHAR: "max_length", DataType.ARRAY: "max_capacity"}
# What a cluster has and Milvus Lite cannot store.
OTHER_TYPES = (
    "None",
    "String",
    "Text",
    "Mol",
    *HELD_AS_FLOATS,
    "ArrayOfVector",
    "ArrayOfStruct",
    "Struct",
)
FUNCTION_TYPES = ("BM25", "TextEmbedding", "Rerank", "MinHash")
# How a default value is wrapped, by type: it is a message of protobuf.
DEFAULT_KEYS = {
    DataType.BOOL: "BoolData",
    **dict.fromkeys((DataType.INT8, DataType.INT16, DataType.INT32), "IntData"),
    DataType.INT64: "LongData",
    DataType.FLOAT: "FloatData",
    DataType.DOUBLE: "DoubleData",
    **dict.fromkeys((DataType.VARCHAR, DataType.GEOMETRY), "StringData"),
    DataType.TIMESTAMPTZ: "StringData",
    DataType.JSON: "BytesData",
}


@dataclass(kw_only=True)
class Field:
    """One of `schema.fields`."""

    field_name: str = required()
    data_type: str = required()
    element_data_type: str = ""
    is_primary: bool = False
    is_partition_key: bool = False
    is_clustering_key: bool = False
    nullable: bool = False
    default_value: Any = None
    element_type_params: dict[str, Any] = field(default_factory=dict)

    def build(self, auto_id: bool) -> FieldSchema:
        """The field as Milvus Lite has it. Raises MilvusError for one that it would not notice to make no sense."""
        if "multi_analyzer_params" in self.element_type_params:
            raise not_supported("the field multi_analyzer_params")
        held = self.data_type if self.data_type in HELD_AS_FLOATS else ""
        kind = DataType.FLOAT_VECTOR if held else _type(self.data_type)
        max_length = self._parameter("max_length")
        built = FieldSchema(
            name=self.field_name,
            dtype=kind,
            is_primary=self.is_primary,
            auto_id=self.is_primary and auto_id,
            dim=self._parameter("dim"),
            max_length=max_length,
            max_capacity=self._parameter("max_capacity"),
            element_type=_type(self.element_data_type, "element data type") if kind == DataType.ARRAY else None,
            nullable=self.nullable,
            default_value=default_value(self.field_name, kind, self.default_value, max_length),
            is_partition_key=self.is_partition_key,
            enable_analyzer=self._is_on("enable_analyzer"),
            enable_match=self._is_on("enable_match"),
            analyzer_params=self._analyzer(),
        )
        for kind in (built.dtype, built.element_type):
            limit = LIMITS.get(kind)
            if limit is not None and getattr(built, limit) is None:
                raise MilvusError(
                    INVALID_PARAMETER,
                    f"type param({limit}) should be specified for the field({built.name}): invalid parameter",
                )
        return VectorField(**vars(built), vector_type=held) if held else built

    def _is_on(self, name: str) -> bool:
        return str(self.element_type_params.get(name, "")).lower() == "true"

    def _analyzer(self) -> dict[str, Any] | None:
        given = self.element_type_params.get("analyzer_params")
        try:
            parsed = json.loads(given) if isinstance(given, str) else given
        except ValueError:
            parsed = given
        if parsed is not None and not isinstance(parsed, dict):
            raise MilvusError(
                INVALID_PARAMETER, f"analyzer_params of field {self.field_name} is no object: invalid parameter"
            )
        return parsed

    def _parameter(self, name: str) -> int | None:
        value = self.element_type_params.get(name)
        try:
            return None if value is None else int(value)
        except (TypeError, ValueError):
            raise MilvusError(
                INVALID_PARAMETER, f"{name} of field {self.field_name} is no number: {value!r}: invalid parameter"
            ) from None


@dataclass(kw_only=True)
class FunctionSchema:
    """One of `schema.functions`."""

    name: str = required()
    type: str = required()
    input_field_names: list[str] = required()
    output_field_names: list[str] = required()
    params: dict[str, Any] = field(default_factory=dict)

    def build(self) -> Function:
        """The function as Milvus Lite has it. Raises MilvusError for one of a type that it cannot run by itself."""
        if self.type not in FUNCTION_TYPES:
            raise MilvusError(INVALID_PARAMETER, f"Unsupported function type: {self.type}: invalid parameter")
        if self.type != "BM25":
            raise not_supported(f"a function of the type {self.type}")
        return Function(
            name=self.name,
            function_type=FunctionType.BM25,
            input_field_names=self.input_field_names,
            output_field_names=self.output_field_names,
            params=self.params,
        )


@dataclass(kw_only=True)
class Schema:
    """`schema` of a custom collection."""

    auto_id: bool = False
    enable_dynamic_field: bool = False
    fields: list[Field] = field(default_factory=list)
    functions: list[FunctionSchema] = field(default_factory=list)

    def build(self) -> CollectionSchema:
        """The schema as Milvus Lite has it. Raises MilvusError for what Milvus Lite does not know."""
        functions = [one.build() for one in self.functions]
        fields = [one.build(self.auto_id) for one in self.fields]
        outputs = {name for one in functions for name in one.output_field_names}
        for one in fields:
            one.is_function_output = one.name in outputs
        return CollectionSchema(fields=fields, enable_dynamic_field=self.enable_dynamic_field, functions=functions)


def describe_field(number: int, one: FieldSchema, is_clustering_key: bool = False) -> dict[str, Any]:
    """A field as `collections/describe` shows it."""
    params = {"dim": one.dim, "max_length": one.max_length, "max_capacity": one.max_capacity}
    described = {
        "id": 100 + number,
        "name": one.name,
        "type": type_of(one),
        "primaryKey": one.is_primary,
        "partitionKey": one.is_partition_key,
        "clusteringKey": is_clustering_key,
        "autoId": one.auto_id,
        "nullable": one.nullable,
        "description": "",
        "params": [{"key": key, "value": str(value)} for key, value in params.items() if value is not None],
    }
    if one.default_value is not None:
        described["defaultValue"] = {"Data": {DEFAULT_KEYS[one.dtype]: one.default_value}}
    if one.is_function_output:
        described["isFunctionOutput"] = True
    return described if one.element_type is None else {**described, "elementType": NAMES[one.element_type]}


def describe_function(number: int, one: Function) -> dict[str, Any]:
    """A function as `collections/describe` shows it."""
    return {
        "name": one.name,
        "description": "",
        "type": int(one.function_type),
        "id": 100 + number,
        "inputFieldNames": one.input_field_names,
        "outputFieldNames": one.output_field_names,
        "params": [{"key": key, "value": str(value)} for key, value in one.params.items()],
    }


def _type(name: str, what: str = "data type") -> DataType:
    if name not in (*TYPES, *OTHER_TYPES):
        raise MilvusError(INVALID_PARAMETER, f"invalid parameter, {what} {name} is invalid(case sensitive).")
    if name not in TYPES:
        raise not_supported(f"the {what} {name}")
    return TYPES[name]
