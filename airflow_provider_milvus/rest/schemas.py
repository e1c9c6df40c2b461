"""A collection's schema: as it is created, as it is described, and where the two differ.

``create`` and ``describe`` spell the same schema in two ways
(https://milvus.io/api-reference/restful/v2.6.x/v2/Collection%20(v2)/Describe.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_milvus.rest.values import first, records, text

# What an import depends on. Servers add further parameters to a description, such as those of memory mapping.
COMPARED = ("dim", "max_length", "max_capacity")
DYNAMIC_FIELD = "$meta"


def quick_schema(dimension: int) -> dict[str, Any]:
    """The schema of a collection that is created from a dimension alone."""
    return {
        "enableDynamicField": True,
        "fields": [
            {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
            {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": dimension}},
        ],
    }


def check_schema(schema: Any) -> None:
    """Refuse what cannot be a schema in the REST API's spelling.

    :raises ValueError: naming the field that is wrong.
    """
    if not isinstance(schema, Mapping):
        raise ValueError(f"schema must be an object with 'fields', got {type(schema).__name__}")
    fields = schema.get("fields")
    if not isinstance(fields, list) or not fields or not all(isinstance(field, Mapping) for field in fields):
        raise ValueError(f"schema must have 'fields', a list of objects, got {fields!r}")
    for field in fields:
        for name in ("fieldName", "dataType"):
            if not text(field.get(name)):
                raise ValueError(f"schema: a field needs {name!r}, as Milvus's REST API spells it; got {dict(field)!r}")
        if not isinstance(field.get("elementTypeParams") or {}, Mapping):
            raise ValueError(
                f"schema: elementTypeParams of the field {field['fieldName']!r} must be an object such as "
                f"{{'dim': 768}}, got {field['elementTypeParams']!r}"
            )
        for name in ("isPrimary", "isPartitionKey", "nullable"):
            if not isinstance(field.get(name) or False, bool):
                raise ValueError(
                    f"schema: {name} of the field {field['fieldName']!r} must be true or false, got {field[name]!r}"
                )


def difference(schema: Mapping[str, Any], description: Mapping[str, Any]) -> str:
    """How a collection differs from a schema, in words that name the field; empty where it does not.

    What an older server does not describe is not compared.

    :param schema: as ``create`` takes it.
    :param description: as ``describe`` returns it.
    """
    wanted = {text(field.get("fieldName")): _wanted(field, schema) for field in schema.get("fields", ())}
    found = {text(field.get("name")): _found(field, description) for field in records(description.get("fields"))}
    found.pop(DYNAMIC_FIELD, None)
    for name, properties in wanted.items():
        if name not in found:
            return f"the collection has no field {name!r}"
        for what, value in properties.items():
            there = found[name].get(what)
            if there is not None and there != value:
                return f"field {name!r} has {what} {there!r} instead of {value!r}"
    if more := sorted(found.keys() - wanted.keys()):
        return f"the collection has a field {more[0]!r} that the schema does not have"
    dynamic, there = bool(schema.get("enableDynamicField")), description.get("enableDynamicField")
    if there is not None and bool(there) != dynamic:
        return f"the collection has enableDynamicField {bool(there)} instead of {dynamic}"
    return ""


def _wanted(field: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    params = field.get("elementTypeParams") or {}
    primary = bool(field.get("isPrimary"))
    return {
        "type": text(field.get("dataType")),
        **({"element type": text(field["elementDataType"])} if field.get("elementDataType") else {}),
        "primary key": primary,
        **({"autoId": bool(first(schema, "autoId", "autoID"))} if primary else {}),
        "partition key": bool(field.get("isPartitionKey")),
        "nullable": bool(field.get("nullable")),
        **{name: text(params[name]) for name in COMPARED if params.get(name) is not None},
    }


def _found(field: Mapping[str, Any], description: Mapping[str, Any]) -> dict[str, Any]:
    params = {text(one.get("key")): text(one.get("value")) for one in records(field.get("params"))}
    return {
        "type": text(field.get("type")) or None,
        "element type": text(field.get("elementType")) or None,
        "primary key": _flag(field, "primaryKey"),
        "autoId": _flag({**description, **field}, "autoId"),
        "partition key": _flag(field, "partitionKey"),
        "nullable": _flag(field, "nullable"),
        **params,
    }


def _flag(data: Mapping[str, Any], name: str) -> bool | None:
    value = data.get(name)
    return value if isinstance(value, bool) else None
