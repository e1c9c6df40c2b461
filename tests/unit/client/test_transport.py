"""How a request goes out and which error a failure on its way becomes, on workers and in the triggerer alike."""

import json
import ssl

import httpx
import pytest
import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProxyError

from airflow_provider_milvus.hooks.milvus import MilvusAsyncHook, MilvusHook
from airflow_provider_milvus.rest import errors, import_jobs
from airflow_provider_milvus.rest.import_jobs import ImportSource

DESCRIBE, OLD_DESCRIBE = "/jobs/import/describe", "/jobs/import/get_progress"
CREATE, LIST = "/jobs/import/create", "/jobs/import/list"
RUNNING = {"jobId": "1", "state": "Importing"}
BUSY = (200, json.dumps({"code": 1, "message": "service not ready"}))


@pytest.fixture(params=["requests", "httpx"])
def call(request):
    """Send requests with the worker's hook or the triggerer's, one hook for all of them."""

    async def send(*to_send):
        if request.param == "requests":
            hook = MilvusHook()
            return [hook.call(each) for each in to_send]
        async with MilvusAsyncHook("milvus_default") as hook:
            return [await hook._transport.call(each) for each in to_send]

    return send


def header(sent, name):
    """The header as a server reads it, for which a text goes out as http.client sends it."""
    value = sent.headers.get(name)
    raw = getattr(sent.headers, "raw", None)
    if raw is not None:
        value = next((found for key, found in raw if key.decode() == name), None)
    return (value.encode("latin-1") if isinstance(value, str) else value).decode() if value else None


def create(key=None):
    return import_jobs.create("c", ImportSource(files=["a.parquet"]), idempotency_key=key)


def caused(error, cause):
    error.__cause__ = cause
    return error


async def test_request_names_database_agent_and_token(milvus, connection, call):
    connection(login="root", password="Milvus", schema="books")
    milvus.responds(DESCRIBE, RUNNING)
    await call(import_jobs.describe("1"))
    sent = milvus.sent[0]
    assert sent.url == "http://milvus.example.org:19530/v2/vectordb/jobs/import/describe"
    assert sent.body == {"dbName": "books", "jobId": "1"}
    assert (header(sent, "Authorization"), header(sent, "DB-Name")) == ("Bearer root:Milvus", "books")
    assert header(sent, "Content-Type") == header(sent, "Accept") == "application/json"
    assert header(sent, "User-Agent").startswith("airflow-provider-milvus/")


async def test_request_without_credentials_has_no_authorization(milvus, call):
    milvus.responds(DESCRIBE, RUNNING)
    await call(import_jobs.describe("1"))
    assert "Authorization" not in milvus.sent[0].headers


async def test_token_beyond_ascii_goes_out_as_utf_8(milvus, connection, call):
    connection(login="root", password="pässwörd€")
    milvus.responds(DESCRIBE, RUNNING)
    await call(import_jobs.describe("1"))
    assert header(milvus.sent[0], "Authorization") == "Bearer root:pässwörd€"


async def test_netrc_does_not_replace_the_token(milvus, connection, call, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine milvus.example.org login other password other")
    monkeypatch.setenv("NETRC", str(netrc))
    connection(password="key")
    milvus.responds(DESCRIBE, RUNNING)
    await call(import_jobs.describe("1"))
    assert header(milvus.sent[0], "Authorization") == "Bearer key"


async def test_idempotency_key_goes_out_with_its_request_alone(milvus, call):
    milvus.responds(CREATE, {"jobId": "1"})
    milvus.responds(DESCRIBE, RUNNING)
    await call(create("k"), import_jobs.describe("1"))
    assert [header(sent, "Idempotency-Key") for sent in milvus.sent] == ["k", None]


async def test_cloud_imports_go_to_its_control_plane_and_name_the_cluster(milvus, connection, call):
    connection(
        host="https://in03-1.example.org", extra={"cluster_id": "in03-1", "import_endpoint": "api.example.org:443"}
    )
    milvus.responds(DESCRIBE, RUNNING)
    await call(import_jobs.describe("1"))
    sent = milvus.sent[0]
    assert sent.url.startswith("https://api.example.org")
    assert sent.body["clusterId"] == "in03-1"


async def test_import_requests_for_a_project_name_it_and_its_region(milvus, connection, call):
    connection(extra={"project_id": "proj-1", "region_id": "aws-us-west-2"})
    milvus.responds(DESCRIBE, RUNNING)
    await call(import_jobs.describe("1"))
    assert milvus.sent[0].body == {"projectId": "proj-1", "regionId": "aws-us-west-2", "jobId": "1"}
    assert header(milvus.sent[0], "DB-Name") is None


@pytest.mark.parametrize("response", [(403, "<html>{}"), (200, '{{"code": 1100, "message": "{}"}}'), (200, "{}")])
async def test_response_that_quotes_secrets_is_not_passed_on_with_them(milvus, connection, call, response):
    status, text = response
    secrets = ["the-api-key", "the-access-key", "the-secret-key"]
    connection(password=secrets[0], extra={"cluster_id": "in03-1"})
    storage = {"accessKey": secrets[1], "secretKey": secrets[2]}
    milvus.responds(CREATE, (status, text.format(f"you sent {secrets}")))
    with pytest.raises(errors.MilvusError, match="you sent") as caught:
        await call(import_jobs.create("c", ImportSource(object_urls=["s3://b/a"]), storage=storage))
    assert [secret for secret in secrets if secret in str(caught.value)] == []


async def test_server_without_describe_gets_get_progress_from_then_on(milvus, call):
    milvus.responds(OLD_DESCRIBE, RUNNING)
    await call(import_jobs.describe("1"), import_jobs.describe("1"))
    assert milvus.routes == [DESCRIBE, OLD_DESCRIBE, OLD_DESCRIBE]


async def test_route_that_nobody_knows_is_an_error(milvus, call):
    with pytest.raises(errors.MilvusRouteNotFound):
        await call(import_jobs.describe("1"))


async def test_redirect_is_not_followed(milvus, call, package_clock):
    milvus.responds(DESCRIBE, (307, "", {"Location": "https://elsewhere.example.org/"}))
    with pytest.raises(errors.MilvusProtocolError, match="HTTP 307"):
        await call(import_jobs.describe("1"))
    assert {sent.url.partition("/v2")[0] for sent in milvus.sent} == {"http://milvus.example.org:19530"}


@pytest.mark.parametrize(
    ("failure", "kind", "maybe_done"),
    [
        (requests.exceptions.ConnectTimeout("slow"), errors.MilvusConnectionError, False),
        (
            requests.exceptions.ConnectionError(
                MaxRetryError(None, "/", NewConnectionError(None, "Connection refused"))
            ),
            errors.MilvusConnectionError,
            False,
        ),
        (
            requests.exceptions.ProxyError(
                MaxRetryError(None, "/", ProxyError("no proxy", NewConnectionError(None, "Connection refused")))
            ),
            errors.MilvusConnectionError,
            False,
        ),
        (
            requests.exceptions.ProxyError(MaxRetryError(None, "/", ProxyError("cut off", ConnectionResetError()))),
            errors.MilvusConnectionError,
            True,
        ),
        (requests.exceptions.SSLError(ssl.SSLError("bad record")), errors.MilvusConnectionError, True),
        (requests.exceptions.ReadTimeout("slow"), errors.MilvusConnectionError, True),
        (requests.exceptions.ConnectionError("reset"), errors.MilvusConnectionError, True),
        (requests.exceptions.ChunkedEncodingError("cut off"), errors.MilvusConnectionError, True),
        (requests.exceptions.SSLError(ssl.SSLCertVerificationError("self-signed")), errors.MilvusTLSError, False),
    ],
)
def test_errors_of_requests_become_ours(milvus, failure, kind, maybe_done):
    milvus.responds(CREATE, failure)
    with pytest.raises(errors.MilvusConnectionError) as caught:
        MilvusHook().call(create(), retries=0)
    assert (type(caught.value), caught.value.maybe_done) == (kind, maybe_done)


@pytest.mark.parametrize(
    ("failure", "kind", "maybe_done"),
    [
        (httpx.ConnectError("refused"), errors.MilvusConnectionError, False),
        (httpx.ConnectTimeout("slow"), errors.MilvusConnectionError, False),
        (httpx.PoolTimeout("full"), errors.MilvusConnectionError, False),
        (httpx.ReadTimeout("slow"), errors.MilvusConnectionError, True),
        (httpx.ReadError("reset"), errors.MilvusConnectionError, True),
        (httpx.RemoteProtocolError("cut off"), errors.MilvusConnectionError, True),
        (caused(httpx.ConnectError("x"), ssl.SSLCertVerificationError("self-signed")), errors.MilvusTLSError, False),
        (caused(httpx.ConnectError("x"), ssl.SSLError("bad version")), errors.MilvusTLSError, False),
        (caused(httpx.ReadError("x"), ssl.SSLError("bad record")), errors.MilvusConnectionError, True),
        (ssl.SSLError("an alert"), errors.MilvusConnectionError, True),
    ],
)
async def test_errors_of_httpx_become_ours(milvus, failure, kind, maybe_done):
    milvus.responds(CREATE, failure)
    with pytest.raises(errors.MilvusConnectionError) as caught:
        async with MilvusAsyncHook("milvus_default") as hook:
            await hook._transport.call(create())
    assert (type(caught.value), caught.value.maybe_done) == (kind, maybe_done)


@pytest.mark.parametrize("cause", [ssl.SSLEOFError("EOF occurred"), ssl.SSLZeroReturnError("closed (EOF)")])
def test_tls_connection_that_breaks_off_is_no_matter_of_certificates(milvus, cause):
    milvus.responds(CREATE, requests.exceptions.SSLError(cause))
    with pytest.raises(errors.MilvusConnectionError) as caught:
        MilvusHook().call(create(), retries=0)
    assert (caught.value.retryable, caught.value.maybe_done) == (True, True)


async def test_broken_tls_handshake_in_the_triggerer_is_no_certificate_error(milvus):
    failure = httpx.ConnectError("[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred")
    failure.__cause__ = ssl.SSLEOFError("[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred")
    milvus.responds(DESCRIBE, failure)
    with pytest.raises(errors.MilvusConnectionError) as caught:
        async with MilvusAsyncHook("milvus_default") as hook:
            await hook.get_import_progress("1")
    assert caught.value.retryable


async def test_token_is_in_no_error(milvus, connection, call, package_clock):
    connection(login="root", password="s3cret", extra={"retries": 0})
    milvus.responds(DESCRIBE, (502, "<html>Bad Gateway</html>"))
    with pytest.raises(errors.MilvusUnavailable) as caught:
        await call(import_jobs.describe("1"))
    assert "s3cret" not in repr(caught.value)


def test_read_is_repeated_with_growing_pauses(milvus, package_clock):
    milvus.responds(DESCRIBE, BUSY, BUSY, BUSY, RUNNING)
    assert MilvusHook().get_import_progress("1").state == "Importing"
    assert [0.5 * n <= pause <= n for n, pause in zip((1, 2, 4), package_clock.sleeps, strict=True)] == [True] * 3


def test_read_is_repeated_as_often_as_the_connection_says(milvus, connection, package_clock):
    connection(extra={"retries": 2})
    milvus.responds(DESCRIBE, BUSY)
    with pytest.raises(errors.MilvusBusyError):
        MilvusHook().get_import_progress("1")
    assert len(milvus.sent) == 3


def test_retry_after_is_honoured(milvus, package_clock):
    milvus.responds(DESCRIBE, (429, "", {"retry-after": "17"}), RUNNING)
    MilvusHook().get_import_progress("1")
    assert package_clock.sleeps == [17.0]


def test_refusal_is_not_repeated(milvus, package_clock):
    milvus.responds(DESCRIBE, (401, json.dumps({"code": 1800, "message": "user hasn't authenticated"})))
    with pytest.raises(errors.MilvusAuthError):
        MilvusHook().get_import_progress("1")
    assert len(milvus.sent) == 1


@pytest.mark.parametrize(
    "failure",
    [
        requests.exceptions.ReadTimeout("slow"),
        requests.exceptions.ConnectionError("reset"),
        (408, "timeout"),
        (502, "Bad Gateway"),
        (200, '{"code":0,"da'),
        (200, '{"code":10001,"message":"request timeout"}'),
    ],
)
def test_create_that_may_have_been_done_is_not_repeated(milvus, failure, package_clock):
    milvus.responds(CREATE, failure, {"jobId": "1"})
    with pytest.raises(errors.MilvusError) as caught:
        MilvusHook().bulk_import("c", ["a.parquet"])
    assert (len(milvus.sent), caught.value.maybe_done) == (1, True)


@pytest.mark.parametrize("failure", [requests.exceptions.ConnectTimeout("slow"), BUSY])
def test_create_that_was_certainly_not_done_is_repeated(milvus, failure, package_clock):
    milvus.responds(CREATE, failure, {"jobId": "1"})
    assert MilvusHook().bulk_import("c", ["a.parquet"]) == "1"


def test_create_goes_out_on_a_new_connection(milvus, mocker):
    milvus.responds(CREATE, {"jobId": "1"})
    close = mocker.spy(requests.adapters.HTTPAdapter, "close")
    MilvusHook().bulk_import("c", ["a.parquet"])
    assert close.called


def test_worker_waits_as_long_as_the_connection_says(milvus, connection):
    connection(extra={"timeout": 7})
    milvus.responds(DESCRIBE, RUNNING)
    MilvusHook().get_import_progress("1")
    assert milvus.sent[0].options["timeout"] == 7


async def test_triggerer_waits_as_long_as_the_connection_says(milvus, connection):
    connection(extra={"timeout": 7})
    milvus.responds(DESCRIBE, RUNNING)
    async with MilvusAsyncHook("milvus_default") as hook:
        await hook.get_import_progress("1")
    assert set(milvus.sent[0].options["timeout"].values()) == {7}


def test_error_names_its_own_cause_and_not_what_was_handled_before_it(milvus):
    milvus.responds(CREATE, requests.exceptions.ReadTimeout("slow"))
    try:
        raise KeyError("another matter")
    except KeyError:
        with pytest.raises(errors.MilvusConnectionError, match=r"no response from .*: slow"):
            MilvusHook().call(create())


async def test_error_of_the_older_route_is_not_that_the_newer_one_is_missing(milvus):
    milvus.responds(OLD_DESCRIBE, httpx.ReadTimeout("slow"))
    async with MilvusAsyncHook("milvus_default") as hook:
        with pytest.raises(errors.MilvusConnectionError, match=r"no response from .*: slow"):
            await hook.get_import_progress("1")
