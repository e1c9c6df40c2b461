"""What Airflow discovers of the package."""

import json
from importlib import import_module, resources

import pytest
from airflow.providers_manager import ProvidersManager
from jsonschema import Draft7Validator

from airflow_provider_milvus import __version__
from airflow_provider_milvus.get_provider_info import get_provider_info

NAME = "airflow-provider-milvus"
FIELDS = {
    "token",
    "tls",
    "verify",
    "ca_bundle",
    "client_cert",
    "client_key",
    "timeout",
    "retries",
    "proxies",
    "cluster_id",
    "import_endpoint",
}


@pytest.fixture(scope="module")
def manager():
    return ProvidersManager()


def test_description_is_what_airflow_asks_for():
    schema = json.loads((resources.files("airflow") / "provider_info.schema.json").read_text())
    assert list(Draft7Validator(schema).iter_errors(get_provider_info())) == []


@pytest.mark.parametrize("kind", ["hooks", "operators", "sensors", "triggers"])
def test_every_module_of_the_description_is_there(kind):
    for entry in get_provider_info()[kind]:
        for module in entry["python-modules"]:
            assert import_module(module)


def test_airflow_lists_the_provider(manager):
    assert manager.providers[NAME].version == __version__


def test_airflow_finds_the_connection_type(manager):
    hook = manager.hooks["milvus"]
    assert (hook.hook_name, hook.package_name, hook.connection_testable) == ("Milvus", NAME, True)


def test_form_has_a_field_for_each_extra(manager):
    found = {name.removeprefix("extra__milvus__") for name in manager.connection_form_widgets if "__milvus__" in name}
    assert found == FIELDS


def test_form_hides_the_token_alone(manager):
    widgets = manager.connection_form_widgets
    assert {name for name in FIELDS if widgets[f"extra__milvus__{name}"].is_sensitive} == {"token"}


def test_form_says_what_its_standard_fields_mean(manager):
    assert manager.field_behaviours["milvus"]["relabeling"]["password"] == "Password or API key"
