"""Airflow finds the provider that pip has installed."""

import json
from importlib.util import find_spec

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_milvus.client.form import conn_fields


def listed(airflow, what):
    # Before the list, Airflow 3.0 prints what it logs.
    return json.loads(airflow.cli("providers", what, "--output", "json").splitlines()[-1])


def test_connection_type_is_listed(airflow):
    hooks = listed(airflow, "hooks")
    (found,) = [hook for hook in hooks if hook["connection_type"] == "milvus"]
    assert found["class"] == "airflow_provider_milvus.hooks.milvus.MilvusHook"


def test_triggers_are_listed(airflow):
    triggers = listed(airflow, "triggers")
    names = {trigger["class"] for trigger in triggers if trigger["package_name"] == "airflow-provider-milvus"}
    modules = ("collection", "import_event", "import_job")
    assert names == {f"airflow_provider_milvus.triggers.{module}" for module in modules}


def test_provider_is_described(airflow):
    description = airflow.cli("providers", "get", "airflow-provider-milvus", "--full", "--output", "json")
    assert "Milvus" in description


@pytest.fixture
def form(airflow):
    """What the UI draws the connection's form with."""
    if airflow_version.startswith("3.0.") and not find_spec("flask_appbuilder"):
        pytest.skip("Airflow 3.0 draws a form with the widgets of its FAB provider only")
    (form,) = [form for form in airflow.get("/ui/connections/hook_meta") if form["connection_type"] == "milvus"]
    return form


def test_connection_form_has_every_field(form):
    assert set(form["extra_fields"]) == set(conn_fields())


def test_connection_form_hides_the_token_alone(form):
    fields = form["extra_fields"].items()
    assert [name for name, field in fields if field["schema"].get("format") == "password"] == ["token"]


def test_connection_form_calls_the_standard_fields_by_the_names_of_milvus(form):
    fields = form["standard_fields"]
    assert (fields["url_schema"]["title"], fields["port"]["placeholder"]) == ("Database", "19530")
