"""Values of a response that could hurt their reader: too large, too deep, or not encodable."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_milvus.rest import entities, errors, import_jobs
from airflow_provider_milvus.rest.decoding import DETAILS, LISTS, MAX_INTEGER, Limit, NoSecrets, loads
from airflow_provider_milvus.rest.envelope import decode
from airflow_provider_milvus.rest.values import count, percent, text

HUGE = ["1" * 400, "-" + "1" * 400, "1e400", "1e30", "10000000000000000000000", "NaN", "Infinity", "-Infinity"]
UNSTORABLE = ["\\ud800", "\\uDFFF", "\\udc00\\ud800", "\\u0000", "a\\ud83d"]
NUMBERS = st.integers() | st.floats() | st.integers().map(str) | st.floats().map(str) | st.text(max_size=8)


def progress_of(**fields):
    """The progress that ``describe`` gives for an object with these fields, each in JSON."""
    pairs = {"state": '"Importing"', **fields}
    data = ",".join(f'"{name}":{value}' for name, value in pairs.items())
    return import_jobs.describe("1").read(200, {}, f'{{"code":0,"data":{{{data}}}}}'.encode())


def assert_storable(value):
    """As msgpack, UTF-8 and PostgreSQL's JSON see it."""
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    if isinstance(value, dict):
        assert_storable(list(value) + list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            if isinstance(item, str):
                assert "\0" not in item
            elif isinstance(item, dict | list | tuple):
                assert_storable(item)
            elif isinstance(item, int):
                assert -MAX_INTEGER - 1 <= item <= MAX_INTEGER


@pytest.mark.parametrize("number", [*HUGE, *[f'"{number}"' for number in HUGE], "true", "[[1]]", "{}", "1.5", '"²"'])
@pytest.mark.parametrize("field", ["importedRows", "totalRows", "fileSize", "progress", "reason", "jobId", "details"])
def test_number_of_a_server_fits_into_64_bits(field, number):
    progress = progress_of(**{field: number})
    assert_storable([progress.as_dict(), dict(progress.raw)])


def test_whole_number_of_more_digits_than_python_reads_is_an_error():
    with pytest.raises(errors.MilvusProtocolError):
        progress_of(importedRows="9" * 5000)


@pytest.mark.parametrize("number", [10**30, "1e30", 2**64, "9" * 400, 1e30])
def test_count_beyond_64_bits_is_the_largest_of_64_bits(number):
    assert count(number) == MAX_INTEGER


@pytest.mark.parametrize("number", [-1, -(10**30), "-1e30", True, None, "nan", float("nan"), [], {}, "²", "x" * 10**6])
def test_what_counts_nothing_is_zero(number):
    assert count(number) == 0


@given(NUMBERS)
def test_any_number_is_a_count_and_a_percentage(number):
    assert 0 <= count(number) <= MAX_INTEGER
    assert 0 <= percent(number) <= 100


@given(NUMBERS)
def test_any_number_is_a_text_that_can_be_stored(number):
    text(number).encode()


@pytest.mark.parametrize("escape", UNSTORABLE)
@pytest.mark.parametrize("field", ["reason", "collectionName", "state", "jobId", "createTime", "other"])
def test_text_of_a_server_can_be_encoded_and_stored(field, escape):
    progress = progress_of(**{field: f'"a{escape}b"'})
    assert_storable([progress.as_dict(), dict(progress.raw)])
    assert "\ufffd" in progress.raw[field]


@pytest.mark.parametrize("escape", UNSTORABLE)
def test_name_of_a_field_can_be_encoded_and_stored(escape):
    assert_storable([dict(progress_of(**{f"x{escape}": "1"}).raw)])


@pytest.mark.parametrize("escape", UNSTORABLE)
def test_file_detail_can_be_encoded_and_stored(escape):
    file = progress_of(details=f'[{{"fileName":"{escape}","state":"{escape}","reason":"{escape}"}}]').files[0]
    assert_storable([file.name, file.state, file.reason])


@pytest.mark.parametrize("escape", UNSTORABLE)
def test_error_of_a_server_can_be_encoded_and_stored(escape):
    with pytest.raises(errors.MilvusServerError) as caught:
        decode(200, {}, f'{{"code":1100,"message":"no {escape}"}}'.encode())
    assert_storable([str(caught.value), caught.value.message])


def test_bytes_of_a_lone_surrogate_are_replaced():
    assert decode(200, {}, b'{"code":0,"data":["\xed\xa0\x80"]}') == ["\ufffd" * 3]


def test_pair_of_surrogates_is_one_character():
    assert progress_of(reason='"\\ud83d\\ude00"').reason == "😀"


def test_body_with_a_byte_order_mark_is_read():
    assert decode(200, {}, b'\xef\xbb\xbf{"code":0,"data":1}') == 1


def test_nan_is_null():
    assert decode(200, {}, b'{"code":0,"data":[NaN, 1e400]}')[0] is None


def test_long_reason_is_cut():
    assert len(progress_of(reason=json.dumps("x" * 1_000_000)).reason) == 4000


def test_long_error_is_cut():
    with pytest.raises(errors.MilvusServerError) as caught:
        decode(200, {}, json.dumps({"code": 1100, "message": "x" * 1_000_000}).encode())
    assert len(str(caught.value)) < 5000


def test_name_of_a_set_of_numpy_files_is_not_cut():
    name = ", ".join(f"folder/{'x' * 200}/{n}.npy" for n in range(50))
    assert progress_of(details=json.dumps([{"fileName": f"[{name}]"}])).files[0].name == name


def test_failed_files_come_first_where_there_are_too_many():
    details = [{"fileName": f"{n}.parquet", "state": "Completed"} for n in range(5000)]
    details[4999]["state"] = "Failed"
    files = progress_of(details=json.dumps(details)).files
    assert (len(files), files[0].name, files[1].name) == (2048, "4999.parquet", "0.parquet")


def test_as_many_files_as_milvus_takes_stay_in_the_servers_order():
    details = [{"fileName": f"{n}.parquet", "state": "Completed"} for n in range(1024)]
    details[5]["state"] = "Failed"
    names = [file.name for file in progress_of(details=json.dumps(details)).files]
    assert names == [f"{n}.parquet" for n in range(1024)]


@pytest.mark.parametrize("deep", [b"[" * 100 + b"]" * 100, b'{"a":' * 100 + b"1" + b"}" * 100])
def test_deep_response_is_an_error(deep):
    with pytest.raises(errors.MilvusResponseTooLarge, match="64 levels"):
        decode(200, {}, b'{"code":0,"data":' + deep + b"}")


@pytest.mark.parametrize("value", [b"[]", b"{}", b"1", b'"a"', b"null", b'{"a":[]}'])
def test_response_with_too_many_values_is_an_error(value):
    body = b'{"code":0,"data":[' + b",".join([value] * 1_000_001) + b"]}"
    with pytest.raises(errors.MilvusResponseTooLarge, match="1,000,000 values"):
        import_jobs.list_jobs().read(200, {}, body)


def test_list_of_a_hundred_thousand_jobs_is_read():
    record = {"collectionName": "quick_setup", "progress": 100, "state": "Completed", "reason": ""}
    records = [{**record, "jobId": str(453240863839750922 + n)} for n in range(100_000)]
    body = json.dumps({"code": 0, "data": {"records": records}}).encode()
    assert len(body) < LISTS.size
    assert len(import_jobs.list_jobs().read(200, {}, body)) == 100_000


def test_progress_of_as_many_files_as_milvus_takes_is_read():
    name = f"[{'folder/' * 100}part.parquet]"
    details = [{"fileName": name, "fileSize": 1, "progress": 100, "state": "Completed", "reason": ""}] * 1024
    body = json.dumps({"code": 0, "data": {"state": "Completed", "details": details}}).encode()
    assert len(body) < DETAILS.size
    assert len(import_jobs.describe("1").read(200, {}, body).files) == 1024


def test_rows_may_have_many_values():
    rows = [{"vector": [1] * 100_000}] * 20
    body = json.dumps({"code": 0, "data": rows}).encode()
    assert len(entities.query("c").read(200, {}, body)) == 20


class Secret(NoSecrets):
    def may_occur(self, text):
        return True

    def text(self, text):
        return text.replace("s3cret", "***")

    name = text


def test_secret_is_redacted_in_names_and_values_of_fields():
    body = b'{"code":0,"data":{"s3cret-1":["s3cret",{"a":"\\u0073\\u0033cret"}]}}'
    assert loads(body, DETAILS, Secret())["data"] == {"***-1": ["***", {"a": "***"}]}


def test_rows_of_the_user_are_not_redacted():
    body = b'{"code":0,"data":[{"text":"s3cret"}],"message":"s3cret"}'
    assert loads(body, Limit(1000, None, rows=True), Secret()) == {
        "code": 0,
        "data": [{"text": "s3cret"}],
        "message": "***",
    }
