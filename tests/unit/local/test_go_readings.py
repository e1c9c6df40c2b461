"""What Go's standard library reads, of which Milvus's readers of text are made, case by case.

`go_readings.json` has what Go 1.27's `encoding/json` (Decoder with UseNumber, first Token, More and Decode, as in
internal/util/importutilv2/json/reader.go), `encoding/csv`, `strconv` and `time` returned for generated texts.
"""

import json
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from airflow_provider_milvus.local.errors import ImportDataError
from airflow_provider_milvus.local.importing import go_syntax, readers
from airflow_provider_milvus.local.importing.columns import cells
from airflow_provider_milvus.local.importing.columns.timestamps import parse_timestamp
from airflow_provider_milvus.local.importing.json_text import first_value, parse

CASES = json.loads(Path(__file__).with_name("go_readings.json").read_text())


def of_kind(*kinds):
    cases = [case for case in CASES if case["kind"] in kinds]
    return pytest.mark.parametrize("case", cases, ids=[f"{one['kind']}-{n}" for n, one in enumerate(cases)])


def floats(text):
    values = cells._vector(text)
    if not isinstance(values, list) or not {int, float}.issuperset(map(type, values)):
        raise ValueError("of another type")
    with np.errstate(over="ignore"):
        if not np.isfinite(np.array(values, np.float32)).all():
            raise ValueError("out of range")
    return values


def value_of(kind):
    def read(text):
        value = first_value(text)
        if value is not None and not isinstance(value, kind):
            raise ValueError("of another type")
        return value

    return read


VALUES: dict[str, Callable[[str], object]] = {
    "int": go_syntax.parse_int,
    "float": go_syntax.parse_float,
    "uint": go_syntax.parse_uint32,
    "bool": go_syntax.parse_bool,
    "time": lambda text: parse_timestamp(text, ZoneInfo("Asia/Shanghai")),
    "floats": floats,
    "array": value_of(list),
    "object": value_of(dict),
    "any": lambda text: parse(text, finite=True) or True,
}


@of_kind(*VALUES)
def test_value_is_read_as_by_go(case):
    read = VALUES[case["kind"]]
    if case.get("refused"):
        with pytest.raises((ValueError, TypeError)):
            read(case["text"])
    elif case["kind"] == "any":
        read(case["text"])
    else:
        assert (read(case["text"]) or 0) == (case["value"] or 0)


def rows_of(path, **options):
    reader = readers.open_reader([path], options)
    rows = [] if path.suffix != ".csv" else [reader.columns()]
    for batch in reader.batches():
        rows += batch.cells if isinstance(batch, readers.CsvRows) else batch
    assert reader.count_rows() == len(rows) - (path.suffix == ".csv")
    return rows


@of_kind("json", "jsonl", "csv")
def test_file_is_read_as_by_go(tmp_path, case):
    path = tmp_path / f"a.{case['kind']}"
    path.write_bytes(case["text"].encode())
    options = {"sep": case["sep"]} if "sep" in case else {}
    if case.get("refused"):
        with pytest.raises(ImportDataError):
            rows_of(path, **options)
    else:
        assert rows_of(path, **options) == case["value"]
