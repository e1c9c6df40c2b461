"""The documents: their links lead somewhere, nothing stands twice, and they name everything there is."""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from airflow_provider_milvus import exceptions
from airflow_provider_milvus.get_provider_info import get_provider_info

REPO = Path(__file__).parents[2]
sys.path.insert(0, str(REPO / "scripts"))

from docs_code import BLOCK, PAGES  # noqa: E402

LINK = re.compile(r"\]\(([^)\s]+)\)")
REPOSITORY = re.compile(
    r"https://(?:raw\.githubusercontent|github)\.com/[\w-]+/airflow-provider-milvus/(?:(?:blob|tree)/)?main/([^\s)\"'>#]*)"
)
SITE = re.compile(r"https://airflow-provider-milvus\.github\.io/airflow-provider-milvus/([^\s)\"'>`]*)")
# Generated, and of texts of others.
GENERATED = {"conformance.md", "CODE_OF_CONDUCT.md"}


def by_name(path):
    return str(path.relative_to(REPO))


def without_code(text):
    return BLOCK.sub("", text)


def anchors(page):
    """What the headings of a page are linked by, as GitHub and the site make it."""
    headings = re.findall(r"^#+ (.*)$", without_code(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def is_dead(path, anchor):
    return not path.exists() or bool(anchor and path.suffix == ".md" and anchor not in anchors(path))


def source_of(address):
    """The page that an address of the site is made from, and the anchor in it."""
    path, _, anchor = address.partition("#")
    page = REPO / "docs" / (path if path and not path.endswith("/") else f"{path}index.html")
    sources = [page.with_suffix(suffix) for suffix in (".md", ".rst")]
    return next((source for source in sources if source.exists()), page), anchor


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_links_of_a_page_lead_somewhere(page):
    links = [link for link in LINK.findall(without_code(page.read_text())) if not re.match(r"[a-z]+:", link)]
    parts = [link.partition("#") for link in links]
    dead = [f"{path}#{anchor}" for path, _, anchor in parts if is_dead(page.parent / path if path else page, anchor)]
    assert dead == []


def test_links_to_the_site_and_the_repository_lead_somewhere():
    names = subprocess.run(["git", "ls-files"], cwd=REPO, stdout=subprocess.PIPE, text=True, check=True).stdout
    dead = []
    for name in names.splitlines():
        path = REPO / name
        if path.is_symlink() or path.suffix not in {".md", ".rst", ".py", ".toml", ".yml", ".js", ".html"}:
            continue
        text = path.read_text()
        dead += [(name, link) for link in REPOSITORY.findall(text) if not (REPO / link).exists()]
        dead += [(name, link) for link in SITE.findall(text) if is_dead(*source_of(link))]
    assert dead == []


def test_no_page_repeats_another():
    places = defaultdict(set)
    for page in (REPO / "docs").rglob("*.md"):
        if page.name in GENERATED:
            continue
        for block in without_code(page.read_text()).split("\n\n"):
            lines = block.splitlines() if block.startswith("|") else [" ".join(block.split())]
            for line in lines:
                for sentence in [line] if block.startswith("|") else re.split(r"(?<=[.:]) ", line):
                    if len(sentence) > 60:
                        places[sentence].add(by_name(page))
        for language, code in BLOCK.findall(page.read_text()):
            if not language.startswith("{") and code.count("\n") > 1:
                places[code].add(by_name(page))
    assert {text: pages for text, pages in places.items() if len(pages) > 1} == {}


def test_no_code_of_an_example_is_shown_twice():
    shown = defaultdict(list)
    for page in (REPO / "docs").rglob("*.md"):
        for head, options in re.findall(r"^```\{literalinclude\} (\S+)\n(.*?)^```$", page.read_text(), re.M | re.S):
            start = re.search(r":start-after: (.*)", options)
            shown[Path(head).name, start and start[1]].append(by_name(page))
    assert {code: pages for code, pages in shown.items() if len(pages) > 1} == {}


@pytest.mark.parametrize("kind", ["operators", "sensors", "triggers", "hooks"])
def test_reference_has_every_module_that_airflow_discovers(kind):
    text = (REPO / "docs" / "reference" / f"{kind}.rst").read_text().split()
    assert [name for entry in get_provider_info()[kind] for name in entry["python-modules"] if name not in text] == []


def test_troubleshooting_has_every_exception_that_a_task_raises():
    text = (REPO / "docs" / "start" / "troubleshooting.md").read_text()
    own = [name for name, value in vars(exceptions).items() if getattr(value, "__module__", "") == exceptions.__name__]
    assert [name for name in own if name.startswith("Milvus") and f"`{name}`" not in text] == []
