"""A test as users write it for a DAG of theirs, which ``docs/start/testing.md`` shows.

pytest does not collect it: it needs a migrated Airflow database, and the DAG's folder in Airflow's configuration, which
``tests/system/test_demo.py`` gives it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

# [START test]
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_milvus.example_dags.milvus_first_import import dag  # a DAG of yours
from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.local import LocalMilvus
from airflow_provider_milvus.local.faults import Fault


@pytest.fixture
def milvus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalMilvus]:
    with LocalMilvus(tmp_path / "milvus") as server:
        monkeypatch.setenv("AIRFLOW_CONN_MILVUS_DEFAULT", f"milvus://127.0.0.1:{server.port}")
        yield server


@pytest.fixture
def file(milvus: LocalMilvus) -> None:
    vectors = pa.array([[1.0, 2.0, 3.0, 4.0]] * 10, pa.list_(pa.float32()))
    table = pa.table({"id": pa.array(range(10), pa.int64()), "vector": vectors})
    pq.write_table(table, Path(milvus.bucket, "mine.parquet"))


def test_rows_are_imported(milvus: LocalMilvus, file: None) -> None:
    run = dag.test()
    assert run.state == "success"
    assert MilvusHook().count("mine") == 10


def test_lost_response_loads_nothing_twice(milvus: LocalMilvus, file: None) -> None:
    milvus.faults.append(Fault("reset", "create", count=1))  # the import begins, and its response is lost
    assert dag.test().state == "success"
    assert MilvusHook().count("mine") == 10


def test_missing_file_fails_the_run(milvus: LocalMilvus) -> None:
    assert dag.test().state == "failed"


# [END test]
