"""Wait for import jobs, indexes and loads. No Airflow and no HTTP: clients and clocks are passed in.

Its modules are loaded at their first use (``waiting.import_wait.wait_for(…)``), since every DAG file imports what uses
them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_milvus.waiting import backoff as backoff
    from airflow_provider_milvus.waiting import completions as completions
    from airflow_provider_milvus.waiting import event as event
    from airflow_provider_milvus.waiting import import_wait as import_wait
    from airflow_provider_milvus.waiting import job_ids as job_ids
    from airflow_provider_milvus.waiting import list_cost as list_cost
    from airflow_provider_milvus.waiting import messages as messages
    from airflow_provider_milvus.waiting import outcome as outcome
    from airflow_provider_milvus.waiting import poller as poller
    from airflow_provider_milvus.waiting import readiness_wait as readiness_wait
    from airflow_provider_milvus.waiting import reports as reports
    from airflow_provider_milvus.waiting import request_pool as request_pool
    from airflow_provider_milvus.waiting import subscriber as subscriber
    from airflow_provider_milvus.waiting import wait as wait

MODULES = (
    "backoff",
    "completions",
    "event",
    "import_wait",
    "job_ids",
    "list_cost",
    "messages",
    "outcome",
    "poller",
    "readiness_wait",
    "reports",
    "request_pool",
    "subscriber",
    "wait",
)


def __getattr__(name: str) -> Any:
    if name in MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
