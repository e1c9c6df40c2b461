"""Answers and a clock for those who wait."""

import pytest

from airflow_provider_milvus.rest.imports import parse_progress


@pytest.fixture
def progress():
    """An answer of ``describe``."""

    def make(state, job_id="1", **fields):
        return parse_progress({"jobId": job_id, "state": state, "collectionName": "c", **fields})

    return make


class Clock:
    """A time that passes only when somebody sleeps."""

    def __init__(self):
        self.now = 1_000.0
        self.sleeps = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.sleeps.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()
