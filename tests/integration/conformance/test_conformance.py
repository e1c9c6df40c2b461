"""Each rule of Milvus's REST API that the local Milvus keeps, one test each; see docs/conformance.md."""

import pytest
from harness import Servers, holds, show_answer, show_expected
from rows import ROWS


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with Servers(tmp_path_factory.mktemp("conformance")) as servers:
        yield servers


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_rule_holds(servers, row):
    expected, answer = servers.run(row)
    assert holds(expected, answer), f"expected {show_expected(expected)}, got {show_answer(expected, answer)}"


def test_rows_have_names_of_their_own():
    assert len({row.id for row in ROWS}) == len(ROWS)
