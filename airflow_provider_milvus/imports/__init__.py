"""What to do about an import job: policy without Airflow and without HTTP. Clients and clocks are passed in.

Its larger modules are loaded at their first use (``imports.waiting.wait_for(…)``), since every DAG file imports what
uses them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_milvus.imports import completions as completions
    from airflow_provider_milvus.imports import files as files
    from airflow_provider_milvus.imports import outcome as outcome
    from airflow_provider_milvus.imports import readiness as readiness
    from airflow_provider_milvus.imports import records as records
    from airflow_provider_milvus.imports import submission as submission
    from airflow_provider_milvus.imports import versions as versions
    from airflow_provider_milvus.imports import waiting as waiting
    from airflow_provider_milvus.imports import watcher as watcher


MODULES = ("completions", "files", "outcome", "readiness", "records", "submission", "versions", "waiting", "watcher")


def __getattr__(name: str) -> Any:
    if name in MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
