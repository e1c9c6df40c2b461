"""Airflow finds the provider that pip has installed."""

import json

from airflow_provider_milvus.hooks.form import conn_fields


def test_connection_type_is_listed(airflow):
    hooks = json.loads(airflow.cli("providers", "hooks", "--output", "json"))
    (found,) = [hook for hook in hooks if hook["connection_type"] == "milvus"]
    assert found["class"] == "airflow_provider_milvus.hooks.milvus.MilvusHook"


def test_triggers_are_listed(airflow):
    triggers = json.loads(airflow.cli("providers", "triggers", "--output", "json"))
    names = {trigger["class"] for trigger in triggers if trigger["package_name"] == "airflow-provider-milvus"}
    assert names == {"airflow_provider_milvus.triggers.collection", "airflow_provider_milvus.triggers.import_job"}


def test_provider_is_described(airflow):
    description = airflow.cli("providers", "get", "airflow-provider-milvus", "--full", "--output", "json")
    assert "Milvus" in description


def test_connection_form_has_every_field(airflow):
    (form,) = [form for form in airflow.get("/ui/connections/hook_meta") if form["connection_type"] == "milvus"]
    assert set(form["extra_fields"]) == set(conn_fields())
