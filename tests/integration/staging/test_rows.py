"""Rows of every kind, written, imported and removed."""

from datetime import date
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from airflow_provider_milvus.exceptions import MilvusFilesRefused, MilvusImportRefused
from airflow_provider_milvus.operators.import_rows import MilvusRowsImportOperator
from airflow_provider_milvus.staging import preflight
from airflow_provider_milvus.staging.preflight import check_files

ROWS = [{"id": n, "vector": [n, 0.5], "text": None if n % 2 else f"text {n}"} for n in range(10)]


class RowsImport(MilvusRowsImportOperator):
    """Imports what a function makes."""

    def __init__(self, *, make, **kwargs):
        super().__init__(**{"collection_name": "staged", **kwargs})
        self.make = make

    def rows(self, context):
        return self.make()


KINDS = {
    "list of dicts": lambda: ROWS,
    "generator of dicts": lambda: iter(ROWS),
    "generator of lists": lambda: (ROWS[n : n + 2] for n in range(0, 10, 2)),
    "pandas": lambda: pd.DataFrame(ROWS),
    "generator of pandas": lambda: (pd.DataFrame(ROWS[n : n + 5]) for n in (0, 5)),
    "table": lambda: pa.Table.from_pylist(ROWS),
    "batches": lambda: iter(pa.Table.from_pylist(ROWS).to_batches(3)),
    "reader": lambda: pa.Table.from_pylist(ROWS).to_reader(4),
    "table of large types": lambda: pa.table(
        {
            "id": pa.array(range(10), pa.int16()),
            "vector": pa.array([row["vector"] for row in ROWS], pa.list_(pa.float64(), 2)),
            "text": pa.array([row["text"] for row in ROWS], pa.large_string()).dictionary_encode(),
        }
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_every_kind_are_imported_and_no_file_stays(kind, collection, staging, staged, context, found):
    RowsImport(task_id="load", make=KINDS[kind], **staging).execute(context)
    assert [(row["vector"], row["text"]) for _, row in sorted(found().items())] == [
        (row["vector"], row["text"]) for row in ROWS
    ]
    assert staged() == []


def test_generator_that_fails_half_way_leaves_nothing(collection, staging, staged, context, hook):
    def rows():
        yield ROWS
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        RowsImport(task_id="load", make=rows, **staging).execute(context)
    assert (staged(), hook.list_import_jobs(collection)) == ([], [])


def test_retry_of_finished_staging_makes_no_rows_again(collection, staging, context, found, hook, monkeypatch):
    def fail(self, *arguments):
        raise RuntimeError("killed")

    monkeypatch.setattr("airflow_provider_milvus.operators.task_load.TaskLoad.submit", fail)
    with pytest.raises(RuntimeError, match="killed"):
        RowsImport(task_id="load", make=lambda: ROWS, **staging).execute(context)
    monkeypatch.undo()
    monkeypatch.setenv("AIRFLOW_CONN_MILVUS_DEFAULT", f"milvus://127.0.0.1:{hook.settings.base_url.rpartition(':')[2]}")
    RowsImport(task_id="load", make=lambda: pytest.fail("made again"), **staging).execute(context)
    assert len(found()) == len(ROWS)


def test_files_have_the_given_size(collection, staging, staged, context, milvus):
    big = [{"id": n, "vector": [n, 0.5], "text": f"{n**4:020}"} for n in range(20_000)]
    RowsImport(task_id="load", make=lambda: iter(big), file_size=200_000, keep_staged=True, **staging).execute(context)
    sizes = [(milvus.bucket / key).stat().st_size for key in staged() if key.endswith(".parquet")]
    assert len(sizes) > 1
    assert max(sizes) < 600_000


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([{"id": 1.5, "vector": [1, 2]}], "column 'id', row 0 .* 1.5"),
        ([{"id": 1, "vector": [1, 2]}, {"id": 2, "vector": [1]}], "column 'vector', row 1"),
        ([{"id": 1, "vector": [1, float("nan")]}], "column 'vector', row 0"),
        ([{"id": 1, "vector": [1, 2], "text": "x" * 21}], "column 'text', row 0 .* 21 bytes"),
        ([{"id": None, "vector": [1, 2]}], "column 'id', row 0 .* null"),
        ([{"id": 1}], "field 'vector' .* has no column"),
        ([{"id": 1, "vector": [1, 2], "colour": "red"}], "column 'colour' has no field"),
        (["text"], "got str"),
    ],
)
def test_row_that_does_not_fit_is_named_and_nothing_stays(rows, reason, collection, staging, staged, context):
    with pytest.raises(MilvusFilesRefused, match=reason):
        RowsImport(task_id="load", make=lambda: rows, **staging).execute(context)
    assert staged() == []


def test_no_rows_are_no_import(collection, staging, staged, context, hook):
    assert RowsImport(task_id="load", make=lambda: iter([]), **staging).execute(context) == []
    assert (staged(), hook.list_import_jobs(collection)) == ([], [])


def test_job_that_milvus_fails_removes_its_files(collection, staging, staged, context, milvus):
    import airflow_provider_milvus.staging.manifest as manifest

    def rows():
        yield ROWS

    original = manifest.StagedLoad.write

    def damage(self, found):
        original(self, found)
        (milvus.bucket / found.sets[0][0]).write_bytes(b"no parquet")

    manifest.StagedLoad.write = damage
    try:
        with pytest.raises(Exception, match="failed"):
            RowsImport(task_id="load", make=rows, **staging).execute(context)
    finally:
        manifest.StagedLoad.write = original
    assert staged() == []


@pytest.mark.parametrize("commit", [True, False])
def test_rows_that_a_check_refused_are_made_again_after_a_clear(commit, staging, staged, context, found):
    refused = RowsImport(task_id="load", make=lambda: ROWS, two_phase=True, commit=commit, min_rows=11, **staging)
    with pytest.raises(MilvusImportRefused, match="it has 10 rows, and min_rows=11"):
        refused.execute(context)
    assert staged() == []
    context["ti"].try_number, context["ti"].max_tries = 2, 1
    RowsImport(task_id="load", make=lambda: ROWS[:5], two_phase=True, **staging).execute(context)
    assert sorted(found()) == [0, 1, 2, 3, 4]


def test_try_after_one_that_died_in_its_check_checks_too(collection, staging, context, found, monkeypatch):
    checked = []

    def die_at_first(folder, sets, *arguments, **options):
        checked.append(sets)
        if len(checked) == 1:
            raise RuntimeError("killed")
        return check_files(folder, sets, *arguments, **options)

    monkeypatch.setattr(preflight, "check_files", die_at_first)
    with pytest.raises(RuntimeError, match="killed"):
        RowsImport(task_id="load", make=lambda: ROWS, check_files=True, **staging).execute(context)
    RowsImport(task_id="load", make=lambda: ROWS, check_files=True, **staging).execute(context)
    assert (len(checked), len(found())) == (2, len(ROWS))


class Loop(dict):
    """A value within itself, which JSON does not have."""

    def __init__(self):
        super().__init__()
        self["loop"] = self


JSON_SCHEMA = {
    "fields": [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": 2}},
        {"fieldName": "json", "dataType": "JSON"},
    ],
    "enableDynamicField": True,
}
INDEX = [{"fieldName": "vector", "metricType": "L2"}]


def test_values_of_dicts_are_those_of_data_frames(hook, context, staging):
    values = {"price": Decimal("1.50"), "day": date(2026, 1, 2), "nothing": None}
    rows = [{"id": 1, "vector": [0, 1], "json": {"day": date(2026, 1, 2)}, **values}]
    for name, made in {"dicts": rows, "frames": pd.DataFrame(rows)}.items():
        hook.create_collection(name, schema=JSON_SCHEMA, index_params=INDEX)
        own = {**staging, "stage_to": f"{staging['stage_to']}/{name}", "collection_name": name, "durable": False}
        RowsImport(task_id="load", make=lambda made=made: made, **own).execute(context)
        hook.refresh_load(name)
    found = [hook.query(name, "id >= 0", output_fields=["*"], limit=9) for name in ("dicts", "frames")]
    assert found[0] == found[1]
    assert (found[0][0]["price"], found[0][0]["day"], "nothing" in found[0][0]) == ("1.50", "2026-01-02", False)


def test_value_that_json_does_not_have_is_named(hook, context, staging):
    hook.create_collection("looped", schema=JSON_SCHEMA, index_params=INDEX)
    rows = [{"id": n, "vector": [0, 1], "json": value} for n, value in enumerate([{}, Loop()])]
    with pytest.raises(MilvusFilesRefused, match="column 'json', row 1"):
        RowsImport(task_id="load", make=lambda: rows, collection_name="looped", **staging).execute(context)
