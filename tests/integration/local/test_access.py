"""Who may come in: nobody without the token; where there is none, no page of another site."""

import base64
import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
import urllib.request

import grpc
import pymilvus
import pytest
from pymilvus.grpc_gen import milvus_pb2, milvus_pb2_grpc

from airflow_provider_milvus.local import LocalMilvus
from airflow_provider_milvus.local.lossy import lossy

SERVE = [sys.executable, "-m", "airflow_provider_milvus.local", "serve"]
TOKEN = "root:Mil:vus"
UMLAUTS = "jürgen:Straße"
DROP = b'{"collectionName": "c"}'
MANY_BYTES = 40 << 20


def connect(milvus):
    return socket.create_connection((milvus.host, milvus.port), timeout=30)


def exchange(milvus, head, body=b"", *, target="/v2/vectordb/collections/drop", version="HTTP/1.1", method="POST"):
    """The status line and the rest of the response to one request, whose header lines are given as they are."""
    lines = [f"{method} {target} {version}", *head, f"Content-Length: {len(body)}", "Connection: close", "", ""]
    with connect(milvus) as connection:
        connection.sendall("\r\n".join(lines).encode("utf-8") + body)
        received = b""
        while more := connection.recv(65536):
            received += more
    status, _, rest = received.decode().partition("\r\n")
    return status, rest


def received_until(connection, part):
    """What comes up to `part`: one response may come in several segments."""
    received = b""
    while part not in received and (more := connection.recv(65536)):
        received += more
    return received


def own(milvus, name="127.0.0.1"):
    return f"Host: {name}:{milvus.port}"


@pytest.fixture(scope="module")
def open_milvus(tmp_path_factory):
    """A server without a token, with a collection ``c`` that nobody may drop."""
    with LocalMilvus(tmp_path_factory.mktemp("open"), allowed_hosts=["milvus.internal"]) as milvus:
        request = urllib.request.Request(
            f"{milvus.uri}/v2/vectordb/collections/create", b'{"collectionName": "c", "dimension": 4}'
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as response:
            assert json.load(response)["code"] == 0
        yield milvus


@pytest.mark.parametrize(
    "head",
    [
        ["Host: {own}", "Origin: http://evil.example"],
        ["Host: {own}", "Origin: https://evil.example"],
        ["Host: {own}", "Origin: null"],
        ["Host: {own}", "Origin: "],
        ["Host: {own}", "Origin: http://127.0.0.1:1"],
        ["Host: {own}", "Origin: http://127.0.0.1"],
        ["Host: {own}", "Origin: https://{own}"],
        ["Host: {own}", "Origin: http://localhost:{port}"],
        ["Host: {own}", "Origin: http://{own}.evil.example"],
        ["Host: {own}", "Origin: http://{own}", "Origin: http://evil.example"],
        ["Host: {own}", "Origin: http://[::1]:{port}"],
        ["Host: {own}", "Origin: file://"],
        ["Host: {own}", "Sec-Fetch-Site: cross-site"],
        ["Host: {own}", "Sec-Fetch-Site: same-site"],
        ["Host: {own}", "Sec-Fetch-Site: Cross-Site"],
        ["Host: {own}", "Sec-Fetch-Site: "],
        ["Host: evil.example"],
        ["Host: evil.example:{port}", "Origin: http://evil.example:{port}", "Sec-Fetch-Site: same-origin"],
        ["Host: EVIL.EXAMPLE"],
        ["Host: localhost.evil.example"],
        ["Host: 127.0.0.1.evil.example"],
        ["Host: evil.example."],
        ["Host: localhost.."],
        ["Host: evil"],
        ["Host: user@localhost"],
        ["Host: localhost@evil.example"],
        ["Host: localhost:port"],
        ["Host: localhost:1:2"],
        ["Host: localhost/evil.example"],
        ["Host: 192.0.2.7"],
        ["Host: 0.0.0.0:{port}"],
        ["Host: [2001:db8::7]:{port}"],
        ["Host: [::]"],
        ["Host: [::1"],
        ["Host: 2130706433"],
        ["Host: "],
        ["Host: l\u00f6calhost"],
    ],
)
def test_page_of_another_site_is_refused(open_milvus, head):
    values = {"own": f"127.0.0.1:{open_milvus.port}", "port": open_milvus.port}
    lines = [line.format(**values) for line in head] + ["Content-Type: text/plain"]
    status, rest = exchange(open_milvus, lines, DROP)
    assert status == "HTTP/1.1 403 Forbidden"
    assert '"code":1401' in rest
    assert "Access-Control" not in rest
    status, rest = exchange(open_milvus, [own(open_milvus)], DROP, target="/v2/vectordb/collections/has")
    assert '"data":{"has":true}' in rest


@pytest.mark.parametrize(
    "head",
    [
        ["Host: {own}"],
        ["Host: 127.0.0.1"],
        ["Host: 127.0.0.1:1"],
        ["Host: 127.9.9.9"],
        ["Host: localhost"],
        ["Host: LocalHost:{port}"],
        ["Host: localhost.:{port}"],
        ["Host: [::1]:{port}"],
        ["Host: [0:0:0:0:0:0:0:1]"],
        ["Host: [::ffff:127.0.0.1]"],
        ["Host: milvus.internal:{port}"],
        ["Host: Milvus.Internal."],
        ["Host: {own}", "Origin: http://{own}", "Sec-Fetch-Site: same-origin"],
        ["Host: LOCALHOST:{port}", "Origin: HTTP://localhost.:{port}"],
        ["Host: localhost:80", "Origin: http://localhost"],
        ["Host: {own}", "Sec-Fetch-Site: none"],
    ],
)
def test_client_on_this_machine_comes_in(open_milvus, head):
    values = {"own": f"127.0.0.1:{open_milvus.port}", "port": open_milvus.port}
    lines = [line.format(**values) for line in head]
    status, rest = exchange(open_milvus, lines, DROP, target="/v2/vectordb/collections/has")
    assert (status, '"data":{"has":true}' in rest) == ("HTTP/1.1 200 OK", True)


def test_client_of_http_1_0_needs_no_host(open_milvus):
    status, _ = exchange(open_milvus, [], DROP, target="/v2/vectordb/collections/has", version="HTTP/1.0")
    assert status.endswith("200 OK")


def test_origin_without_a_host_is_refused(open_milvus):
    head = [f"Origin: http://127.0.0.1:{open_milvus.port}"]
    status, _ = exchange(open_milvus, head, DROP, version="HTTP/1.0")
    assert status.endswith("403 Forbidden")


@pytest.mark.parametrize(
    "head", [[], ["Host: localhost", "Host: evil.example"], ["Host: localhost", "Host: localhost"]]
)
def test_http_1_1_needs_exactly_one_host(open_milvus, head):
    assert exchange(open_milvus, head, DROP)[0].startswith("HTTP/1.1 400")


@pytest.mark.parametrize(
    ("authority", "status"),
    [
        ("127.0.0.1:{port}", "200 OK"),
        ("LOCALHOST", "200 OK"),
        ("evil.example", "403 Forbidden"),
        ("evil.example:{port}", "403 Forbidden"),
        ("localhost@evil.example", "403 Forbidden"),
        ("", "403 Forbidden"),
    ],
)
def test_whole_url_as_target_names_the_host_too(open_milvus, authority, status):
    target = f"http://{authority.format(port=open_milvus.port)}/v2/vectordb/collections/has"
    got = exchange(open_milvus, [own(open_milvus)], DROP, target=target)[0]
    assert got == f"HTTP/1.1 {status}"


@pytest.mark.parametrize("path", ["/", "/v2/vectordb/nope", "/milvus.proto.milvus.MilvusService/DropCollection"])
def test_foreign_request_is_refused_on_every_path(open_milvus, path):
    head = [own(open_milvus), "Origin: http://evil.example", "Content-Type: application/grpc-web"]
    assert exchange(open_milvus, head, target=path)[0] == "HTTP/1.1 403 Forbidden"


def test_grpc_web_is_not_served(open_milvus):
    path = "/milvus.proto.milvus.MilvusService/DropCollection"
    head = [own(open_milvus), "Content-Type: application/grpc-web"]
    assert exchange(open_milvus, head, target=path)[0] == "HTTP/1.1 404 Not Found"


def test_grpc_port_of_its_own_speaks_no_http_1(serve):
    client = serve(grpc_port=0)
    client.create()
    with socket.create_connection((client.milvus.host, client.milvus.grpc_port), timeout=30) as connection:
        connection.sendall(b"POST /milvus.proto.milvus.MilvusService/DropCollection HTTP/1.1\r\nHost: evil\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert not connection.recv(4096).startswith(b"HTTP/1.1")
    assert client.post("/collections/list") == ["c"]


def test_web_socket_of_a_page_is_refused(open_milvus):
    head = [own(open_milvus), "Origin: http://evil.example", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
    head += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    lines = ["GET /v2/vectordb/collections/list HTTP/1.1", *head, "Connection: Upgrade", "", ""]
    with connect(open_milvus) as connection:
        connection.sendall("\r\n".join(lines).encode())
        assert received_until(connection, b"\r\n").startswith(b"HTTP/1.1 403")


def preflight(milvus, origin):
    head = [own(milvus), f"Origin: {origin}", "Access-Control-Request-Method: POST"]
    return exchange(milvus, head, method="OPTIONS")


def test_preflight_of_another_site_allows_nothing(open_milvus):
    status, rest = preflight(open_milvus, "http://evil.example")
    assert (status, "access-control" in rest.lower()) == ("HTTP/1.1 403 Forbidden", False)


def test_response_without_a_token_allows_no_other_site_to_read_it(open_milvus):
    _, rest = exchange(open_milvus, [own(open_milvus)], DROP, target="/v2/vectordb/collections/has")
    assert "access-control" not in rest.lower()


def test_page_with_the_token_may_come_from_any_site(serve):
    milvus = serve(token=TOKEN).milvus
    status, rest = preflight(milvus, "https://tool.example")
    assert status == "HTTP/1.1 204 No Content"
    assert "authorization" in rest.lower()
    head = ["Host: tool.example", "Origin: https://tool.example", f"Authorization: Bearer {TOKEN}"]
    status, rest = exchange(milvus, head, b"{}", target="/v2/vectordb/collections/list")
    assert (status, "access-control-allow-origin: *" in rest.lower()) == ("HTTP/1.1 200 OK", True)


def test_page_without_the_token_is_401(serve):
    milvus = serve(token=TOKEN).milvus
    assert exchange(milvus, ["Host: localhost", "Origin: http://evil.example"], DROP)[0].endswith("401 Unauthorized")


def test_fault_strikes_no_page_of_another_site(serve):
    client = serve(faults=["500:*:count=1"])
    head = [own(client.milvus), "Origin: http://evil.example"]
    assert exchange(client.milvus, head, DROP)[0] == "HTTP/1.1 403 Forbidden"
    assert client.send("/collections/list", {})[0] == 500


# -- the token ---------------------------------------------------------------------------------------------


def basic(text):
    return "Basic " + base64.b64encode(text).decode()


@pytest.mark.parametrize(
    "header",
    [
        f"Bearer {UMLAUTS}".encode(),
        f"Bearer {UMLAUTS}".encode("latin-1"),
        basic(UMLAUTS.encode()).encode(),
        basic(UMLAUTS.encode("latin-1")).encode(),
    ],
)
def test_token_with_umlauts_opens_rest(serve, header):
    milvus = serve(token=UMLAUTS).milvus
    with connect(milvus) as connection:
        head = b"POST /v2/vectordb/collections/list HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nAuthorization: "
        connection.sendall(head + header + b"\r\n\r\n{}")
        assert received_until(connection, b"\r\n").startswith(b"HTTP/1.1 200")


def test_token_with_umlauts_opens_grpc(serve):
    assert pymilvus.MilvusClient(uri=serve(token=UMLAUTS).milvus.uri, token=UMLAUTS).list_collections() == []


@pytest.mark.parametrize("sent", ["?:?", "j?rgen:Stra?e", "root:?", "日本:語".encode("latin-1", "replace").decode()])
def test_token_beyond_latin_1_has_no_stand_in(serve, sent):
    milvus = serve(token="日本:語").milvus
    assert exchange(milvus, ["Host: x", f"Authorization: Bearer {sent}"])[0].endswith("401 Unauthorized")
    assert exchange(milvus, ["Host: x", "Authorization: Bearer 日本:語"], b"{}")[0].endswith("200 OK")


@pytest.mark.parametrize("token", ["root:a\nb", " root:a", "root:a ", "root:a\x00", "root:\ud800"])
def test_token_that_no_header_can_carry_is_refused(tmp_path, token):
    with pytest.raises(ValueError, match="token has a control character") as caught:
        LocalMilvus(tmp_path, token=token)
    assert "root" not in str(caught.value)


def test_password_that_no_header_can_carry_is_refused(tmp_path):
    with pytest.raises(ValueError, match="password of the user 'loader' has a control character"):
        LocalMilvus(tmp_path, token=TOKEN, users=["loader:a\rb"])


def test_token_is_checked_before_the_body_comes(serve):
    milvus = serve(token=TOKEN).milvus
    with connect(milvus) as connection:
        connection.sendall(
            b"POST /v2/vectordb/entities/insert HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\n\r\n{"
        )
        assert received_until(connection, b"\r\n").startswith(b"HTTP/1.1 401")


def test_api_key_is_checked_before_the_body_comes(serve):
    milvus = serve(token="key", zilliz_cluster="in03-local").milvus
    with connect(milvus) as connection:
        connection.sendall(
            b"POST /v2/vectordb/jobs/import/create HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\n\r\n{"
        )
        assert b"21119" in received_until(connection, b"21119")


def test_refused_client_can_send_all_of_its_body(serve):
    client = serve(token=TOKEN)
    status, _, body = client.send("/entities/insert", b"x" * MANY_BYTES)
    assert (status, json.loads(body)["code"]) == (401, 1800)


def peak_bytes(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))


def test_body_of_a_client_without_the_token_is_not_kept(command):
    client = command("--token", TOKEN)
    before = peak_bytes(client.milvus.process.pid)
    for _ in range(3):
        assert client.send("/entities/insert", b"x" * MANY_BYTES)[0] == 401
    assert peak_bytes(client.milvus.process.pid) - before < MANY_BYTES


def test_message_of_a_grpc_client_without_the_token_is_not_kept(command):
    client = command("--token", TOKEN)
    before = peak_bytes(client.milvus.process.pid)
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(client.milvus.grpc_uri.removeprefix("http://"), options) as channel:
        insert = channel.unary_unary("/milvus.proto.milvus.MilvusService/Insert")
        for _ in range(3):
            with pytest.raises(grpc.RpcError) as caught:
                insert(b"x" * MANY_BYTES, timeout=60)
            assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert peak_bytes(client.milvus.process.pid) - before < MANY_BYTES


@pytest.mark.parametrize("source", ["--token", "--token-file", "environment"])
def test_command_takes_the_token_from(tmp_path, command, monkeypatch, source):
    (tmp_path / "token").write_text(f"{UMLAUTS}\n", encoding="utf-8")
    if source == "environment":
        monkeypatch.setenv("MILVUS_TOKEN", UMLAUTS)
    options = {"--token": ["--token", UMLAUTS], "--token-file": ["--token-file", str(tmp_path / "token")]}
    client = command(*options.get(source, []))
    assert client.send("/collections/list", {})[0] == 401
    assert client.send("/collections/list", {}, Authorization=basic(UMLAUTS.encode()))[0] == 200


def test_command_line_beats_the_environment(command, monkeypatch):
    monkeypatch.setenv("MILVUS_TOKEN", "root:other")
    client = command("--token", TOKEN)
    assert client.send("/collections/list", {}, Authorization="Bearer root:other")[0] == 401
    assert client.send("/collections/list", {}, Authorization=f"Bearer {TOKEN}")[0] == 200


def test_empty_variable_is_no_token(command, monkeypatch):
    monkeypatch.setenv("MILVUS_TOKEN", "")
    assert command().send("/collections/list", {})[0] == 200


def test_command_takes_users_from_a_file(tmp_path, command):
    (tmp_path / "users").write_text("loader:secret=c\n\nguest:other\n")
    client = command("--token", TOKEN, "--users-file", str(tmp_path / "users"))
    for user in ("loader:secret", "guest:other"):
        assert client.send("/collections/list", {}, Authorization=f"Bearer {user}")[0] == 200


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must hold the token in one line, it has 0"),
        (b"a:secret\nb:secret\n", "must hold the token in one line, it has 2"),
        (b"root:secr\xe4t", "is not in UTF-8"),
        (b"root:secret \n", "token has a control character"),
        (None, "cannot be read: No such file"),
    ],
)
def test_token_file_that_holds_no_token_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    command = [*SERVE, "--data-dir", str(tmp_path / "data"), "--port", "0", "--token-file", str(tmp_path / "token")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert message in done.stderr
    assert "secr" not in done.stderr


@pytest.mark.parametrize(("host", "warned"), [("0.0.0.0", True), ("::", True), ("127.0.0.1", False), ("::1", False)])
def test_public_address_without_a_token_is_warned_of(tmp_path, caplog, host, warned):
    with caplog.at_level(logging.WARNING), LocalMilvus(tmp_path, host=host):
        pass
    assert ("has no token: whoever reaches this machine" in caplog.text) == warned


def test_public_address_with_a_token_is_not_warned_of(tmp_path, caplog):
    with caplog.at_level(logging.WARNING), LocalMilvus(tmp_path, host="0.0.0.0", token=TOKEN):
        pass
    assert caplog.text == ""


@pytest.mark.parametrize("name", ["192.0.2.7", "[2001:db8::7]"])
def test_server_on_all_addresses_may_be_called_by_any_of_them(serve, name):
    milvus = serve(host="0.0.0.0").milvus
    target = "/v2/vectordb/collections/list"
    assert exchange(milvus, [f"Host: {name}:{milvus.port}"], b"{}", target=target)[0].endswith("200 OK")
    assert exchange(milvus, ["Host: evil.example"], b"{}", target=target)[0].endswith("403 Forbidden")


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_server_listens_on_ipv6(serve, host):
    client = serve(host=host, grpc_port=0)
    assert client.milvus.uri == f"http://[::1]:{client.milvus.port}"
    client.create()
    for uri in (client.milvus.uri, client.milvus.grpc_uri):
        # Not through pymilvus, which drops the brackets.
        with grpc.insecure_channel(uri.removeprefix("http://")) as channel:
            milvus = milvus_pb2_grpc.MilvusServiceStub(channel)
            assert list(milvus.ListDatabases(milvus_pb2.ListDatabasesRequest(), timeout=30).db_names) == ["default"]


# -- what clients do wrong ---------------------------------------------------------------------------------

LEAVING = b"POST /v2/vectordb/entities/insert HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"


@pytest.mark.parametrize(
    "sent",
    [LEAVING, LEAVING + b"x" * 999, b"no HTTP at all\r\n\r\n", LEAVING.replace(b"{", b""), b"PRI * HTTP/2.0\r\n\r\nx"],
)
def test_client_that_leaves_is_no_line_in_the_log(command, sent):
    client = command()
    for _ in range(5):
        with connect_to(client.milvus.uri) as connection:
            connection.sendall(sent)
    assert client.send("/collections/list", {})[0] == 200
    assert client.milvus.end(15)[1] == ""


def connect_to(uri):
    host, _, port = uri.removeprefix("http://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=30)


def test_message_that_is_none_is_no_line_in_the_log(command):
    client = command()
    with grpc.insecure_channel(client.milvus.grpc_uri.removeprefix("http://")) as channel:
        for _ in range(5):
            with pytest.raises(grpc.RpcError):
                channel.unary_unary("/milvus.proto.milvus.MilvusService/Insert")(b"\xff" * 100, timeout=30)
    assert client.milvus.end(15)[1] == ""


def test_server_whose_log_nobody_reads_goes_on(tmp_path):
    # Every request fails with a traceback of some 3 KB, where a pipe holds 64 KB.
    code = (
        "import sys; from airflow_provider_milvus.local import __main__\n"
        "from airflow_provider_milvus.local.routes import app\n"
        "def fail(*_): raise RuntimeError('x' * 3000)\n"
        "app.bind = fail\n"
        "sys.exit(__main__.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "serve", "--data-dir", str(tmp_path), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        uri = process.stdout.readline().split()[4].rstrip(",")
        for _ in range(60):
            with connect_to(uri) as connection:
                connection.sendall(LEAVING.replace(b"entities/insert", b"aliases/list").replace(b"1000", b"2") + b"}")
                assert received_until(connection, b"\r\n").startswith(b"HTTP/1.1 200")
    finally:
        process.kill()
        process.communicate(timeout=30)


def test_lossy_file_never_waits():
    reading, writing = os.pipe()
    with open(reading, "rb") as reader, open(writing, "w") as writer:
        file = lossy(writer)
        for number in range(1000):
            print(number, "x" * 1000, file=file)
        os.set_blocking(reading, False)
        kept = reader.read()
        assert kept.startswith(b"0 xxx")
        print("again", file=file)
        assert reader.read() == b"again\n"


def test_lossy_file_without_a_reader_takes_everything():
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as writer:
        print("x" * 100_000, file=lossy(writer))
