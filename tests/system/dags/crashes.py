"""One import in every combination of a way to wait and a kind of server; the campaign kills its processes.

Each process that works on a task signs a file, so that the campaign knows what to kill.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator

BUCKET = f"file://{os.environ['MILVUS_BUCKET']}"
MANY = {"files": None, "files_from": BUCKET + "/{{ params.folder }}/*.parquet", "files_root": BUCKET}
SERVERS = {
    "key": {"milvus_conn_id": "milvus_key"},
    "old": {"milvus_conn_id": "milvus_old"},
    "two_phase": {"milvus_conn_id": "milvus_key", "two_phase": True, "expected_rows": 500},
    "many": {"milvus_conn_id": "milvus_key", **MANY},
    "many_old": {"milvus_conn_id": "milvus_old", **MANY},
    "forgetful": {"milvus_conn_id": "milvus_forgetful", "retries": 2},
    "lossy_key": {"milvus_conn_id": "milvus_lossy_key"},
    "lossy_old": {"milvus_conn_id": "milvus_lossy_old"},
}
WAYS = {"synchronous": {}, "deferrable": {"deferrable": True, "defer_after": 1}}


class SignedImport(MilvusBulkImportOperator):
    """The operator, which writes down the process that it runs in."""

    def execute(self, context: Any) -> str | list[str]:
        sign(context)
        return super().execute(context)

    def execute_complete(self, context: Any, event: Any, jobs: Any = None) -> str | list[str]:
        sign(context)
        return super().execute_complete(context, event, jobs)


def sign(context: Any) -> None:
    """Add this process to those of the run, once."""
    line = f"{os.getpid()}\n"
    path = Path(os.environ["CRASH_FOLDER"], context["params"]["collection"])
    if not path.exists() or line not in path.read_text():
        with path.open("a") as file:
            file.write(line)


for way, waiting in WAYS.items():
    for server, options in SERVERS.items():
        for durable in (True, False):
            with DAG(
                f"crash_{way}_{server}" + ("" if durable else "_not_durable"),
                schedule=None,
                catchup=False,
                params={"collection": "none", "file": "rows.parquet", "folder": "many"},
            ):
                SignedImport(
                    task_id="load",
                    collection_name="{{ params.collection }}",
                    poll_interval=1,
                    durable=durable,
                    retry_delay=timedelta(seconds=1),
                    **{"files": ["{{ params.file }}"], "retries": 15, **waiting, **options},
                )
