"""Whatever is sent and whatever lies in the bucket: the server answers, the job ends, and the next import succeeds."""

import dataclasses
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_milvus.local.app import ROUTES

BOUNDED = settings(
    max_examples=25,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
UNEXPECTED = 65535

KEYS = sorted(
    {
        "".join([head, *(part.title() for part in parts)])
        for kind, _ in ROUTES.values()
        for head, *parts in (field.name.split("_") for field in dataclasses.fields(kind) if field.init)
    }
)
# Names that mean something to the server, or would to a careless one.
NAMES = st.sampled_from(
    ["c", "id", "vector", "default", "_default", "rows.parquet", "../../x", "/", "\0", "*", "1", ""]
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | NAMES | st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner, max_size=4),
    max_leaves=8,
)
BODIES = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6).map(lambda body: {"collectionName": "c", **body})


def check_envelope(client, route, body):
    status, _, content = client.send(route, body)
    answer = json.loads(content)
    assert (status, type(answer["code"])) == (200, int)
    assert answer["code"] != UNEXPECTED, answer
    assert "data" in answer if answer["code"] == 0 else isinstance(answer["message"], str)


@settings(BOUNDED, max_examples=300)
@given(route=st.sampled_from(sorted(ROUTES)), body=st.binary(max_size=200) | VALUES)
def test_any_bytes_are_answered_in_the_envelope(shared_client, route, body):
    check_envelope(shared_client, route, body)


@pytest.fixture
def victim(shared_client):
    """A client of a server that has a collection ``c``, whatever the test before has done to it."""
    shared_client.send("/collections/drop", {"collectionName": "c"})
    shared_client.send("/aliases/drop", {"aliasName": "c"})
    shared_client.create()
    return shared_client


@pytest.mark.parametrize("route", sorted(ROUTES))
@BOUNDED
@given(body=BODIES)
def test_any_values_are_answered_in_the_envelope(victim, route, body):
    check_envelope(victim, route, body)


@settings(BOUNDED, max_examples=30)
@given(path=st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="?#%"), max_size=30))
def test_any_other_route_is_a_plain_404(shared_client, path):
    status, _, body = shared_client.send(f"/{path}/nowhere", {})
    assert (status, body) == (404, b"404 page not found")


def test_import_succeeds_after_all_that(shared_client):
    shared_client.create("next")
    assert shared_client.load("rows.parquet", collection="next")["state"] == "Completed"
    assert shared_client.rows("next") == 10
