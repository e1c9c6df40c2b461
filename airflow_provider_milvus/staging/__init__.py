"""Rows and files that Milvus takes: checked, copied, or written. No Airflow and no HTTP: file systems are passed in.

Its modules import pyarrow, which only the extra ``[staging]`` needs, and are loaded at their first use
(``staging.preflight.check_files(…)``): every DAG file imports what uses them.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_milvus.staging import casts as casts
    from airflow_provider_milvus.staging import copies as copies
    from airflow_provider_milvus.staging import folder as folder
    from airflow_provider_milvus.staging import manifest as manifest
    from airflow_provider_milvus.staging import preflight as preflight
    from airflow_provider_milvus.staging import reader_rules as reader_rules
    from airflow_provider_milvus.staging import target as target
    from airflow_provider_milvus.staging import writer as writer

MODULES = ("casts", "copies", "folder", "manifest", "preflight", "reader_rules", "target", "writer")


def __getattr__(name: str) -> Any:
    if name in MODULES:
        require_pyarrow()
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def require_pyarrow() -> None:
    """Refuse to begin without pyarrow.

    :raises ValueError: naming the extra that brings it.
    """
    if find_spec("pyarrow") is None:
        raise ValueError(
            "checking, staging and writing files need pyarrow, which is not installed: install "
            "'airflow-provider-milvus[staging]'"
        )
