"""Milvus REST v2 as plain values: what to send, and what a response means. No I/O, no Airflow, no policy.

Its modules are loaded at their first use (``rest.import_jobs.describe(…)``), since every DAG file imports what uses
them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_milvus.rest import aliases as aliases
    from airflow_provider_milvus.rest import collections as collections
    from airflow_provider_milvus.rest import entities as entities
    from airflow_provider_milvus.rest import errors as errors
    from airflow_provider_milvus.rest import import_jobs as import_jobs
    from airflow_provider_milvus.rest import indexes as indexes
    from airflow_provider_milvus.rest import job_kinds as job_kinds
    from airflow_provider_milvus.rest import schemas as schemas
    from airflow_provider_milvus.rest import snapshots as snapshots

_MODULES = (
    "aliases",
    "collections",
    "entities",
    "errors",
    "import_jobs",
    "indexes",
    "job_kinds",
    "schemas",
    "snapshots",
)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
