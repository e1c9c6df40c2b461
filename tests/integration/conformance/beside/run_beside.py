"""Do the same things on a real Milvus, the wheel `milvus`, and on the local one, and compare what comes of them.

The wheel is a standalone Milvus 2.3.5 with everything in it. It listens on all addresses and on fixed ports, so both
servers run in a network namespace of their own. Where there is none, or no package index, the page says so.
"""

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from cases import Server, all_cases, outcome, prepare
from known import KNOWN
from pymilvus import MilvusClient

from airflow_provider_milvus.local import LocalMilvus

PACKAGES = ("milvus==2.3.5",)
HOME = Path(__file__).parents[4]
ENVIRONMENT, DOCUMENT = HOME / ".conformance" / "milvus-2.3.5", HOME / "docs" / "conformance.md"
MARK, START_SECONDS, BUILD_SECONDS = "INSIDE_NAMESPACE", 180, 900
REAL, HEALTH = "http://127.0.0.1:19530", "http://127.0.0.1:9091/healthz"
TITLE = "\n## Beside a real Milvus\n"
TEXT = """
The same things done on Milvus 2.3.5 and on the local Milvus: filters, indexes, aliases, names, and what a REST insert
makes of a value. `make conformance` runs them again (`tests/integration/conformance/beside/`).

"""
HEAD = """| case | Milvus 2.3.5 | the local Milvus | why |
| --- | --- | --- | --- |
"""


def main() -> int:
    """Compare, and write the section of the page; the exit code is 1 for a difference that is not known."""
    if MARK not in os.environ:
        return _in_namespace()
    # It logs a traceback of each refusal.
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
    differences = list(compare())
    unknown = [one for one in differences if one[0] not in KNOWN]
    for name, real, ours in unknown:
        print(f"{name}: Milvus {real!r}, local {ours!r}")
    stale = KNOWN.keys() - {name for name, *_ in differences}
    print(*(f"no difference any more: {name}" for name in sorted(stale)), sep="\n")
    number = sum(1 for _ in all_cases())
    print(f"{number - len(differences)} of {number} are alike, {len(differences) - len(unknown)} differ as known")
    _write(number, differences)
    return bool(unknown or stale)


def compare() -> list[tuple[str, object, object]]:
    """Name and both outcomes of each case that differs."""
    found = []
    with tempfile.TemporaryDirectory() as folder, _real(Path(folder)) as real, _local(Path(folder)) as local:
        for server in (real, local):
            prepare(server)
        for case in all_cases():
            theirs, ours = outcome(case, real), outcome(case, local)
            # By what they are shown as: a NaN is not equal to itself.
            if repr(theirs) != repr(ours):
                found.append((case.name, theirs, ours))
    return found


def _in_namespace() -> int:
    try:
        _build()
        enter = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
        subprocess.run([*enter, "ip", "link", "set", "lo", "up"], check=True, capture_output=True)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"left out: {type(error).__name__}")
        return 0
    inside = f"ip link set lo up && exec {sys.executable} {Path(__file__)}"
    return subprocess.run([*enter, "sh", "-c", inside], env={**os.environ, MARK: "1"}).returncode


def _build() -> None:
    if not (ENVIRONMENT / "ready").exists():
        python = str(ENVIRONMENT / "bin" / "python")
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)],
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES],
        ):
            subprocess.run(command, check=True, capture_output=True, timeout=BUILD_SECONDS)
        (ENVIRONMENT / "ready").touch()


@contextmanager
def _real(folder: Path):
    command = [str(ENVIRONMENT / "bin" / "milvus-server"), "--data", str(folder / "milvus")]
    with (folder / "milvus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _is_healthy():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "milvus.log").read_text(errors="replace")[-2000:])
            time.sleep(0.5)
        yield Server(MilvusClient(REAL), REAL, "/v1/vector/insert", 200)
    finally:
        process.terminate()
        process.wait(timeout=60)
        shutil.rmtree(folder / "milvus", ignore_errors=True)


def _is_healthy() -> bool:
    try:
        with urllib.request.urlopen(HEALTH, timeout=2) as response:
            return bool(response.read() == b"OK")
    except OSError:
        return False


@contextmanager
def _local(folder: Path):
    with LocalMilvus(folder / "local", milvus_version="2.4") as milvus:
        yield Server(MilvusClient(milvus.uri), milvus.uri, "/v2/vectordb/entities/insert", 0)


def _write(number: int, differences: list[tuple[str, object, object]]) -> None:
    before, _, after = DOCUMENT.read_text().partition(TITLE)
    # What other scripts have written behind it stays.
    rest = after[after.index("\n## ") :] if "\n## " in after else ""
    lines = "".join(
        "| " + " | ".join(_cell(one) for one in (name, real, ours, KNOWN.get(name, "**not known**"))) + " |\n"
        for name, real, ours in differences
    )
    count = f"{number - len(differences)} of {number} are alike.\n\n"
    DOCUMENT.write_text(before + TITLE + TEXT + count + HEAD + lines + rest)


def _cell(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text.replace("|", "\\|").replace("\n", " ")[:120]


if __name__ == "__main__":
    sys.exit(main())
