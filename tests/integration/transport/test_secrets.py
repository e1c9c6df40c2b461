"""Secrets that a server, a proxy or an HTTP library sends back: in no error, no result and no log line."""

import base64
import json
import re
import traceback
from urllib.parse import quote

import pytest
from bad_servers import JSON_HEADERS, envelope, response

from airflow_provider_milvus.hooks.milvus import MilvusAsyncHook, MilvusHook
from airflow_provider_milvus.rest import errors, import_jobs
from airflow_provider_milvus.rest.import_jobs import ImportSource

PASSWORD = 'pa&s/s"w0rd'
TOKEN = f"root:{PASSWORD}"
DESCRIBE = import_jobs.describe("1")
ESCAPED = [
    PASSWORD,
    TOKEN,
    json.dumps(PASSWORD)[1:-1],
    json.dumps(PASSWORD).replace("/", "\\/")[1:-1],
    json.dumps(PASSWORD).replace("&", "\\u0026")[1:-1],
    json.dumps(json.dumps({"token": TOKEN})).replace("&", "\\u0026"),
    quote(PASSWORD, safe=""),
    base64.b64encode(TOKEN.encode()).decode(),
    "".join(f"\\u{ord(c):04x}" for c in PASSWORD),
]


def leaks(text):
    """The parts of the password that a text holds, in whatever escape."""
    text = re.sub(r"\\+u([0-9a-f]{4})", lambda escape: chr(int(escape[1], 16)), text)
    plain = text.replace("\\", "").replace("u0026", "&").replace("%26", "&").replace("%2F", "/").replace("%22", '"')
    return [part for part in (PASSWORD, base64.b64encode(TOKEN.encode()).decode()) if part in plain]


async def shown(call, *requests):
    """All that a user sees of a request that fails: the error, its traceback and what it was raised from."""
    with pytest.raises(errors.MilvusError) as caught:
        await call(*requests)
    return f"{caught.value!r} {vars(caught.value)} {''.join(traceback.format_exception(caught.value))}"


@pytest.mark.parametrize("quoted", ESCAPED)
async def test_secret_in_an_error_of_the_server_is_redacted(reach, call, quoted):
    text = quoted if "\\" in quoted else quoted.replace('"', '\\"')
    body = b'{"code":1800,"message":"you sent %s here"}' % text.encode()
    reach(lambda peer: peer.send(response(body)), login="root", password=PASSWORD)
    text = await shown(call, DESCRIBE)
    assert (leaks(text), "***" in text) == ([], True)


@pytest.mark.parametrize("quoted", ESCAPED)
async def test_secret_in_an_error_page_is_redacted(reach, call, quoted):
    page = response(b"<p>you sent %s here" % quoted.encode(), b"HTTP/1.1 403 Forbidden\r\n")
    reach(lambda peer: peer.send(page), login="root", password=PASSWORD)
    assert leaks(await shown(call, DESCRIBE)) == []


async def test_secret_at_the_cut_of_an_error_page_is_redacted_whole(reach, call):
    page = response(b"x" * 155 + PASSWORD.encode() + b"y" * 200, b"HTTP/1.1 403 Forbidden\r\n")
    reach(lambda peer: peer.send(page), login="root", password=PASSWORD)
    assert PASSWORD[:5] not in await shown(call, DESCRIBE)


@pytest.mark.parametrize("field", ["reason", "collectionName", "state", "createTime", "more", PASSWORD])
async def test_secret_in_any_text_of_a_result_is_redacted(reach, call, field):
    job = {"state": "Importing", "details": [{"fileName": PASSWORD, "reason": TOKEN}], field: [PASSWORD, TOKEN][0]}
    reach(lambda peer: peer.send(response(envelope(job))), login="root", password=PASSWORD)
    [progress] = await call(DESCRIBE)
    assert leaks(json.dumps([progress.as_dict(), dict(progress.raw)]) + str(progress.files)) == []


async def test_keys_of_object_storage_are_redacted_in_later_responses(reach, call):
    secrets = ["AKIA0123456789", "s3cr/t+key", "a/session=token"]
    storage = dict(zip(("accessKey", "secretKey", "token"), secrets, strict=True))
    create = import_jobs.create("c", ImportSource(object_urls=["s3://bucket/a"]), storage=storage)
    bodies = [envelope({"jobId": "1"}), envelope({"state": "Failed", "reason": f"denied for {secrets}"})]
    server = reach(lambda peer: peer.send(response(bodies[len(server.requests) - 1])), extra={"cluster_id": "in03-1"})
    _, progress = await call(create, DESCRIBE)
    assert progress.reason == "denied for ['***', '***', '***']"


async def test_credentials_of_a_proxy_are_in_no_error(serve, call, connection):
    basic = base64.b64encode(b"user:pr0xy/pw").decode()
    head = f"HTTP/1.1 407 user:pr0xy/pw pr0xy%2Fpw {basic}\r\n".encode()
    proxy = serve(lambda peer: (peer.send(response(b"pr0xy/pw", head)), peer.close()))
    connection("https://milvus.example.org", extra={"proxies": f"http://user:pr0xy%2Fpw@127.0.0.1:{proxy.port}"})
    text = await shown(call, DESCRIBE)
    assert ["407" in text, [secret for secret in ("pr0xy", basic.rstrip("=")) if secret in text]] == [True, []]


@pytest.mark.parametrize("secret", ["s3cret-token", "root:s3cret-token"])
async def test_reason_phrase_and_bad_headers_are_logged_without_secrets(reach, call, caplog, secret):
    caplog.set_level("DEBUG")
    head = f"HTTP/1.1 200 got {secret}\r\nX-Echo: {secret}\r\n".encode()
    reach(lambda peer: peer.send(response(envelope({"state": "Importing"}), head)), password=secret)
    await call(DESCRIBE)
    assert (secret in caplog.text, "s3cret" in caplog.text) == (False, False)


async def test_malformed_headers_are_logged_without_secrets(reach, call, caplog):
    head = JSON_HEADERS + b"no header s3cret-token\r\nContent-Length: 2\r\n\r\n{}"
    reach(lambda peer: (peer.send(head), peer.close()), password="s3cret-token")
    assert "s3cret" not in await shown(call, DESCRIBE) + caplog.text


async def test_secrets_are_masked_by_airflow(reach, mocker):
    mask = mocker.patch("airflow.providers.common.compat.sdk.mask_secret")
    reach(
        lambda peer: peer.send(response(envelope({"jobId": "1"}))),
        login="service-user",
        password="s3cret",
        extra={"cluster_id": "in03-1"},
    )
    storage = {"accessKey": "access-key", "secretKey": "secret-key", "token": "session-token"}
    hook = MilvusHook()
    hook.call(import_jobs.create("c", ImportSource(object_urls=["s3://bucket/a"]), storage=storage))
    masked = {call.args[0] for call in mask.call_args_list}
    assert masked >= {"service-user:s3cret", "service-user", "s3cret", *storage.values()}
    mask.reset_mock()
    async with MilvusAsyncHook("milvus_default"):
        assert {call.args[0] for call in mask.call_args_list} >= {"service-user:s3cret", "service-user", "s3cret"}
