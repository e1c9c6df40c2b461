"""How a request body becomes a typed request, or the error Milvus would respond with."""

from dataclasses import dataclass, field

import pytest

from airflow_provider_milvus.local.errors import MilvusError
from airflow_provider_milvus.local.routes.binding import bind, required


@dataclass(kw_only=True)
class Part:
    part_name: str = required()
    count: int = 0


@dataclass(kw_only=True)
class SampleReq:
    job_id: str = required()
    files: list[list[str]] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)
    enabled: bool = False
    parts: list[Part] = field(default_factory=list)


def refusal(body):
    with pytest.raises(MilvusError) as caught:
        bind(SampleReq, body)
    return caught.value


def test_keys_match_without_regard_to_case():
    assert bind(SampleReq, b'{"JOBid": "7"}').job_id == "7"


def test_unknown_keys_are_ignored():
    assert bind(SampleReq, b'{"jobId": "7", "clusterId": 3}') == SampleReq(job_id="7")


def test_null_means_not_given():
    body = b'{"jobId": "7", "files": null, "options": null, "enabled": null}'
    assert bind(SampleReq, body) == SampleReq(job_id="7")


def test_null_option_is_an_empty_text():
    assert bind(SampleReq, b'{"jobId": "7", "options": {"priority": null}}').options == {"priority": ""}


def test_all_missing_fields_are_named():
    assert refusal(b'{"parts": [{"count": 1}]}').message == (
        "missing required parameters, error: "
        "Key: 'SampleReq.JobID' Error:Field validation for 'JobID' failed on the 'required' tag\n"
        "Key: 'Part.PartName' Error:Field validation for 'PartName' failed on the 'required' tag"
    )


def test_nested_objects_are_bound_too():
    assert bind(SampleReq, b'{"jobId": "7", "parts": [{"partName": "a", "count": 2}]}').parts == [
        Part(part_name="a", count=2)
    ]


@pytest.mark.parametrize("body", [b"", b"  ", b"nonsense", b"[" * 100_000, b'{"jobId": NaN}', b"\xff\xfe", b"7", b"[]"])
def test_body_that_is_no_json_object_is_1801(body):
    assert refusal(body).code == 1801


@pytest.mark.parametrize(
    "body",
    [
        b'{"jobId": 7}',
        b'{"jobId": ["7"]}',
        b'{"jobId": "7", "files": ["a.json"]}',
        b'{"jobId": "7", "files": "a.json"}',
        b'{"jobId": "7", "options": {"timeout": 3}}',
        b'{"jobId": "7", "options": []}',
        b'{"jobId": "7", "enabled": 1}',
        b'{"jobId": "7", "parts": [{"partName": "a", "count": true}]}',
    ],
)
def test_wrong_type_is_1801_and_names_the_field(body):
    error = refusal(body)
    assert error.code == 1801
    assert "json: cannot unmarshal" in error.message


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"NaN", b"Infinity"])
def test_number_that_is_none_is_1801(number):
    assert refusal(b'{"jobId": "7", "unknown": [' + number + b"]}").code == 1801


@pytest.mark.parametrize("body", [b"{}", b"null", b'{"jobId": ""}', b'{"jobId": null}'])
def test_missing_required_field_is_1802(body):
    error = refusal(body)
    assert (error.code, "'SampleReq.JobID'" in error.message) == (1802, True)


def test_required_field_of_a_nested_object_is_1802():
    assert refusal(b'{"jobId": "7", "parts": [{}]}').code == 1802


def test_wrong_type_is_found_before_a_missing_field():
    assert refusal(b'{"enabled": "yes"}').code == 1801


def test_half_of_a_surrogate_pair_is_replaced():
    assert bind(SampleReq, rb'{"jobId": "\ud800x"}').job_id == "\ufffdx"
