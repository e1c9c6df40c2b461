"""The code of README, documents and docstrings: the tests run it, and ``make dist`` type-checks it."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
PAGES = sorted([*REPO.glob("*.md"), *(REPO / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(\w*|\{[\w-]+\}[^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# The code of a docstring stands indented after a line that ends with two colons.
DOCSTRING_BLOCK = re.compile(r"(?:::|code-block:: python)\n\n((?: +.*\n|\n)+)")
IMPORT = (ast.Import, ast.ImportFrom)
SEPARATORS = {"&&", "||", "|", "&", ";"}


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in a language; ``""`` for those that name none."""
    return [code for named, code in BLOCK.findall(page.read_text()) if named == language]


def python_blocks(page: Path) -> list[str]:
    """The Python of a page, each block with what those before it import."""
    imports: list[str] = []
    found = []
    for code in blocks(page, "python"):
        found.append("\n".join([*imports, code]))
        imports += [ast.unparse(node) for node in ast.parse(code).body if isinstance(node, IMPORT)]
    return found


def docstring_blocks(value: object) -> list[str]:
    """The Python in the docstring of a class or function."""
    return [textwrap.dedent(code) for code in DOCSTRING_BLOCK.findall(f"{inspect.getdoc(value) or ''}\n")]


def commands(page: Path) -> Iterator[list[str]]:
    """The commands in the shell blocks of a page, each as its words, without redirections."""
    for code in blocks(page, "sh"):
        line = ""
        for part in code.splitlines():
            line += part
            try:
                words = _words(line)
            except ValueError:  # a quotation goes on in the next line
                line += "\n"
                continue
            if line.endswith("\\"):
                line = line[:-1]
                continue
            line = ""
            yield from _split(words)


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return list(lexer)


def _split(words: list[str]) -> Iterator[list[str]]:
    command: list[str] = []
    for word in [*words, ";"]:
        if word in SEPARATORS:
            if command:
                yield command[: command.index(">")] if ">" in command else command
            command = []
        else:
            command.append(word)


def write(folder: Path) -> list[Path]:
    """Write each Python block of the pages as a file of its own, for type checkers; return the files."""
    files = []
    for page in PAGES:
        for number, code in enumerate(python_blocks(page), 1):
            files.append(folder / f"{page.stem.replace('-', '_')}_{number}.py")
            files[-1].write_text(code)
    return files
