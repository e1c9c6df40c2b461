"""Staging and checking against a real local Milvus."""

import sys
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.local import LocalMilvus

# `verdicts.py` runs by itself, too.
sys.path.insert(0, str(Path(__file__).parent))

SCHEMA = {
    "fields": [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": 2}},
        {"fieldName": "text", "dataType": "VarChar", "elementTypeParams": {"max_length": 20}, "nullable": True},
    ]
}


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
def collection(hook):
    """An empty collection."""
    index = [{"fieldName": "vector", "metricType": "L2"}]
    hook.create_collection("staged", schema=SCHEMA, index_params=index)
    yield "staged"
    hook.drop_collection("staged")


@pytest.fixture
def found(hook, collection):
    """The rows of the collection by id."""

    def rows():
        hook.load_collection(collection)
        hook.refresh_load(collection)
        found = hook.query(collection, "id >= 0", output_fields=["*"], limit=10_000)
        return {row["id"]: row for row in found}

    return rows


@pytest.fixture
def folder():
    """The folder of this test: all tests are the same run of one task, which would find what is kept of another's."""
    return f"staging/{uuid.uuid4().hex}"


@pytest.fixture
def staging(milvus, folder):
    """The parameters that say where to stage."""
    return {"stage_to": f"file://{milvus.bucket}/{folder}", "files_root": f"file://{milvus.bucket}"}


@pytest.fixture
def staged(milvus, folder):
    """The files that are staged now."""
    return lambda: sorted(
        path.relative_to(milvus.bucket).as_posix() for path in milvus.bucket.glob(f"{folder}/**/*") if path.is_file()
    )


class Store(dict):
    """A task state store."""

    def set(self, key, value):
        self[key] = value


@pytest.fixture
def context():
    """What a task runs with on Airflow 3.3; ``xcoms`` has what it pushed."""
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
    return {"ti": ti, "task_state_store": Store()}
