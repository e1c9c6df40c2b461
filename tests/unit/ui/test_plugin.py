"""What Airflow's plugin manager gets."""

import pytest

from airflow_provider_milvus import links
from airflow_provider_milvus.operators import commit, import_rows  # noqa: F401 - classes that are searched for
from airflow_provider_milvus.operators.server_jobs import MilvusJobsOperator
from airflow_provider_milvus.operators.submitted_jobs import SubmittedJobsOperator
from airflow_provider_milvus.sensors.import_job import MilvusImportSensor
from airflow_provider_milvus.task_groups import version_tasks  # noqa: F401
from airflow_provider_milvus.ui import plugin


def all_of(base):
    """The class and all below it that this package has."""
    below = [one for direct in base.__subclasses__() for one in all_of(direct)]
    return [one for one in (base, *below) if one.__module__.startswith("airflow_provider_milvus.")]


@pytest.fixture
def views(monkeypatch):
    def of(version):
        monkeypatch.setattr(plugin, "airflow_version", version)
        return plugin.views()

    return of


def test_airflow_without_such_views_gets_none(views):
    assert views("3.0.6") == ([], [])


def test_page_and_tab_share_a_name_and_have_routes_of_their_own(views):
    applications, (page, tab) = views("3.1.8")
    assert [application["url_prefix"] for application in applications] == ["/milvus-imports"]
    assert (page["name"], page["destination"]) == (tab["name"], "nav")
    assert (tab["destination"], "applies_to" in tab) == ("task_instance", False)
    assert f"/plugin/{page['url_route']}" == links.VIEW
    assert f"/plugin/{tab['url_route']}" == links.TASK_TAB


def test_tab_is_scoped_to_tasks_of_the_package_where_airflow_can(views):
    _, (page, tab) = views("3.4.0b2")
    bases = SubmittedJobsOperator, MilvusJobsOperator, MilvusImportSensor
    # What Airflow shows as the operator of a task; the decorated one has a name of its own.
    operators = {getattr(one, "custom_operator_name", one.__name__) for base in bases for one in all_of(base)}
    operators -= {"SubmittedJobsOperator", "MilvusJobsOperator", "MilvusRowsImportOperator"}
    assert operators <= set(tab["applies_to"]["operator_name"])
    assert "MilvusBulkImportOperator" in operators
    assert "applies_to" not in page


def test_bundle_is_below_the_path_of_the_base_url(views, monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://example.org/airflow/")
    assert views("3.3.2")[1][0]["bundle_url"] == "/airflow/milvus-imports/static/milvus_imports.js"
