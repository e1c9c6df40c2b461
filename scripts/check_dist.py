"""Build the wheel and the source archive in ``dist/``, and check them as users will have them (``make dist``).

Checked are the descriptions that a package index shows, the files of both archives, and, with the wheel installed
without its extras in an empty environment: every module can be imported, Airflow discovers the provider, and a DAG of a
user type-checks under mypy and pyright, as does under mypy all Python of README and documents.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

import docs_code

REPO = Path(__file__).resolve().parent.parent
DIST = REPO / "dist"
PACKAGE = "airflow_provider_milvus"
NEWEST = REPO / "constraints" / "airflow-3.3.txt"
TOOLS = REPO / "constraints" / "dist.txt"
TYPED = REPO / "tests" / "typing" / "user_dag.py"
# What needs the extras; the rest of the package must do without.
OF_THE_EXTRAS = ("local", "example_dags", "staging")
UNWANTED = ("__pycache__", ".pyc", "tests/", "benchmarks/", ".venv")
SOURCE_ONLY = ("PKG-INFO", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md")
IMPORT_ALL = f"""
import importlib, pkgutil, {PACKAGE}
names = [module.name for module in pkgutil.walk_packages({PACKAGE}.__path__, "{PACKAGE}.", onerror=lambda name: None)]
names = [name for name in names if name.split(".")[1] not in {OF_THE_EXTRAS}]
for name in names:
    importlib.import_module(name)
print(len(names), "modules imported")
"""
DISCOVERED = """
from airflow.providers_manager import ProvidersManager
provider = ProvidersManager().providers["airflow-provider-milvus"]
assert [one["connection-type"] for one in provider.data["connection-types"]] == ["milvus"]
print("discovered", provider.version)
"""


def build() -> tuple[Path, Path]:
    """The wheel and the source archive, freshly built."""
    shutil.rmtree(DIST, ignore_errors=True)
    run(uv(), "build", "--quiet", "--no-create-gitignore", "--out-dir", str(DIST), str(REPO))
    (wheel,), (source,) = DIST.glob("*.whl"), DIST.glob("*.tar.gz")
    return wheel, source


def check_files(wheel: Path, source: Path) -> None:
    """Fail unless both archives hold each file of the package and nothing else.

    :raises ValueError: naming what is missing, or what should not be there.
    """
    tracked = subprocess.run(["git", "ls-files", PACKAGE], cwd=REPO, stdout=subprocess.PIPE, text=True, check=True)
    expected = set(tracked.stdout.splitlines())
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = {name for name in archive.namelist() if not name.split("/")[0].endswith(".dist-info")}
        metadata = {name.split("/", 1)[1] for name in archive.namelist()} - {name.split("/", 1)[1] for name in in_wheel}
    with tarfile.open(source) as archive:
        in_source = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    for archive_name, found in ((wheel.name, in_wheel), (source.name, in_source)):
        if missing := sorted(expected - found):
            raise ValueError(f"{archive_name} lacks {', '.join(missing[:10])}")
        if unwanted := sorted(name for name in found if any(part in name for part in UNWANTED)):
            raise ValueError(f"{archive_name} should not hold {', '.join(unwanted[:10])}")
    if more := sorted(in_wheel - expected):
        raise ValueError(f"{wheel.name} holds files that git does not track: {', '.join(more[:10])}")
    if missing := [name for name in SOURCE_ONLY if name not in in_source]:
        raise ValueError(f"{source.name} lacks {', '.join(missing)}")
    if "entry_points.txt" not in metadata or not any(name.endswith("LICENSE") for name in metadata):
        raise ValueError(f"{wheel.name} lacks its entry points or its licence")
    print(f"{len(in_wheel)} files in the wheel, {len(in_source)} in the source archive")


def check_installed(wheel: Path, source: Path, folder: Path) -> None:
    """Fail unless the wheel works in an empty environment, without its extras."""
    venv.create(folder / "venv", with_pip=True)
    python = str(folder / "venv" / "bin" / "python")
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    for pins in (NEWEST, TOOLS):
        pip += ("--constraint", str(pins))
    environment = {"AIRFLOW_HOME": str(folder / "airflow"), "PATH": "/usr/bin:/bin"}
    run(*pip, "pip", str(wheel))
    run(python, "-I", "-c", IMPORT_ALL, env=environment, cwd=folder)
    run(python, "-I", "-c", DISCOVERED, env=environment, cwd=folder)
    run(*pip, "--group", f"{REPO / 'pyproject.toml'}:dist")
    run(python, "-m", "twine", "check", "--strict", str(wheel), str(source))
    # Outside the repository, whose own settings and sources must not help.
    dag = shutil.copy(TYPED, folder / "dags.py")
    run(python, "-m", "mypy", "--strict", str(dag), cwd=folder)
    (shown := folder / "shown").mkdir()
    # What they use besides Airflow and this package is not installed here.
    run(python, "-m", "mypy", "--strict", "--ignore-missing-imports", *map(str, docs_code.write(shown)), cwd=folder)
    run(python, "-m", "pyright", "--pythonpath", python, str(dag), cwd=folder)


def check_version(wheel: Path) -> None:
    """Fail unless the changelog knows the version.

    :raises ValueError: where it does not.
    """
    version = wheel.name.split("-")[1]
    if f"## [{version}]" not in (REPO / "CHANGELOG.md").read_text():
        raise ValueError(f"CHANGELOG.md has no section for {version}")


def run(*command: str, **options: object) -> None:
    """Run a command; its failure ends the script."""
    subprocess.run(command, check=True, **options)  # type: ignore[call-overload]


def uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else shutil.which("uv") or "uv"


def main() -> int:
    """Build and check."""
    try:
        wheel, source = build()
        check_version(wheel)
        check_files(wheel, source)
        with tempfile.TemporaryDirectory() as folder:
            check_installed(wheel, source, Path(folder))
    except (ValueError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"Ready: dist/{wheel.name}, dist/{source.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
