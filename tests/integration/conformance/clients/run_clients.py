"""Run real clients, each in an environment of its own, against local servers of the versions they are made for.

The environments lie in `.conformance/` and are built once. A client that cannot be installed, since there is no Node or
no package index, is left out, and its row says so.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from airflow_provider_milvus.local import LocalMilvus

DOCUMENT = Path(__file__).parents[4] / "docs" / "conformance.md"
SECTION = """
## Real clients

What a user does with a client of its own version, step by step, each in an environment of its own; `make conformance`
runs them again (`tests/integration/conformance/clients/`).

| client | Milvus | steps that succeed | others |
| --- | --- | --- | --- |
"""
HERE = Path(__file__).parent
ENVIRONMENTS = Path(__file__).parents[4] / ".conformance"
# Clients of pymilvus, and the Milvus that each is used with.
PYMILVUS = {"2.4.15": "2.4", "2.5.18": "2.5", "2.6.17": "2.6", "3.0.2": "3.0"}
NODE_PACKAGE, NODE_SERVER = "@zilliz/milvus2-sdk-node", "3.0"
ZILLIZ_CLI, ZILLIZ_CLUSTER = "zilliz-cli==1.0.2", "in01-local0000000000"
# What pymilvus's bulk writer needs: an extra, which older versions spell otherwise. With pandas 3 it writes texts of a
# type that no cluster takes.
WRITER = ("setuptools<81", "pandas<3", "pyarrow", "minio", "azure-storage-blob", "requests", "ml_dtypes")
BUILD_SECONDS, RUN_SECONDS = 900, 300


@dataclass(frozen=True)
class Result:
    """What a client did; `steps` has None for a step that succeeded, else what went wrong."""

    client: str
    server: str
    steps: dict[str, str | None] = field(default_factory=dict)
    missing: str = ""

    @property
    def failed(self) -> list[str]:
        return [f"{name}: {error}" for name, error in self.steps.items() if error is not None]

    def line(self) -> str:
        """The row of the page."""
        steps = self.missing or f"{len(self.steps) - len(self.failed)} of {len(self.steps)}"
        return f"| {self.client} | {self.server} | {steps} | {'; '.join(self.failed).replace('|', '/') or '-'} |\n"


def run_all() -> list[Result]:
    """The results of all clients."""
    results = [_result(f"pymilvus {version}", server, _pymilvus, version) for version, server in PYMILVUS.items()]
    zilliz = _result(ZILLIZ_CLI.replace("==", " "), NODE_SERVER, _zilliz_cli, cluster=ZILLIZ_CLUSTER)
    return [*results, _result(NODE_PACKAGE, NODE_SERVER, _node), zilliz]


def _result(client: str, server: str, command: object, *arguments: str, cluster: str | None = None) -> Result:
    try:
        line = command(*arguments)  # type: ignore[operator]
    except (OSError, subprocess.SubprocessError) as error:
        return Result(client, server, missing=f"not installed: {type(error).__name__}")
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalMilvus(Path(folder), milvus_version=server, zilliz_cluster=cluster) as milvus,
    ):
        done = subprocess.run(
            [*line, milvus.uri, str(milvus.bucket)],
            cwd=ENVIRONMENTS / "node" if line[0] == "node" else None,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
        )
    try:
        found = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return Result(client, server, {"run": (done.stderr or done.stdout)[-300:].replace("\n", " ")})
    return Result(client, server, found["steps"])


def _pymilvus(version: str) -> list[str]:
    return [_python_of(f"pymilvus-{version}", f"pymilvus=={version}", *WRITER), str(HERE / "use_pymilvus.py")]


def _zilliz_cli() -> list[str]:
    return [_python_of("zilliz-cli", ZILLIZ_CLI), str(HERE / "use_zilliz_cli.py")]


def _python_of(name: str, *packages: str) -> str:
    """The Python of an environment with these packages, which is built where there is none."""
    folder = ENVIRONMENTS / name
    python = str(folder / "bin" / "python")
    if not (folder / "ready").exists():
        _build(sys.executable, "-m", "venv", "--clear", str(folder))
        _build(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)
        (folder / "ready").touch()
    return python


def _node() -> list[str]:
    folder = ENVIRONMENTS / "node"
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise FileNotFoundError("node")
    if not (folder / "node_modules" / NODE_PACKAGE).exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}")
        _build("npm", "install", "--silent", "--no-audit", "--prefix", str(folder), NODE_PACKAGE)
    return ["node", str(HERE / "use_node.mjs")]


def _build(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=BUILD_SECONDS)


if __name__ == "__main__":
    found = run_all()
    lines = "".join(result.line() for result in found)
    DOCUMENT.write_text(DOCUMENT.read_text().split(SECTION)[0] + SECTION + lines)
    print(lines, end="")
    sys.exit(any(result.failed for result in found))
