"""Run the tests on other versions of Airflow and Python, each in an environment of its own.

``make test-matrix`` runs every row: unit and integration tests; system and browser tests on the newest Python of each
Airflow.
A row is named like ``3.1-py3.13``; its pins are in ``constraints/``.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
# For each file of pins the oldest and the newest Python that its Airflow takes, of those that this package takes.
PYTHONS = {
    "floor": ("3.11",),
    "2.11": ("3.11", "3.12"),
    "3.0": ("3.11", "3.12"),
    "3.1": ("3.11", "3.13"),
    "3.2": ("3.11", "3.13"),
    "3.3": ("3.11", "3.13"),
    "3.4": ("3.11", "3.13"),
}
# `make test` runs this one, on the Python that it finds.
NEWEST = "3.3"
# They use the REST API that Airflow 3 brought.
WITHOUT_SYSTEM_TESTS = ("floor", "2.11")
# The import view is there from Airflow 3.1 on.
WITHOUT_VIEW = ("3.0",)
COUNTS = re.compile(r"(\d+) (passed|failed|skipped|errors?)\b")


@dataclass(frozen=True)
class Row:
    """A version of Airflow on a version of Python."""

    airflow: str
    python: str

    def __str__(self) -> str:
        return f"{self.airflow}-py{self.python}"

    @property
    def constraints(self) -> Path:
        return REPO / "constraints" / f"{'' if self.airflow == 'floor' else 'airflow-'}{self.airflow}.txt"

    @property
    def suites(self) -> tuple[str, ...]:
        with_system = self.python == PYTHONS[self.airflow][-1] and self.airflow not in WITHOUT_SYSTEM_TESTS
        with_view = with_system and self.airflow not in WITHOUT_VIEW
        return ("unit", "integration", *(["system"] if with_system else []), *(["browser"] if with_view else []))

    def build(self) -> Path:
        """Its environment's Python; the environment is built unless it is there already."""
        environment = REPO / ".venv-matrix" / str(self)
        python, ready = environment / "bin" / "python", environment / "ready"
        made_of = "\n".join(path.read_text() for path in (self.constraints, REPO / "pyproject.toml"))
        if not ready.exists() or ready.read_text() != made_of:
            uv = str(Path(sys.executable).with_name("uv"))
            create = ["venv", "--quiet", "--clear", "--python", interpreter(self.python), environment]
            install = ["pip", "install", "--quiet", "--compile-bytecode", "--python", python]
            groups = ["dev", "browser"] if "browser" in self.suites else ["dev"]
            of_groups = [argument for group in groups for argument in ("--group", group)]
            what = ["--constraint", self.constraints, "--editable", ".[local]", *of_groups]
            subprocess.run([uv, *create], check=True)
            subprocess.run([uv, *install, *what], cwd=REPO, check=True)
            ready.write_text(made_of)
        return python

    def run(self, suite: str) -> tuple[bool, str]:
        """Whether the tests of a suite pass, and their counts and seconds."""
        # Those with a browser share one Airflow.
        processes = [] if suite == "browser" else ["--numprocesses", "2", "--dist", "loadfile"]
        command = [self.build(), "-m", "pytest", "-q", "-p", "no:cacheprovider", *processes, f"tests/{suite}"]
        began = time.monotonic()
        process = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert process.stdout
        last = ""
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line if COUNTS.search(line) else last
        counts = ", ".join(f"{number} {what}" for number, what in COUNTS.findall(last))
        return process.wait() == 0, f"{counts or 'no result'}, {time.monotonic() - began:.0f} s"


ROWS = [Row(airflow, python) for airflow, pythons in PYTHONS.items() for python in pythons]


def interpreter(version: str) -> str:
    """A Python of this version: from the path, else from pyenv.

    :raises LookupError: there is none on this machine.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for found in (shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True)):
        # What pyenv puts on the path may be a shim of a version that is not switched on.
        if found and subprocess.run([found, "-V"], capture_output=True, check=False).returncode == 0:
            return str(found)
    raise LookupError(f"no Python {version} on this machine")


def in_turn(day: int) -> Row:
    """The row of this day, of those that neither `make test` nor the floor tests run."""
    others = [row for row in ROWS if row.airflow not in (NEWEST, "floor")]
    return others[day % len(others)]


def main() -> int:
    """Run the rows and print a table; the exit code is 0 if all of their tests pass."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rows", nargs="*", help=f"some of {', '.join(map(str, ROWS))}; all if none is given")
    parser.add_argument("--in-turn", action="store_true", help="one row, another one each day")
    parser.add_argument("--suites", help="folders below tests/, separated by commas (those that belong to a row)")
    options = parser.parse_args()
    rows = [row for row in ROWS if str(row) in options.rows] if options.rows else ROWS
    if unknown := set(options.rows) - set(map(str, rows)):
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(map(str, ROWS))}")
    if options.in_turn:
        rows = [in_turn(datetime.now(UTC).timetuple().tm_yday)]
    table, passed = [], True
    for row in rows:
        for suite in options.suites.split(",") if options.suites else row.suites:
            print(f"\n=== {row}: {suite} tests", flush=True)
            try:
                good, result = row.run(suite)
            except LookupError as error:
                good, result = False, str(error)
            table.append(f"{row!s:12} {suite:12} {'passed' if good else 'FAILED'}: {result}")
            passed &= good
    print("\n" + "\n".join(table))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
