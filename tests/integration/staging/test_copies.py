"""Files that lie elsewhere: checked, copied, cast and imported."""

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_milvus.exceptions import MilvusFilesRefused
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.operators.files import MilvusCheckFilesOperator, MilvusStageFilesOperator
from airflow_provider_milvus.staging.folder import Folder

FILES, ROWS = 5, 3


def table(number, **columns):
    ids = [number * ROWS + row for row in range(ROWS)]
    vectors = pa.array([[float(one), 0.5] for one in ids], pa.list_(pa.float32()))
    return pa.table({"id": pa.array(ids), "vector": vectors, **columns})


@pytest.fixture
def elsewhere(tmp_path):
    """A folder that Milvus cannot read, with some files."""
    for number in range(FILES):
        pq.write_table(table(number), tmp_path / f"{number}.parquet")
    return tmp_path


@pytest.fixture
def load(collection, staging, elsewhere, context):
    """Import what lies there."""

    def execute(**options):
        operator = MilvusBulkImportOperator(
            task_id="load", collection_name=collection, stage_from=f"file://{elsewhere}/*", **staging, **options
        )
        return operator.execute(context)

    return execute


def test_files_from_elsewhere_are_imported_and_no_copy_stays(load, found, staged):
    load()
    assert (sorted(found()), staged()) == (list(range(FILES * ROWS)), [])


def test_copies_stay_if_wanted(load, staged):
    load(keep_staged=True)
    assert len(staged()) == FILES + 1


def test_retry_copies_nothing_again(load, found, elsewhere, monkeypatch):
    def fail(self, *arguments):
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("airflow_provider_milvus.operators.task_load.TaskLoad.submit", fail)
        with pytest.raises(RuntimeError, match="killed"):
            load()
    shutil.rmtree(elsewhere)
    load()
    assert len(found()) == FILES * ROWS


def test_retry_after_the_copies_were_removed_loads_nothing_again(load, found, hook, collection, monkeypatch):
    def killed(self):
        original(self)
        raise RuntimeError("killed")

    from airflow_provider_milvus.operators.staging import TaskStaging

    original = TaskStaging.remove
    with monkeypatch.context() as patch:
        patch.setattr(TaskStaging, "remove", killed)
        with pytest.raises(RuntimeError, match="killed"):
            load()
    load()
    assert (len(found()), len(hook.list_import_jobs(collection))) == (FILES * ROWS, 1)


def test_file_that_is_replaced_while_it_is_copied_is_copied_again(load, found, elsewhere, monkeypatch):
    original, replaced = Folder.open, []

    def replace(self, key, mode="rb", **options):
        file = original(self, key, mode, **options)
        if key.endswith(f"{elsewhere.name}/2.parquet") and mode == "rb" and not replaced:
            replaced.append(key)
            pq.write_table(table(20), elsewhere / "new")
            (elsewhere / "new").rename(elsewhere / "2.parquet")
        return file

    monkeypatch.setattr(Folder, "open", replace)
    load()
    assert replaced
    assert sorted(found()) == [*range(6), *range(9, 15), *range(60, 63)]


def test_files_that_do_not_fit_are_rewritten(load, found, elsewhere):
    texts = pa.array(["a", "b", None], pa.large_string()).dictionary_encode()
    rows = table(9, text=texts).set_column(0, "id", pa.array([27, 28, 29], pa.uint16()))
    pq.write_table(rows, elsewhere / "9.parquet")
    load(cast="safe")
    assert [found()[id]["text"] for id in (27, 28, 29)] == ["a", "b", None]


def test_cast_that_would_lose_a_value_names_the_row(load, elsewhere, staged, hook, collection):
    rows = table(9).set_column(0, "id", pa.array([1.0, 2.5, 3.0]))
    pq.write_table(rows, elsewhere / "9.parquet")
    with pytest.raises(MilvusFilesRefused, match=r"9\.parquet.*column 'id', row 1 .*2\.5"):
        load(cast="safe")
    assert (staged(), hook.list_import_jobs(collection)) == ([], [])


def test_check_before_the_submit_names_all_reasons(load, elsewhere, staged, hook, collection):
    rows = table(9, text=pa.array(["a", "b", "c"], pa.large_string()))
    pq.write_table(rows.set_column(0, "id", pa.array([1.0, 2.5, 3.0])), elsewhere / "9.parquet")
    with pytest.raises(MilvusFilesRefused) as caught:
        load(check_files=True)
    assert "column 'id': found double; needed int64" in str(caught.value)
    assert "column 'text': found large_string; needed string" in str(caught.value)
    assert (staged(), hook.list_import_jobs(collection)) == ([], [])


def test_check_operator_reports_files_and_rows(collection, hook, elsewhere):
    where = {"files_from": f"file://{elsewhere}/*.parquet", "files_root": f"file://{elsewhere}"}
    report = MilvusCheckFilesOperator(task_id="check", collection_name=collection, **where).execute({})
    assert (report["files"], report["rows"], report["findings"]) == (FILES, FILES * ROWS, [])


def test_check_operator_finds_a_key_that_is_not_there(collection, hook, elsewhere):
    check = MilvusCheckFilesOperator(
        task_id="check", collection_name=collection, files=["0.parquet", "no.parquet"], files_root=f"file://{elsewhere}"
    )
    with pytest.raises(MilvusFilesRefused, match=r"'no\.parquet': found no such key in the bucket"):
        check.execute({})


def test_staged_files_are_what_an_import_takes(collection, hook, elsewhere, staging, context, found):
    stage = {"collection_name": collection, "stage_from": f"file://{elsewhere}/*", **staging}
    files = MilvusStageFilesOperator(task_id="stage", **stage).execute(context)
    MilvusBulkImportOperator(task_id="load", collection_name=collection, files=files).execute(context)
    assert len(found()) == FILES * ROWS
