"""Milvus on a laptop: the REST import API and Milvus Lite's gRPC over the same data, in one process.

Needs the `[local]` extra. Nothing heavy is imported before `LocalMilvus` is used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_milvus.local.server import LocalMilvus as LocalMilvus

__all__ = ["LocalMilvus"]


def __getattr__(name: str) -> Any:
    if name != "LocalMilvus":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from airflow_provider_milvus.local.server import LocalMilvus
    except ModuleNotFoundError as missing:
        raise ImportError(
            f"the local Milvus needs {missing.name!r}: pip install 'airflow-provider-milvus[local]'"
        ) from missing
    return LocalMilvus
