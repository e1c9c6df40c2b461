"""Two imports that wait for a person, and a teardown that leaves none of them uncommitted."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus.operators.approval import Approval
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.operators.commit import MilvusAbortImportOperator, MilvusCommitImportOperator

CAN_ASK = tuple(map(int, airflow_version.split(".")[:2])) >= (3, 1)
SCENARIOS = ("approve", "reject", "timeout", "clear", "mark_failed", "crash")
JOBS = 2


def die_once_it_is_approved(progress: Any) -> bool:
    """The check of each job, before the question and after the response."""
    calls = Path(os.environ["MILVUS_BUCKET"], "approval-checks")
    with calls.open("a") as file:
        file.write("x")
    if calls.stat().st_size == JOBS + 1:
        os._exit(9)
    return True


for scenario in SCENARIOS if CAN_ASK else ():
    with DAG(f"approval_{scenario}", schedule=None, catchup=False):
        imports: Any = MilvusBulkImportOperator.partial(
            task_id="load", files=["vectors.parquet"], two_phase=True, commit=False, retries=2
        ).expand(collection_name=[f"approval_{scenario}_{name}" for name in ("books", "authors")])
        commit = MilvusCommitImportOperator(
            task_id="commit",
            job_id=imports.output["job_id"],
            approval=Approval(timeout=20) if scenario == "timeout" else True,
            check=die_once_it_is_approved if scenario == "crash" else None,
            poll_interval=1,
            retries=1,
            retry_delay=timedelta(seconds=1),
        )
        abort = MilvusAbortImportOperator(
            task_id="abort",
            job_id=imports.output["job_id"],
            poll_interval=1,
            retries=2,
            retry_delay=timedelta(seconds=1),
        )
        commit >> abort.as_teardown()
