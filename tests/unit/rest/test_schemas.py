"""Where a collection differs from a schema."""

import re

import pytest

from airflow_provider_milvus.rest import schemas

SCHEMA = {
    "fields": [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": 4}},
        {"fieldName": "tags", "dataType": "Array", "elementDataType": "VarChar"},
    ]
}
DESCRIBED = {
    "autoId": False,
    "enableDynamicField": False,
    "fields": [
        {"name": "id", "type": "Int64", "primaryKey": True, "partitionKey": False, "autoId": False, "nullable": False},
        {
            "name": "vector",
            "type": "FloatVector",
            "primaryKey": False,
            "params": [{"key": "dim", "value": "4"}, {"key": "mmap.enabled", "value": "true"}],
        },
        {"name": "tags", "type": "Array", "elementType": "VarChar", "primaryKey": False},
    ],
}


def schema(field=None, **more):
    fields = [{**one, **(field or {})} if one["fieldName"] == "vector" else one for one in SCHEMA["fields"]]
    return {**SCHEMA, "fields": fields, **more}


def test_schema_as_it_was_created_is_the_same():
    assert schemas.difference(SCHEMA, DESCRIBED) == ""


def test_order_of_the_fields_makes_no_difference():
    assert schemas.difference({**SCHEMA, "fields": SCHEMA["fields"][::-1]}, DESCRIBED) == ""


def test_field_of_dynamic_values_is_not_one_of_the_schema():
    described = {**DESCRIBED, "fields": [*DESCRIBED["fields"], {"name": "$meta", "type": "JSON"}]}
    assert schemas.difference(SCHEMA, described) == ""


def test_what_an_old_server_does_not_describe_is_not_compared():
    described = {"fields": [{"name": field["fieldName"]} for field in SCHEMA["fields"]]}
    assert schemas.difference(schema(enableDynamicField=True), described) == ""


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (schema({"elementTypeParams": {"dim": "8"}}), "field 'vector' has dim '4' instead of '8'"),
        (schema({"dataType": "Float16Vector"}), "field 'vector' has type 'FloatVector' instead of 'Float16Vector'"),
        (schema({"isPrimary": True}), "field 'vector' has primary key False instead of True"),
        (schema({"fieldName": "embedding"}), "the collection has no field 'embedding'"),
        (schema(fields=SCHEMA["fields"][:2]), "has a field 'tags' that the schema does not have"),
        (schema(autoId=True), "field 'id' has autoId False instead of True"),
        (schema(enableDynamicField=True), "has enableDynamicField False instead of True"),
        (
            schema(fields=[*SCHEMA["fields"][:2], {**SCHEMA["fields"][2], "elementDataType": "Int8"}]),
            "field 'tags' has element type 'VarChar' instead of 'Int8'",
        ),
        (
            schema(fields=[{**SCHEMA["fields"][0], "isPartitionKey": True}, *SCHEMA["fields"][1:]]),
            "field 'id' has partition key False instead of True",
        ),
        (
            schema(fields=[{**SCHEMA["fields"][0], "nullable": True}, *SCHEMA["fields"][1:]]),
            "field 'id' has nullable False instead of True",
        ),
    ],
)
def test_difference_names_the_field(wanted, words):
    assert words in schemas.difference(wanted, DESCRIBED)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("elementTypeParams", [{"key": "dim", "value": 4}]),
        ("elementTypeParams", "dim"),
        ("isPrimary", "true"),
        ("isPartitionKey", 1),
        ("nullable", "false"),
    ],
)
def test_property_of_a_field_that_is_no_such_thing_is_named(name, value):
    fields = [{"fieldName": "id", "dataType": "Int64", name: value}]
    with pytest.raises(ValueError, match=f"{name} of the field 'id' must be .*, got {re.escape(repr(value))}"):
        schemas.check_schema({"fields": fields})


def test_quick_setup_is_a_schema():
    schemas.check_schema(schemas.quick_schema(4))
