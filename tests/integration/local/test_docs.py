"""The tests that the documents show pass."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "scripts"))

from docs_code import PAGES, python_blocks

SHOWN = [(page.name, code) for page in PAGES for code in python_blocks(page) if "LocalMilvus(" in code]


@pytest.mark.parametrize("code", [pytest.param(code, id=name) for name, code in SHOWN])
def test_tests_that_a_page_shows_pass(code, tmp_path):
    names = {}
    exec(compile(code, "docs", "exec"), names)
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert tests
    for test in tests:
        test(tmp_path)
