"""Run every row against real local servers and write docs/conformance.md."""

import sys
import tempfile
from collections import Counter
from pathlib import Path

from deviations import DEVIATIONS, JUDGED
from harness import SOURCES, Servers, holds, kind_of_source, show_response, shown_rule, table_line
from rows import ROWS

DOCUMENT = Path(__file__).parents[3] / "docs" / "conformance.md"
INTRODUCTION = """\
# The local Milvus against the rules of Milvus's REST API

{held} of {all} rules hold. Each row was sent to a running local Milvus, and its response compared with what the
reference demands; `make conformance` runs them again and writes this page, and the tests run each of them too. The
sections are those of the reference for `/v2/vectordb`, which was made from the sources, tests and documents of Milvus
2.4 to 3.0.
The column *source* says where an expectation comes from. A bare file name lies in
`internal/distributed/proxy/httpserver` of `milvus-io/milvus`; `@` names a branch other than master. Rows marked
**our reading** rest on the reference alone: nobody else has confirmed them.

{sources}

In the last two columns stands the code (0 is a success), then data, or texts that the message must have; what is in
braces with `…` may have more, `<int>` is any of that type, `/…/` a pattern. All responses are HTTP 200 unless the case
names another status, and all servers are Milvus 3.0 unless the case names another.
"""
DIFFERENCES = """
## Known deviations

What the reference says and the local Milvus does not do; [local-milvus.md](local-milvus.md) has more on what this
means in practice.

| section | a cluster | the local Milvus | reason |
| --- | --- | --- | --- |
"""
TESTS = """
## Milvus's own tests

Run against the local Milvus by hand, with Milvus's tests of August 2026.

| tests | pass | the others |
| --- | --- | --- |
"""
HEAD = """
## {title}

| row | section | source | route | case | expected | got |
| --- | --- | --- | --- | --- | --- | --- |
"""
TITLES = {
    "rows_transport": "Routes, headers and status",
    "rows_binding": "Binding",
    "rows_create": "Creating imports",
    "rows_jobs": "Describing, listing and ending imports",
    "rows_privileges": "Privileges",
    "rows_versions": "Older versions",
    "rows_collections": "Collections",
    "rows_metadata": "Indexes, partitions, aliases and databases",
    "rows_entities": "Entities",
    "rows_refused": "Names, schemas and default values that a cluster refuses",
    "rows_settings": "Settings, indexes and search parameters that a cluster acts on",
}


def counted_sources() -> str:
    """A table of how many rows come from where."""
    counts = Counter(kind_of_source(row.source) for row in ROWS)
    lines = "".join(table_line(kind, str(counts[kind])) for kind in SOURCES)
    return f"| where an expectation comes from | rows |\n| --- | --- |\n{lines}".rstrip()


def main() -> int:
    """Write the page; the exit code is 1 when a row does not hold."""
    tables, failed = [], []
    with tempfile.TemporaryDirectory() as folder, Servers(Path(folder)) as servers:
        for module, title in TITLES.items():
            tables.append(HEAD.format(title=title))
            for row in sys.modules[module].ROWS:
                expected, response = servers.run(row)
                got = f"`{show_response(expected, response)}`"
                if not holds(expected, response):
                    failed.append(row.id)
                    got = f"**does not hold:** {got}"
                tables.append(table_line(*shown_rule(row), got))
    page = INTRODUCTION.format(held=len(ROWS) - len(failed), all=len(ROWS), sources=counted_sources())
    page += "".join(tables)
    page += DIFFERENCES + "".join(table_line(*one) for one in DEVIATIONS)
    DOCUMENT.write_text(page + TESTS + "".join(table_line(*one) for one in JUDGED))
    print(f"{len(ROWS) - len(failed)} of {len(ROWS)} rules hold", *failed, sep="\n")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
