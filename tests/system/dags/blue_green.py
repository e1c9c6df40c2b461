"""A version of a collection for each run; the campaign kills its tasks, and readers check for gaps and mixtures.

Each process that works on a task signs a file in the run's folder, so that the campaign knows what to kill.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus.task_groups.blue_green import milvus_blue_green_import

BUCKET = os.environ["MILVUS_BUCKET"]
SCHEMA = {
    "fields": [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": "8"}},
        {"fieldName": "version", "dataType": "Int64"},
    ]
}


def sign(context: Any) -> None:
    """Add this process to those of the run."""
    task = context["ti"].task_id.rpartition(".")[2]
    with Path(BUCKET, context["params"]["folder"], "processes").open("a") as file:
        file.write(f"{task} {os.getpid()}\n")


# The same again with golden queries and a person before the switch, where Airflow can ask one.
JUDGED: dict[str, Any] = {
    "recall": {"queries": [[row / 97] * 8 for row in (0, 31, 64)], "min_recall": 0.9, "limit": 5},
    "approval": True,
}
CAN_ASK = tuple(map(int, airflow_version.split(".")[:2])) >= (3, 1)

for dag_id, judged in {"blue_green": {}, **({"blue_green_judged": JUDGED} if CAN_ASK else {})}.items():
    with DAG(dag_id, schedule=None, catchup=False, max_active_runs=1, params={"folder": "none"}):
        milvus_blue_green_import(
            alias="served",
            schema=SCHEMA,
            index_params=[{"fieldName": "vector", "indexType": "AUTOINDEX", "metricType": "L2"}],
            files_from=f"file://{BUCKET}/{{{{ params.folder }}}}/*.parquet",
            files_root=f"file://{BUCKET}",
            expected_rows="footers",
            poll_interval=1,
            deferrable=True,
            default_args={"retries": 3, "retry_delay": timedelta(seconds=1), "on_execute_callback": sign},
            **judged,
        )
