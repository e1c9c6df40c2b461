"""The way to the server through real sockets: a worker and a triggerer go the same, and trust the same."""

import base64

import pytest

from airflow_provider_milvus.exceptions import MilvusConnectionError, MilvusTLSError

BASIC = "Basic " + base64.b64encode(b"user:p\xc3\xa4ss/word").decode()
CREDENTIALS = "user:p%C3%A4ss%2Fword@"


def port(server):
    return server.server_port


@pytest.mark.parametrize("spelling", ["[::1]:{port}", "http://[::1]:{port}", "http://[0:0::1]:{port}/"])
async def test_ipv6_host_with_its_port_is_reached(serve, define, describe, spelling):
    server = serve("::1")
    define(host=spelling.format(port=port(server)))
    await describe()
    assert server.seen[0][1]["Host"] == f"[::1]:{port(server)}"


@pytest.mark.parametrize("host", ["::1", "[::1]", "0:0:0:0:0:0:0:1", "http://[::1]"])
async def test_ipv6_host_beside_its_port_is_reached(serve, define, describe, host):
    server = serve("::1")
    define(host=host, port=port(server))
    await describe()
    assert len(server.seen) == 1


@pytest.mark.parametrize("uri", ["milvus://[::1]:{port}/db", "http://[::1]:{port}", "milvus://root:pw@[::1]:{port}/"])
async def test_ipv6_host_of_a_uri_is_reached(serve, monkeypatch, describe, uri):
    server = serve("::1")
    monkeypatch.setenv("AIRFLOW_CONN_MILVUS_DEFAULT", uri.format(port=port(server)))
    await describe()
    assert len(server.seen) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("way", ["environment", "connection"])
async def test_proxy_is_handed_the_request_and_its_credentials(serve, define, describe, monkeypatch, host, way):
    proxy = serve(host, proxy=True)
    url = proxy.url.replace("//", f"//{CREDENTIALS}")
    if way == "environment":
        monkeypatch.setenv("HTTP_PROXY", url)
    define(host="http://milvus.invalid:19530", extra={"proxies": url} if way == "connection" else {})
    assert (await describe()).state == "Pending"
    path, headers = proxy.seen[0]
    assert path == "http://milvus.invalid:19530/v2/vectordb/jobs/import/describe"
    assert headers["Proxy-Authorization"] == BASIC


async def test_proxy_makes_a_tunnel_for_tls(serve, define, describe, certificates):
    server = serve(context=certificates.server_context())
    proxy = serve(proxy=True)
    url = proxy.url.replace("//", f"//{CREDENTIALS}")
    define(host=server.url, extra={"ca_bundle": str(certificates.ca), "proxies": {"https": url}})
    assert (await describe()).state == "Importing"
    path, headers = proxy.seen[0]
    assert path == f"CONNECT {server.url.removeprefix('https://')}"
    assert headers["Proxy-Authorization"] == BASIC
    assert "Proxy-Authorization" not in server.seen[0][1]


async def test_tunnel_to_an_ipv6_address_is_refused_by_both(serve, define, describe, certificates, monkeypatch):
    server, proxy = serve("::1", certificates.server_context()), serve(proxy=True)
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    define(host=server.url, extra={"ca_bundle": str(certificates.ca)})
    with pytest.raises(ValueError, match="an IPv6 address, to which no proxy makes a tunnel"):
        await describe()
    assert proxy.seen == []


@pytest.mark.parametrize("tls", [False, True])
async def test_proxy_that_speaks_tls_is_verified(serve, define, describe, certificates, monkeypatch, tls):
    server = serve(context=certificates.server_context() if tls else None)
    proxy = serve(context=certificates.server_context(), proxy=True)
    monkeypatch.setenv("ALL_PROXY", proxy.url)
    define(host=server.url, extra={"ca_bundle": str(certificates.other_ca)})
    with pytest.raises(MilvusConnectionError):
        await describe()
    assert proxy.seen == []
    define(host=server.url, extra={"ca_bundle": str(certificates.ca)})
    await describe()
    assert len(proxy.seen) == 1


@pytest.mark.parametrize(
    ("no_proxy", "host"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.0/8", "127.0.0.1"),
        ("10.0.0.0/8,127.0.0.0/30", "127.0.0.1"),
        ("127.0.0.1:{port}", "127.0.0.1"),
        ("localhost", "localhost"),
        (".localhost", "localhost"),
        ("*", "127.0.0.1"),
        ("::1", "[::1]"),
        ("[::1]", "[::1]"),
        ("[::1]:{port}", "[::1]"),
        ("::/64", "[::1]"),
        ("fd00::/8,::1/128", "[::1]"),
    ],
)
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
async def test_server_that_no_proxy_names_is_reached_directly(
    serve, define, describe, monkeypatch, no_proxy, host, variable
):
    server, proxy = serve("::1" if ":" in host else "127.0.0.1"), serve(proxy=True)
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv(variable, no_proxy.format(port=port(server)))
    define(host=f"http://{host}:{port(server)}", password="the-token")
    await describe()
    assert (len(server.seen), proxy.seen) == (1, [])


@pytest.mark.parametrize("no_proxy", ["10.0.0.0/8", "127.0.0.1:1", "::1", "[::1]", "fd00::/8", "0.0.1", "[", "x/y"])
async def test_server_that_no_proxy_does_not_name_goes_through_it(serve, define, describe, monkeypatch, no_proxy):
    server, proxy = serve(), serve(proxy=True)
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", no_proxy)
    define(host=server.url)
    await describe()
    assert (server.seen, len(proxy.seen)) == ([], 1)


@pytest.mark.parametrize("no_proxy", ["*", "127.0.0.1", "127.0.0.0/8"])
async def test_proxy_of_the_connection_holds_whatever_no_proxy_says(serve, define, describe, monkeypatch, no_proxy):
    server, proxy, other = serve(), serve(proxy=True), serve(proxy=True)
    monkeypatch.setenv("HTTP_PROXY", other.url)
    monkeypatch.setenv("NO_PROXY", no_proxy)
    define(host=server.url, extra={"proxies": {"http": proxy.url}})
    await describe()
    assert (len(proxy.seen), server.seen, other.seen) == (1, [], [])


@pytest.mark.parametrize("no_proxy", ["[::1]", "fd00::/8", "10.0.0.0/8,[::1]"])
async def test_no_proxy_without_a_proxy_is_no_matter(serve, define, describe, monkeypatch, no_proxy):
    server = serve()
    monkeypatch.setenv("NO_PROXY", no_proxy)
    define(host=server.url)
    assert (await describe()).state == "Importing"


@pytest.mark.parametrize("where", ["ca_bundle", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_server_with_a_certificate_of_the_ca_is_trusted(
    serve, define, describe, monkeypatch, certificates, where, host
):
    server = serve(host, certificates.server_context())
    if where != "ca_bundle":
        monkeypatch.setenv(where, str(certificates.ca))
    define(host=server.url, extra={"ca_bundle": str(certificates.ca)} if where == "ca_bundle" else {})
    assert (await describe()).state == "Importing"


@pytest.mark.parametrize("where", ["ca_bundle", "REQUESTS_CA_BUNDLE", "certifi"])
async def test_server_with_a_certificate_of_another_ca_is_not_trusted(
    serve, define, describe, monkeypatch, certificates, where
):
    server = serve(context=certificates.server_context())
    if where == "REQUESTS_CA_BUNDLE":
        monkeypatch.setenv(where, str(certificates.other_ca))
    define(host=server.url, extra={"ca_bundle": str(certificates.other_ca)} if where == "ca_bundle" else {})
    with pytest.raises(MilvusTLSError):
        await describe()
    assert server.seen == []


async def test_server_of_another_name_is_not_trusted(serve, define, describe, certificates):
    other = serve("127.0.0.2", certificates.server_context())
    define(host=other.url, extra={"ca_bundle": str(certificates.ca)})
    with pytest.raises(MilvusTLSError):
        await describe()


async def test_verification_that_is_off_trusts_everybody(serve, define, describe, certificates):
    server = serve(context=certificates.server_context())
    define(host=server.url, extra={"verify": False})
    assert (await describe()).state == "Importing"


async def test_client_certificate_is_shown(serve, define, describe, certificates):
    server = serve(context=certificates.server_context(requires_client_certificate=True))
    extra = {
        "ca_bundle": str(certificates.ca),
        "client_cert": str(certificates.client),
        "client_key": str(certificates.client_key),
    }
    define(host=server.url, extra=extra)
    await describe()
    assert dict(part[0] for part in server.peers[0]["subject"])["commonName"] == "client"


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"])
async def test_bad_ca_bundle_is_no_matter_of_an_http_server(serve, define, describe, monkeypatch, variable):
    server = serve()
    monkeypatch.setenv(variable, "/no/such.pem")
    define(host=server.url)
    assert (await describe()).state == "Importing"


async def test_bad_ca_bundle_is_one_error_before_a_tls_server_is_reached(
    serve, define, describe, monkeypatch, certificates
):
    server = serve(context=certificates.server_context())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.ca.parent))
    define(host=server.url)
    with pytest.raises(ValueError, match=r"REQUESTS_CA_BUNDLE is a directory .* or unset it"):
        await describe()
    assert server.peers == []
