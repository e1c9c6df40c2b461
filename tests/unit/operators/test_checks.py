"""The operator that checks the rows of a collection."""

import pytest

from airflow_provider_milvus import exceptions
from airflow_provider_milvus.operators.checks import MilvusRowCountCheckOperator

STATS, QUERY = "/collections/get_stats", "/entities/query"


@pytest.fixture(autouse=True)
def time(package_clock):
    return package_clock


def check(**parameters):
    return MilvusRowCountCheckOperator(task_id="task", **{"collection_name": "c", "expected_rows": 5, **parameters})


def test_number_of_rows_is_returned(context, milvus):
    milvus.responds(QUERY, [{"count(*)": 5}])
    assert check(min_rows="5", filter="id > 1").execute(context) == 5
    assert milvus.sent[0].body["filter"] == "id > 1"


def test_rows_that_come_a_little_later_are_waited_for(context, milvus):
    milvus.responds(QUERY, [{"count(*)": 3}], [{"count(*)": 5}])
    assert check().execute(context) == 5


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"expected_rows": "6"}, "it has 5 rows, and expected_rows=6"),
        ({"min_rows": 6}, "it has 5 rows, and min_rows=6"),
    ],
)
def test_wrong_number_of_rows_fails_in_time(context, milvus, package_clock, parameters, words):
    milvus.responds(QUERY, [{"count(*)": 5}])
    with pytest.raises(exceptions.MilvusRowCountWrong, match=words):
        check(timeout=20, **parameters).execute(context)
    assert 1_000 < package_clock.now <= 1_020


@pytest.mark.parametrize(
    "results",
    [
        {"total_rows": 5, "imported_rows": 3},
        [{"total_rows": 0, "imported_rows": 2}, {"total_rows": 3}],
        [{"total_rows": 1}, [{"total_rows": 2}, {"total_rows": 2}]],
    ],
    ids=["one import", "mapped imports", "mapped imports of several jobs"],
)
def test_rows_are_compared_with_those_that_the_imports_found(context, milvus, results):
    milvus.responds(QUERY, [{"count(*)": 5}])
    assert check(expected_rows=results).execute(context) == 5


def test_rows_of_an_import_that_was_not_completed_are_refused(context, milvus):
    reported = {"job_id": "7", "state": "Importing", "imported_rows": 3, "total_rows": 5}
    with pytest.raises(ValueError, match="import job 7 was Importing"):
        check(expected_rows=reported).execute(context)
    assert milvus.sent == []


def test_count_with_nothing_to_compare_it_with_is_refused(context, milvus):
    task = check(expected_rows="{{ rows }}")
    task.expected_rows = None  # as a native template renders what a task before did not return
    with pytest.raises(ValueError, match="expected_rows and min_rows are both None"):
        task.execute(context)
    assert milvus.sent == []


def test_statistics_are_read_where_the_collection_is_not_loaded(context, milvus):
    milvus.responds(STATS, {"rowCount": 5})
    assert check(by_statistics=True).execute(context) == 5
    assert milvus.routes == [STATS]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"expected_rows": None}, "give expected_rows, min_rows or both"),
        ({"expected_rows": "many"}, "expected_rows must be a whole number from 0 up, got 'many'"),
        ({"expected_rows": b"5"}, "expected_rows must be a whole number from 0 up, got b'5'"),
        ({"min_rows": -1}, "min_rows must be a whole number from 0 up, got -1"),
        ({"timeout": 0}, "timeout must be"),
        ({"timeout": None}, "timeout must be a number of seconds above 0, got None"),
        ({"expected_rows": []}, r"expected_rows must be a number, or the results of imports.*; got \[\]"),
        ({"expected_rows": ["7"]}, r"results of imports.*; got \['7'\]"),
        ({"expected_rows": [None]}, r"results of imports.*; got \[None\]"),
        ({"expected_rows": {"rows": 3}}, "results of imports.*; got .*'rows': 3"),
        ({"expected_rows": {"total_rows": "3"}}, "results of imports.*; got .*'total_rows': '3'"),
        ({"expected_rows": "[{'total_rows': 3}]"}, "got the text .*render_template_as_native_obj=True"),
        ({"by_statistics": True, "filter": "id > 1"}, "filter='id > 1' needs a query"),
        ({"by_statistics": "true"}, "by_statistics must be True or False, got 'true'"),
        ({"filter": ["id > 1"]}, r"filter must be an expression as text, .* got \['id > 1'\]"),
        ({"collection_name": ""}, "collection_name must be the name of a collection"),
    ],
)
def test_bad_parameter_is_named_before_anything_is_sent(context, milvus, parameters, message):
    with pytest.raises(ValueError, match=message):
        check(**parameters).execute(context)
    assert milvus.sent == []


def test_what_differs_from_run_to_run_is_templated():
    names = ["collection_name", "expected_rows", "min_rows", "filter", "milvus_conn_id", "database"]
    task = check(**dict.fromkeys(names, "{{ x }}"))
    task.render_template_fields({"x": "7"})
    assert [getattr(task, name) for name in names] == ["7"] * len(names)
