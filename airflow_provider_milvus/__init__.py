"""Airflow provider for Milvus: load files in bulk, exactly once, and wait for them."""

__version__ = "0.1.0"
