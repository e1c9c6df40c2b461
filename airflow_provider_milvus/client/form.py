"""The connection form of the type ``milvus``: one table for Airflow 3.2 and later and for the versions before."""

from __future__ import annotations

from typing import Any

HIDDEN_FIELDS: list[str] = []
RELABELING = {"host": "Host or URL", "schema": "Database", "login": "User", "password": "Password or API key"}
PLACEHOLDERS = {
    "host": "milvus.example.org, or https://in03-….zillizcloud.com",
    "port": "19530",
    "schema": "default",
    "login": "root",
}

# name: (label, JSON type, description)
_FIELDS: dict[str, tuple[str, str, str]] = {
    "token": ("Token", "password", "API key or user:password; instead of user and password"),
    # No check boxes: on Airflow 2 an unticked one, saved along with something else, would switch these off.
    "tls": ("TLS", "string", "true to use https; not needed with an https URL as host, or with Zilliz Cloud"),
    "verify": ("Verify TLS", "string", "true (default) or false"),
    "ca_bundle": ("CA bundle", "string", "Path of the CA certificates to trust, on every worker and triggerer"),
    "client_cert": ("Client certificate", "string", "Path of the certificate for mutual TLS"),
    "client_key": ("Client key", "string", "Path of the client certificate's key, where it is a file of its own"),
    "timeout": ("Timeout", "number", "Seconds that one request may take (default 30)"),
    "retries": ("Retries", "integer", "How often a request that is safe to repeat is repeated (default 5)"),
    "proxies": ("Proxies", "string", 'URL, or JSON such as {"https": "http://proxy:3128"}'),
    "cluster_id": (
        "Cluster id",
        "string",
        "Zilliz Cloud: the cluster (in0x-…), if the host is not its endpoint",
    ),
    "project_id": ("Project id", "string", "Zilliz Cloud: instead of a cluster, the project whose databases are meant"),
    "region_id": ("Region id", "string", "Zilliz Cloud: the region of the project's databases (aws-us-west-2)"),
    "import_endpoint": (
        "Import endpoint",
        "string",
        "Zilliz Cloud: where imports go, if the host is not its endpoint",
    ),
    "ui_url": (
        "Link to a job",
        "string",
        "URL for the button Milvus console; may have {job_id}, {collection_name}, {database}, {cluster_id}",
    ),
}


def field_behaviour() -> dict[str, Any]:
    """``ui-field-behaviour`` of the provider's description."""
    return {"hidden-fields": HIDDEN_FIELDS, "relabeling": RELABELING, "placeholders": PLACEHOLDERS}


def hook_field_behaviour() -> dict[str, Any]:
    """What ``get_ui_field_behaviour`` returns on Airflow before 3.2."""
    return {"hidden_fields": HIDDEN_FIELDS, "relabeling": RELABELING, "placeholders": PLACEHOLDERS}


def conn_fields() -> dict[str, Any]:
    """``conn-fields`` of the provider's description (Airflow 3.2 and later)."""
    return {
        name: {"label": label, "description": text, "schema": _schema(kind)}
        for name, (label, kind, text) in _FIELDS.items()
    }


def _schema(kind: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": ["string" if kind == "password" else kind, "null"]}
    if kind == "password":
        schema["format"] = "password"
    return schema


def widgets() -> dict[str, Any]:
    """What ``get_connection_form_widgets`` returns on Airflow before 3.2."""
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    from wtforms import IntegerField, PasswordField, StringField
    from wtforms.validators import Optional

    kinds: dict[str, Any] = {
        "string": (StringField, BS3TextFieldWidget),
        "number": (StringField, BS3TextFieldWidget),  # Airflow takes no FloatField here
        "integer": (IntegerField, BS3TextFieldWidget),
        "password": (PasswordField, BS3PasswordFieldWidget),
    }
    found: dict[str, Any] = {}
    for name, (label, kind, text) in _FIELDS.items():
        field, widget = kinds[kind]
        found[name] = field(label, description=text, widget=widget(), validators=[Optional()])
    return found
