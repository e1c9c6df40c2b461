"""What Airflow discovers of this package."""

import json
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import airflow
import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager

from airflow_provider_milvus import __version__
from airflow_provider_milvus.client import form
from airflow_provider_milvus.get_provider_info import get_provider_info
from airflow_provider_milvus.hooks.milvus import MilvusHook

EXTRAS = {
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
    "project_id",
    "region_id",
    "import_endpoint",
    "ui_url",
}

needs_widgets = pytest.mark.skipif(
    airflow.__version__.startswith(("3.0.", "3.1.")) and find_spec("flask_appbuilder") is None,
    reason="without FAB only the API server of this Airflow makes the form; tests/system checks it",
)


@pytest.fixture(scope="module")
def manager():
    return ProvidersManager()


def test_description_follows_airflows_schema():
    schema = json.loads(Path(airflow.__file__).with_name("provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)


def test_description_has_this_version():
    assert get_provider_info()["versions"] == [__version__]


@pytest.mark.parametrize("kind", ["operators", "sensors", "hooks", "triggers"])
def test_modules_of_the_description_exist(kind):
    names = [name for entry in get_provider_info()[kind] for name in entry["python-modules"]]
    assert [import_module(name).__name__ for name in names] == names
    assert names


def test_airflow_finds_the_provider(manager):
    assert manager.providers["airflow-provider-milvus"].version == __version__


def test_airflow_finds_the_hook_by_its_connection_type(manager):
    hook = manager.hooks["milvus"]
    assert (hook.hook_class_name, hook.connection_id_attribute_name, hook.hook_name) == (
        "airflow_provider_milvus.hooks.milvus.MilvusHook",
        "milvus_conn_id",
        "Milvus",
    )
    assert hook.connection_testable


@needs_widgets
def test_airflow_finds_the_form_of_the_connection(manager):
    widgets = {name for name in manager.connection_form_widgets if name.startswith("extra__milvus__")}
    assert widgets == {f"extra__milvus__{name}" for name in EXTRAS}


@needs_widgets
def test_airflow_hides_the_token_alone(manager):
    widgets = manager.connection_form_widgets
    assert {name for name in EXTRAS if widgets[f"extra__milvus__{name}"].is_sensitive} == {"token"}


@needs_widgets
def test_airflow_finds_the_names_of_the_standard_fields(manager):
    behaviour = manager.field_behaviours["milvus"]
    assert behaviour["relabeling"]["schema"] == "Database"
    assert behaviour["placeholders"]["port"] == "19530"


def test_form_has_the_extras_that_are_read():
    assert set(form.conn_fields()) == EXTRAS


def test_secret_of_the_form_is_shown_to_nobody():
    assert form.conn_fields()["token"]["schema"] == {"type": ["string", "null"], "format": "password"}


def test_form_of_airflow_2_has_the_same_names():
    assert MilvusHook.get_ui_field_behaviour()["relabeling"] == form.field_behaviour()["relabeling"]
