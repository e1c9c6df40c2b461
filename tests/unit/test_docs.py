"""The documents: their code can be read, what it imports exists, and their links lead somewhere."""

import ast
import importlib
import re
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

from airflow_provider_milvus.get_provider_info import get_provider_info

REPO = Path(__file__).parents[2]
PAGES = sorted([*REPO.glob("*.md"), *(REPO / "docs").rglob("*.md")])
CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
REPOSITORY = "https://github.com/airflow-provider-milvus/airflow-provider-milvus/blob/main/"


def by_name(path):
    return str(path.relative_to(REPO))


def without_code(text):
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_code_of_a_page_can_be_read_and_imports_what_exists(page):
    for code in CODE.findall(page.read_text()):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("airflow_provider_milvus"):
                try:
                    module = importlib.import_module(node.module)
                except AirflowOptionalProviderFeatureException:  # of a newer Airflow
                    continue
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_links_of_a_page_lead_somewhere(page):
    links = LINK.findall(without_code(page.read_text()))
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (page.parent / link).exists()] == []
    ours = [link.removeprefix(REPOSITORY) for link in links if link.startswith(REPOSITORY)]
    assert [link for link in ours if not (REPO / link).exists()] == []


@pytest.mark.parametrize("kind", ["operators", "sensors", "triggers", "hooks"])
def test_reference_has_every_module_that_airflow_discovers(kind):
    text = (REPO / "docs" / "reference" / f"{kind}.rst").read_text().split()
    assert [name for entry in get_provider_info()[kind] for name in entry["python-modules"] if name not in text] == []
