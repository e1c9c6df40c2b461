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
HEAVY = ("numpy", "requests", "urllib3", "httpx", "openlineage", "pyarrow", "flask_appbuilder", "wtforms")
# Packages from the inside out; a package may import those before it, and its own modules.
PACKAGES = (
    "rest",
    "waiting",
    "submission",
    "staging",
    "versions",
    "nearest",
    "exceptions",
    "retry_policy",
    "airflow_compat",
    "metrics",
    "client",
    "hooks",
    "assets",
    "lineage",
    "links",
    "triggers",
    "operators",
    "decorators",
    "sensors",
    "task_groups",
    "example_dags",
    "ui",
    "commands",
    "cli",
    "__main__",
    "get_provider_info",
)
# What a module may import of Airflow: its public interface, and where Airflow 2 and 3 both have what is public in 3.
PUBLIC_AIRFLOW = (
    "airflow.sdk",
    "airflow.cli.cli_config",
    "airflow.providers.common.compat",
    "airflow.providers.openlineage.extractors",
    "airflow.triggers.base",
    "airflow.exceptions",
)
# Parts that Airflow does not document, which airflow_compat.py wraps.
PRIVATE_AIRFLOW_NAMES = {
    "execution_time",
    "get_closest_mapped_task_group",
    "get_task_states",
    "is_mapped",
    "iter_mapped_task_groups",
    "logger",
    "max_tries",
    "region_index",
    "RuntimeTaskInstance",
    "SUPERVISOR_COMMS",
}
PRIVATE_AIRFLOW_CLASSES = ("Lazy",)
WITHOUT_AIRFLOW = ("rest", "waiting", "submission", "staging", "versions", "nearest")
# Its modules are loaded at their first use, and need pyarrow.
STAGING = "staging"
# These hold the same noun on different layers.
SHARED_NAMES = {
    "load.py",
    "aliases.py",
    "entities.py",
    "indexes.py",
    "__init__.py",
    "__main__.py",
    "bulk_import.py",
    "collection.py",
    "collections.py",
    "errors.py",
    "files.py",
    "import_job.py",
    "import_jobs.py",
    "import_source.py",
    "schemas.py",
    "snapshots.py",
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


def names_of(path):
    """The attributes that a module reads or sets, and the plain names, as calls and as texts of ``getattr``."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            # An Airflow object's `logger`; a module's own is a plain name.
            found.add(node.attr)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("getattr", "hasattr"):
            found |= {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
    return found


def texts_of(path):
    """The texts of a module, its docstrings among them."""
    return [
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def packages_of(names):
    parts = (name.split(".") for name in names)
    return {part[1] for part in parts if part[0] == PACKAGE and len(part) > 1}


def allowed(path):
    """The heavy library that a module may import all the same."""
    return {"pyarrow"} if path.relative_to(ROOT).parts[0] == STAGING and path.name != "__init__.py" else set()


def by_path(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", modules_of(*WITHOUT_AIRFLOW), ids=by_path)
def test_inner_packages_know_neither_airflow_nor_an_http_library(path):
    roots = {name.split(".")[0] for name in imported(path)} - allowed(path)
    assert roots.isdisjoint({"airflow", *HEAVY} - {"numpy"})


@pytest.mark.parametrize("path", modules_of(*PACKAGES), ids=by_path)
def test_package_imports_only_packages_further_in(path):
    package = path.relative_to(ROOT).with_suffix("").parts[0]
    inner = PACKAGES[: PACKAGES.index(package) + 1]
    assert packages_of(imported(path)) - {"__version__"} <= set(inner)


@pytest.mark.parametrize("path", CLIENT, ids=by_path)
def test_only_airflow_compat_uses_private_parts_of_airflow(path):
    if path.relative_to(ROOT) in (Path("airflow_compat.py"), Path("ui/api_server.py")):
        return
    airflow = {name for name in imported(path) if name.split(".")[0] == "airflow"} - {"airflow.__version__"}
    assert [name for name in airflow if not name.startswith(tuple(f"{public}." for public in PUBLIC_AIRFLOW))] == []
    assert names_of(path) & PRIVATE_AIRFLOW_NAMES == set()
    assert [text for text in texts_of(path) if text.startswith(PRIVATE_AIRFLOW_CLASSES)] == []


def test_airflow_compat_holds_each_private_part_that_is_searched_for():
    compat = ROOT / "airflow_compat.py"
    used = names_of(compat) | set(texts_of(compat)) | {part for name in imported(compat) for part in name.split(".")}
    assert used >= {"get_task_states", "iter_mapped_task_groups", "is_mapped", "logger", "max_tries", "LazyXCom"}


@pytest.mark.parametrize("path", CLIENT, ids=by_path)
def test_nothing_of_the_client_imports_the_local_milvus(path):
    assert "local" not in packages_of(imported(path))


@pytest.mark.parametrize("path", modules_of("local"), ids=by_path)
def test_local_milvus_imports_nothing_of_the_client(path):
    assert packages_of(imported(path)) <= {"local", "__version__"}


@pytest.mark.parametrize("path", CLIENT, ids=by_path)
def test_heavy_libraries_are_imported_where_they_are_needed(path):
    roots = {name.split(".")[0] for name in imported(path, at_import_time=True)} - allowed(path)
    assert roots.isdisjoint(HEAVY)


@pytest.mark.parametrize("path", [path for path in CLIENT if by_path(path).split("/")[0] != STAGING], ids=by_path)
def test_staging_is_imported_at_its_first_use(path):
    names = imported(path, at_import_time=True)
    assert [name for name in names if name.startswith(f"{PACKAGE}.{STAGING}.")] == []


def test_arrows_are_checked_for_every_module():
    checked = {*modules_of(*PACKAGES, "local"), ROOT / "__init__.py"}
    assert checked == set(MODULES)


def test_file_names_are_shared_only_by_the_same_noun_on_different_layers():
    names = Counter(path.name for path in MODULES)
    assert {name for name, times in names.items() if times > 1} <= SHARED_NAMES
