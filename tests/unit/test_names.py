"""Names of tests: short enough to read in a report."""

import ast
from pathlib import Path

TESTS = Path(__file__).parent.parent
LONGEST_NAME = 72


def test_no_test_name_is_longer_than_72_characters():
    functions = (
        node
        for path in TESTS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )
    assert [node.name for node in functions if len(node.name) > LONGEST_NAME] == []
