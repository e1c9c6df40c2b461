"""Collections that a server was killed on: each moment of an act is opened again as it lay on disk."""

import os
import shutil

import pytest
from milvus_lite.schema.types import CollectionSchema, DataType, FieldSchema

from airflow_provider_milvus.local.lite.engine import Engine

SCHEMA = CollectionSchema(
    fields=[
        FieldSchema(name="id", dtype=DataType.INT64, is_primary=True),
        FieldSchema(name="vector", dtype=DataType.FLOAT_VECTOR, dim=4),
    ]
)
ROWS = [{"id": number, "vector": [1.0] * 4} for number in range(10)]
CHANGES = ("rename", "replace", "remove", "unlink", "rmdir")


@pytest.fixture
def engine(tmp_path):
    """An engine with a collection ``c`` of ten rows, with an index, a partition and the alias ``a``."""
    opened = Engine(tmp_path / "data")
    collection = opened.db.create_collection("c", SCHEMA)
    collection.create_index("vector", {"index_type": "AUTOINDEX", "metric_type": "L2"})
    collection.create_partition("p")
    collection.insert(ROWS[:5], partition_name="p")
    collection.insert(ROWS[5:])
    collection.flush()
    opened.collection_id(collection)
    opened.db.create_alias("c", "a")
    yield opened
    opened.close()


@pytest.fixture
def moments(engine, tmp_path, monkeypatch):
    """What a kill would leave before each step in which a file comes, goes or changes its name, and after the last."""
    copies = []

    def keep():
        copies.append(tmp_path / f"killed{len(copies)}")
        shutil.copytree(tmp_path / "data", copies[-1])

    def kept_before(change):
        def step(*args, **kwargs):
            keep()
            return change(*args, **kwargs)

        return step

    def of(act):
        with monkeypatch.context() as patch:
            for name in CHANGES:
                patch.setattr(os, name, kept_before(getattr(os, name)))
            act()
        keep()
        return copies

    return of


def state(folder):
    """Whether the collection is there, and what is in it."""
    engine = Engine(folder)
    try:
        if not engine.db.has_collection("c"):
            engine.db.create_collection("c", SCHEMA)
            return None
        collection = engine.collection("default", "c")
        return engine.stored_rows(collection), collection.list_indexes(), collection.list_partitions()
    finally:
        engine.close()


WHOLE = (10, ["vector"], ["_default", "p"])
EMPTY = (0, ["vector"], ["_default", "p"])


def test_killed_drop_leaves_all_of_the_collection_or_its_name_free(engine, moments):
    engine.db.drop_alias("a")
    states = [state(folder) for folder in moments(lambda: engine.db.drop_collection("c"))]
    assert [states[0], states[-1]] == [WHOLE, None]
    assert all(one in (WHOLE, None) for one in states)


def test_killed_truncate_leaves_all_rows_or_none_and_the_collection(engine, moments):
    states = [state(folder) for folder in moments(lambda: engine.db.truncate_collection("c"))]
    assert [states[0], states[-1]] == [WHOLE, EMPTY]
    assert all(one in (WHOLE, EMPTY) for one in states)


def test_killed_create_leaves_its_name_free_or_an_empty_collection(engine, moments):
    for folder in moments(lambda: engine.db.create_collection("new", SCHEMA)):
        again = Engine(folder)
        if not again.db.has_collection("new"):
            again.db.create_collection("new", SCHEMA)
        assert again.stored_rows(again.collection("default", "new")) == 0
        again.close()


def test_killed_drop_leaves_no_file_after_the_next_start(engine, moments):
    engine.db.drop_alias("a")
    for folder in moments(lambda: engine.db.drop_collection("c")):
        again = Engine(folder)
        if not again.db.has_collection("c"):
            assert not list(folder.rglob("*.parquet"))
        again.close()


def test_truncated_collection_keeps_its_id_and_takes_no_number_twice(engine):
    collection = engine.collection("default", "c")
    number, first = engine.collection_id(collection), engine.reserve(collection, 7)
    engine.db.truncate_collection("c")
    fresh = engine.collection("default", "c")
    assert engine.collection_id(fresh) == number
    assert engine.reserve(fresh, 1) >= first + 7


def test_truncated_collection_leaves_nothing_of_its_rows(engine, tmp_path):
    engine.collection("default", "c").insert([{"id": 11, "vector": [1.0] * 4}])
    engine.db.truncate_collection("c")
    assert not list((tmp_path / "data").rglob("*.parquet"))
    assert engine.stored_rows(engine.collection("default", "c")) == 0
