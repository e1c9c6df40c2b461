"""Kill the worker of staged imports at random moments: every row is there once, and no staged file stays.

One import writes rows to files, the other copies files from elsewhere and rewrites some of them. The worker is a
process of its own, with a task state store in a file, or without one as before Airflow 3.3. It is killed with SIGKILL
until it succeeds. After each kill no file may be missing that a job still needs.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import pyarrow as pa
import pyarrow.parquet as pq
from conftest import SCHEMA

from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.local import LocalMilvus

ROWS, FILES = 20_000, 40
BATCH_ROWS = ROWS // FILES
# In which a try stages, and most of what it imports.
SECONDS = {"rows": 1.6, "copies": 1.6}


class FileStore:
    """A task state store that outlives its process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, key: str, default: Any = None) -> Any:
        return self._read().get(key, default)

    def set(self, key: str, value: Any) -> None:
        text = json.dumps({**self._read(), key: value})
        part = self._path.with_suffix(".part")
        part.write_text(text)
        part.replace(self._path)

    def _read(self) -> dict[str, Any]:
        return json.loads(self._path.read_text()) if self._path.exists() else {}


def write_source(folder: Path) -> None:
    """Files of which every second does not fit as it is."""
    folder.mkdir()
    for number in range(FILES):
        ids = range(number * BATCH_ROWS, (number + 1) * BATCH_ROWS)
        columns = {
            "id": pa.array(ids, pa.uint32() if number % 2 else pa.int64()),
            "vector": pa.array([[float(one), 1.0] for one in ids], pa.list_(pa.float32())),
        }
        pq.write_table(pa.table(columns), folder / f"{number:03}.parquet")


def _operator(options: argparse.Namespace) -> Any:
    from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
    from airflow_provider_milvus.operators.import_rows import MilvusRowsImportOperator
    from airflow_provider_milvus.staging.folder import Folder

    class RowsImport(MilvusRowsImportOperator):
        def rows(self, context: Any) -> Any:
            for start in range(0, ROWS, BATCH_ROWS):
                time.sleep(0.005)
                yield [{"id": n, "vector": [n, 1.0]} for n in range(start, start + BATCH_ROWS)]

    given: dict[str, Any] = {
        "task_id": "task",
        "collection_name": options.collection,
        "retries": 99,
        "poll_interval": 1,
        "stage_to": f"file://{options.bucket}/staging",
        "files_root": f"file://{options.bucket}",
    }
    if options.kind == "rows":
        return RowsImport(file_size=200_000, **given)
    original = Folder.open

    def slowly(folder: Folder, key: str, mode: str = "rb", **more: Any) -> Any:
        time.sleep(0.02)
        return original(folder, key, mode, **more)

    Folder.open = slowly  # type: ignore[method-assign]
    return MilvusBulkImportOperator(stage_from=f"file://{options.bucket}.elsewhere/*.parquet", cast="safe", **given)


def work(options: argparse.Namespace) -> None:
    """One try of the task."""
    ti = SimpleNamespace(
        dag_id="dag",
        task_id="task",
        run_id=options.collection,
        map_index=-1,
        try_number=options.attempt,
        max_tries=99,
        xcom_push=lambda key, value: None,
    )
    context: Any = {"ti": ti, **({"task_state_store": FileStore(options.store)} if options.store else {})}
    operator = _operator(options)
    print("begun", flush=True)
    operator.execute(context)


class Campaign:
    """A local Milvus, and the loads whose workers are killed."""

    def __init__(self, milvus: LocalMilvus, folder: Path, seed: int, kills: int) -> None:
        self.killed = 0
        self.wrong: list[str] = []
        self._milvus, self._folder, self._random, self._kills = milvus, folder, random.Random(seed), kills
        self._hook = MilvusHook()
        self._elsewhere = Path(f"{milvus.bucket}.elsewhere")
        write_source(self._elsewhere)

    def load(self, number: int, kind: str, with_store: bool) -> None:
        """One load, killed a few times until it succeeds."""
        name = f"{kind}_{number}"
        index = [{"fieldName": "vector", "metricType": "L2"}]
        self._hook.create_collection(name, schema=SCHEMA, index_params=index)
        command = [sys.executable, __file__, "--work", "--kind", kind, "--collection", name]
        command += ["--bucket", str(self._milvus.bucket)]
        command += ["--store", f"{self._folder}/store{number}.json"] if with_store else []
        before = self.killed
        for attempt in range(1, 99):
            # Without a store a retry waits for a create that may be late.
            wait = self._random.uniform(0, SECONDS[kind]) if attempt <= self._kills else 180
            errors = self._try([*command, "--attempt", str(attempt)], wait)
            if errors is None:
                self.killed += 1
                self._check_needed(name)
                continue
            if errors:
                self.wrong.append(f"{name}: {errors[-500:]}")
            break
        rows, left = self._hook.get_collection_stats(name), self._staged()
        completed = sum(job.state.value == "Completed" for job in self._hook.list_import_jobs(name))
        if (rows, completed, left) != (ROWS, 1, []):
            self.wrong.append(f"{name}: {rows:,} rows of {ROWS:,}, {completed} completed jobs, staged files {left}")
        if len(list(self._elsewhere.iterdir())) != FILES:
            self.wrong.append(f"{name}: files that were copied are gone")
        print(
            f"{name}, {'store' if with_store else 'no store'}: {rows:,} rows after {self.killed - before} kills, "
            f"{len(left)} staged files",
            flush=True,
        )

    def _try(self, command: list[str], wait: float) -> str | None:
        """The errors of a try, empty if it succeeded; ``None`` if it was killed."""
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in process.stdout or ():
            if line.strip() == "begun":
                break
        try:
            _, errors = process.communicate(timeout=wait)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return None
        return errors or "no output" if process.returncode else ""

    def _staged(self) -> list[str]:
        bucket = self._milvus.bucket
        return [path.relative_to(bucket).as_posix() for path in bucket.glob("staging/**/*") if path.is_file()]

    def _check_needed(self, name: str) -> None:
        """What an unfinished job reads, and what a manifest names for a retry, must be there: nobody removes it now."""
        states = {job.state.value for job in self._hook.list_import_jobs(name)}
        staged = self._staged()
        manifests = [self._milvus.bucket / key for key in staged if key.endswith("manifest.json")]
        if "Completed" in states:
            return
        if states and not manifests:
            self.wrong.append(f"{name}: jobs are {states}, and no file is staged")
        for manifest in manifests:
            if not (text := manifest.read_text()):
                continue
            missing = {key for keys in json.loads(text)["sets"] for key in keys} - set(staged)
            if missing:
                self.wrong.append(f"{name}: jobs are {states or 'none'}, and staged files are gone: {sorted(missing)}")


def run(kills: int, seed: int = 1, of_each: int = 3) -> Campaign:
    """Loads of each kind, with and without a store in turn, until so many workers were killed."""
    with tempfile.TemporaryDirectory() as folder, LocalMilvus(Path(folder) / "data") as milvus:
        os.environ["AIRFLOW_CONN_MILVUS_DEFAULT"] = f"milvus://127.0.0.1:{milvus.port}"
        campaign = Campaign(milvus, Path(folder), seed, of_each)
        kinds = itertools.cycle(itertools.product((True, True, False), ("rows", "copies")))
        for number, (with_store, kind) in enumerate(kinds):
            if campaign.killed >= kills or len(campaign.wrong) > 5:
                return campaign
            campaign.load(number, kind, with_store)
    raise AssertionError


def main() -> int:
    """Run the campaign; the exit code is 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=40, help="lower bound of the number of kills (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments (%(default)s)")
    for name in ("work", "kind", "collection", "bucket", "attempt", "store"):
        kind: Any = {"action": "store_true"} if name == "work" else {"type": int if name == "attempt" else str}
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS, **({"type": Path} if name == "store" else kind))
    options = parser.parse_args()
    if options.work:
        work(options)
        return 0
    campaign = run(options.kills, options.seed)
    print(f"{campaign.killed} kills, {len(campaign.wrong)} wrong")
    for line in campaign.wrong:
        print(f"  {line}")
    return 1 if campaign.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
