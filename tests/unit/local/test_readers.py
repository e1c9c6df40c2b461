"""Each file format as a stream of batches."""

import io
import json
import os
import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing import readers
from airflow_provider_milvus.local.importing.readers import csv_records, limits


def read(*paths, **options):
    """The rows of a file, by the reader of its extension."""
    reader = readers.open_reader(list(paths), options)
    rows = [row for batch in reader.batches() for row in rows_of(batch)]
    assert reader.count_rows() == len(rows)
    return rows


def rows_of(batch):
    if isinstance(batch, readers.CsvRows):
        return [dict(zip(batch.names, cells, strict=True)) for cells in batch.cells]
    return batch if isinstance(batch, list) else batch.to_pylist()


def refusal(*paths, **options):
    with pytest.raises(ImportDataError) as caught:
        read(*paths, **options)
    return caught.value


@pytest.fixture
def text(tmp_path):
    """A text file with this name and content."""

    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_parquet_is_read_in_batches(tmp_path):
    pq.write_table(pa.table({"id": range(20_000)}), tmp_path / "a.parquet")
    reader = readers.open_reader([tmp_path / "a.parquet"], {})
    assert [batch.num_rows for batch in reader.batches()] == [8192, 8192, 3616]


def test_parquet_names_its_columns_and_their_types(tmp_path):
    table = pa.Table.from_arrays([pa.array([1]), pa.array(["x"], pa.large_string())], names=["id", "id"])
    pq.write_table(table, tmp_path / "a.parquet")
    columns = readers.open_reader([tmp_path / "a.parquet"], {}).columns()
    assert (columns.names, columns.types) == (["id", "id"], [pa.int64(), pa.large_string()])


def test_parquet_of_heavy_rows_is_read_in_small_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "BATCH_BYTES", 8000)
    pq.write_table(pa.table({"vector": [[0.0] * 100] * 25}), tmp_path / "a.parquet")
    reader = readers.open_reader([tmp_path / "a.parquet"], {})
    assert [batch.num_rows for batch in reader.batches()] == [10, 10, 5]


def test_parquet_row_that_is_too_heavy_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "BATCH_BYTES", 700)
    pq.write_table(pa.table({"vector": [[0.0] * 100]}), tmp_path / "a.parquet")
    assert "a row has 8" in str(refusal(tmp_path / "a.parquet"))


def test_parquet_row_with_all_the_values_of_its_group_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "BATCH_BYTES", 700)
    pq.write_table(pa.table({"vector": [[0.0] * 100, *[[]] * 99]}), tmp_path / "a.parquet")
    reader = readers.open_reader([tmp_path / "a.parquet"], {}, {"vector": 1})
    with pytest.raises(ImportDataError, match="199 values in 100 rows, the upper bound of a row is 1"):
        list(reader.batches())


def test_parquet_texts_that_are_stored_once_are_copied_in_small_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "BATCH_BYTES", 4000)
    pq.write_table(pa.table({"a": ["x" * 1000] * 6 + [None], "b": ["y"] * 7}), tmp_path / "a.parquet")
    batches = list(readers.open_reader([tmp_path / "a.parquet"], {}).batches())
    assert [batch.num_rows for batch in batches] == [3, 4]
    assert pa.Table.from_batches(batches).to_pydict() == {"a": ["x" * 1000] * 6 + [None], "b": ["y"] * 7}


def test_parquet_columns_that_nobody_wants_are_not_read(tmp_path):
    pq.write_table(pa.table({"a": [1], "b": [2]}), tmp_path / "a.parquet")
    (batch,) = readers.open_reader([tmp_path / "a.parquet"], {}, {"b": None, "c": None}).batches()
    assert batch.to_pydict() == {"b": [2]}


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 10, b"no parquet at all"])
def test_broken_parquet_is_refused(text, content):
    assert "cannot read Parquet file" in str(refusal(text("a.parquet", content)))


@pytest.mark.parametrize(
    "content",
    ['[{"a": 1}, {"a": 2}]', '{"rows": [{"a": 1}, {"a": 2}]}', '{"ROWS":[{"a":1},{"a":2}]\n', '[{"a":1},{"a":2}]}x'],
)
def test_json_is_an_array_or_an_object_with_rows(text, content):
    assert read(text("a.json", content)) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("content", ["[]", ' { "rows" : [ ] } ', "{}", "[", "[] []", '{"rows": []} x'])
def test_json_may_have_no_rows(text, content):
    assert read(text("a.json", content)) == []


@pytest.mark.parametrize("chunk", [1, 2, 3, 7])
def test_json_is_the_same_wherever_it_is_cut(text, monkeypatch, chunk):
    rows = [{"a": -1.5e-3, "text": 'é\\"]}{[\\u20ac', "b": [True, None, {"c": 12345678901234567890}]}, {}]
    monkeypatch.setattr(limits, "CHUNK_CHARS", chunk)
    assert read(text("a.json", json.dumps(rows, indent=1))) == rows


def test_json_is_never_held_whole(text):
    path = text("a.json", json.dumps([{"a": "x" * 1000}] * 30_000))
    tracemalloc.start()
    try:
        assert readers.open_reader([path], {}).count_rows() == 30_000
        assert tracemalloc.get_traced_memory()[1] < path.stat().st_size / 2
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("content", "row"),
    [
        ('[{"a": 1}, {"a": }]', 1),
        ('[{"a": 1} {"a": 2}]', 0),
        ('[{"a": 1}, 7]', 1),
        ('[{"a": NaN}]', 0),
        ('[{"a": 1}, {"a": [' + "{}, " * 20 + "01]}]", 1),
        ('[{"a": "unfinished', 0),
        ('[{"a": 1}', 0),
        ("[,]", 0),
        ("[" + '{"a":' * 100_000, None),
    ],
)
def test_broken_json_names_the_row(text, content, row):
    assert refusal(text("a.json", content)).row == row


@pytest.mark.parametrize(
    "content",
    [
        "",
        "7",
        '"text"',
        '{"data": []}',
        "[{}] []",
        "\ufeff[]",
        '{"rows": {}}',
        '{"rows": [], "a": 1}',
        "{1: []}",
        "[{}}",
    ],
)
def test_other_json_is_refused(text, content):
    refusal(text("a.json", content))


@pytest.mark.parametrize(
    ("name", "content"), [("a.json", b'[{"a": "%s", "a": "%s"}]'), ("a.jsonl", b'{"a": "%s", "a": "%s"}')]
)
@pytest.mark.parametrize("bad", [b"\xff", b"\\ud800"])
def test_json_is_read_as_by_go(text, name, content, bad):
    assert read(text(name, content % (b"x", bad))) == [{"a": "\ufffd"}]


def test_row_without_end_is_refused_before_the_file_is_read(text, monkeypatch):
    monkeypatch.setattr(limits, "MAX_ROW_CHARS", 1000)
    monkeypatch.setattr(limits, "CHUNK_CHARS", 100)
    assert refusal(text("a.json", '[{"a": "' + "x" * 100_000)).row == 0


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson"])
def test_json_lines_skip_blank_lines(text, name):
    assert read(text(name, '{"a": 1}\n\n{"a": 2}')) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("content", ['{"a": 1}{"a": 2}', '{"a":\n1}\n{"a": 2}\n]x', '\n{"a": 1}  {\n"a": 2}}'])
def test_json_lines_are_objects_one_after_the_other(text, content):
    assert read(text("a.jsonl", content)) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("line", ["{", "7", '{"a": 01}', ',{"a": 2}', "[" * 100_000])
def test_broken_json_line_names_the_row(text, line):
    assert refusal(text("a.jsonl", '{"a": 1}\n' + line)).row == 1


@pytest.mark.parametrize(
    ("name", "start", "row", "end"),
    [
        ("a.json", "[", '{"a": "%s"}', "]"),
        ("a.jsonl", "", '{"a": "%s"}', ""),
        ("a.csv", "a\n", "%s", ""),
    ],
)
def test_long_rows_of_text_come_in_small_batches(text, monkeypatch, name, start, row, end):
    monkeypatch.setattr(limits, "TEXT_BATCH_CHARS", 250)
    between = ",\n" if name == "a.json" else "\n"
    path = text(name, start + between.join([row % ("x" * 100)] * 7) + end)
    assert [len(rows_of(batch)) for batch in readers.open_reader([path], {}).batches()] == [3, 3, 1]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", '{"a": 1}\n{"a": "xxxxxxxxxx"}'),
        ("a.csv", "a\n1\nxxxxxxxxxxxxxxxxxxx"),
        ("a.csv", 'a\n1\n"x\nx\nx\nx\nx\nx'),
    ],
)
def test_row_of_text_that_is_too_long_is_refused(text, monkeypatch, name, content):
    monkeypatch.setattr(limits, "MAX_ROW_CHARS", 10)
    assert refusal(text(name, content)).row == 1


@given(
    line=st.text(st.sampled_from('",; a\t1é'), max_size=12)
    | st.lists(st.text(st.sampled_from('",; aé')), min_size=1, max_size=4).map(
        lambda cells: ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    )
)
def test_csv_line_that_is_split_in_the_simple_way_is_split_as_with_care(line):
    simple = csv_records.split_simple(line, ",") if line else None
    assert simple is None or simple == csv_records.CsvRecords(io.BytesIO(), ",")._quoted(line)


def test_csv_line_of_quoted_cells_is_split_in_the_simple_way():
    assert csv_records.split_simple('1,"[0.5, 2]",,"x",y', ",") == ["1", "[0.5, 2]", "", "x", "y"]


# Go's encoding/csv returns the cells before its error, and internal/util/importutilv2/csv/reader.go:96 ends a batch
# where there is none and the file after an empty batch.
@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ('a\n1\n5" wide\n3\n', ["1", "3"]),
        ('a\n1\n"x"y\n"z"y\n3\n', ["1"]),
        ('a\n"x"y\n3\n', []),
        ('a\n1\n"open\n3\n', ["1"]),
        ('a\n1,5" wide\n3\n', ["1", "3"]),
    ],
)
def test_csv_record_whose_first_cell_is_broken_is_skipped(text, content, rows):
    assert read(text("a.csv", content)) == [{"a": one} for one in rows]


@pytest.mark.parametrize("content", ['a,b\n1,2\n5,6" wide\n', 'a,b\n1,2\n5,"x\n', 'a,b\n1,2\n5,"x"y\n'])
def test_csv_record_with_a_broken_cell_after_others_is_refused(text, content):
    path = text("a.csv", content)
    with pytest.raises(ImportDataError, match="not equal to the header") as caught:
        list(readers.open_reader([path], {}).batches())
    assert caught.value.row == 1


@pytest.mark.parametrize("content", ["", "\n\r\n", 'a"b\n1\n', '"a"b\n', '"a\n', '\ufeff"a"\n1\n'])
def test_csv_header_that_cannot_be_read_is_refused(text, content):
    assert "failed to read csv header" in str(refusal(text("a.csv", content)))


def test_csv_keeps_the_mark_before_its_header(text):
    assert readers.open_reader([text("a.csv", "\ufeffid,id\n")], {}).columns() == ["\ufeffid", "id"]


def test_csv_cells_are_text(text):
    content = 'id,note\r\n1,"a ""quoted"", cell"\n\n2,"two\r\nlines"\r\n 3, x\r\r\n4,\r'
    assert [list(row.values()) for row in read(text("a.csv", content))] == [
        ["1", 'a "quoted", cell'],
        ["2", "two\nlines"],
        [" 3", " x\r"],
        ["4", ""],
    ]


def test_csv_takes_another_separator(text):
    assert read(text("a.csv", "a|b\nNULL|"), sep="|") == [{"a": "NULL", "b": ""}]


def test_csv_may_have_no_rows(text):
    assert read(text("a.csv", "a,b\n")) == []


@pytest.mark.parametrize("content", ["a,b\n1,2\n3", "a,b\n1,2\n3,4,5"])
def test_csv_row_of_another_length_is_refused(text, content):
    assert refusal(text("a.csv", content)).row == 1


@pytest.mark.parametrize("separator", ["\n", "\r", '"', "\0", "\ufffd", '"x'])
def test_csv_separator_is_one_harmless_character(text, separator):
    assert "separator" in str(refusal(text("a.csv", "a\n1"), sep=separator))


# internal/util/importutilv2/option.go:178
@pytest.mark.parametrize(("separator", "content"), [("", "a,b\n1,2"), ("|x", "a|b\n1|2"), ("é", "aéb\n1é2")])
def test_csv_separator_is_the_first_character_or_a_comma(text, separator, content):
    assert read(text("a.csv", content), sep=separator) == [{"a": "1", "b": "2"}]


def test_numpy_files_are_the_columns(tmp_path):
    np.save(tmp_path / "id.npy", np.array([1, 2], dtype=">i8"))
    np.save(tmp_path / "vector.npy", np.asfortranarray([[1.0, 2.0], [3.0, 4.0]]))
    np.save(tmp_path / "name.npy", np.array(["a", "b"]))
    assert read(tmp_path / "id.npy", tmp_path / "vector.npy", tmp_path / "name.npy") == [
        {"id": 1, "vector": [1.0, 2.0], "name": "a"},
        {"id": 2, "vector": [3.0, 4.0], "name": "b"},
    ]


# internal/util/importutilv2/numpy/field_reader.go:424-435
def test_numpy_bytes_are_texts(tmp_path):
    np.save(tmp_path / "name.npy", np.array([b"ab", b"", b"c"]))
    assert read(tmp_path / "name.npy") == [{"name": "ab"}, {"name": "\0\0"}, {"name": "c"}]


def test_numpy_rows_that_weigh_much_come_in_small_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "BATCH_BYTES", 4000)
    np.save(tmp_path / "vector.npy", np.zeros((25, 100), np.float32))
    reader = readers.open_reader([tmp_path / "vector.npy"], {})
    assert [batch.num_rows for batch in reader.batches()] == [10, 10, 5]


def test_numpy_row_that_is_too_heavy_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "BATCH_BYTES", 399)
    np.save(tmp_path / "vector.npy", np.zeros((2, 100), np.float32))
    assert "a row has 400 bytes" in str(refusal(tmp_path / "vector.npy"))


def test_numpy_files_may_be_empty_arrays(tmp_path):
    np.save(tmp_path / "vector.npy", np.zeros((0, 4), np.float32))
    assert read(tmp_path / "vector.npy") == []


def test_numpy_files_of_different_lengths_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(2))
    np.save(tmp_path / "b.npy", np.zeros(3))
    assert "a: 2, b: 3" in str(refusal(tmp_path / "a.npy", tmp_path / "b.npy"))


def test_pickled_objects_are_never_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    refusal(tmp_path / "a.npy")


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x05\x00{'a':", b"nonsense" * 100])
def test_broken_numpy_is_refused(text, content):
    refusal(text("a.npy", content))


def test_reason_does_not_quote_a_whole_file(text):
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2)} \n" + b"?" * 9_000
    path = text("a.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    assert len(str(refusal(path))) < 400


def test_numpy_that_promises_more_than_it_has_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(100))
    path = tmp_path / "a.npy"
    path.write_bytes(path.read_bytes()[:-80])
    refusal(path)


def test_numpy_that_is_cut_short_while_it_is_read_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "BATCH_ROWS", 10)
    np.save(tmp_path / "a.npy", np.zeros(10_000))
    batches = readers.open_reader([tmp_path / "a.npy"], {}).batches()
    next(batches)
    os.truncate(tmp_path / "a.npy", 200)
    with pytest.raises(ImportDataError, match="the file has become shorter"):
        list(batches)


@pytest.mark.parametrize("order", ["C", "F"])
def test_numpy_rows_are_the_same_in_either_order(tmp_path, monkeypatch, order):
    monkeypatch.setattr(limits, "BATCH_ROWS", 3)
    rows = np.arange(40, dtype=np.float32).reshape(10, 4)
    np.save(tmp_path / "vector.npy", np.asarray(rows, order=order))
    assert [row["vector"] for row in read(tmp_path / "vector.npy")] == rows.tolist()


@pytest.mark.parametrize("array", [np.zeros((2, 2, 2)), np.array(7), np.array([1j]), np.zeros(2, "i4,f4")])
def test_other_arrays_are_refused(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    assert "unsupported NumPy array" in str(refusal(tmp_path / "a.npy"))
