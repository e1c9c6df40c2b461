"""What Airflow discovers of this package."""

from __future__ import annotations

from typing import Any

from airflow_provider_milvus import __version__
from airflow_provider_milvus.client.form import conn_fields, field_behaviour


def get_provider_info() -> dict[str, Any]:
    """The provider's description, as ``airflow/provider_info.schema.json`` defines it."""
    assets = [
        {
            "schemes": ["milvus"],
            "handler": "airflow_provider_milvus.assets.sanitize_uri",
            "factory": "airflow_provider_milvus.assets.create_asset",
            "to_openlineage_converter": "airflow_provider_milvus.lineage.to_openlineage",
        }
    ]
    return {
        "package-name": "airflow-provider-milvus",
        "name": "Milvus",
        "description": "Load files into `Milvus <https://milvus.io/>`__ and Zilliz Cloud in bulk, and wait for them.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": "Milvus",
                "external-doc-url": "https://milvus.io/docs/import-data.md",
                "tags": ["software"],
            }
        ],
        "operators": [
            {
                "integration-name": "Milvus",
                "python-modules": [
                    "airflow_provider_milvus.operators.alias",
                    "airflow_provider_milvus.operators.bulk_import",
                    "airflow_provider_milvus.operators.checks",
                    "airflow_provider_milvus.operators.collection",
                    "airflow_provider_milvus.operators.commit",
                    "airflow_provider_milvus.operators.index",
                    "airflow_provider_milvus.operators.files",
                    "airflow_provider_milvus.operators.import_rows",
                    "airflow_provider_milvus.operators.recall",
                    "airflow_provider_milvus.operators.rollback",
                    "airflow_provider_milvus.operators.snapshot",
                ],
            }
        ],
        "sensors": [{"integration-name": "Milvus", "python-modules": ["airflow_provider_milvus.sensors.import_job"]}],
        "hooks": [{"integration-name": "Milvus", "python-modules": ["airflow_provider_milvus.hooks.milvus"]}],
        "triggers": [
            {
                "integration-name": "Milvus",
                "python-modules": [
                    "airflow_provider_milvus.triggers.collection",
                    "airflow_provider_milvus.triggers.import_event",
                    "airflow_provider_milvus.triggers.import_job",
                ],
            }
        ],
        "cli": ["airflow_provider_milvus.cli.get_cli_commands"],
        "extra-links": [
            "airflow_provider_milvus.links.MilvusConsoleLink",
            "airflow_provider_milvus.links.MilvusImportJobLink",
        ],
        "task-decorators": [
            {
                "name": "milvus_import",
                "class-name": "airflow_provider_milvus.decorators.milvus_import.milvus_import_task",
            }
        ],
        "asset-uris": assets,
        "dataset-uris": assets,  # their name in Airflow 2
        "connection-types": [
            {
                "connection-type": "milvus",
                "hook-class-name": "airflow_provider_milvus.hooks.milvus.MilvusHook",
                "hook-name": "Milvus",
                "conn-fields": conn_fields(),
                "ui-field-behaviour": field_behaviour(),
            }
        ],
    }
