"""Submit an import once. No Airflow and no HTTP: clients, stores and clocks are passed in.

Its modules are loaded at their first use (``submission.submitter.Submitter(…)``), since every DAG file imports what
uses them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_milvus.submission import files as files
    from airflow_provider_milvus.submission import load as load
    from airflow_provider_milvus.submission import record as record
    from airflow_provider_milvus.submission import result as result
    from airflow_provider_milvus.submission import submitter as submitter

MODULES = ("files", "load", "record", "result", "submitter")


def __getattr__(name: str) -> Any:
    if name in MODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
