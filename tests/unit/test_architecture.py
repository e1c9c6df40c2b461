"""The rules of the house: what may import what, and what importing it costs."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import airflow_provider_milvus

PACKAGE = Path(airflow_provider_milvus.__file__).parent
NAME = "airflow_provider_milvus"
# What each room may import of the others; ``version`` is the package itself.
ARROWS = {
    "rest": {"rest"},
    "imports": {"imports", "rest"},
    "exceptions": {"exceptions", "imports", "rest"},
    "hooks": {"hooks", "imports", "exceptions", "rest", "version"},
    "triggers": {"triggers", "hooks", "imports", "exceptions", "rest"},
    "sensors": {"sensors", "triggers", "hooks", "imports", "exceptions", "rest"},
    "operators": {"operators", "triggers", "hooks", "imports", "exceptions", "rest"},
    "get_provider_info": {"hooks", "version"},
    "local": {"local"},
}
HEAVY = {"requests", "httpx", "openlineage", "pyarrow", "numpy", "wtforms", "flask_appbuilder", "pymilvus", "starlette"}


def modules():
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent != PACKAGE or path.stem != "__init__"]


def room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(nodes):
    """The full names that these statements import, a name from a module counting as its submodule."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def at_import(tree):
    """The statements that run when the module is imported: not those in functions, nor those for type checkers."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from at_import(node)


def tops(names):
    return {name.split(".")[0] for name in names}


def test_every_room_has_its_arrows():
    assert {room(path) for path in modules()} == set(ARROWS)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path):
    names = [name.split(".") for name in imported(ast.walk(ast.parse(path.read_text()))) if name.startswith(NAME)]
    found = {"version" if parts[1] == "__version__" else parts[1] for parts in names if len(parts) > 1}
    assert found <= ARROWS[room(path)]


@pytest.mark.parametrize(
    "path", [path for path in modules() if room(path) != "local"], ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_heavy_libraries_are_imported_where_they_are_used(path):
    assert not tops(imported(at_import(ast.parse(path.read_text())))) & HEAVY


@pytest.mark.parametrize("outside", ["rest", "imports", "local"])
def test_room_knows_no_airflow(outside):
    names = [
        name for path in modules() if room(path) == outside for name in imported(ast.walk(ast.parse(path.read_text())))
    ]
    assert "airflow" not in tops(names)


@pytest.mark.parametrize("library", ["requests", "httpx", "urllib", "socket"])
def test_policy_and_spelling_know_no_http(library):
    names = [
        name
        for path in modules()
        if room(path) in ("rest", "imports")
        for name in imported(ast.walk(ast.parse(path.read_text())))
    ]
    assert library not in tops(names)


PROBE = f"""
import json, sys
from airflow.providers.common.compat.sdk import BaseHook, BaseOperator, BaseSensorOperator, conf
import airflow.triggers.base
before = set(sys.modules)
import {NAME}.operators.bulk_import, {NAME}.sensors.import_job, {NAME}.hooks.milvus
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.fixture(scope="module")
def added():
    """The modules that a DAG file with our tasks loads over those of Airflow itself."""
    output = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True).stdout
    return json.loads(output.splitlines()[-1])


def test_dag_file_loads_nothing_but_the_standard_library_and_us(added):
    assert [name for name in added if name.split(".")[0] not in sys.stdlib_module_names | {NAME}] == []


def test_dag_file_loads_few_of_our_modules(added):
    lazy = [f"{NAME}.{name}" for name in ("imports.waiting", "imports.submission", "rest.imports", "hooks.transport")]
    assert not set(lazy) & set(added)
