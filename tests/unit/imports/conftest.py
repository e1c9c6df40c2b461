"""Answers for those who wait."""

import sys
from pathlib import Path

import pytest

from airflow_provider_milvus.rest.imports import parse_progress

sys.path.insert(0, str(Path(__file__).parent))  # for the model, which is no test


@pytest.fixture
def progress():
    """An answer of ``describe``."""

    def make(state, job_id="1", **fields):
        return parse_progress({"jobId": job_id, "state": state, "collectionName": "c", **fields})

    return make
