"""Handwritten digits, reloaded rightly and wrongly: what the recall check lets pass."""

import numpy
import pytest
from sklearn.datasets import load_digits

from airflow_provider_milvus import exceptions, rest
from airflow_provider_milvus.operators.recall import MilvusRecallCheckOperator

DIGITS = load_digits().data
RANDOM = numpy.random.default_rng(1)
KEYS = list(range(0, len(DIGITS), 150))
RELOADS = {
    "same": DIGITS,
    "shuffled": RANDOM.permutation(DIGITS),
    "another_model": DIGITS @ RANDOM.normal(size=(64, 64)) / 8,
    "half_missing": DIGITS,
    "wrong_metric": DIGITS,
}


@pytest.fixture(scope="module")
def digits(milvus):
    """Sends a request, past the hook."""
    import httpx

    url = f"http://127.0.0.1:{milvus.port}/v2/vectordb"

    def call(route, **body):
        response = httpx.post(f"{url}/{route}", json=body, trust_env=False, timeout=60).json()
        assert response["code"] == 0, response

    for name, vectors in {"serving": DIGITS, **RELOADS}.items():
        metric = "IP" if name == "wrong_metric" else "L2"
        call("collections/create", collectionName=name, dimension=64, metricType=metric)
        rows = [{"id": key, "vector": vector.tolist()} for key, vector in enumerate(vectors)]
        call("entities/insert", collectionName=name, data=rows[::2] if name == "half_missing" else rows)
    call("aliases/create", collectionName="serving", aliasName="digits")


def check(name, **parameters):
    given = {"keys": KEYS, "compare_with": "digits", "min_recall": 0.95, "min_overlap": 0.9, **parameters}
    return MilvusRecallCheckOperator(task_id="t", collection_name=name, **given)


def test_same_vectors_pass(digits, hook, context):
    table = check("same").execute(context)
    assert (table["recall"], table["overlap"], table["rows"], table["queries"]) == (1.0, 1.0, len(DIGITS), len(KEYS))
    assert context["ti"].xcoms["recall"] == table


@pytest.mark.parametrize("name", ["shuffled", "another_model", "half_missing"])
def test_other_vectors_fail_by_their_overlap(digits, hook, context, name):
    with pytest.raises(exceptions.MilvusRecallTooLow, match=r"overlap is 0\.\d+, and min_overlap=0.9. The worst"):
        check(name).execute(context)
    assert context["ti"].xcoms["recall"]["recall"] == 1.0


def test_wrong_metric_fails_at_once(digits, hook, context):
    with pytest.raises(exceptions.MilvusRecallTooLow, match="compares vectors by IP, and rows are near by L2"):
        check("wrong_metric").execute(context)


def test_wrong_metric_fails_without_a_serving_version(digits, hook, context):
    with pytest.raises(exceptions.MilvusRecallTooLow, match="by IP"):
        check("wrong_metric", compare_with=None, min_overlap=None, metric_type="L2").execute(context)


def test_first_version_has_no_overlap(digits, hook, context):
    assert check("same", compare_with="nothing_yet").execute(context)["overlap"] is None


def test_vectors_are_queries_too(digits, hook, context):
    queries = [vector.tolist() for vector in DIGITS[:3]]
    assert check("same", keys=None, queries=queries).execute(context)["queries"] == 3


def test_filter_chooses_the_rows_that_are_compared(digits, hook, context):
    table = check("same", filter="id < 180", max_rows=200, keys=KEYS[:2]).execute(context)
    assert (table["rows"], table["recall"], table["overlap"]) == (180, 1.0, 1.0)


def test_too_many_rows_are_refused(digits, hook, context):
    with pytest.raises(ValueError, match=r"brute force over 1,797 rows of 'same' is more than max_rows=100"):
        check("same", max_rows=100).execute(context)


def test_key_that_is_not_there_is_no_query(digits, hook, context):
    with pytest.raises(ValueError, match="keys 99999 are not in 'digits'"):
        check("same", keys=[1, 99999]).execute(context)


def test_overlap_alone_reads_no_rows(digits, hook, context, monkeypatch):
    monkeypatch.setattr(rest.entities, "count_rows", None)
    assert check("same", min_recall=None).execute(context)["recall"] is None


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"queries": [[1.0]]}, "give either queries, which are vectors, or keys"),
        ({"keys": None}, "give either queries"),
        ({"min_recall": None, "min_overlap": None}, "there is nothing to check"),
        ({"compare_with": None}, "min_overlap=0.9 needs compare_with"),
        ({"min_recall": 95}, "min_recall must be a number from 0 to 1, got 95"),
        ({"metric_type": "HAMMING"}, "metric_type must be one of L2, IP, COSINE"),
        ({"limit": 0}, "limit must be a whole number"),
    ],
)
def test_bad_parameter_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        check("same", **parameters)


def test_collection_whose_pages_lag_behind_is_worth_a_retry(digits, hook, context, monkeypatch):
    count = type(hook).count
    monkeypatch.setattr(type(hook), "count", lambda *arguments: count(*arguments) + 1)
    with pytest.raises(exceptions.MilvusRowCountWrong, match="1,798 rows, and a query of all of them finds 1,797"):
        check("same").execute(context)
