"""Imports run one way: operators … -> hooks -> client -> submission, waiting -> rest; the local Milvus stands apart."""

import ast
from collections import Counter
from pathlib import Path

import pytest

import airflow_provider_milvus

PACKAGE = "airflow_provider_milvus"
ROOT = Path(airflow_provider_milvus.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
CLIENT = [path for path in MODULES if path.relative_to(ROOT).parts[0] != "local"]
HEAVY = ("requests", "urllib3", "httpx", "openlineage", "pyarrow", "flask_appbuilder", "wtforms")
# Packages from the inside out; a package may import those before it, and its own modules.
PACKAGES = (
    "rest",
    "waiting",
    "submission",
    "versions",
    "exceptions",
    "airflow_compat",
    "client",
    "hooks",
    "assets",
    "triggers",
    "operators",
    "sensors",
    "task_groups",
    "get_provider_info",
)
WITHOUT_AIRFLOW = ("rest", "waiting", "submission", "versions")
# These hold the same noun on different layers.
SHARED_NAMES = {
    "__init__.py",
    "bulk_import.py",
    "collection.py",
    "collections.py",
    "errors.py",
    "files.py",
    "import_job.py",
    "import_jobs.py",
    "schemas.py",
}


def modules_of(*packages):
    return [path for path in MODULES if path.relative_to(ROOT).with_suffix("").parts[0] in packages]


def imported(path, *, at_import_time=False):
    """The absolute names of what a module imports, without what only type checkers see."""
    found, queue = set(), [ast.parse(path.read_text())]
    while queue:
        node = queue.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            queue += node.orelse
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and at_import_time:
            continue
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT.parent).parent.parts
            above = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            base = ".".join(filter(None, (above, node.module)))
            found |= {f"{base}.{alias.name}" for alias in node.names}
        else:
            queue += ast.iter_child_nodes(node)
    return found


def packages_of(names):
    parts = (name.split(".") for name in names)
    return {part[1] for part in parts if part[0] == PACKAGE and len(part) > 1}


def by_path(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", modules_of(*WITHOUT_AIRFLOW), ids=by_path)
def test_inner_packages_know_neither_airflow_nor_an_http_library(path):
    roots = {name.split(".")[0] for name in imported(path)}
    assert roots.isdisjoint({"airflow", *HEAVY})


@pytest.mark.parametrize("path", modules_of(*PACKAGES), ids=by_path)
def test_package_imports_only_packages_further_in(path):
    package = path.relative_to(ROOT).with_suffix("").parts[0]
    inner = PACKAGES[: PACKAGES.index(package) + 1]
    assert packages_of(imported(path)) - {"__version__"} <= set(inner)


@pytest.mark.parametrize("path", CLIENT, ids=by_path)
def test_nothing_of_the_client_imports_the_local_milvus(path):
    assert "local" not in packages_of(imported(path))


@pytest.mark.parametrize("path", modules_of("local"), ids=by_path)
def test_local_milvus_imports_nothing_of_the_client(path):
    assert packages_of(imported(path)) <= {"local", "__version__"}


@pytest.mark.parametrize("path", CLIENT, ids=by_path)
def test_heavy_libraries_are_imported_where_they_are_needed(path):
    roots = {name.split(".")[0] for name in imported(path, at_import_time=True)}
    assert roots.isdisjoint(HEAVY)


def test_arrows_are_checked_for_every_module():
    checked = {*modules_of(*PACKAGES, "local"), ROOT / "__init__.py"}
    assert checked == set(MODULES)


def test_file_names_are_shared_only_by_the_same_noun_on_different_layers():
    names = Counter(path.name for path in MODULES)
    assert {name for name, times in names.items() if times > 1} <= SHARED_NAMES
