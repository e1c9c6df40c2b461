"""What a DAG file pays for importing this package."""

import json
import subprocess
import sys

import pytest

# What any DAG file, worker or triggerer has loaded before it comes to a provider, and the short base class of links.
BASELINE = """
from airflow.providers.common.compat.sdk import DAG, BaseHook, BaseOperator, BaseOperatorLink, BaseSensorOperator, conf
import airflow.triggers.base
"""
OURS = """
import airflow_provider_milvus.task_groups.blue_green
import airflow_provider_milvus.operators.alias
import airflow_provider_milvus.operators.bulk_import
import airflow_provider_milvus.operators.collection
import airflow_provider_milvus.operators.index
import airflow_provider_milvus.operators.files
import airflow_provider_milvus.operators.import_rows
import airflow_provider_milvus.sensors.import_job
import airflow_provider_milvus.hooks.milvus
"""
PROBE = f"import json, sys{BASELINE}before = set(sys.modules){OURS}print(json.dumps(sorted(set(sys.modules) - before)))"


@pytest.fixture(scope="module")
def added():
    """The modules that importing the operators, the sensor and the hook adds."""
    output = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True).stdout
    return json.loads(output.splitlines()[-1])


def test_import_adds_only_this_package_and_the_standard_library(added):
    known = {*sys.stdlib_module_names, "airflow_provider_milvus"}
    foreign = [name for name in added if name.split(".")[0] not in known]
    assert foreign == []


def test_import_leaves_http_libraries_and_settings_for_later(added):
    assert "airflow_provider_milvus.hooks.milvus" in added
    late = {
        "requests",
        "httpx",
        "openlineage",
        "airflow_provider_milvus.client.transport",
        "airflow_provider_milvus.client.settings",
    }
    assert late.isdisjoint(added)
