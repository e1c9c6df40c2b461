"""The operators against a real local Milvus."""

import pytest


@pytest.fixture
def context(ti):
    """What a task runs with before Airflow 3.3."""
    return {"ti": ti}
