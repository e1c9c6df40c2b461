"""Reading responses: whatever bytes come back, a value or one of our errors."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_milvus.rest import collections, entities, errors, import_jobs, indexes
from airflow_provider_milvus.rest.envelope import decode

SOURCE = import_jobs.ImportSource(files=["a.parquet"])
REQUESTS = [
    import_jobs.create("c", SOURCE),
    import_jobs.describe("1"),
    import_jobs.list_jobs(),
    import_jobs.commit("1"),
    import_jobs.abort("1"),
    collections.create_collection("c", dimension=4),
    collections.has_collection("c"),
    collections.describe_collection("c"),
    collections.list_collections(),
    collections.drop_collection("c"),
    collections.load_collection("c"),
    collections.refresh_load("c"),
    collections.get_load_state("c"),
    collections.get_collection_stats("c"),
    indexes.create_index("c", [{"fieldName": "v"}]),
    indexes.list_indexes("c"),
    entities.query("c"),
    entities.count_rows("c"),
    entities.search("c", [[0.0]], anns_field="v"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
PROGRESS = {
    "jobId": "453240863839750922",
    "collectionName": "quick_setup",
    "createTime": "2026-10-15T15:27:33+08:00",
    "completeTime": "2026-10-15T15:27:41+08:00",
    "state": "Importing",
    "progress": 70,
    "importedRows": 10000,
    "totalRows": 10000,
    "reason": "r",
    "fileSize": 31567773,
    "details": [{"fileName": "[a/1.parquet]", "state": "Completed", "progress": 100, "importedRows": "10000"}],
}


def response(**fields):
    return json.dumps(fields).encode()


def test_code_zero_is_a_success():
    assert decode(200, {}, response(code=0, data={"a": 1})) == {"a": 1}


def test_legacy_code_200_with_data_is_a_success():
    assert decode(200, {}, response(code=200, data=[1])) == [1]


def test_code_200_with_a_message_is_the_partition_not_found_error():
    with pytest.raises(errors.MilvusServerError, match="partition not found") as caught:
        decode(200, {}, response(code=200, message="partition not found"))
    assert caught.value.code == 200


def test_code_200_with_neither_data_nor_message_is_an_error():
    with pytest.raises(errors.MilvusServerError):
        decode(200, {}, response(code=200))


@pytest.mark.parametrize("code", [False, None, 0.0, "", "-0", [], "00000000000"])
def test_code_that_is_no_number_is_no_success(code):
    with pytest.raises(errors.MilvusProtocolError):
        decode(200, {}, response(code=code, data={}))


def test_code_as_text_counts_as_its_number():
    assert decode(200, {}, response(code="0", data=1)) == 1


@pytest.mark.parametrize("status", [408, 200])
def test_bare_word_timeout_is_a_request_timeout(status):
    with pytest.raises(errors.MilvusRequestTimeout):
        decode(status, {}, b"timeout")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, errors.MilvusAuthError),
        (403, errors.MilvusAuthError),
        (404, errors.MilvusRouteNotFound),
        (408, errors.MilvusRequestTimeout),
        (429, errors.MilvusBusyError),
        (500, errors.MilvusUnavailable),
        (502, errors.MilvusUnavailable),
        (400, errors.MilvusServerError),
    ],
)
def test_http_status_speaks_where_there_is_no_code(status, kind):
    with pytest.raises(errors.MilvusServerError) as caught:
        decode(status, {}, b"<html><body>Bad Gateway</body></html>")
    assert type(caught.value) is kind


@pytest.mark.parametrize("body", [b"<html>hello</html>", b'{"code":0,"da', b"", b"[]", b"1", b"\xff\xfe"])
def test_success_status_without_an_envelope_is_a_protocol_error(body):
    with pytest.raises(errors.MilvusProtocolError):
        decode(200, {}, body)


def test_success_of_milvus_under_a_failed_http_status_is_that_status():
    with pytest.raises(errors.MilvusUnavailable, match="Milvus responded with HTTP 502"):
        decode(502, {}, response(code=0, data={}))


def test_deeply_nested_json_is_a_protocol_error():
    with pytest.raises(errors.MilvusProtocolError):
        decode(200, {}, b"[" * 200_000)


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (1, "service not ready", errors.MilvusBusyError),
        (2, "service unavailable", errors.MilvusUnavailable),
        (8, "rate limit", errors.MilvusBusyError),
        (1807, "limiter", errors.MilvusBusyError),
        (100, "collection not found", errors.MilvusCollectionNotFound),
        (800, "database not found", errors.MilvusDatabaseNotFound),
        (1800, "user hasn't authenticated", errors.MilvusAuthError),
        (65535, "PermissionDenied: PrivilegeImport", errors.MilvusAuthError),
        (10001, "request timeout", errors.MilvusRequestTimeout),
        (2100, "import job does not exist, jobID=1: importing data failed", errors.MilvusImportJobNotFound),
        (2101, "import job does not exist, jobID=1", errors.MilvusImportJobNotFound),
        (2100, "job 1 not found: importing data failed", errors.MilvusImportJobNotFound),
        (2100, "file job.json not found: importing data failed", errors.MilvusServerError),
        (21119, "illegal API key", errors.MilvusAuthError),
        (96012, "no permission", errors.MilvusAuthError),
        (96027, "no permission", errors.MilvusAuthError),
        (96018, "cluster not found", errors.MilvusServerError),
        (96021, "the plan does not support this", errors.MilvusServerError),
        (96026, "import job not found", errors.MilvusImportJobNotFound),
        (2100, "The number of jobs has reached the limit", errors.MilvusBusyError),
        (2100, "unexpected file type", errors.MilvusServerError),
        (1100, "invalid parameter", errors.MilvusServerError),
    ],
)
def test_code_decides_the_kind_of_error(code, message, kind):
    with pytest.raises(errors.MilvusServerError) as caught:
        decode(200, {}, response(code=code, message=message))
    assert (type(caught.value), caught.value.code, caught.value.message) == (kind, code, message)


def test_retry_after_in_seconds_is_kept():
    with pytest.raises(errors.MilvusBusyError) as caught:
        decode(429, {"Retry-After": "7"}, b"")
    assert caught.value.retry_after == 7


def test_retry_after_as_a_date_is_seconds_from_now():
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90))
    with pytest.raises(errors.MilvusBusyError) as caught:
        decode(429, {"Retry-After": date}, b"")
    assert 80 < caught.value.retry_after <= 90


@pytest.mark.parametrize(
    "value",
    ["301", "86399", "1" * 400, "3600.5", format_datetime(datetime.now(UTC) + timedelta(days=400))],
    ids=["301", "86399", "400 digits", "3600.5", "date"],
)
def test_retry_after_is_capped_at_five_minutes(value):
    with pytest.raises(errors.MilvusBusyError) as caught:
        decode(429, {"Retry-After": value}, b"")
    assert caught.value.retry_after == 300


def test_every_milvus_error_has_a_retry_after():
    assert errors.MilvusConnectionError("x").retry_after is errors.MilvusProtocolError("x").retry_after is None


@pytest.mark.parametrize(
    "value",
    [
        "soon",
        "-3",
        "0",
        "inf",
        "\uff11\uff12",
        "1_000",
        "Mon, 01 Jan 1990 00:00:00 GMT",
        "nan",
        "1e12",
        "",
        "Mon, 01 Jan 99999999999 00:00:00 GMT",
        "1 Jan 2026 00:00 +999999999999",
    ],
)
def test_senseless_retry_after_is_ignored(value):
    with pytest.raises(errors.MilvusBusyError) as caught:
        decode(429, {"Retry-After": value}, b"")
    assert caught.value.retry_after is None


@pytest.mark.parametrize(
    ("error", "retryable", "maybe_done"),
    [
        (errors.MilvusConnectionError("x", sent=False), True, False),
        (errors.MilvusConnectionError("x"), True, True),
        (errors.MilvusTLSError("x"), False, False),
        (errors.MilvusProtocolError("x"), True, True),
        (errors.MilvusRequestTimeout("x"), True, True),
        (errors.MilvusUnavailable("x"), True, True),
        (errors.MilvusBusyError("x"), True, False),
        (errors.MilvusAuthError("x"), False, False),
        (errors.MilvusServerError("x"), False, False),
    ],
)
def test_error_knows_whether_a_retry_is_safe(error, retryable, maybe_done):
    assert (error.retryable, error.maybe_done) == (retryable, maybe_done)


@given(st.sampled_from(REQUESTS), st.integers(100, 599), st.binary(max_size=300))
def test_any_bytes_give_a_value_or_a_milvus_error(request_, status, body):
    read(request_, status, body)


@given(st.text(), st.integers(100, 599))
def test_any_retry_after_leaves_a_milvus_error(value, status):
    with pytest.raises(errors.MilvusError):
        decode(status, {"Retry-After": value}, b"")


@given(st.sampled_from(REQUESTS), st.sampled_from([0, 200]), JSON)
def test_any_data_gives_a_value_or_a_milvus_error(request_, code, data):
    read(request_, 200, json.dumps({"code": code, "data": data}).encode())


@given(st.sampled_from(sorted(PROGRESS)), JSON)
def test_progress_with_any_field_replaced_gives_a_value_or_a_milvus_error(name, value):
    read(import_jobs.describe("1"), 200, json.dumps({"code": 0, "data": {**PROGRESS, name: value}}).encode())


@given(st.sampled_from(["fileName", "state", "progress", "importedRows", "fileSize", "reason"]), JSON)
def test_file_details_with_any_field_replaced_give_a_value(name, value):
    details = [{**PROGRESS["details"][0], name: value}]
    progress = read(
        import_jobs.describe("1"), 200, json.dumps({"code": 0, "data": {**PROGRESS, "details": details}}).encode()
    )
    assert 0 <= progress.files[0].progress <= 100


def read(request, status, body):
    try:
        return request.read(status, {}, body)
    except errors.MilvusError:
        return None
