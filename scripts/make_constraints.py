"""Pin everything that tests, demo and scripts install, for each supported Airflow, in ``constraints/``.

Each file holds for all supported Pythons, and pins the newest versions that its Airflow takes, but for the known
breakages below. ``floor.txt`` pins the lower bounds that pyproject.toml declares instead. ``make constraints`` makes
all of them; arguments such as ``airflow-3.3`` choose some.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
FOLDER = REPO / "constraints"
PROJECT = REPO / "pyproject.toml"
OLDEST_PYTHON = "3.11"
GROUPS = ("dev", "celery", "browser")
# Groups of environments of their own, each with its own file.
GROUPS_APART = ("docs", "dist")
# What builds the environments, and the package in them.
TOOLS = ("pip", "flit_core>=3.12,<5")
# Upper bounds that a version of Airflow needs and does not declare itself; without them it installs and does not work.
AIRFLOWS: dict[str, tuple[str, ...]] = {
    # Newer ones: `files_from` lists nothing.
    "airflow-2.11": ("apache-airflow==2.11.*", "universal-pathlib<0.3"),
    # Newer ones: the Execution API answers 422 (FastAPI), or 500 (PyJWT), and `files_from` lists nothing.
    "airflow-3.0": ("apache-airflow==3.0.*", "fastapi<0.117", "cadwyn<6", "pyjwt<2.11", "universal-pathlib<0.3"),
    "airflow-3.1": ("apache-airflow==3.1.*",),
    # Newer ones: pydantic "needs a discriminator field" (FastAPI), "no attribute svcs_registry" (svcs).
    "airflow-3.2": ("apache-airflow==3.2.*", "fastapi<0.137", "cadwyn<8", "svcs<26"),
    "airflow-3.3": ("apache-airflow==3.3.*",),
    # The final version, or its newest pre-release as long as there is none.
    "airflow-3.4": ("apache-airflow>=3.4.0b1,<3.5",),
}
# NumPy 1.26 and scikit-learn 1.5 are the last that go with each other and with these lower bounds.
FLOOR = ("scikit-learn<1.6", "universal-pathlib<0.3")


def lower_bounds() -> tuple[str, ...]:
    """Exactly the versions that pyproject.toml declares as lower bounds."""
    project = tomllib.loads(PROJECT.read_text())["project"]
    requirements = [*project["dependencies"], *project["optional-dependencies"]["local"]]
    return tuple(requirement.partition(",")[0].replace(">=", "==") for requirement in requirements)


def pins(name: str, requirements: tuple[str, ...]) -> str:
    """The pins of everything that is installed together with these requirements."""
    options = ["--universal", "--python-version", OLDEST_PYTHON, "--no-header", "--no-annotate", "--quiet"]
    groups = [argument for group in GROUPS for argument in ("--group", f"{PROJECT}:{group}")]
    resolved = subprocess.run(
        [_uv(), "pip", "compile", *options, *groups, "--extra", "local", str(PROJECT), "-"],
        input="\n".join([*requirements, *TOOLS]),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    header = f"# {', '.join(requirements)}\n# Made by `make constraints`.\n"
    return header + resolved.stdout


def pins_apart(group: str) -> str:
    """The pins of a group that is installed by itself, or beside what the newest Airflow's file pins."""
    newest = FOLDER / "airflow-3.3.txt"
    options = ["--universal", "--python-version", OLDEST_PYTHON, "--no-header", "--no-annotate", "--quiet"]
    resolved = subprocess.run(
        [_uv(), "pip", "compile", *options, "--constraint", str(newest), "--group", f"{PROJECT}:{group}"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return f"# The group {group}\n# Made by `make constraints`.\n{resolved.stdout}"


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else shutil.which("uv") or "uv"


def main() -> int:
    """Write the files."""
    every = {**AIRFLOWS, "floor": (*lower_bounds(), *FLOOR)}
    unknown = set(sys.argv[1:]) - {*every, *GROUPS_APART}
    if unknown:
        there_are = ", ".join([*every, *GROUPS_APART])
        print(f"no such file: {', '.join(sorted(unknown))}; there are {there_are}", file=sys.stderr)
        return 2
    for name in sys.argv[1:] or [*every, *GROUPS_APART]:
        found = pins_apart(name) if name in GROUPS_APART else pins(name, every[name])
        (FOLDER / f"{name}.txt").write_text(found)
        print(f"constraints/{name}.txt")
    return 0


if __name__ == "__main__":
    sys.exit(main())
