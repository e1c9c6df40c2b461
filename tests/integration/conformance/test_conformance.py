"""Each rule of Milvus's REST API that the local Milvus keeps, one test each; see docs/conformance.md."""

from pathlib import Path

import pytest
from harness import Servers, holds, show_expected, show_response, shown_rule, table_line
from rows import ROWS

DOCUMENT = Path(__file__).parents[3] / "docs" / "conformance.md"


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with Servers(tmp_path_factory.mktemp("conformance")) as servers:
        yield servers


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_rule_holds(servers, row):
    expected, response = servers.run(row)
    assert holds(expected, response), f"expected {show_expected(expected)}, got {show_response(expected, response)}"


def test_page_shows_these_rows_and_that_all_hold():
    page = DOCUMENT.read_text()
    rows = [table_line(*shown_rule(row)) for row in ROWS]
    assert [row for row in rows if row.rstrip("\n") not in page] == []
    assert f"{len(ROWS)} of {len(ROWS)} rules hold" in page


def test_rows_have_names_of_their_own():
    assert len({row.id for row in ROWS}) == len(ROWS)
