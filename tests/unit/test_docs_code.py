"""The code of README, documents and docstrings runs, and every command in them is one that there is."""

import importlib
import json
import pkgutil
import re
import sys
import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
from airflow.models.connection import Connection
from airflow.providers.common.compat.sdk import DAG, AirflowOptionalProviderFeatureException, task

import airflow_provider_milvus
from airflow_provider_milvus import cli
from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.local.__main__ import _parser as local_parser
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.operators.collection import MilvusLoadCollectionOperator

REPO = Path(__file__).parents[2]
sys.path.insert(0, str(REPO / "scripts"))

from docs_code import PAGES, blocks, commands, docstring_blocks, python_blocks  # noqa: E402

PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
# Blocks that name no language are texts: output of programs, and drawings.
TEXTS = {"architecture.md", "staging.md"}
# What needs a server is run by tests/integration/local/test_docs.py.
SERVER = "LocalMilvus("


def by_name(path):
    return str(path.relative_to(REPO))


def run(code, **names):
    """Run code as the contents of a DAG file; what a newer Airflow has is left to that."""
    with suppress(AirflowOptionalProviderFeatureException), DAG("of_the_docs"):
        exec(compile(code, "docs", "exec"), names)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=by_name)
def test_python_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "milvus" / "bucket").mkdir(parents=True)
    for code in python_blocks(page):
        if SERVER not in code:
            run(code)


def documented():
    """Everything public that has code in its docstring."""
    for module in pkgutil.walk_packages(airflow_provider_milvus.__path__, "airflow_provider_milvus."):
        if module.name.split(".")[1] in ("operators", "decorators", "task_groups", "sensors", "triggers", "hooks"):
            with suppress(AirflowOptionalProviderFeatureException):
                for value in vars(importlib.import_module(module.name)).values():
                    if getattr(value, "__module__", "") == module.name and docstring_blocks(value):
                        yield pytest.param(value, id=value.__name__)


@pytest.mark.parametrize("value", list(documented()))
def test_code_of_a_docstring_runs(value):
    names = {**vars(sys.modules[value.__module__]), "task": task, "MilvusBulkImportOperator": MilvusBulkImportOperator}
    with DAG("of_the_docs"):
        names["import_files"] = MilvusBulkImportOperator(task_id="import_files", collection_name="c", files=["a.json"])
        names["commit"] = MilvusLoadCollectionOperator(task_id="commit", collection_name="c")
        for code in docstring_blocks(value):
            exec(compile(code, value.__name__, "exec"), names)


def test_every_block_of_the_pages_is_python_shell_json_or_a_text():
    languages = {language for page in PAGES for language in re.findall(r"^```([a-z]+)$", page.read_text(), re.M)}
    assert languages <= {"python", "sh", "json"}
    assert {page.name for page in PAGES if blocks(page, "")} <= TEXTS


def test_json_of_the_pages_can_be_read():
    for page in PAGES:
        assert all(json.loads(code) for code in blocks(page, "json"))


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "sh")], ids=by_name)
def test_commands_of_a_page_exist(page):
    for words in commands(page):
        check(words)


def check(words):
    """Fail unless a command is one of this project, with arguments that it takes."""
    while words and re.match(r"\w+=", words[0]):
        words = words[1:]
    match words:
        case [] | ["echo" | "jq" | "./serve.sh", *_] | [".", "venv/bin/activate"] | ["python3", "-m", "venv", "venv"]:
            pass
        case ["export", *variables]:
            for name, value in (variable.split("=", 1) for variable in variables):
                check_variable(name, value)
        case ["pip", "install", *packages]:
            for extra in re.findall(r"airflow-provider-milvus\[(\w+)\]", " ".join(packages)):
                assert extra in PROJECT["optional-dependencies"]
        case ["python", "-m", "airflow_provider_milvus.local", *arguments]:
            local_parser().parse_args(arguments)
        case ["airflow", "milvus", *arguments] | ["python", "-m", "airflow_provider_milvus", *arguments]:
            cli.parser().parse_args(arguments)
        case ["airflow", "db", "migrate"]:
            pass
        case ["airflow", "dags", "test", dag_id]:
            assert dag_id in dag_ids()
        case ["make", *targets]:
            makefile = (REPO / "Makefile").read_text()
            assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.M)] == []
        case ["python" | ".venv/bin/python" | ".venv/bin/pytest", file, *arguments]:
            assert (REPO / file).exists()
            source = (REPO / file).read_text()
            assert [one for one in arguments if one.startswith("--") and one not in source] == []
        case _:
            pytest.fail(f"nobody knows whether this exists: {' '.join(words)}")


def check_variable(name, value):
    if name == "AIRFLOW_CONN_MILVUS_DEFAULT":
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv(name, value)
            environment.setattr(Path, "is_file", lambda path: True)  # a CA of the reader's
            assert MilvusHook().settings
    elif name.startswith("AIRFLOW_CONN_"):
        assert Connection(**json.loads(value)).conn_type


def dag_ids():
    """The DAGs that the examples and the pages define."""
    texts = [path.read_text() for path in (*PAGES, *(REPO / "airflow_provider_milvus" / "example_dags").glob("*.py"))]
    return set(re.findall(r'DAG\(\s*"(\w+)"', "".join(texts)))
