"""From the columns of a file to the columns of a collection."""

from airflow_provider_milvus.local.importing.columns.converter import Converter
from airflow_provider_milvus.local.importing.columns.fields import MAX_TEXT_BYTES
from airflow_provider_milvus.local.importing.columns.inserted import check_inserted

__all__ = ["MAX_TEXT_BYTES", "Converter", "check_inserted"]
