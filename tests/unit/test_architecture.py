"""Imports run one way: what users touch -> hooks -> imports -> rest; the local Milvus stands apart."""

import ast
from pathlib import Path

import pytest

import airflow_provider_milvus

PACKAGE = "airflow_provider_milvus"
ROOT = Path(airflow_provider_milvus.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
CLIENT = [path for path in MODULES if path.relative_to(ROOT).parts[0] != "local"]
HEAVY = ("requests", "urllib3", "httpx", "openlineage", "pyarrow", "flask_appbuilder", "wtforms")
# Rooms from the inside out; a room may import those before it, and its own modules.
ROOMS = (
    "rest",
    "imports",
    "exceptions",
    "hooks",
    "assets",
    "triggers",
    "operators",
    "sensors",
    "blue_green",
    "get_provider_info",
)


def modules_of(*rooms):
    return [path for path in MODULES if path.relative_to(ROOT).with_suffix("").parts[0] in rooms]


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


def rooms_of(names):
    parts = (name.split(".") for name in names)
    return {part[1] for part in parts if part[0] == PACKAGE and len(part) > 1}


def by_path(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", modules_of("rest", "imports"), ids=by_path)
def test_inner_rooms_know_neither_airflow_nor_an_http_library(path):
    roots = {name.split(".")[0] for name in imported(path)}
    assert roots.isdisjoint({"airflow", *HEAVY})


@pytest.mark.parametrize("path", modules_of(*ROOMS), ids=by_path)
def test_room_imports_only_rooms_further_in(path):
    room = path.relative_to(ROOT).with_suffix("").parts[0]
    inner = ROOMS[: ROOMS.index(room) + 1]
    assert rooms_of(imported(path)) - {"__version__"} <= set(inner)


@pytest.mark.parametrize("path", CLIENT, ids=by_path)
def test_nothing_of_the_client_imports_the_local_milvus(path):
    assert "local" not in rooms_of(imported(path))


@pytest.mark.parametrize("path", modules_of("local"), ids=by_path)
def test_local_milvus_imports_nothing_of_the_client(path):
    assert rooms_of(imported(path)) <= {"local", "__version__"}


@pytest.mark.parametrize("path", CLIENT, ids=by_path)
def test_heavy_libraries_are_imported_where_they_are_needed(path):
    roots = {name.split(".")[0] for name in imported(path, at_import_time=True)}
    assert roots.isdisjoint(HEAVY)


def test_arrows_are_checked_for_every_module():
    checked = {*modules_of(*ROOMS, "local"), ROOT / "__init__.py"}
    assert checked == set(MODULES)
