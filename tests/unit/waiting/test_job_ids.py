"""Ids of import jobs, as users and other tasks give them."""

import array
from collections import UserList, UserString

import pytest

from airflow_provider_milvus.waiting.import_wait import ImportWait
from airflow_provider_milvus.waiting.job_ids import as_list

ITSELF: list = []
ITSELF.append(ITSELF)
NO_IDS = [
    b"1",
    bytearray(b"1"),
    memoryview(b"1"),
    range(3),
    {"1"},
    frozenset(["1"]),
    {"1": "2"},
    {"1": "2"}.keys(),
    True,
    False,
    7.0,
    7.5,
    float("nan"),
    None,
    -1,
    2**64,
    10**5_000,
    "",
    " ",
    "1 2",
    "1,2",
    "['1', '2']",
    "1\n",
    "\ud800",
    "x" * 257,
    UserString("1"),
    object(),
    (number for number in "12"),
    map(str, [1, 2]),
    array.array("i", [1]),
    ITSELF,
]


@pytest.mark.parametrize(
    "value", NO_IDS, ids=[f"{number}-{type(value).__name__}" for number, value in enumerate(NO_IDS)]
)
@pytest.mark.parametrize("nesting", [0, 1, 2, 3])
def test_value_that_is_no_id_is_one_clear_error(value, nesting):
    for _ in range(nesting):
        value = ["1", value]
    with pytest.raises(ValueError, match="job_id must be the id of an import job, or a list of ids") as caught:
        as_list(value)
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ("7", ["7"]),
        (7, ["7"]),
        (0, ["0"]),
        ("job-0123abc", ["job-0123abc"]),
        (["7", "8"], ["7", "8"]),
        (("7", 8), ["7", "8"]),
        (UserList(["7"]), ["7"]),
        ([["7"], ["8", ["9"]]], ["7", "8", "9"]),
        (["7", 7, "7"], ["7"]),
        ([], []),
        ([[], [[]]], []),
    ],
)
def test_ids_are_a_flat_list_without_repeats(value, ids):
    assert as_list(value) == ids


@pytest.mark.parametrize("value", [[], [[]], ()])
def test_wait_for_no_job_is_refused(value):
    with pytest.raises(ValueError, match="a list of at least one id"):
        ImportWait(value)
