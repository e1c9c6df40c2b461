"""The example DAGs can be read wherever this package is installed, and use every operator."""

import importlib
from inspect import isabstract
from pathlib import Path

import pytest
from airflow import __version__ as airflow_version
from packaging.version import Version

import airflow_provider_milvus
from airflow_provider_milvus.get_provider_info import get_provider_info

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # before Airflow 3.2
    from airflow.models.dagbag import DagBag

EXAMPLES = Path(airflow_provider_milvus.__file__).parent / "example_dags"
NAMES = sorted(path.stem for path in EXAMPLES.glob("milvus_*.py"))
# What these need of Airflow.
NEEDS_AIRFLOW = {"milvus_digits_on_import": "3.0", "milvus_nightly_reembedding": "3.1"}
TOO_NEW = {name for name, lower_bound in NEEDS_AIRFLOW.items() if Version(airflow_version) < Version(lower_bound)}


@pytest.fixture(scope="module")
def dags():
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
        bag = DagBag(EXAMPLES)
    assert {path: error for path, error in bag.import_errors.items() if Path(path).stem not in TOO_NEW} == {}
    return bag.dags


def test_repository_has_no_second_copy_of_the_examples():
    assert (EXAMPLES.parent.parent / "dags_examples").resolve() == EXAMPLES.resolve()


def test_each_example_is_one_dag_named_after_its_file(dags):
    assert {dag_id: Path(dag.fileloc).stem for dag_id, dag in dags.items()} == {dag_id: dag_id for dag_id in dags}
    assert set(NAMES) - TOO_NEW == dags.keys()


def test_each_example_explains_itself(dags):
    assert [dag_id for dag_id, dag in dags.items() if not dag.doc_md] == []


def test_every_operator_and_sensor_has_an_example():
    info = get_provider_info()
    modules = [
        module for kind in ("operators", "sensors") for entry in info[kind] for module in entry["python-modules"]
    ]
    public = {
        name
        for module in modules
        for name, value in vars(importlib.import_module(module)).items()
        if isinstance(value, type)
        and not isabstract(value)
        and value.__module__ == module
        and name.endswith(("Operator", "Sensor"))
    }
    sources = "".join((EXAMPLES / f"{name}.py").read_text() for name in NAMES)
    assert [name for name in sorted(public) if f"{name}(" not in sources and f"{name}.partial(" not in sources] == []
