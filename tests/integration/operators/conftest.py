"""The operators against a real local Milvus."""

from types import SimpleNamespace

import pytest

from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.local import LocalMilvus


@pytest.fixture(scope="module")
def milvus(tmp_path_factory):
    """A local Milvus for all tests of a module."""
    with LocalMilvus(tmp_path_factory.mktemp("milvus")) as server:
        yield server


@pytest.fixture
def hook(milvus, monkeypatch):
    """The hook of ``milvus_default``, which is that server."""
    monkeypatch.setenv("AIRFLOW_CONN_MILVUS_DEFAULT", f"milvus://127.0.0.1:{milvus.port}")
    return MilvusHook()


@pytest.fixture
def context():
    """What a task runs with; ``xcoms`` has what it pushed."""
    xcoms = {}
    ti = SimpleNamespace(
        dag_id="dag",
        task_id="task",
        run_id="run",
        map_index=-1,
        try_number=1,
        max_tries=0,
        xcom_push=lambda key, value: xcoms.update({key: value}),
        xcoms=xcoms,
    )
    return {"ti": ti}
