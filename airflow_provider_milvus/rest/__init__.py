"""Milvus REST v2 as plain values: what to send, and what an answer means. No I/O, no Airflow, no policy."""
