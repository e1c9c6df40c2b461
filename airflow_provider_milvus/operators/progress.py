"""What a task reports of its import jobs: the XCom ``import_progress``, while they run and when they have ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus import waiting
from airflow_provider_milvus.operators.base import MilvusOperator, push_xcom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_milvus.operators.two_phase import Job
    from airflow_provider_milvus.waiting.event import Event
    from airflow_provider_milvus.waiting.reports import Reports


def reports(operator: MilvusOperator, context: Callable[[], Context], *, single: bool) -> Reports | None:
    """What a wait of this task reports to, or ``None`` for a task that pushes no XCom.

    :param context: returns the task's context when a report is sent.
    :param single: whether the task has one job, and not a list of jobs.
    """
    if not operator.do_xcom_push:
        return None
    return waiting.reports.Reports(lambda jobs: push(operator, context(), jobs, single=single))


def push(operator: MilvusOperator, context: Context, jobs: Iterable[Mapping[str, Any]], *, single: bool) -> None:
    """Push the progress of a task's jobs: a dict for one job, a list of dicts for several."""
    value = waiting.reports.labelled(
        jobs,
        single=single,
        milvus_conn_id=operator.milvus_conn_id,
        database=operator.database,
        two_phase=getattr(operator, "two_phase", False),
    )
    if value:
        push_xcom(operator, context, waiting.reports.XCOM_KEY, value)


def push_of_servers(operator: MilvusOperator, context: Context, jobs: Iterable[Job]) -> None:
    """Push the progress of two-phase jobs, each with the connection of its server: a list, without unknown jobs."""
    known = [(job.hook, job.progress) for job in jobs if job.progress is not None]
    found = waiting.reports.report((progress, None) for _, progress in known)
    value = [
        entry
        for (hook, _), job in zip(known, found, strict=True)
        for entry in waiting.reports.labelled(
            [job], single=False, milvus_conn_id=hook.milvus_conn_id, database=operator.database, two_phase=True
        )
    ]
    push_xcom(operator, context, waiting.reports.XCOM_KEY, value)


def submitted(job_ids: Iterable[str], collection_name: str) -> list[dict[str, Any]]:
    """The progress of jobs that were submitted and are not waited for."""
    empty = waiting.event.EMPTY_IMPORT
    return [{**empty, "job_id": job_id, "state": "Pending", "collection_name": collection_name} for job_id in job_ids]


def with_failed_files(jobs: Sequence[Mapping[str, Any]], event: Event) -> list[dict[str, Any]]:
    """The final progress of jobs, with the files of an event that failed."""
    failed = event.get("failed_files", [])
    return [
        {
            **job,
            "files": [
                {"name": file["name"], "state": "Failed", "reason": file["reason"]}
                for file in failed
                if file["job_id"] == job["job_id"]
            ],
        }
        for job in jobs
    ]
