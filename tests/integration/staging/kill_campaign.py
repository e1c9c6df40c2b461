"""Kill the worker of an import of rows at random moments: every row is there once, and no staged file stays.

The worker is a process of its own, with a task state store in a file, or without one as before Airflow 3.3. It is
killed with SIGKILL until it succeeds.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parent))

from conftest import SCHEMA

from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.local import LocalMilvus

ROWS, BATCH_ROWS = 20_000, 2_000


class FileStore:
    """A task state store that outlives its process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, key, default=None):
        return self._read().get(key, default)

    def set(self, key, value):
        text = json.dumps({**self._read(), key: value})
        part = self._path.with_suffix(".part")
        part.write_text(text)
        part.replace(self._path)

    def _read(self):
        return json.loads(self._path.read_text()) if self._path.exists() else {}


def work(options) -> None:
    """One try of the task."""
    from airflow_provider_milvus.operators.import_rows import MilvusRowsImportOperator

    class RowsImport(MilvusRowsImportOperator):
        def rows(self, context):
            for start in range(0, ROWS, BATCH_ROWS):
                time.sleep(0.02)
                yield [{"id": n, "vector": [n, 1.0]} for n in range(start, start + BATCH_ROWS)]

    ti = SimpleNamespace(
        dag_id="dag",
        task_id="task",
        run_id=options.run,
        map_index=-1,
        try_number=options.attempt,
        max_tries=99,
        xcom_push=lambda key, value: None,
    )
    context = {"ti": ti, **({"task_state_store": FileStore(options.store)} if options.store else {})}
    operator = RowsImport(
        task_id="task",
        collection_name=options.collection,
        retries=99,
        file_size=200_000,
        poll_interval=1,
        stage_to=f"file://{options.bucket}/staging",
        files_root=f"file://{options.bucket}",
    )
    print("begun", flush=True)
    operator.execute(context)


def rounds(count: int, seed: int, with_store: bool, kills: int) -> tuple[int, list[str]]:
    """So many loads, each killed a few times; the number of kills, and what was wrong."""
    chance, killed, wrong = random.Random(seed), 0, []
    with tempfile.TemporaryDirectory() as folder, LocalMilvus(Path(folder) / "data") as milvus:
        os.environ["AIRFLOW_CONN_MILVUS_DEFAULT"] = f"milvus://127.0.0.1:{milvus.port}"
        hook = MilvusHook()
        for number in range(count):
            collection = f"c{number}"
            index = [{"fieldName": "vector", "metricType": "L2"}]
            hook.create_collection(collection, schema=SCHEMA, index_params=index)
            command = [sys.executable, __file__, "--work", "--run", f"run{number}", "--collection", collection]
            command += ["--bucket", str(milvus.bucket)]
            command += ["--store", f"{folder}/store{number}.json"] if with_store else []
            for attempt in range(1, 99):
                process = subprocess.Popen(
                    [*command, "--attempt", str(attempt)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
                )
                for line in process.stdout:
                    if line.strip() == "begun":
                        break
                try:
                    # Without a store a retry waits for a create that may be late.
                    wait = chance.uniform(0, 1.6) if attempt <= kills else 120
                    _, errors = process.communicate(timeout=wait)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()
                    killed += 1
                    continue
                if process.returncode:
                    wrong.append(f"load {number}: {errors[-500:]}")
                break
            rows = hook.get_collection_stats(collection)
            left = [path.name for path in milvus.bucket.glob("staging/**/*") if path.is_file()]
            if rows != ROWS or left:
                wrong.append(f"load {number}: {rows:,} rows of {ROWS:,}, staged files {left}")
            print(f"load {number}: {rows:,} rows after {attempt} tries, {len(left)} staged files", flush=True)
    return killed, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loads", type=int, default=15)
    parser.add_argument("--kills", type=int, default=3, help="of each load, at most (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without-store", action="store_true")
    for name in ("work", "run", "collection", "bucket", "attempt", "store"):
        kind = {"action": "store_true"} if name == "work" else {"type": int if name == "attempt" else str}
        kind = {"type": Path} if name == "store" else kind
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS, **kind)
    options = parser.parse_args()
    if options.work:
        work(options)
        return 0
    killed, wrong = rounds(options.loads, options.seed, not options.without_store, options.kills)
    print(f"{options.loads} loads, {killed} kills, {len(wrong)} wrong")
    for line in wrong:
        print(f"  {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
